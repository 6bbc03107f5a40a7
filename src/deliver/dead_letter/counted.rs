//! A dead-letter store that remembers what it confirmed, for whoever looks on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{DeadLetter, DeadLetterError, DeadLetterStore};
use crate::event_hub::{PartitionId, SequenceNumber, Timestamp};

/// Letters that are remembered one by one.
const RECENT: usize = 50;

/// Counts the letters that a store confirms, and remembers the last of them: never their bytes,
/// nor what an endpoint said of them.
pub struct CountedDeadLetters {
    store: Arc<dyn DeadLetterStore>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    counts: BTreeMap<Kind, u64>,
    recent: VecDeque<Noted>,
}

/// What letters are counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    /// Name of the source.
    pub source: String,
    /// Name of the sink that refused it; `None` when no sink was asked.
    pub sink: Option<String>,
    /// Why, as a stable word.
    pub reason: &'static str,
}

/// One letter.
#[derive(Clone, Debug)]
pub struct Noted {
    /// What it is counted as.
    pub kind: Kind,
    /// The partition of its event.
    pub partition: PartitionId,
    /// The number of its event.
    pub sequence: SequenceNumber,
    /// Index of the record in its event; `None` when the whole event is meant.
    pub index: Option<u32>,
    /// When it was first found to be one.
    pub first_seen: Timestamp,
}

impl CountedDeadLetters {
    /// Keeps letters in `store`.
    pub fn new(store: Arc<dyn DeadLetterStore>) -> Self {
        Self {
            store,
            seen: Mutex::default(),
        }
    }

    /// How many letters were confirmed since the start.
    pub fn counts(&self) -> BTreeMap<Kind, u64> {
        self.lock().counts.clone()
    }

    /// The last letters, the latest first.
    pub fn recent(&self) -> Vec<Noted> {
        self.lock().recent.iter().rev().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl DeadLetterStore for CountedDeadLetters {
    async fn write(&self, letters: &[DeadLetter]) -> Result<(), DeadLetterError> {
        self.store.write(letters).await?;
        let mut seen = self.lock();
        for letter in letters {
            let kind = Kind {
                source: letter.source.clone(),
                sink: letter.sink.clone(),
                reason: letter.reason,
            };
            *seen.counts.entry(kind.clone()).or_default() += 1;
            seen.recent.push_back(Noted {
                kind,
                partition: letter.origin.partition.clone(),
                sequence: letter.origin.position.sequence,
                index: letter.index,
                first_seen: letter.first_seen,
            });
        }
        let surplus = seen.recent.len().saturating_sub(RECENT);
        seen.recent.drain(..surplus);
        Ok(())
    }

    async fn reach(&self) -> Result<(), DeadLetterError> {
        self.store.reach().await
    }
}
