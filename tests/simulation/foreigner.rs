//! Another program in the same consumer group, which takes a partition for a while.

use std::sync::Arc;
use std::time::Duration;

use entra_forwarder::checkpoint::{Checkpoint, Condition};
use entra_forwarder::event_hub::{OpenAt, PartitionId, Position, Source};

use super::hub::Hub;
use super::source::HubHandle;
use super::store::Store;

/// What it does with the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stay {
    /// Milliseconds from the claim to the take-over of the checkpoint.
    pub(crate) touches_after: u16,
    /// Whether it opens a receiver, which ends ours.
    pub(crate) receives: bool,
    /// Events that it delivers, and moves the checkpoint behind.
    pub(crate) delivers: u8,
    /// Whether it writes the time of its position, as this program does and others do not.
    pub(crate) writes_time: bool,
    /// Seconds until it leaves.
    pub(crate) lasts: u8,
    /// Whether it gives the partition up; else its claim expires.
    pub(crate) releases: bool,
}

/// Claims a partition, whoever has it, and lives with it as told.
pub(crate) async fn live(
    name: String,
    hub: Arc<Hub>,
    store: Arc<Store>,
    partition: usize,
    stay: Stay,
) {
    let id = PartitionId::new(partition.to_string());
    let condition = |present: Option<_>| present.map_or(Condition::Absent, Condition::Matches);
    let present = store.owner(&id).map(|(_, etag)| etag);
    let Ok(claim) = store.claim(&id, &name, &condition(present)) else {
        return;
    };
    hub.journal.note(
        "partition stolen",
        format_args!("{partition} {name} {stay:?}"),
    );
    let mut receiver = None;
    if stay.receives {
        let handle = HubHandle {
            hub: Arc::clone(&hub),
            process: name.clone(),
        };
        receiver = handle.open(&id, OpenAt::Earliest, 1).await.ok();
    }
    tokio::time::sleep(Duration::from_millis(stay.touches_after.into())).await;
    let is_owner = || store.owner(&id).is_some_and(|(_, etag)| etag == claim);
    if let Some(stored) = store.read(&id).filter(|_| is_owner()) {
        let unchanged = Condition::Matches(stored.etag.clone());
        let checkpoint = stored.checkpoint().unwrap().clone();
        if let Ok(etag) = store.write(&name, &id, &checkpoint, &unchanged) {
            tokio::time::sleep(Duration::from_millis(100)).await;
            if let Some(checkpoint) = deliver(&hub, partition, &checkpoint, stay) {
                let moved = store.write(&name, &id, &checkpoint, &Condition::Matches(etag));
                let is_moved = moved.is_ok();
                hub.journal.note(
                    "delivered elsewhere",
                    format_args!("{partition} {is_moved}"),
                );
            }
        }
    }
    tokio::time::sleep(Duration::from_secs(stay.lasts.into())).await;
    if let Some(receiver) = receiver {
        receiver.close().await;
    }
    if stay.releases && store.release(&id, &claim).is_ok() {
        hub.journal
            .note("partition released", format_args!("{partition} {name}"));
    } else {
        hub.journal.note(
            "partition left to expire",
            format_args!("{partition} {name}"),
        );
    }
}

/// Delivers some events behind a checkpoint, and gives the checkpoint behind them.
fn deliver(hub: &Hub, partition: usize, stored: &Checkpoint, stay: Stay) -> Option<Checkpoint> {
    let state = hub.lock();
    let it = &state.partitions[partition];
    let before = state.place(partition, stored);
    if before.0 != it.timeline {
        return None;
    }
    let behind = it.entries.range(before.1 + 1..).take(stay.delivers.into());
    // It stops before what it cannot decode.
    let (sequence, entry) = behind
        .take_while(|(_, entry)| entry.body.is_some())
        .last()?;
    let to = (it.timeline, *sequence);
    let position = Position {
        enqueued_at: entry.position.enqueued_at.filter(|_| stay.writes_time),
        ..entry.position.clone()
    };
    drop(state);
    hub.oracle.delivered_elsewhere(partition, before, to);
    Some(Checkpoint {
        position,
        hub_created_at: None,
    })
}
