//! 10. Checkpoints: receipts become a watermark, and the watermark is stored.
//!
//! `ledger` knows what is settled, `checkpointer` is the only place that writes positions, and
//! [`CheckpointStore`] is the seam behind which `blob`, `directory` and `memory` stand.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::event_hub::{Offset, PartitionId, Position, Timestamp};

pub mod blob;
pub mod checkpointer;
pub mod directory;
pub mod layouts;
pub mod ledger;
pub mod ledgers;
pub mod memory;
mod metadata;
pub mod pace;
pub mod receipts;
pub mod store_key;

pub use store_key::GroupKey;

/// What is stored for one partition: every record up to `position` was accepted or dead-lettered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last settled position.
    pub position: Position,
    /// When the hub of this position was created; `None` when another program wrote the
    /// checkpoint.
    pub hub_created_at: Option<Timestamp>,
}

/// Version of a stored object: changes with every write. Kept without quotes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ETag(Arc<str>);

impl ETag {
    /// Takes an entity tag; quotes around it are dropped, since list answers leave them out.
    pub fn new(text: &str) -> Self {
        Self(text.trim_matches('"').into())
    }

    /// The tag without quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One ownership as the store lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ownership {
    /// The partition.
    pub partition: PartitionId,
    /// Who owns it; `None` when it was released.
    pub owner: Option<String>,
    /// Version of the ownership.
    pub etag: ETag,
    /// Time since it was last claimed or renewed, by the store's clock alone.
    pub age: Duration,
}

/// What a store holds for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// A position with its number.
    Checkpoint(Checkpoint),
    /// Another program stored the offset of the last event and not its number: the hub knows it.
    OffsetOnly(Offset),
}

/// What is stored for a partition, together with its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCheckpoint {
    /// What is stored.
    pub recorded: Recorded,
    /// Version of it.
    pub etag: ETag,
    /// When the position was last written, by the store's clock.
    pub modified_at: Timestamp,
}

impl StoredCheckpoint {
    /// The checkpoint, when its number is known.
    pub fn checkpoint(&self) -> Option<&Checkpoint> {
        match &self.recorded {
            Recorded::Checkpoint(checkpoint) => Some(checkpoint),
            Recorded::OffsetOnly(_) => None,
        }
    }
}

/// Under which condition a write goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Only when nothing is stored yet.
    Absent,
    /// Only when this version is stored.
    Matches(ETag),
}

/// Ownerships and checkpoints of consumer groups.
///
/// Every write is conditional, so that a replica that lost a partition cannot write any more.
/// Implementations bound every call by a timeout and never retry: a retried claim whose first
/// answer was lost would be taken for a lost one.
#[async_trait]
pub trait CheckpointStore: Send + Sync {
    /// Lists the ownerships of a group, in no particular order.
    async fn list_owners(&self, group: &GroupKey) -> Result<Vec<Ownership>, StoreError>;

    /// Lists ownerships that other programs keep under the same names in another case, where they
    /// do not see ours.
    ///
    /// # Errors
    /// As [`Self::list_owners`].
    async fn list_unseen_owners(&self, _group: &GroupKey) -> Result<Vec<Ownership>, StoreError> {
        Ok(Vec::new())
    }

    /// Claims or renews a partition for `owner`; gives the new version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the condition does not hold.
    async fn claim(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        owner: &str,
        condition: Condition,
    ) -> Result<ETag, StoreError>;

    /// Gives a partition up, so that others may claim it at once.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when another owner has claimed it meanwhile.
    async fn release(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        etag: ETag,
    ) -> Result<(), StoreError>;

    /// Reads a checkpoint; `None` when there is none.
    async fn read(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
    ) -> Result<Option<StoredCheckpoint>, StoreError>;

    /// Stores a checkpoint; gives the new version, which differs from the old one also when the
    /// same checkpoint is written again.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the condition does not hold.
    async fn write(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        checkpoint: &Checkpoint,
        condition: Condition,
    ) -> Result<ETag, StoreError>;
}

/// Why a call on a store failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The condition does not hold: someone else wrote meanwhile (or the answer to an earlier
    /// write of ours was lost).
    #[error("another writer was there first")]
    Conflict,
    /// Not now: network, timeout, throttling, or the container does not exist yet.
    #[error("checkpoint store unavailable: {0}")]
    Unavailable(String),
    /// The store refuses our credentials.
    #[error("checkpoint store refuses the credentials: {0}")]
    Unauthorized(String),
    /// What is stored cannot be read.
    #[error("unreadable checkpoint at {place}: {problem}")]
    Unreadable {
        /// Path of the object.
        place: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sequence {}", self.position.sequence)
    }
}
