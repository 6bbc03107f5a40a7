//! The store as one replica reaches it: sometimes not at all, sometimes with old lists.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use entra_forwarder::checkpoint::memory::MemoryStore;
use entra_forwarder::checkpoint::{
    Checkpoint, CheckpointStore, Condition, ETag, GroupKey, Ownership, StoreError, StoredCheckpoint,
};
use entra_forwarder::event_hub::PartitionId;
use tokio::time::Instant;

/// What every replica shares.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) store: MemoryStore,
    /// The list after each change of it.
    history: Mutex<Vec<(Instant, Vec<Ownership>)>>,
    pub(crate) down_until: Mutex<Option<Instant>>,
    /// How often a partition changed hands, its first owner included.
    moves: Mutex<BTreeMap<PartitionId, u64>>,
}

impl Shared {
    async fn changed(&self, group: &GroupKey) {
        let owners = self.store.list_owners(group).await.unwrap();
        self.history.lock().unwrap().push((Instant::now(), owners));
    }

    pub(crate) fn moves(&self) -> u64 {
        self.moves.lock().unwrap().values().sum()
    }
}

/// Its handle of one replica.
pub(crate) struct Handle {
    pub(crate) shared: Arc<Shared>,
    /// How old its lists are, and until when.
    pub(crate) old_lists: Arc<Mutex<Option<(Duration, Instant)>>>,
}

impl Handle {
    async fn reach(&self) -> Result<(), StoreError> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let down_until = *self.shared.down_until.lock().unwrap();
        match down_until.filter(|until| *until > Instant::now()) {
            Some(_) => Err(StoreError::Unavailable("down".into())),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl CheckpointStore for Handle {
    async fn list_owners(&self, group: &GroupKey) -> Result<Vec<Ownership>, StoreError> {
        self.reach().await?;
        let old = *self.old_lists.lock().unwrap();
        let Some((age, _)) = old.filter(|(_, until)| *until > Instant::now()) else {
            return self.shared.store.list_owners(group).await;
        };
        let then = Instant::now().checked_sub(age);
        let history = self.shared.history.lock().unwrap();
        let known = history.iter().rev().find(|(at, _)| Some(*at) <= then);
        Ok(known.map_or_else(Vec::new, |(at, owners)| {
            // Ages as they were at that moment.
            let since = then.map_or(Duration::ZERO, |then| then.duration_since(*at));
            let mut owners = owners.clone();
            owners.iter_mut().for_each(|owner| owner.age += since);
            owners
        }))
    }

    async fn claim(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        owner: &str,
        condition: Condition,
    ) -> Result<ETag, StoreError> {
        self.reach().await?;
        let store = &self.shared.store;
        let before = store.list_owners(group).await?;
        let before = before.into_iter().find(|it| it.partition == *partition);
        let claimed = store.claim(group, partition, owner, condition).await?;
        if before.and_then(|it| it.owner).as_deref() != Some(owner) {
            let mut moves = self.shared.moves.lock().unwrap();
            *moves.entry(partition.clone()).or_default() += 1;
        }
        self.shared.changed(group).await;
        Ok(claimed)
    }

    async fn release(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        etag: ETag,
    ) -> Result<(), StoreError> {
        self.reach().await?;
        self.shared.store.release(group, partition, etag).await?;
        self.shared.changed(group).await;
        Ok(())
    }

    async fn read(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
    ) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.reach().await?;
        self.shared.store.read(group, partition).await
    }

    async fn write(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        checkpoint: &Checkpoint,
        condition: Condition,
    ) -> Result<ETag, StoreError> {
        self.reach().await?;
        let store = &self.shared.store;
        store.write(group, partition, checkpoint, condition).await
    }
}
