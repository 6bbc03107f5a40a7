//! The readers of the partitions that are owned.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::claims::Taken;
use super::{Owned, Run};
use crate::checkpoint::checkpointer::Holding;
use crate::event_hub::PartitionId;
use crate::partition::prefetch::Prefetch;
use crate::partition::reader::{Assignment, ReadLimits, Reader, ReaderEnd, component};

impl Run {
    /// Starts the reader of a partition.
    pub(super) fn read(&mut self, partition: PartitionId, taken: Taken) {
        let owner = &self.owner;
        let ledgers = &owner.stages.ledgers;
        let ledger = *self
            .ledgers
            .entry(partition.clone())
            .or_insert_with(|| ledgers.add());
        let generation = ledgers.start(ledger, taken.resume.position().cloned());
        let (stop, lost) = (CancellationToken::new(), CancellationToken::new());
        owner.checkpointer.hold(Holding {
            group: owner.group.clone(),
            partition: partition.clone(),
            ledger: (ledger, generation),
            hub_created_at: taken.resume.hub_created_at,
            owner_id: owner.owner_id.clone(),
            etag: taken.checkpoint_etag,
            lost: lost.clone(),
        });
        let reader = Reader::new(Assignment {
            source: Arc::clone(&owner.source),
            inquiry: Arc::clone(&owner.inquiry),
            partition: partition.clone(),
            stages: Arc::clone(&owner.stages),
            checkpointer: Arc::clone(&owner.checkpointer),
            ledger: (ledger, generation),
            limits: self.read_limits(),
            policy: owner.policy,
            stop: stop.clone(),
            resume: taken.resume,
            prefetch: Prefetch::new(
                owner.stages.budget.clone(),
                self.hub.partitions.len(),
                owner.max_event_size,
            ),
        });
        let is_lost = lost.clone();
        let (stages, id) = (Arc::clone(&owner.stages), partition.clone());
        let task = self.readers.spawn(async move {
            tokio::select! {
                biased;
                () = is_lost.cancelled() => {
                    // Whatever it waited for, somebody else does now.
                    stages.status.forget(&component(&stages.source, &id));
                    ReaderEnd::GenerationEnded
                }
                end = reader.run() => end,
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
        ended: Result<(tokio::task::Id, ReaderEnd), tokio::task::JoinError>,
    ) {
        let task = match ended {
            // With `ReaderEnd::Stalled` the partition is to be released after its last checkpoint,
            // and left to another replica for a while. Until that is done here, this process claims
            // it again in its next round, as after every other end.
            Ok((task, _end)) => task,
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
