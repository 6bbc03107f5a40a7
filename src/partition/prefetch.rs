//! How many events a receiver may buffer unread: as many as its share of the memory budget holds.

use std::sync::Arc;

use crate::budget::Share;

/// Events after which the largest one seen replaces the largest that the hub allows.
const SIZE_KNOWN_AFTER: u64 = 100;
/// A receiver whose prefetch is wrong by so much is opened again: too small a one makes every few
/// events wait for the network, too large a one takes more memory than its share.
const OFF_BY: u32 = 4;

/// Derives the prefetch of one partition from the sizes of its events.
#[derive(Debug)]
pub struct Prefetch {
    share: Arc<Share>,
    event_bytes_max: u64,
    largest: u64,
    seen: u64,
    present: u32,
}

impl Prefetch {
    /// For a partition with this share of the budget, on a hub whose events have at most
    /// `event_bytes_max` bytes.
    pub fn new(share: Arc<Share>, event_bytes_max: u64) -> Self {
        Self {
            share,
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
        if self.seen < SIZE_KNOWN_AFTER {
            self.share.first_prefetch(self.event_bytes_max)
        } else {
            self.share.prefetch(self.largest)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;

    fn share(budget: &Budget) -> Arc<Share> {
        Arc::new(budget.share())
    }

    #[test]
    fn small_events_earn_a_larger_prefetch_and_large_ones_a_smaller() {
        let budget = Budget::new(128 << 20);
        let _others: Vec<_> = (1..4).map(|_| budget.share()).collect();
        let mut prefetch = Prefetch::new(share(&budget), 1 << 20);
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
        let budget = Budget::new(16 << 20);
        let _others: Vec<_> = (1..1_000).map(|_| budget.share()).collect();
        let mut prefetch = Prefetch::new(share(&budget), 20 << 20);
        assert_eq!(prefetch.open(), 1);
        assert!(!prefetch.is_off_after(20 << 20));
    }
    #[test]
    fn many_partitions_that_join_make_a_receiver_give_room_back() {
        let budget = Budget::new(128 << 20);
        let mut prefetch = Prefetch::new(share(&budget), 1 << 20);
        assert_eq!(prefetch.open(), 32);
        let few: Vec<_> = (1..8).map(|_| budget.share()).collect();
        assert!(prefetch.is_off_after(1 << 20));
        assert_eq!(prefetch.open(), 4);
        drop(few);
        assert!(prefetch.is_off_after(1 << 20));
    }
}
