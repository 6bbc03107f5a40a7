//! A store in a blob container: for production.
//!
//! **Shape**: the layout of the Azure SDKs, so that they, KEDA and this program find each other's
//! checkpoints: empty blobs at the lower-case paths of [`GroupKey`], with the metadata
//! `sequencenumber` and `offset` (and our `enqueuedtime` and `hubcreatedon`) or `ownerid`.
//! A blob is uploaded once, to create it; every later write sets its metadata under `If-Match`.
//! Ages are the `Date` of the listing minus `Last-Modified`: the service's clock alone, to the
//! second.
//!
//! A call that times out may still take effect: whoever claims or writes reads back.

use async_trait::async_trait;
use bytes::Bytes;

use super::metadata::{self, Fields};
use super::{
    Checkpoint, CheckpointStore, Condition, ETag, GroupKey, Ownership, StoreError, StoredCheckpoint,
};
use crate::event_hub::PartitionId;

pub mod container;
mod error;

pub use container::{Container, ContainerError};

/// Ownerships and checkpoints as the metadata of empty blobs.
#[derive(Clone, Debug)]
pub struct BlobStore {
    container: Container,
}

impl BlobStore {
    /// Keeps everything in `container`, which must exist.
    pub fn new(container: Container) -> Self {
        Self { container }
    }

    async fn put(
        &self,
        path: &str,
        fields: std::collections::HashMap<String, String>,
        condition: Condition,
    ) -> Result<ETag, StoreError> {
        match condition {
            Condition::Absent => self.container.create(path, fields, Bytes::new()).await,
            Condition::Matches(etag) => self.container.set_metadata(path, &fields, &etag).await,
        }
    }

    /// Copies a checkpoint that a Go, Rust or Java program left on a path of other case to where
    /// this program and the other SDKs look for it.
    async fn adopt(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
    ) -> Result<Option<StoredCheckpoint>, StoreError> {
        if group.case_kept_prefix() == group.prefix() {
            return Ok(None);
        }
        let foreign = format!("{}/checkpoint/{partition}", group.case_kept_prefix());
        let Some(head) = self.container.head(&foreign).await? else {
            return Ok(None);
        };
        let recorded = metadata::recorded(&foreign, &head.fields)?;
        let fields = metadata::of_copy(&recorded, head.modified_at);
        let path = group.checkpoint(partition);
        match self.put(&path, fields, Condition::Absent).await {
            Ok(etag) => Ok(Some(StoredCheckpoint {
                recorded,
                etag,
                modified_at: head.modified_at,
            })),
            // Another replica was faster; what it stored counts.
            Err(StoreError::Conflict) => self.read_own(group, partition).await,
            Err(error) => Err(error),
        }
    }

    async fn owners_under(&self, prefix: &str) -> Result<Vec<Ownership>, StoreError> {
        let prefix = format!("{prefix}/ownership/");
        let listed = self.container.list(&prefix).await?;
        let owners = listed.into_iter().filter_map(|blob| {
            let partition = blob
                .name
                .strip_prefix(&prefix)
                .filter(|id| !id.contains('/'))?;
            Some(Ownership {
                partition: PartitionId::new(partition),
                owner: metadata::owner(&blob.fields),
                etag: blob.etag,
                age: blob.age,
            })
        });
        Ok(owners.collect())
    }

    async fn read_own(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
    ) -> Result<Option<StoredCheckpoint>, StoreError> {
        let path = group.checkpoint(partition);
        let Some(head) = self.container.head(&path).await? else {
            return Ok(None);
        };
        Ok(Some(StoredCheckpoint {
            recorded: metadata::recorded(&path, &head.fields)?,
            etag: head.etag,
            modified_at: metadata::modified_at(&head.fields, head.modified_at),
        }))
    }
}

#[async_trait]
impl CheckpointStore for BlobStore {
    async fn list_owners(&self, group: &GroupKey) -> Result<Vec<Ownership>, StoreError> {
        self.owners_under(group.prefix()).await
    }

    async fn list_unseen_owners(&self, group: &GroupKey) -> Result<Vec<Ownership>, StoreError> {
        let prefix = group.case_kept_prefix();
        if prefix == group.prefix() {
            return Ok(Vec::new());
        }
        self.owners_under(&prefix).await
    }

    async fn claim(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        owner: &str,
        condition: Condition,
    ) -> Result<ETag, StoreError> {
        let fields = metadata::of_owner(Some(owner));
        self.put(&group.ownership(partition), fields, condition)
            .await
    }

    async fn release(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        etag: ETag,
    ) -> Result<(), StoreError> {
        let fields = metadata::of_owner(None);
        self.put(
            &group.ownership(partition),
            fields,
            Condition::Matches(etag),
        )
        .await
        .map(drop)
    }

    async fn read(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
    ) -> Result<Option<StoredCheckpoint>, StoreError> {
        match self.read_own(group, partition).await? {
            Some(stored) => Ok(Some(stored)),
            None => self.adopt(group, partition).await,
        }
    }

    async fn write(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        checkpoint: &Checkpoint,
        condition: Condition,
    ) -> Result<ETag, StoreError> {
        let fields = metadata::of_checkpoint(checkpoint);
        self.put(&group.checkpoint(partition), fields, condition)
            .await
    }
}
