//! The readers of the partitions that are owned.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::claims::Taken;
use super::{Owned, Run};
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
            .or_insert_with(|| ledgers.add());
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
        let reader = Reader {
            source: Arc::clone(&owner.source),
            partition: partition.clone(),
            stages: Arc::clone(&owner.stages),
            checkpointer: Arc::clone(&owner.checkpointer),
            ledger: (ledger, generation),
            limits: self.read_limits(),
            on_undecodable: owner.on_undecodable,
            stop: stop.clone(),
            last: taken.position,
            is_last_received: false,
            stalled_at: None,
            prefetch: Prefetch::new(
                owner.stages.budget.clone(),
                self.hub.partitions.len(),
                owner.max_event_size,
            ),
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

    fn read_limits(&self) -> ReadLimits {
        let (owner, partitions) = (&self.owner, self.hub.partitions.len());
        ReadLimits {
            open_events_max: owner.limits.open_events_max,
            open_bytes_max: owner.stages.budget.partition_share(partitions),
            uncommitted_max: owner.limits.uncommitted_max,
        }
    }

    /// A reader ended although nobody asked: the partition was lost, or its reader broke. Either
    /// way its generation ends, and the next round decides whose the partition is.
    pub(super) async fn reader_ended(
        &mut self,
        ended: Result<(tokio::task::Id, ()), tokio::task::JoinError>,
    ) {
        let task = match ended {
            Ok((task, ())) => task,
            Err(error) => {
                tracing::error!(event = "reader_died", %error, "bug: a reader panicked");
                error.id()
            }
        };
        let Some(partition) = self.reader_of.remove(&task) else {
            return;
        };
        let Some(owned) = self.owned.remove(&partition) else {
            return;
        };
        self.owner.checkpointer.let_go(owned.ledger).await;
        self.owner.stages.ledgers.end(owned.ledger);
    }
}
