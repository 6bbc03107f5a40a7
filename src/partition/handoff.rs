//! Hands one event on: splits it, enters it into the ledger, and gives each sink its slice.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;
use tokio::sync::mpsc;

use crate::budget::Budget;
use crate::checkpoint::ledger::{Generation, LedgerError};
use crate::checkpoint::ledgers::{LedgerId, Ledgers};
use crate::clock::{Clock, Rng};
use crate::deliver::dead_letter::{COMPONENT, DeadLetter, DeadLetterStore};
use crate::deliver::retry::Backoff;
use crate::envelope;
use crate::event_hub::{Body, PartitionId, Position, ReceivedEvent};
use crate::record::{EventBody, Slice};
use crate::telemetry::status::Status;

/// Memory that an event takes beside its body: its entry in the ledger and its shared head.
const EVENT_OVERHEAD_BYTES: u64 = 256;
/// Memory that a record takes beside its bytes.
const RECORD_OVERHEAD_BYTES: u64 = 8;

/// What the readers of one source share.
pub struct Stages {
    /// Name of the source in the configuration.
    pub source: String,
    /// Where events are entered.
    pub ledgers: Arc<Ledgers>,
    /// Where memory comes from.
    pub budget: Budget,
    /// One queue per sink, in the order of the configuration.
    pub sinks: Vec<mpsc::Sender<Slice>>,
    /// Where an event goes whose body cannot be read.
    pub dead_letters: Arc<dyn DeadLetterStore>,
    /// Who waits for what.
    pub status: Arc<Status>,
    /// Jitter.
    pub rng: Arc<dyn Rng>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Counts.
    pub stats: Arc<ReadStats>,
}

/// Counts of what was read since the start.
#[derive(Debug, Default)]
pub struct ReadStats {
    /// Bytes of bodies that were handed on.
    pub bytes: AtomicU64,
    /// Events that had been handed on before.
    pub duplicates: AtomicU64,
    /// Jumps in the numbers that a second look confirmed.
    pub gaps: AtomicU64,
    /// Numbers in these jumps.
    pub missing: AtomicU64,
    /// Times that a lower or equal number came on a later event.
    pub rewinds: AtomicU64,
    /// Positions that did not belong to the hub that is there, for whatever reason.
    pub stale: AtomicU64,
    /// Receivers that were opened again after an end.
    pub reopenings: AtomicU64,
    /// Receivers that brought nothing although there was something.
    pub stalls: AtomicU64,
    /// Receivers that ended since their token had expired.
    pub expiries: AtomicU64,
    /// Receivers that another consumer ended.
    pub stolen: AtomicU64,
    /// Events that went to the dead letters whole.
    pub dead_lettered: AtomicU64,
    /// Claims on partitions that were taken from a replica with more than its share.
    pub steals: AtomicU64,
    /// Partitions that another replica took.
    pub partitions_lost: AtomicU64,
}

impl ReadStats {
    /// Counts one more.
    pub fn count(&self, which: impl FnOnce(&Self) -> &AtomicU64) {
        which(self).fetch_add(1, Ordering::Relaxed);
    }
}

impl Stages {
    /// Hands an event on. Returns when every sink's queue has its slice.
    ///
    /// # Errors
    /// When the generation has ended, or a rule of the ledger was broken.
    ///
    /// # Cancel safety
    /// An event that was entered and not handed to every sink stays owed: its partition must be
    /// read again from the checkpoint.
    pub async fn hand_on(
        &self,
        partition: &PartitionId,
        ledger: (LedgerId, Generation),
        event: ReceivedEvent,
    ) -> Result<(), LedgerError> {
        let bytes = match event.body {
            Body::Bytes(bytes) => bytes,
            Body::Unsupported(kind) => {
                tracing::warn!(
                    event = "unsupported_body",
                    source = self.source,
                    %partition,
                    sequence = %event.position.sequence,
                    kind,
                    "the event carries an AMQP {kind}, no bytes: it goes to the dead letters"
                );
                return self
                    .bury(
                        partition,
                        ledger,
                        event.position,
                        "unsupported_body",
                        Bytes::new(),
                    )
                    .await;
            }
        };
        // A panic here would come back with the same event, for ever.
        let Ok(records) = catch_unwind(AssertUnwindSafe(|| envelope::split(&bytes))) else {
            tracing::error!(
                event = "split_panicked",
                source = self.source,
                %partition,
                sequence = %event.position.sequence,
                "bug: splitting panicked: the event goes to the dead letters"
            );
            return self
                .bury(partition, ledger, event.position, "internal", bytes)
                .await;
        };
        let count = u32::try_from(records.ranges.len()).unwrap_or(u32::MAX);
        let memory =
            bytes.len() as u64 + u64::from(count) * RECORD_OVERHEAD_BYTES + EVENT_OVERHEAD_BYTES;
        let permit = self.budget.reserve(memory).await;
        self.stats
            .bytes
            .fetch_add(bytes.len() as u64, Ordering::Relaxed);
        let owed = SmallVec::from_elem(count, self.sinks.len());
        let receipts =
            self.ledgers
                .open(ledger.0, ledger.1, event.position, memory, count, owed)?;
        let body = Arc::new(EventBody::new(bytes, records, permit));
        for (queue, receipts) in self.sinks.iter().zip(receipts) {
            let slice = Slice::whole(Arc::clone(&body), receipts);
            if !slice.is_empty() && queue.send(slice).await.is_err() {
                // The sink's task is gone, which ends the process: the records stay owed.
                return Err(LedgerError::Ended);
            }
        }
        Ok(())
    }

    /// Writes a whole event to the dead letters, for as long as that takes, and enters it as owing
    /// nothing.
    ///
    /// # Errors
    /// As [`Self::hand_on`].
    pub async fn bury(
        &self,
        partition: &PartitionId,
        ledger: (LedgerId, Generation),
        position: Position,
        reason: &'static str,
        body: Bytes,
    ) -> Result<(), LedgerError> {
        let letter = DeadLetter {
            source: self.source.clone(),
            partition: partition.clone(),
            position: position.clone(),
            index: None,
            sink: None,
            reason,
            body,
        };
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        while let Err(error) = self.dead_letters.write(&letter).await {
            self.status.waits(COMPONENT, &error.to_string());
            tokio::time::sleep(backoff.next(self.rng.as_ref())).await;
        }
        self.status.is_well(COMPONENT);
        self.stats.dead_lettered.fetch_add(1, Ordering::Relaxed);
        let owed = SmallVec::from_elem(0, self.sinks.len());
        self.ledgers
            .open(
                ledger.0,
                ledger.1,
                position,
                letter.body.len() as u64,
                0,
                owed,
            )
            .map(|_no_receipts| ())
    }
}
