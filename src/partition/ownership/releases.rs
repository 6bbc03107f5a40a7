//! Giving partitions up: single ones while others are there, and all of them at the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError};
use tokio::time::Instant;

use super::{Owned, Owner, Run};
use crate::checkpoint::{CheckpointStore, ETag, GroupKey, Ownership, StoreError};
use crate::event_hub::PartitionId;
use crate::partition::reader::component;

/// How often a release is tried, and the time between two tries: without it nobody reads the
/// partition until its claim expires.
const RELEASE_TRIES: u32 = 3;
const RELEASE_PAUSE: Duration = Duration::from_millis(300);

impl Run {
    /// Ends all readers; what they had is released when they have ended.
    pub(super) fn give_up_all(&mut self) {
        for (partition, owned) in &self.owned {
            if owned.given_up.is_cancelled() {
                continue;
            }
            tracing::warn!(
                event = "partition_given_up",
                source = self.owner.stages.source,
                %partition,
                "an endpoint refuses what this replica sends: the partition is left to another one"
            );
            owned.given_up.cancel();
        }
    }

    /// Stores the last checkpoint of a partition whose reader has ended, beside the rounds, and ends
    /// its generation. One that is left to others is released, and not claimed again for a while.
    pub(super) fn close(&mut self, partition: PartitionId, owned: Owned, is_left: bool) {
        let owner = Arc::clone(&self.owner);
        let is_left = is_left && !owned.lost.is_cancelled();
        if is_left {
            let until = Instant::now() + owner.ownership.expiry;
            self.left.insert(partition.clone(), until);
        }
        let closed = partition.clone();
        let task = self.closing.spawn(async move {
            owner.checkpointer.let_go(owned.ledger).await;
            owner.stages.ledgers.end(owned.ledger);
            if is_left {
                owner.released(vec![(closed, owned.etag)]).release().await;
            }
        });
        self.closing_of.insert(task.id(), partition);
    }

    /// What was the matter with a partition here is the concern of whoever has it now.
    pub(super) fn forget_what_others_took(&mut self, owners: &BTreeMap<PartitionId, Ownership>) {
        for (partition, present) in owners {
            let is_anothers = self.owner.is_live(present) && !self.owner.is_me(present);
            if is_anothers && !self.is_mine(partition) {
                self.failed.remove(partition);
                let stages = &self.owner.stages;
                stages.status.forget(&component(&stages.source, partition));
            }
        }
    }

    /// A partition is closed: it may be claimed again.
    pub(super) fn closed(&mut self, ended: Result<(Id, ()), JoinError>) {
        let task = match ended {
            Ok((task, ())) => task,
            Err(error) => {
                if let Some(panics) = self.panics.once_more() {
                    tracing::error!(
                        event = "close_died",
                        source = self.owner.stages.source,
                        partition = self.closing_of.get(&error.id()).map(ToString::to_string),
                        panics,
                        %error,
                        "bug: closing a partition panicked"
                    );
                }
                error.id()
            }
        };
        self.closing_of.remove(&task);
    }

    /// Ends everything: claims on their way, readers; gives back what is to be released.
    pub(super) async fn end(mut self) -> Released {
        for owned in self.owned.values() {
            owned.stop.cancel();
        }
        let abandon = self.owner.abandon.clone();
        let mut held = Vec::new();
        let claims = async {
            while let Some(claimed) = self.claiming.join_next().await {
                if let Ok(Ok(claimed)) = claimed {
                    held.push((claimed.partition, claimed.etag));
                }
            }
        };
        let readers = async {
            while self.readers.join_next().await.is_some() {}
            while self.closing.join_next().await.is_some() {}
        };
        tokio::select! {
            // What has ended need not be cut off.
            biased;
            _ = async { tokio::join!(claims, readers) } => {}
            () = abandon.cancelled() => {}
        }
        self.claiming.shutdown().await;
        self.readers.shutdown().await;
        self.closing.shutdown().await;
        self.refreshing.shutdown().await;
        let owned = std::mem::take(&mut self.owned);
        let owned = owned
            .into_iter()
            .filter(|(_, owned)| !owned.lost.is_cancelled());
        held.extend(owned.map(|(partition, owned)| (partition, owned.etag)));
        self.owner.released(held)
    }
}

/// What is released at the end.
pub struct Released {
    store: Arc<dyn CheckpointStore>,
    group: GroupKey,
    owner_id: String,
    source: String,
    owned: Vec<(PartitionId, ETag)>,
}

impl Released {
    pub(super) fn new(owner: &Owner, owned: Vec<(PartitionId, ETag)>) -> Self {
        Self {
            store: Arc::clone(&owner.store),
            group: owner.group.clone(),
            owner_id: owner.owner_id.clone(),
            source: owner.stages.source.clone(),
            owned,
        }
    }

    /// Gives the partitions up, so that others may claim them at once. Call it after the last
    /// checkpoint.
    pub async fn release(self) {
        let this = &self;
        let releases = this.owned.iter().map(|(partition, etag)| async move {
            let mut released = this.release_one(partition, etag).await;
            for _ in 1..RELEASE_TRIES {
                if released.is_ok() {
                    break;
                }
                tokio::time::sleep(RELEASE_PAUSE).await;
                released = this.release_one(partition, etag).await;
            }
            if let Err(error) = released {
                tracing::warn!(
                    event = "release_failed",
                    source = this.source,
                    %partition,
                    %error,
                    "the partition is not released; its claim expires by itself"
                );
            }
        });
        futures::future::join_all(releases).await;
    }

    async fn release_one(&self, partition: &PartitionId, etag: &ETag) -> Result<(), StoreError> {
        let (store, group) = (&self.store, &self.group);
        let released = store.release(group, partition, etag.clone()).await;
        if !matches!(released, Err(StoreError::Conflict)) {
            return released;
        }
        // A renewal of ours may have gone through without an answer; or it is another's by now.
        let owners = store.list_owners(group).await?;
        let present = owners.into_iter().find(|present| {
            present.partition == *partition && present.owner.as_ref() == Some(&self.owner_id)
        });
        match present {
            Some(present) => store.release(group, partition, present.etag).await,
            None => Ok(()),
        }
    }
}
