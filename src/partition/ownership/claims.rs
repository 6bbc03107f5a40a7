//! Claiming one partition: ownership, then checkpoint, then position.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError};
use tokio::time::Instant;

use super::{Owner, Run};
use crate::checkpoint::{Checkpoint, Condition, ETag, Ownership, StoreError};
use crate::config::Start;
use crate::deliver::retry::Backoff;
use crate::event_hub::{PartitionId, SourceError, Timestamp};
use crate::partition::balance::Seen;
use crate::partition::resume::{self, Resume, ResumeAt, TakeOverError};
use crate::partition::start;

/// Longest wait until a claim that failed is tried again.
const CLAIM_WAIT_MAX: Duration = Duration::from_secs(60);

/// Errors of a claim.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClaimError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl ClaimError {
    /// Shortest wait before the next try.
    pub(super) fn shortest_wait(&self) -> Duration {
        match self {
            Self::Store(_) => Duration::ZERO,
            Self::Source(error) => error.kind.shortest_wait(),
        }
    }
}

impl From<TakeOverError> for ClaimError {
    fn from(error: TakeOverError) -> Self {
        match error {
            TakeOverError::Store(error) => Self::Store(error),
            TakeOverError::Source(error) => Self::Source(error),
        }
    }
}

/// What a claim brought.
pub(super) struct Claimed {
    pub(super) partition: PartitionId,
    pub(super) etag: ETag,
    pub(super) claimed_at: Instant,
    pub(super) resume: Resume,
    pub(super) checkpoint_etag: ETag,
}

/// Whether a claim met another replica's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Race {
    None,
    Lost,
}

impl Run {
    /// Claims what is wished for.
    pub(super) fn claim(&mut self, owners: &BTreeMap<PartitionId, Ownership>) {
        let now = Instant::now();
        self.left.retain(|_, until| *until > now);
        let seen: Vec<_> = self
            .hub
            .partitions
            .iter()
            .filter(|partition| !self.left.contains_key(*partition))
            .map(|partition| Seen {
                partition: partition.clone(),
                owner: self.owner_of(partition, owners.get(partition)),
            })
            .collect();
        let rng = Arc::clone(&self.owner.stages.rng);
        for partition in self.balancer.wishes(&seen, now, rng.as_ref()) {
            if self
                .failed
                .get(&partition)
                .is_some_and(|(until, _)| *until > now)
            {
                continue;
            }
            let condition = match owners.get(&partition) {
                Some(present) => Condition::Matches(present.etag.clone()),
                None => Condition::Absent,
            };
            self.start_claim(partition, condition, owners);
        }
    }

    /// Whether it is owned, or is being claimed or closed.
    pub(super) fn is_mine(&self, partition: &PartitionId) -> bool {
        self.owned.contains_key(partition)
            || self
                .claiming_of
                .values()
                .chain(self.closing_of.values())
                .any(|claimed| claimed == partition)
    }

    fn owner_of(&self, partition: &PartitionId, present: Option<&Ownership>) -> Option<String> {
        if self.is_mine(partition) {
            return Some(self.owner.owner_id.clone());
        }
        // What is listed as ours and not known here is a claim that failed half-way: to be taken.
        present
            .filter(|present| self.owner.is_live(present) && !self.owner.is_me(present))
            .and_then(|present| present.owner.clone())
    }

    /// Claims a partition beside the rounds.
    fn start_claim(
        &mut self,
        partition: PartitionId,
        condition: Condition,
        owners: &BTreeMap<PartitionId, Ownership>,
    ) {
        let from = owners
            .get(&partition)
            .filter(|present| self.owner.is_live(present) && !self.owner.is_me(present))
            .and_then(|present| present.owner.as_deref());
        if let Some(from) = from {
            self.owner.stages.stats.count(|it| &it.steals);
            tracing::info!(
                event = "partition_stolen",
                source = self.owner.stages.source,
                %partition,
                owner = from,
                "takes the partition from a replica that has more than its share"
            );
        }
        let (owner, hub_created_at) = (Arc::clone(&self.owner), self.hub.created_at);
        let (claims, claimed) = (Arc::clone(&self.claims), partition.clone());
        let task = self.claiming.spawn(async move {
            // It is never closed; if it were, there would be one bound less.
            let _permit = claims.acquire().await;
            owner.claim(claimed, condition, hub_created_at).await
        });
        self.claiming_of.insert(task.id(), partition);
    }

