//! Conditional writes: what keeps two replicas from having the same partition.
//!
//! The calls are those of ownership and checkpoints themselves, for a group that is none.

use crate::check::finding::{Cause, Log, Point};
use crate::checkpoint::{Checkpoint, CheckpointStore, Condition, GroupKey, StoreError};
use crate::event_hub::{Offset, PartitionId, Position, SequenceNumber};

use super::{PROBES, report};

/// A group whose objects nobody looks at.
pub(super) fn group(id: &str) -> GroupKey {
    GroupKey::new(PROBES, id, "probe")
}

/// Claims, writes and reads, rightly and wrongly, and says what came of it.
pub(super) async fn look(
    log: &Log,
    store: &dyn CheckpointStore,
    group: &GroupKey,
    missing: Option<String>,
) {
    let partition = PartitionId::new("0");
    let claim = |condition| store.claim(group, &partition, PROBES, condition);
    let first = match claim(Condition::Absent).await {
        Ok(first) => first,
        Err(error) => {
            report(log, Point::Write, &error, missing);
            return log.skipped(&[Point::Conditions, Point::Read], Point::Write);
        }
    };
    log.ok(Point::Write, "objects can be made and replaced");
    let tried = async {
        if !is_refused(claim(Condition::Absent).await)? {
            return Ok(Some(("If-None-Match", "what was there was made once more")));
        }
        let second = claim(Condition::Matches(first.clone())).await?;
        if second == first {
            return Ok(Some(("ETag", "a write has not changed the version")));
        }
        if !is_refused(claim(Condition::Matches(first.clone())).await)? {
            return Ok(Some((
                "If-Match",
                "an old version was written over a newer one",
            )));
        }
        Ok::<_, StoreError>(None)
    };
    match tried.await {
        Ok(None) => log.ok(
            Point::Conditions,
            "If-Match and If-None-Match hold: no two replicas own the same partition",
        ),
        Ok(Some((condition, seen))) => broken(log, condition, seen),
        Err(error) => report(log, Point::Conditions, &error, None),
    }
    read(log, store, group, &partition).await;
}

/// Says that conditions do not hold.
pub(super) fn broken(log: &Log, condition: &str, seen: &str) {
    let seen = format!("{condition} is not looked at: {seen}");
    let remedy = "nothing here can run on it: take blob storage of Azure, and let nothing on the way \
                  (a gateway, a proxy) take headers out";
    log.failed(Point::Conditions, Cause::Other, seen, remedy);
}

fn is_refused<T>(written: Result<T, StoreError>) -> Result<bool, StoreError> {
    match written {
        Ok(_) => Ok(false),
        Err(StoreError::Conflict) => Ok(true),
        Err(error) => Err(error),
    }
}

async fn read(log: &Log, store: &dyn CheckpointStore, group: &GroupKey, partition: &PartitionId) {
    let checkpoint = Checkpoint {
        position: Position {
            sequence: SequenceNumber(4711),
            offset: Offset::new("4711"),
            enqueued_at: None,
        },
        hub_created_at: None,
    };
    let came_back = async {
        store
            .write(group, partition, &checkpoint, Condition::Absent)
            .await?;
        let read = store.read(group, partition).await?;
        Ok::<_, StoreError>(read.is_some_and(|read| read.checkpoint() == Some(&checkpoint)))
    };
    match came_back.await {
        Ok(true) => log.ok(Point::Read, "a checkpoint comes back as it was written"),
        Ok(false) => {
            let seen = "a checkpoint does not come back as it was written";
            let remedy = "let nothing on the way take headers out (x-ms-meta-*)";
            log.failed(Point::Read, Cause::Other, seen, remedy);
        }
        Err(error) => report(log, Point::Read, &error, None),
    }
}
