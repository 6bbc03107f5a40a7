//! Questions to the hub that the readers of one source share, so that many readers ask no more than
//! a few: the service throttles the management node at 50 calls a second.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::event_hub::{
    PartitionId, PartitionProperties, Source, SourceError, SourceErrorKind, Timestamp,
};

/// Time between two looks at partitions: ten a second.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Asks for many.
pub struct Inquiry {
    source: Arc<dyn Source>,
    /// Questions for the hub's creation time that were sent.
    sent: AtomicU64,
    answer: tokio::sync::Mutex<Option<Answer>>,
    next_look: Mutex<Instant>,
    aside: tokio::sync::Mutex<()>,
    /// The last answer for each partition, and when it came.
    known: Mutex<BTreeMap<PartitionId, Known>>,
}

/// What is known of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What the hub answered last.
    pub properties: PartitionProperties,
    /// When it did.
    pub at: Instant,
}

/// The answer to the question with this number.
struct Answer {
    number: u64,
    created_at: Result<Timestamp, (SourceErrorKind, String)>,
}

impl Inquiry {
    /// Asks this hub.
    pub fn new(source: Arc<dyn Source>) -> Self {
        Self {
            source,
            sent: AtomicU64::new(0),
            answer: tokio::sync::Mutex::default(),
            next_look: Mutex::new(Instant::now()),
            aside: tokio::sync::Mutex::default(),
            known: Mutex::default(),
        }
    }

    /// When the hub was created, as it answers to a question that is sent after this call began.
    /// One question serves all that asked before it was sent.
    ///
    /// # Errors
    /// As [`Source::hub_properties`].
    ///
    /// # Cancel safety
    /// Safe: whoever waits behind a question that was dropped asks again.
    pub async fn created_at(&self) -> Result<Timestamp, SourceError> {
        let before = self.sent.load(Ordering::SeqCst);
        let mut answer = self.answer.lock().await;
        let shared = answer.as_ref().filter(|answer| answer.number > before);
        let created_at = match shared {
            Some(answer) => answer.created_at.clone(),
            None => {
                let number = self.sent.fetch_add(1, Ordering::SeqCst) + 1;
                let asked = self.source.hub_properties().await;
                let created_at = asked
                    .map(|hub| hub.created_at)
                    .map_err(|error| (error.kind, error.message));
                *answer = Some(Answer {
                    number,
                    created_at: created_at.clone(),
                });
                created_at
            }
        };
        created_at.map_err(|(kind, message)| SourceError::new(kind, message))
    }

    /// The state of a partition, when it is its turn.
    ///
    /// # Errors
    /// As [`Source::partition_properties`].
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn look(&self, partition: &PartitionId) -> Result<PartitionProperties, SourceError> {
        let turn = {
            let mut next = self
                .next_look
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let turn = (*next).max(Instant::now());
            *next = turn + LOOK_INTERVAL;
            turn
        };
        tokio::time::sleep_until(turn).await;
        let properties = self.source.partition_properties(partition).await?;
        let known = Known {
            properties: properties.clone(),
            at: Instant::now(),
        };
        self.all_known().insert(partition.clone(), known);
        Ok(properties)
    }

    /// As [`Self::look`] for whoever only wants to know: one such question at a time, so that those
    /// that a reader waits for are behind a single one at most.
    ///
    /// # Errors
    /// As [`Source::partition_properties`].
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn look_aside(
        &self,
        partition: &PartitionId,
    ) -> Result<PartitionProperties, SourceError> {
        let _one_at_a_time = self.aside.lock().await;
        self.look(partition).await
    }

    /// The last answer of [`Self::look`] for a partition; asks nobody.
    pub fn known(&self, partition: &PartitionId) -> Option<Known> {
        self.all_known().get(partition).cloned()
    }

    fn all_known(&self) -> std::sync::MutexGuard<'_, BTreeMap<PartitionId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
