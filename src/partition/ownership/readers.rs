//! The readers of the partitions that are owned.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::claims::Claimed;
use super::{Owned, Run};
use crate::checkpoint::checkpointer::Holding;
use crate::partition::lease::Lease;
use crate::partition::prefetch::Prefetch;
use crate::partition::reader::{ReadLimits, Reader, ReaderEnd};

impl Run {
    /// Starts the reader of a partition.
    pub(super) fn read(&mut self, claimed: Claimed) {
        let owner = &self.owner;
        let partition = claimed.partition;
        // Beyond this age another replica may be about to take it for expired.
        let valid_for = owner.ownership.expiry - owner.ownership.renew_interval;
        let lease = Arc::new(Lease::new(claimed.claimed_at, valid_for));
        let ledgers = &owner.stages.ledgers;
        let ledger = *self
            .ledgers
            .entry(partition.clone())
            .or_insert_with(|| ledgers.add());
        let generation = ledgers.start(ledger, Some(claimed.position.clone()));
        let [stop, lost, given_up] = std::array::from_fn(|_| CancellationToken::new());
        owner.checkpointer.hold(Holding {
            group: owner.group.clone(),
            partition: partition.clone(),
            ledger: (ledger, generation),
            hub_created_at: Some(claimed.hub_created_at),
            owner_id: owner.owner_id.clone(),
            etag: claimed.checkpoint_etag,
            lost: lost.clone(),
        });
        let reader = Reader {
            source: Arc::clone(&owner.source),
            partition: partition.clone(),
            stages: Arc::clone(&owner.stages),
            checkpointer: Arc::clone(&owner.checkpointer),
            ledger: (ledger, generation),
            limits: self.read_limits(),
            on_undecodable: owner.config.on_undecodable,
            lease: Arc::clone(&lease),
            stop: stop.clone(),
            last: claimed.position,
            is_last_received: false,
            stalled_at: None,
            prefetch: Prefetch::new(
                owner.stages.budget.clone(),
                self.hub.partitions.len(),
                owner.config.max_event_size,
            ),
        };
        let (is_lost, is_given_up) = (lost.clone(), given_up.clone());
        let task = self.readers.spawn(async move {
            tokio::select! {
                biased;
                () = is_lost.cancelled() => ReaderEnd::Stopped,
                // It may wait for room that nothing makes while an endpoint refuses.
                () = is_given_up.cancelled() => ReaderEnd::GiveUp,
                end = reader.run() => end,
            }
        });
        self.reader_of.insert(task.id(), partition.clone());
        self.owned.insert(
            partition,
            Owned {
                etag: claimed.etag,
                is_doubtful: false,
                lease,
                ledger,
                stop,
                lost,
                given_up,
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

    /// A reader ended: the partition was lost, is to be left to others, or its reader broke. Its
    /// generation ends; in the last case the next round claims it again.
    pub(super) async fn reader_ended(
        &mut self,
        ended: Result<(tokio::task::Id, ReaderEnd), tokio::task::JoinError>,
    ) {
        let (task, end) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                tracing::error!(event = "reader_died", %error, "bug: a reader panicked");
                (error.id(), ReaderEnd::Stopped)
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
        if end == ReaderEnd::GiveUp && !owned.lost.is_cancelled() {
            self.leave(partition, owned.etag).await;
        }
    }
}
