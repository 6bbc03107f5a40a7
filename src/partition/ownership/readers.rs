//! The readers of the partitions that are owned.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::claims::Claimed;
use super::{Owned, Run};
use crate::budget::Share;
use crate::checkpoint::checkpointer::Holding;
use crate::partition::lease::Lease;
use crate::partition::prefetch::Prefetch;
use crate::partition::reader::{Assignment, ReadLimits, ReadPolicy, Reader, ReaderEnd, component};

impl Run {
    /// Starts the reader of a partition.
    pub(super) fn read(&mut self, claimed: Claimed) {
        let owner = &self.owner;
        let partition = claimed.partition;
        // Beyond this age another replica may be about to take it for expired.
        let valid_for = owner.ownership.expiry - owner.ownership.renew_interval;
        let lease = Lease::new(claimed.claimed_at, valid_for);
        let lease = Arc::new(lease.answered_by(Arc::clone(&self.questions)));
        let ledgers = &owner.stages.ledgers;
        let ledger = *self
            .ledgers
            .entry(partition.clone())
            .or_insert_with(|| ledgers.add(&owner.stages.source, &partition));
        let generation = ledgers.start(ledger, claimed.resume.position().cloned());
        let (stop, lost) = (CancellationToken::new(), CancellationToken::new());
        owner.checkpointer.hold(Holding {
            source: owner.stages.source.clone(),
            group: owner.group.clone(),
            partition: partition.clone(),
            ledger: (ledger, generation),
            hub_created_at: claimed.resume.hub_created_at,
            owner_id: owner.owner_id.clone(),
            etag: claimed.checkpoint_etag,
            lost: lost.clone(),
        });
        let share = Arc::new(owner.stages.budget.share());
        let config = &owner.config;
        let reader = Reader::new(Assignment {
            source: Arc::clone(&owner.source),
            inquiry: Arc::clone(&owner.inquiry),
            partition: partition.clone(),
            stages: Arc::clone(&owner.stages),
            checkpointer: Arc::clone(&owner.checkpointer),
            ledger: (ledger, generation),
            limits: self.read_limits(&share),
            policy: ReadPolicy {
                on_undecodable: config.on_undecodable,
                on_stale_checkpoint: config.on_stale_checkpoint,
                stale_margin: config.stale_margin,
                stall_timeout: config.stall_timeout,
            },
            lease: Arc::clone(&lease),
            stop: stop.clone(),
            resume: claimed.resume,
            prefetch: Prefetch::new(share, config.max_event_size),
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
        self.owned.insert(
            partition,
            Owned {
                etag: claimed.etag,
                is_doubtful: false,
                lease,
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

    /// A reader ended: the partition was lost, is to be left to others, or its reader broke. Its
    /// generation ends; in the last case the next round claims it again.
    pub(super) fn reader_ended(
        &mut self,
        ended: Result<(tokio::task::Id, ReaderEnd), tokio::task::JoinError>,
    ) {
        let (task, end) = match &ended {
            Ok(ended) => *ended,
            Err(error) => (error.id(), ReaderEnd::GenerationEnded),
        };
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
        let is_left = end == ReaderEnd::Stalled || owned.stop.is_cancelled();
        self.close(partition, owned, is_left);
    }
}
