//! Counts of one partition since the start.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::inquiry::Inquiry;
use crate::event_hub::{PartitionId, PartitionProperties, Position, SequenceNumber, Timestamp};
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
    /// When the last event came.
    received_at: Option<Instant>,
    unread: Option<Unread>,
}

/// An event that the hub has told of, and that has not come. It stays until it comes, whatever comes
/// before it and however often the partition is claimed, so that its age never shrinks meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Unread {
    /// Its number.
    pub sequence: SequenceNumber,
    /// When the hub took it in.
    pub enqueued_at: Option<Timestamp>,
    /// When the hub first told of it.
    pub known_since: Instant,
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
        self.read().last = Some(behind.clone());
    }

    /// The same where the numbers begin anew: those from before mean nothing any more.
    pub fn begins_anew(&self, behind: &Position) {
        *self.read() = Read {
            last: Some(behind.clone()),
            ..Read::default()
        };
    }

    /// Notes that an event with so many bytes was handed on.
    pub fn handed_on(&self, position: &Position, bytes: u64) {
        self.events.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let mut read = self.read();
        read.last = Some(position.clone());
        read.received_at = Some(Instant::now());
    }

    /// When the last event came; `None` when none has come.
    pub fn received_at(&self) -> Option<Instant> {
        self.read().received_at
    }

    /// The last event that was handed on, or the position at which reading began.
    pub fn received(&self) -> Option<Position> {
        self.read().last.clone()
    }

    /// An event that the hub has told of and that has not come; there may be older ones.
    pub fn unread(&self) -> Option<Unread> {
        let read = self.read();
        let last = read.last.as_ref().map(|it| it.sequence);
        read.unread.filter(|unread| Some(unread.sequence) > last)
    }

    /// Notes what the hub tells.
    pub fn told(&self, properties: &PartitionProperties) {
        let mut read = self.read();
        let last = read.last.as_ref().map(|it| it.sequence);
        if read.unread.is_some_and(|it| Some(it.sequence) > last) {
            return;
        }
        let is_behind = Some(properties.last_sequence) > last && !properties.is_empty;
        read.unread = is_behind.then(|| Unread {
            sequence: properties.last_sequence,
            enqueued_at: properties.last_enqueued_at,
            known_since: Instant::now(),
        });
    }

    /// Asks the hub again and again for the last event of the partition, as long as it is polled:
    /// without that, nobody knows what is not read yet. An outage is for others to report.
    pub async fn follow(&self, inquiry: &Inquiry, partition: &PartitionId) {
        loop {
            // First: at a claim, others have more urgent questions.
            sleep(LOOK_INTERVAL).await;
            if let Ok(properties) = inquiry.look_aside(partition).await {
                self.told(&properties);
            }
        }
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_hub::Offset;

    fn position(sequence: i64) -> Position {
        Position {
            sequence: SequenceNumber(sequence),
            ..Position::before_first()
        }
    }

    fn told(last: i64) -> PartitionProperties {
        PartitionProperties {
            begin_sequence: SequenceNumber(0),
            last_sequence: SequenceNumber(last),
            last_offset: Offset::beginning(),
            last_enqueued_at: Some(Timestamp(last)),
            is_empty: last < 0,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_read_stays_until_it_comes() {
        let stats = PartitionStats::default();
        let unread = || stats.unread().map(|it| it.sequence.0);
        stats.begins(&position(3));
        stats.told(&told(3));
        assert_eq!(unread(), None);
        stats.told(&told(10));
        // Newer ones, what comes before it, and another claim do not make it younger.
        tokio::time::advance(Duration::from_secs(60)).await;
        stats.told(&told(20));
        stats.handed_on(&position(9), 1);
        stats.begins(&position(5));
        assert_eq!(unread(), Some(10));
        let known_for = stats.unread().map(|it| it.known_since.elapsed());
        assert_eq!(known_for, Some(Duration::from_secs(60)));
        stats.handed_on(&position(10), 1);
        assert_eq!(unread(), None);
        stats.told(&told(20));
        assert_eq!(unread(), Some(20));
        // Another replica has read it meanwhile.
        stats.begins(&position(25));
        assert_eq!(unread(), None);
        stats.told(&told(30));
        stats.begins_anew(&position(-1));
        stats.told(&told(-1));
        assert_eq!(unread(), None);
    }
}
