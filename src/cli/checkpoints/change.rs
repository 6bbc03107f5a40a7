//! Writing positions from outside: only over what was seen, and never below a live owner unawares.

use std::collections::BTreeMap;

use super::super::config::print;
use super::super::exit::Exit;
use super::table::short;
use super::{Failure, Group, listed};
use crate::checkpoint::layouts::{self, StoredPosition};
use crate::checkpoint::{Checkpoint, Condition, Ownership, StoreError};
use crate::event_hub::{PartitionId, Position, Timestamp};

/// A position to write.
pub(super) struct Change {
    pub(super) partition: PartitionId,
    pub(super) position: Position,
    /// What is stored now.
    pub(super) over: Option<StoredPosition>,
}

/// What is stored for a group now; what cannot be read is in the way of writing as well.
pub(super) async fn stored(
    group: &Group<'_>,
) -> Result<BTreeMap<PartitionId, StoredPosition>, Failure> {
    let failed = |error: StoreError| Failure::of_store("checkpoints", &error);
    let found = layouts::own(&group.session.place, &group.key)
        .await
        .map_err(failed)?;
    let readable = found.into_iter().map(|(partition, stored)| match stored {
        Ok(stored) => Ok((partition, stored)),
        Err(error) => Err(failed(error)),
    });
    readable.collect()
}

/// One sentence per live owner; `advice` says what to do.
pub(super) fn owned(live: &[Ownership], advice: &str) -> Vec<String> {
    let mut by_owner: BTreeMap<&str, (Vec<String>, &Ownership)> = BTreeMap::new();
    let mut live: Vec<_> = live.iter().collect();
    live.sort_by_key(|ownership| super::in_order(&ownership.partition));
    for ownership in live {
        let owner = ownership.owner.as_deref().unwrap_or_default();
        let entry = by_owner.entry(owner).or_insert((Vec::new(), ownership));
        entry.0.push(ownership.partition.to_string());
    }
    let sentence = |(owner, (partitions, ownership)): (&str, (Vec<String>, &Ownership))| {
        let verb = if partitions.len() == 1 { "is" } else { "are" };
        format!(
            "{} {verb} owned by `{owner}`, seen {} ago: {advice}",
            listed(&partitions),
            short(ownership.age)
        )
    };
    by_owner.into_iter().map(sentence).collect()
}

/// The end of a command: writes the changes, unless they are only to be shown, and says so.
pub(super) async fn finish(
    group: &Group<'_>,
    hub_created_at: Timestamp,
    changes: Vec<Change>,
    is_dry_run: bool,
) -> Result<Exit, Failure> {
    if is_dry_run {
        return Ok(print("dry run: nothing was written\n"));
    }
    let written = write(group, hub_created_at, changes).await?;
    let checkpoints = if written == 1 {
        "checkpoint"
    } else {
        "checkpoints"
    };
    Ok(print(&format!("{written} {checkpoints} written\n")))
}

/// Writes the changes, each under the condition that what was seen is still stored.
///
/// A position of theirs that stands on a path of other case is copied by writing.
async fn write(
    group: &Group<'_>,
    hub_created_at: Timestamp,
    changes: Vec<Change>,
) -> Result<usize, Failure> {
    let mut written = Vec::new();
    let mut failed = Vec::new();
    let mut exit = Exit::No;
    for change in changes {
        let path = group.key.checkpoint(&change.partition);
        let condition = match &change.over {
            Some(stored) if stored.path == path => Condition::Matches(stored.etag.clone()),
            _ => Condition::Absent,
        };
        let checkpoint = Checkpoint {
            position: change.position,
            hub_created_at: Some(hub_created_at),
        };
        let partition = change.partition;
        let wrote = group
            .store
            .write(&group.key, &partition, &checkpoint, condition)
            .await;
        match wrote {
            Ok(_) => written.push(partition.to_string()),
            Err(StoreError::Conflict) => failed.push(format!(
                "partition {partition}: its checkpoint was written by somebody else meanwhile: \
                 look at `checkpoints show`, and try again"
            )),
            Err(error) => {
                exit = Exit::from(&error);
                failed.push(format!("partition {partition}: {error}"));
            }
        }
    }
    if failed.is_empty() {
        return Ok(written.len());
    }
    if !written.is_empty() {
        failed.push(format!("{}: written nevertheless", listed(&written)));
    }
    Err(Failure {
        exit,
        sentences: failed,
    })
}
