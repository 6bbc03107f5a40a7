//! The readers of the partitions that are owned.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::claims::Claimed;
use super::{Owned, Run};
use crate::budget::Share;
use crate::checkpoint::checkpointer::Holding;
use crate::partition::lease::Lease;
use crate::partition::prefetch::Prefetch;
use crate::partition::reader::{
    Assignment, OnStale, ReadLimits, ReadPolicy, Reader, ReaderEnd, component,
};

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
        // Also while a slow store holds a round up, nothing more is read when the process is to stop.
        let stop = owner.stop.child_token();
        let [lost, given_up] = std::array::from_fn(|_| CancellationToken::new());
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
        let reader = Reader::new(Assignment {
            source: Arc::clone(&owner.source),
            inquiry: Arc::clone(&owner.inquiry),
            partition: partition.clone(),
            stages: Arc::clone(&owner.stages),
            checkpointer: Arc::clone(&owner.checkpointer),
            ledger: (ledger, generation),
            limits: self.read_limits(&share),
            policy: self.read_policy(),
            lease: Arc::clone(&lease),
            stop: stop.clone(),
            resume: claimed.resume,
            prefetch: Prefetch::new(share, owner.config.max_event_size),
        });
        let (is_lost, is_given_up) = (lost.clone(), given_up.clone());
        let (stages, id) = (Arc::clone(&owner.stages), partition.clone());
        let (stats, inquiry) = (owner.stages.stats.of(&id), Arc::clone(&owner.inquiry));
        let task = self.readers.spawn(async move {
            // Whatever it waited for, somebody else does then.
            let forget = || stages.status.forget(&component(&stages.source, &id));
            tokio::select! {
                biased;
                () = is_lost.cancelled() => {
                    forget();
                    ReaderEnd::GenerationEnded
                }
                // It may wait for room that nothing makes while an endpoint refuses.
                () = is_given_up.cancelled() => {
                    forget();
                    ReaderEnd::Stopped
                }
                end = reader.run() => end,
                () = stats.follow(&inquiry, &id) => ReaderEnd::Stopped,
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

    fn read_limits(&self, share: &Arc<Share>) -> ReadLimits {
        let limits = &self.owner.limits;
        ReadLimits {
            open_events_max: limits.open_events_max,
            share: Arc::clone(share),
            uncommitted_max: limits.uncommitted_max,
        }
    }

    fn read_policy(&self) -> ReadPolicy {
        let config = &self.owner.config;
        ReadPolicy {
            on_undecodable: config.on_undecodable,
            on_stale: OnStale::Configured(config.on_stale_checkpoint),
            stale_margin: config.stale_margin,
            stall_timeout: config.stall_timeout,
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
        if let Err(error) = ended
            && let Some(panics) = self.panics.once_more()
        {
            tracing::error!(
                event = "reader_died",
                source = self.owner.stages.source,
                %partition,
                panics,
                %error,
                "bug: a reader panicked"
            );
        }
        let Some(owned) = self.owned.remove(&partition) else {
            return;
        };
        let is_left = end == ReaderEnd::Stalled || owned.given_up.is_cancelled();
        self.close(partition, owned, is_left);
    }
}
