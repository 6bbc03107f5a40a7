//! The readers of the partitions that are owned.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::claims::Taken;
use super::{Owned, Run};
use crate::budget::Share;
use crate::checkpoint::checkpointer::Holding;
use crate::event_hub::PartitionId;
use crate::partition::prefetch::Prefetch;
use crate::partition::reader::{ReadLimits, Reader};

impl Run {
    /// Starts the reader of a partition.
    pub(super) fn read(&mut self, partition: PartitionId, taken: Taken) {
        let owner = &self.owner;
        let ledgers = &owner.stages.ledgers;
        let ledger = *self
            .ledgers
            .entry(partition.clone())
            .or_insert_with(|| ledgers.add(&owner.stages.source, &partition));
        let generation = ledgers.start(ledger, Some(taken.position.clone()));
        let (stop, lost) = (CancellationToken::new(), CancellationToken::new());
        owner.checkpointer.hold(Holding {
            source: owner.stages.source.clone(),
            group: owner.group.clone(),
            partition: partition.clone(),
            ledger: (ledger, generation),
            hub_created_at: Some(self.hub.created_at),
            owner_id: owner.owner_id.clone(),
            etag: taken.checkpoint_etag,
            lost: lost.clone(),
        });
        let share = Arc::new(owner.stages.budget.share());
        let reader = Reader {
            source: Arc::clone(&owner.source),
            partition: partition.clone(),
            stages: Arc::clone(&owner.stages),
            checkpointer: Arc::clone(&owner.checkpointer),
            ledger: (ledger, generation),
            limits: self.read_limits(&share),
            on_undecodable: owner.on_undecodable,
            stop: stop.clone(),
            last: taken.position,
            is_last_received: false,
            stalled_at: None,
            prefetch: Prefetch::new(share, owner.max_event_size),
        };
        let is_lost = lost.clone();
        let task = self.readers.spawn(async move {
            tokio::select! {
                biased;
                () = is_lost.cancelled() => {}
                () = reader.run() => {}
            }
        });
        self.reader_of.insert(task.id(), partition.clone());
        let (etag, renewed_at) = (taken.etag, taken.renewed_at);
        self.owned.insert(
            partition,
            Owned {
                etag,
                renewed_at,
                ledger,
                stop,
                lost,
            },
        );
    }

    fn read_limits(&self, share: &Arc<Share>) -> ReadLimits {
        let limits = &self.owner.limits;
        ReadLimits {
            open_events_max: limits.open_events_max,
            share: Arc::clone(share),
            uncommitted_max: limits.uncommitted_max,
        }
    }

    /// A reader ended although nobody asked: the partition was lost, or its reader broke. Either
    /// way its generation ends, and the next round decides whose the partition is.
    pub(super) async fn reader_ended(
        &mut self,
        ended: Result<(tokio::task::Id, ()), tokio::task::JoinError>,
    ) {
        let task = ended
            .as_ref()
            .map_or_else(|error| error.id(), |(task, ())| *task);
        let Some(partition) = self.reader_of.remove(&task) else {
            return;
        };
        if let Err(error) = ended {
            tracing::error!(
                event = "reader_died",
                source = self.owner.stages.source,
                %partition,
                %error,
                "bug: a reader panicked"
            );
        }
        let Some(owned) = self.owned.remove(&partition) else {
            return;
        };
        self.owner.checkpointer.let_go(owned.ledger).await;
        self.owner.stages.ledgers.end(owned.ledger);
    }
}
