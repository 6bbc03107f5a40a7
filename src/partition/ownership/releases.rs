//! Giving partitions up: single ones while others are there, and all of them at the end.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Owner, Run};
use crate::checkpoint::{CheckpointStore, ETag, GroupKey, StoreError};
use crate::event_hub::PartitionId;

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

    /// Releases a partition whose reader has ended and whose last checkpoint is stored, and leaves
    /// it to others for a while.
    pub(super) async fn leave(&mut self, partition: PartitionId, etag: ETag) {
        let until = Instant::now() + self.owner.ownership.expiry;
        self.left.insert(partition.clone(), until);
        self.owner.released(vec![(partition, etag)]).release().await;
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
        let readers = async { while self.readers.join_next().await.is_some() {} };
        tokio::select! {
            // What has ended need not be cut off.
            biased;
            _ = async { tokio::join!(claims, readers) } => {}
            () = abandon.cancelled() => {}
        }
        self.claiming.shutdown().await;
        self.readers.shutdown().await;
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
    owned: Vec<(PartitionId, ETag)>,
}

impl Released {
    pub(super) fn new(owner: &Owner, owned: Vec<(PartitionId, ETag)>) -> Self {
        Self {
            store: Arc::clone(&owner.store),
            group: owner.group.clone(),
            owner_id: owner.owner_id.clone(),
            owned,
        }
    }

    /// Gives the partitions up, so that others may claim them at once. Call it after the last
    /// checkpoint.
    pub async fn release(self) {
        let this = &self;
        let releases = this.owned.iter().map(|(partition, etag)| async move {
            if let Err(error) = this.release_one(partition, etag).await {
                tracing::warn!(
                    event = "release_failed",
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
