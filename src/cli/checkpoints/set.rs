//! `checkpoints set`.

use futures::StreamExt;

use super::super::ConfigFile;
use super::super::config::print;
use super::super::exit::Exit;
use super::change::{self, Change};
use super::table::{Table, or_dash, signed};
use super::{Failure, Group, LOOKUPS_MAX, Session, listed};
use crate::checkpoint::Ownership;
use crate::checkpoint::layouts::StoredPosition;
use crate::config::Start;
use crate::event_hub::{HubProperties, PartitionId, PartitionProperties, Position, SequenceNumber};
use crate::partition::{locate, start};

/// Arguments of `checkpoints set`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    file: ConfigFile,

    /// Where reading goes on: `earliest` (the first retained event), `latest` (behind the last
    /// one), an RFC 3339 time (the first event taken in then or later), or the sequence number of
    /// the first event to read.
    #[arg(long, value_name = "POSITION")]
    to: Start,

    /// The source; needed when there are several.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,

    /// Only this partition; can be given several times. All of them without it.
    #[arg(long = "partition", value_name = "ID")]
    partitions: Vec<String>,

    /// Write also while a live owner has the partition.
    #[arg(long)]
    force: bool,

    /// Show what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let session = Session::open(&args.file)?;
    let group = session.group(args.source.as_deref())?;
    let ended = set(&group, &args).await;
    drop(group);
    session.close().await;
    ended
}

async fn set(group: &Group<'_>, args: &Args) -> Result<Exit, Failure> {
    let hub = group.hub.hub_properties().await;
    let hub = hub.map_err(|error| group.hub_failure(&error))?;
    let partitions = chosen(&hub, &args.partitions)?;
    let mut live = group.owners().await?;
    live.retain(|owner| group.is_live(owner) && partitions.contains(&owner.partition));
    if !live.is_empty() && !args.force {
        return Err(Failure {
            exit: Exit::No,
            sentences: change::owned(&live, "stop it first, or add --force"),
        });
    }
    let mut stored = change::stored(group).await?;
    let resolved: Vec<_> = futures::stream::iter(partitions.clone())
        .map(|partition| resolve(group, partition, args.to, &live))
        .buffered(LOOKUPS_MAX)
        .collect()
        .await;
    let mut changes = Vec::new();
    let mut refused = Vec::new();
    for (partition, resolved) in partitions.iter().zip(resolved) {
        match resolved {
            Ok(position) => changes.push(Change {
                over: stored.remove(partition),
                partition: partition.clone(),
                position,
            }),
            Err(failure) if failure.exit == Exit::No => refused.extend(failure.sentences),
            Err(failure) => return Err(failure),
        }
    }
    if !refused.is_empty() {
        return Err(Failure {
            exit: Exit::No,
            sentences: refused,
        });
    }
    print(&shown(&changes));
    change::finish(group, hub.created_at, changes, args.dry_run).await
}

/// The partitions that are meant, as the hub numbers them.
fn chosen(hub: &HubProperties, named: &[String]) -> Result<Vec<PartitionId>, Failure> {
    let is_known = |name: &&String| hub.partitions.iter().any(|it| it.as_str() == name.as_str());
    if let Some(unknown) = named.iter().find(|name| !is_known(name)) {
        let known: Vec<_> = hub.partitions.iter().map(ToString::to_string).collect();
        let sentence = format!(
            "--partition: there is no {unknown:?} (there is {})",
            listed(&known)
        );
        return Err(Failure::new(Exit::Usage, sentence));
    }
    let is_meant = |id: &&PartitionId| {
        named.is_empty() || named.iter().any(|name| name.as_str() == id.as_str())
    };
    Ok(hub.partitions.iter().filter(is_meant).cloned().collect())
}

/// The position to store for one partition: everything up to it is not wanted.
async fn resolve(
    group: &Group<'_>,
    partition: PartitionId,
    to: Start,
    live: &[Ownership],
) -> Result<Position, Failure> {
    let failed = |error| group.hub_failure(&error);
    let hub = group.hub.as_ref();
    let is_read = live.iter().any(|owner| owner.partition == partition);
    let properties = hub.partition_properties(&partition).await.map_err(failed)?;
    let to = match to {
        Start::Sequence(number) => retained(&partition, number, &properties)?,
        Start::Time(_) if is_read => {
            return Err(Failure::new(
                Exit::No,
                format!(
                    "partition {partition}: a time cannot be looked up without ending the reader \
                     of its live owner: stop it, or give a sequence number"
                ),
            ));
        }
        to => to,
    };
    let position = start::first_position(hub, &partition, to, &properties)
        .await
        .map_err(failed)?;
    if !is_read {
        return locate::with_offset(hub, &partition, position, &properties)
            .await
            .map_err(failed);
    }
    Ok(position)
}

/// A number behind the end is more likely a mistake than a wish to wait for it. One that is past
/// retention means the first event there is.
fn retained(
    partition: &PartitionId,
    number: SequenceNumber,
    properties: &PartitionProperties,
) -> Result<Start, Failure> {
    let last = properties.last_sequence;
    if number > last.next() {
        return Err(Failure::new(
            Exit::No,
            format!("partition {partition} ends at {last}: there is no event {number} yet"),
        ));
    }
    Ok(match number <= properties.first_readable() {
        true => Start::Earliest,
        false => Start::Sequence(number),
    })
}

fn shown(changes: &[Change]) -> String {
    let mut table = Table::new(
        &["part", "was", "becomes", "offset", "event of", "moved"],
        3,
    );
    for change in changes {
        let was = change.over.as_ref().and_then(StoredPosition::number);
        let becomes = change.position.sequence;
        table.row(vec![
            change.partition.to_string(),
            or_dash(was),
            becomes.to_string(),
            change.position.offset.as_str().to_owned(),
            or_dash(change.position.enqueued_at),
            or_dash(was.map(|was| signed(becomes.0 - was.0))),
        ]);
    }
    table.to_string()
}
