//! Hands one event on: splits it, enters it into the ledger with what each sink wants of it, and
//! gives each sink its slice.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::budget::Budget;
use crate::checkpoint::ledger::{Generation, LedgerError};
use crate::checkpoint::ledgers::{LedgerId, Ledgers};
use crate::checkpoint::receipts::Receipts;
use crate::clock::{Clock, Rng};
use crate::config::OnUnparsable;
use crate::deliver::dead_letter::DeadLetterStore;
use crate::envelope;
use crate::event_hub::{Body, PartitionId, Position, ReceivedEvent};
use crate::filter::Filter;
use crate::record::{EventBody, HubName, Origin, Slice};
use crate::telemetry::categories::Categories;
use crate::telemetry::status::Status;

mod bury;
mod oddities;
mod stats;

pub use oddities::Oddities;
pub use stats::ReadStats;

/// Memory that an event takes beside its body: its entry in the ledger and its shared head.
const EVENT_OVERHEAD_BYTES: u64 = 256;

/// What the readers of one source share.
pub struct Stages {
    /// Name of the source in the configuration.
    pub source: String,
    /// Its hub.
    pub hub: Arc<HubName>,
    /// What happens to what is no JSON.
    pub on_unparsable: OnUnparsable,
    /// Largest size to which a compressed event is unpacked, in bytes.
    pub expansion_max: u64,
    /// Where events are entered.
    pub ledgers: Arc<Ledgers>,
    /// Where memory comes from.
    pub budget: Budget,
    /// Which sinks want a record.
    pub filter: Filter,
    /// One queue per sink, in the order of the configuration.
    pub sinks: Vec<mpsc::Sender<Slice>>,
    /// Where an event goes whose body cannot be read, and what is no JSON if so configured.
    pub dead_letters: Arc<dyn DeadLetterStore>,
    /// Who waits for what.
    pub status: Arc<Status>,
    /// Jitter.
    pub rng: Arc<dyn Rng>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Counts.
    pub stats: Arc<ReadStats>,
    /// Counts by category.
    pub categories: Arc<Categories>,
    /// Says what was no plain record.
    pub oddities: Oddities,
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
            Body::Unsupported(kind, text) => {
                let sequence = event.position.sequence;
                self.oddities
                    .note_unsupported(self, partition, sequence, kind);
                let reason = "unsupported_body";
                return self
                    .bury(partition, ledger, event.position, reason, text)
                    .await;
            }
        };
        let origin = self.origin(partition, event.position);
        // What unpacks takes more memory than it came with: one at a time, until it is counted.
        let lane = match envelope::expands(&bytes) {
            true => Some(self.budget.expansion().await),
            false => None,
        };
        let expansion_max = self.expansion_max;
        // A panic here would come back with the same event, for ever.
        let split = || envelope::split(&bytes, expansion_max);
        let Ok(records) = catch_unwind(AssertUnwindSafe(split)) else {
            return self.bury_for_a_bug(ledger, origin, bytes).await;
        };
        let routing = self.filter.memory_bytes_max(records.len());
        let memory = records.memory_bytes() + routing + EVENT_OVERHEAD_BYTES;
        let permit = self.budget.reserve(memory).await;
        drop(lane);
        self.oddities.note(self, &origin, &records);
        let records = match self.on_unparsable {
            OnUnparsable::DeadLetter if records.has_text() => {
                self.bury_text(&origin, records).await
            }
            _ => records,
        };
        let route = || self.filter.route(&records, &origin);
        let Ok(routes) = catch_unwind(AssertUnwindSafe(route)) else {
            return self.bury_for_a_bug(ledger, origin, bytes).await;
        };
        drop(bytes);
        let received = routes.received;
        let position = origin.position.clone();
        let receipts =
            self.ledgers
                .open(ledger.0, ledger.1, position, memory, received, routes.owed)?;
        self.oddities.note_unrouted(self, &origin, received);
        // As above; and what is only counted is no reason to give an event up.
        let note = || self.categories.note(&records, &origin);
        let _said_by_the_hook = catch_unwind(AssertUnwindSafe(note));
        let body = Arc::new(EventBody::new(records, origin, permit));
        self.distribute(&body, receipts.into_iter().zip(routes.places))
            .await
    }

    /// Gives each sink's queue the records that the sink wants: those at the given places, or all.
    async fn distribute(
        &self,
        body: &Arc<EventBody>,
        owing: impl Iterator<Item = (Receipts, Option<Arc<[u32]>>)>,
    ) -> Result<(), LedgerError> {
        for (queue, (receipts, places)) in self.sinks.iter().zip(owing) {
            let body = Arc::clone(body);
            let slice = match places {
                None => Slice::whole(body, receipts),
                Some(places) => Slice::part(body, places, receipts),
            };
            if !slice.is_empty() && queue.send(slice).await.is_err() {
                // The sink's task is gone, which ends the process: the records stay owed.
                return Err(LedgerError::Ended);
            }
        }
        Ok(())
    }

    fn origin(&self, partition: &PartitionId, position: Position) -> Origin {
        Origin {
            hub: Arc::clone(&self.hub),
            partition: partition.clone(),
            position,
        }
    }
}

#[cfg(test)]
mod tests;
