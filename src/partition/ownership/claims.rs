//! Claiming partitions, keeping them, and giving them up at the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::{EXPIRY, RENEW_INTERVAL, Run};
use crate::checkpoint::{
    Checkpoint, CheckpointStore, Condition, ETag, GroupKey, Ownership, StoreError,
};
use crate::config::Start;
use crate::event_hub::{PartitionId, SourceError};
use crate::partition::resume::{self, Resume, ResumeAt, TakeOverError};
use crate::partition::start;

/// Errors of a claim.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClaimError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Source(#[from] SourceError),
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
pub(super) struct Taken {
    pub(super) etag: ETag,
    pub(super) renewed_at: Instant,
    pub(super) resume: Resume,
    pub(super) checkpoint_etag: ETag,
}

impl Run {
    /// Under which condition a partition may be claimed; `None` when it may not.
    pub(super) fn condition(&self, present: Option<&Ownership>) -> Option<Condition> {
        let Some(present) = present else {
            return Some(Condition::Absent);
        };
        let is_free = match &present.owner {
            None => true,
            // A claim of ours whose answer was lost.
            Some(owner) if *owner == self.owner.owner_id => true,
            Some(_) => present.age >= EXPIRY || self.is_first_round,
        };
        is_free.then(|| Condition::Matches(present.etag.clone()))
    }

    /// Renews what is due, and finds out what was taken by somebody else.
    pub(super) async fn renew(
        &mut self,
        owners: &BTreeMap<PartitionId, Ownership>,
    ) -> Result<(), StoreError> {
        let owner = Arc::clone(&self.owner);
        for (partition, owned) in &mut self.owned {
            let present = owners.get(partition);
            let is_ours = present
                .is_some_and(|present| present.owner.as_deref() == Some(owner.owner_id.as_str()));
            if let Some(present) = present.filter(|_| is_ours) {
                // Also repairs a renewal whose answer was lost.
                owned.etag = present.etag.clone();
            }
            if present.is_some() && !is_ours {
                tracing::warn!(
                    event = "partition_taken",
                    source = owner.stages.source,
                    %partition,
                    "another replica took the partition"
                );
                owned.lost.cancel();
                continue;
            }
            if owned.renewed_at.elapsed() < RENEW_INTERVAL {
                continue;
            }
            let condition = match present {
                Some(_) => Condition::Matches(owned.etag.clone()),
                None => Condition::Absent,
            };
            match owner
                .store
                .claim(&owner.group, partition, &owner.owner_id, condition)
                .await
            {
                Ok(etag) => {
                    owned.etag = etag;
                    owned.renewed_at = Instant::now();
                }
                // Seen in the next list, and decided there.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Claims a partition and takes its checkpoint over, or writes the first one.
    pub(super) async fn claim(
        &self,
        partition: &PartitionId,
        condition: Condition,
    ) -> Result<Taken, ClaimError> {
        let owner = &self.owner;
        let etag = owner
            .store
            .claim(&owner.group, partition, &owner.owner_id, condition)
            .await?;
        let renewed_at = Instant::now();
        let created_at = self.hub.created_at;
        let (store, inquiry, group) = (&owner.checkpointer, &owner.inquiry, &owner.group);
        let resume = resume::take_over(store, inquiry, group, partition, created_at).await?;
        let (resume, checkpoint_etag) = match resume {
            Some(taken) => taken,
            None => self.first_checkpoint(partition).await?,
        };
        Ok(Taken {
            etag,
            renewed_at,
            resume,
            checkpoint_etag,
        })
    }

    async fn first_checkpoint(
        &self,
        partition: &PartitionId,
    ) -> Result<(Resume, ETag), ClaimError> {
        let owner = &self.owner;
        // A partition that comes later, or whose checkpoint was deleted, must not skip anything.
        let start = if self.is_first_start {
            owner.start_of(partition)
        } else {
            Start::Earliest
        };
        let source = owner.source.as_ref();
        let position = match self.latest.get(partition).filter(|_| self.is_first_start) {
            Some(position) => position.clone(),
            None => start::first_position(source, partition, start).await?,
        };
        let properties = source.partition_properties(partition).await?;
        tracing::info!(
            event = "first_start",
            source = owner.stages.source,
            %partition,
            backlog = start::backlog(&properties, &position),
            "no checkpoint: starts behind sequence number {}", position.sequence
        );
        let hub_created_at = self.hub.created_at;
        let checkpoint = Checkpoint {
            position: position.clone(),
            hub_created_at: Some(hub_created_at),
        };
        let etag = owner
            .checkpointer
            .create(&owner.group, partition, &checkpoint)
            .await?;
        let resume = Resume {
            at: ResumeAt::Behind(position),
            hub_created_at,
        };
        Ok((resume, etag))
    }
}

/// What is released at the end.
pub struct Released {
    store: Arc<dyn CheckpointStore>,
    group: GroupKey,
    owned: Vec<(PartitionId, ETag)>,
}

impl Released {
    pub(super) fn new(
        store: Arc<dyn CheckpointStore>,
        group: GroupKey,
        owned: Vec<(PartitionId, ETag)>,
    ) -> Self {
        Self {
            store,
            group,
            owned,
        }
    }

    /// Gives the partitions up, so that others may claim them at once. Call it after the last
    /// checkpoint.
    pub async fn release(self) {
        let Self {
            store,
            group,
            owned,
        } = self;
        let (store, group) = (&store, &group);
        let releases = owned.into_iter().map(|(partition, etag)| async move {
            if let Err(error) = store.release(group, &partition, etag).await {
                tracing::warn!(
                    event = "release_failed",
                    %partition,
                    %error,
                    "the partition is not released; it expires after {EXPIRY:?}"
                );
            }
        });
        futures::future::join_all(releases).await;
    }
}