    /// A claim has ended: its partition is read from now on, or was not to be had.
    pub(super) fn claimed(
        &mut self,
        ended: Result<(Id, Result<Claimed, ClaimError>), JoinError>,
    ) -> Race {
        let (task, claimed) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                let partition = self.claiming_of.remove(&error.id());
                if let Some(panics) = self.panics.once_more() {
                    tracing::error!(
                        event = "claim_died",
                        source = self.owner.stages.source,
                        partition = partition.map(|it| it.to_string()),
                        panics,
                        %error,
                        "bug: a claim panicked"
                    );
                }
                return Race::None;
            }
        };
        let Some(partition) = self.claiming_of.remove(&task) else {
            return Race::None;
        };
        match claimed {
            Ok(claimed) => {
                self.failed.remove(&partition);
                self.read(claimed);
                Race::None
            }
            // Somebody else was faster; the next round sees who.
            Err(ClaimError::Store(StoreError::Conflict)) => {
                self.failed.remove(&partition);
                Race::Lost
            }
            // One partition that cannot be had must not keep the others from being read.
            Err(error) => {
                let component = format!("{} partition {partition}", self.component);
                let (status, reason) = (&self.owner.stages.status, error.to_string());
                status.waits(&component, &reason);
                let interval = self.owner.ownership.balance_interval;
                let (until, backoff) = self
                    .failed
                    .entry(partition)
                    .or_insert_with(|| (Instant::now(), Backoff::new(interval, CLAIM_WAIT_MAX)));
                let wait = backoff.next(self.owner.stages.rng.as_ref());
                *until = Instant::now() + error.shortest_wait() + wait;
                Race::None
            }
        }
    }
}

impl Owner {
    /// Claims a partition and takes its checkpoint over, or writes the first one.
    ///
    /// # Cancel safety
    /// The claim may have been written: it expires by itself, or the next list shows it as ours.
    async fn claim(
        &self,
        partition: PartitionId,
        condition: Condition,
        hub_created_at: Timestamp,
    ) -> Result<Claimed, ClaimError> {
        let claimed_at = Instant::now();
        let etag = self
            .store
            .claim(&self.group, &partition, &self.owner_id, condition)
            .await?;
        let (store, inquiry, group) = (&self.checkpointer, &self.inquiry, &self.group);
        let taken = resume::take_over(store, inquiry, group, &partition, hub_created_at).await?;
        let (resume, checkpoint_etag) = match taken {
            Some(taken) => taken,
            None => self.checkpoint_of_new(&partition, hub_created_at).await?,
        };
        Ok(Claimed {
            partition,
            etag,
            claimed_at,
            resume,
            checkpoint_etag,
        })
    }

    /// The checkpoint of a partition that was added to the hub, or whose checkpoint was deleted: at
    /// its first event, whatever `start` says.
    async fn checkpoint_of_new(
        &self,
        partition: &PartitionId,
        hub_created_at: Timestamp,
    ) -> Result<(Resume, ETag), ClaimError> {
        let source = self.source.as_ref();
        let properties = self.inquiry.look(partition).await?;
        let start = Start::Earliest;
        let position = start::first_position(source, partition, start, &properties).await?;
        let checkpoint = Checkpoint {
            position: position.clone(),
            hub_created_at: Some(hub_created_at),
        };
        let etag = self
            .checkpointer
            .create(&self.group, partition, &checkpoint)
            .await?;
        tracing::warn!(
            event = "checkpoint_missing",
            source = self.stages.source,
            %partition,
            sequence = position.sequence.0,
            "the group has checkpoints and this partition has none: it starts at its first event"
        );
        let resume = Resume {
            at: ResumeAt::Behind(position),
            hub_created_at,
        };
        Ok((resume, etag))
    }
}
