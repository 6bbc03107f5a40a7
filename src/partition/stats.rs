//! Counts of one partition since the start.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::inquiry::Inquiry;
use crate::event_hub::{PartitionId, Position};
use crate::telemetry::seldom::Seldom;

/// Counts of one partition since the start, over all generations in which this process owned it.
#[derive(Debug, Default)]
pub struct PartitionStats {
    /// Events that were handed on.
    pub events: AtomicU64,
    /// Bytes of their bodies.
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
    pub(super) unsaid: Unsaid,
    read: Mutex<Read>,
}

/// Of what a receiver may meet again and again: what the log does not say yet.
#[derive(Debug)]
pub(super) struct Unsaid {
    /// Receivers that begin with what was handed on before.
    pub(super) repetitions: Seldom,
    pub(super) gaps: Seldom<Gaps>,
    /// Receivers whose token has expired.
    pub(super) expiries: Seldom,
    /// Receivers that ended.
    pub(super) ends: Seldom,
}

/// Jumps in the numbers, and the numbers in them.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    pub(super) gaps: u64,
    pub(super) missing: u64,
}

impl Default for Unsaid {
    fn default() -> Self {
        Self {
            repetitions: Seldom::default(),
            gaps: Seldom::of(GAPS_AT_ONCE),
            expiries: Seldom::default(),
            ends: Seldom::default(),
        }
    }
}

/// Gaps of a partition that are told of one by one, before they are only counted.
const GAPS_AT_ONCE: u32 = 5;

#[derive(Debug, Default)]
struct Read {
    last: Option<Position>,
    /// Since when the hub has told of more, and nothing has come.
    unread_since: Option<Instant>,
}

/// Time between two questions to the hub for the last event of a partition.
const LOOK_INTERVAL: Duration = Duration::from_secs(15);

impl PartitionStats {
    /// Counts one more.
    pub fn count(&self, which: impl FnOnce(&Self) -> &AtomicU64) {
        which(self).fetch_add(1, Ordering::Relaxed);
    }

    /// Notes where a reader begins: what is behind it is unread.
    pub fn begins(&self, behind: &Position) {
        *self.read() = Read {
            last: Some(behind.clone()),
            unread_since: None,
        };
    }

    /// Notes that an event with so many bytes was handed on.
    pub fn handed_on(&self, position: &Position, bytes: u64) {
        self.events.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        *self.read() = Read {
            last: Some(position.clone()),
            unread_since: None,
        };
    }

    /// The last event that was handed on, or the position at which reading began.
    pub fn received(&self) -> Option<Position> {
        self.read().last.clone()
    }

    /// For how long the hub has told of events, while none came.
    pub fn unread_for(&self) -> Duration {
        let since = self.read().unread_since;
        since.map(|since| since.elapsed()).unwrap_or_default()
    }

    /// Asks the hub again and again for the last event of the partition, as long as it is polled:
    /// without that, nobody knows what is not read yet. An outage is for others to report.
    pub async fn follow(&self, inquiry: &Inquiry, partition: &PartitionId) {
        loop {
            // First, since whoever claims a partition has just asked, and others want to be next.
            sleep(LOOK_INTERVAL).await;
            if let Ok(properties) = inquiry.look(partition).await {
                let mut read = self.read();
                let last = read.last.as_ref().map(|it| it.sequence);
                let is_behind = last.is_some_and(|last| properties.last_sequence > last);
                if is_behind && !properties.is_empty {
                    read.unread_since.get_or_insert_with(Instant::now);
                } else {
                    read.unread_since = None;
                }
            }
        }
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
