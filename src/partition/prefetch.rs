//! How many events a receiver may buffer unread: as many as its share of the memory budget holds.

use crate::budget::Budget;

/// Events after which the largest one seen replaces the largest that the hub allows.
const SIZE_KNOWN_AFTER: u64 = 100;
/// A receiver whose prefetch is wrong by so much is opened again: too small a one makes every few
/// events wait for the network, too large a one takes more memory than its share.
const OFF_BY: u32 = 4;

/// Derives the prefetch of one partition from the sizes of its events.
#[derive(Debug)]
pub struct Prefetch {
    budget: Budget,
    partitions: usize,
    event_bytes_max: u64,
    largest: u64,
    seen: u64,
    present: u32,
}

impl Prefetch {
    /// For one of `partitions` that share the budget, on a hub whose events have at most
    /// `event_bytes_max` bytes.
    pub fn new(budget: Budget, partitions: usize, event_bytes_max: u64) -> Self {
        Self {
            budget,
            partitions,
            event_bytes_max,
            largest: 1,
            seen: 0,
            present: 0,
        }
    }

    /// The prefetch for a receiver that is opened now.
    pub fn open(&mut self) -> u32 {
        self.present = self.wanted();
        self.present
    }

    /// Notes the size of an event. Says whether the receiver should be opened again, since its
    /// prefetch is off by far.
    pub fn is_off_after(&mut self, bytes: u64) -> bool {
        self.seen += 1;
        self.largest = self.largest.max(bytes);
        let wanted = self.wanted();
        wanted / OFF_BY >= self.present || self.present / OFF_BY >= wanted
    }

    fn wanted(&self) -> u32 {
        let event_bytes = if self.seen < SIZE_KNOWN_AFTER {
            self.event_bytes_max
        } else {
            self.largest
        };
        self.budget.prefetch(self.partitions, event_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_events_earn_a_larger_prefetch_and_large_ones_a_smaller() {
        let mut prefetch = Prefetch::new(Budget::new(128 << 20), 4, 1 << 20);
        assert_eq!(prefetch.open(), 8);
        for _ in 0..99 {
            assert!(!prefetch.is_off_after(30_000));
        }
        assert!(prefetch.is_off_after(30_000));
        assert_eq!(prefetch.open(), 279);
        assert!(!prefetch.is_off_after(60_000));
        assert!(prefetch.is_off_after(1 << 20));
        assert_eq!(prefetch.open(), 8);
        assert!(!prefetch.is_off_after(10));
    }

    #[test]
    fn there_is_always_one() {
        let mut prefetch = Prefetch::new(Budget::new(16 << 20), 1_000, 20 << 20);
        assert_eq!(prefetch.open(), 1);
        assert!(!prefetch.is_off_after(20 << 20));
    }
}
