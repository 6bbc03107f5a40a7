//! A store in this process's memory: for tests, simulations, and the demo.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;

use super::{
    Checkpoint, CheckpointStore, Condition, ETag, GroupKey, Ownership, Recorded, StoreError,
    StoredCheckpoint,
};
use crate::clock::{Clock, SystemClock};
use crate::event_hub::{PartitionId, Timestamp};

/// Ownerships and checkpoints that live as long as the last clone of the store.
///
/// Clones share their content, so that several replicas in one process can use it. Ages are
/// measured with `tokio::time`, which tests can pause.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Content>>);

#[derive(Debug, Default)]
struct Content {
    last_version: u64,
    owners: HashMap<(String, PartitionId), Stored<Option<String>>>,
    checkpoints: HashMap<(String, PartitionId), Stored<Checkpoint>>,
}

#[derive(Debug)]
struct Stored<T> {
    value: T,
    etag: ETag,
    written_at: Instant,
    modified_at: Timestamp,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        // Every write is complete before the lock is let go, so a poisoned one is as good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn new_version<T>(&mut self, value: T) -> Stored<T> {
        self.last_version += 1;
        let etag = ETag::new(&self.last_version.to_string());
        Stored {
            value,
            etag,
            written_at: Instant::now(),
            modified_at: SystemClock.now(),
        }
    }
}

/// Holds a condition against what is stored.
fn check<T>(stored: Option<&Stored<T>>, condition: &Condition) -> Result<(), StoreError> {
    let holds = match (condition, stored) {
        (Condition::Absent, None) => true,
        (Condition::Matches(etag), Some(stored)) => stored.etag == *etag,
        (Condition::Absent, Some(_)) | (Condition::Matches(_), None) => false,
    };
    if holds {
        Ok(())
    } else {
        Err(StoreError::Conflict)
    }
}

fn key(group: &GroupKey, partition: &PartitionId) -> (String, PartitionId) {
    (group.prefix().to_owned(), partition.clone())
}

#[async_trait]
impl CheckpointStore for MemoryStore {
    async fn list_owners(&self, group: &GroupKey) -> Result<Vec<Ownership>, StoreError> {
        let content = self.content();
        let of_group = content
            .owners
            .iter()
            .filter(|((prefix, _), _)| prefix == group.prefix());
        Ok(of_group
            .map(|((_, partition), stored)| Ownership {
                partition: partition.clone(),
                owner: stored.value.clone(),
                etag: stored.etag.clone(),
                age: stored.written_at.elapsed(),
            })
            .collect())
    }

    async fn claim(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        owner: &str,
        condition: Condition,
    ) -> Result<ETag, StoreError> {
        let mut content = self.content();
        let key = key(group, partition);
        check(content.owners.get(&key), &condition)?;
        let stored = content.new_version(Some(owner.to_owned()));
        let etag = stored.etag.clone();
        content.owners.insert(key, stored);
        Ok(etag)
    }

    async fn release(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        etag: ETag,
    ) -> Result<(), StoreError> {
        let mut content = self.content();
        let key = key(group, partition);
        check(content.owners.get(&key), &Condition::Matches(etag))?;
        let stored = content.new_version(None);
        content.owners.insert(key, stored);
        Ok(())
    }

    async fn read(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
    ) -> Result<Option<StoredCheckpoint>, StoreError> {
        let content = self.content();
        let stored = content.checkpoints.get(&key(group, partition));
        Ok(stored.map(|stored| StoredCheckpoint {
            recorded: Recorded::Checkpoint(stored.value.clone()),
            etag: stored.etag.clone(),
            modified_at: stored.modified_at,
        }))
    }

    async fn write(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        checkpoint: &Checkpoint,
        condition: Condition,
    ) -> Result<ETag, StoreError> {
        let mut content = self.content();
        let key = key(group, partition);
        check(content.checkpoints.get(&key), &condition)?;
        let stored = content.new_version(checkpoint.clone());
        let etag = stored.etag.clone();
        content.checkpoints.insert(key, stored);
        Ok(etag)
    }
}
