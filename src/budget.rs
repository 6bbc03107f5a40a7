//! Memory: one budget with shares, so that what is held is bounded whatever arrives.
//!
//! | share | for |
//! |---|---|
//! | 1/2 | bodies of events that are read and not settled, with 8 bytes per record |
//! | 1/4 | events that the receivers have prefetched |
//! | 1/8 | bodies that are being built and compressed |
//! | 1/8 | compressed bodies that wait or are in flight, in even parts for the sinks |
//!
//! Permits are returned by `Drop`, when the last slice of a body is gone.
//!
//! All sources share it. What one partition may take follows from how many are being read in the
//! process at that moment: each reader has a [`Share`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

mod bodies;

pub use bodies::{BodyPermit, BodyShare};

/// The memory budget.
#[derive(Clone, Debug)]
pub struct Budget {
    total: u64,
    events: Arc<Semaphore>,
    events_max: u32,
    expansion: Arc<Semaphore>,
    partitions: Arc<Partitions>,
}

/// The partitions of all sources.
#[derive(Debug, Default)]
struct Partitions {
    /// Those that are being read.
    read: AtomicUsize,
    /// Those that the known hubs have.
    known: AtomicUsize,
    /// Per source: how many its hub has, and the largest event that it allows.
    hubs: Mutex<BTreeMap<String, (usize, u64)>>,
}

/// Bytes of the budget; they return to it when this is dropped.
#[derive(Debug)]
pub struct Permit(#[expect(dead_code, reason = "held for its Drop")] OwnedSemaphorePermit);

async fn acquire(semaphore: &Arc<Semaphore>, wanted: u32) -> Permit {
    loop {
        if let Ok(permit) = Arc::clone(semaphore).acquire_many_owned(wanted).await {
            return Permit(permit);
        }
        // The semaphore is never closed; should it be, waiting is what loses nothing.
        std::future::pending::<()>().await;
    }
}

impl Budget {
    /// A budget of this many bytes.
    pub fn new(total: u64) -> Self {
        let events_max = u32::try_from(total / 2).unwrap_or(u32::MAX);
        Self {
            total,
            events: Arc::new(Semaphore::new(events_max as usize)),
            events_max,
            expansion: Arc::new(Semaphore::new(1)),
            partitions: Arc::default(),
        }
    }

    /// The right to unpack one body, whose size is known only afterwards: one at a time, with an
    /// allowance of its own (`limits.expansion_max`), until it is counted by [`Self::reserve`].
    /// Whoever holds memory never asks for this.
    pub async fn expansion(&self) -> Permit {
        acquire(&self.expansion, 1).await
    }

    /// The share of one more partition that is being read, until it is dropped.
    pub fn share(&self) -> Share {
        self.partitions.read.fetch_add(1, Ordering::Relaxed);
        Share(self.clone())
    }

    /// Reserves room for an event, first come, first served. A single event that is larger than
    /// the whole share takes all of it, and so goes alone.
    ///
    /// # Cancel safety
    /// Safe; the place in the queue is lost.
    pub async fn reserve(&self, bytes: u64) -> Permit {
        let wanted = u32::try_from(bytes)
            .unwrap_or(u32::MAX)
            .clamp(1, self.events_max);
        acquire(&self.events, wanted).await
    }

    /// All of it, in bytes.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Bytes that are reserved for events now.
    pub fn reserved(&self) -> u64 {
        u64::from(self.events_max).saturating_sub(self.events.available_permits() as u64)
    }

    /// Notes that the hub of `source` has so many partitions with events of at most `event_bytes`.
    /// Gives the budget that would hold one prefetched event of every partition of all sources, as
    /// it is configured (`"128MiB"`); `None` when the present one does.
    pub fn needed_for(&self, source: &str, partitions: usize, event_bytes: u64) -> Option<String> {
        let hubs = &self.partitions.hubs;
        let mut hubs = hubs.lock().unwrap_or_else(PoisonError::into_inner);
        hubs.insert(source.to_owned(), (partitions, event_bytes));
        let known = hubs.values().map(|(partitions, _)| partitions).sum();
        self.partitions.known.store(known, Ordering::Relaxed);
        let bytes = hubs
            .values()
            .map(|(partitions, bytes)| bytes.saturating_mul(*partitions as u64))
            .fold(0, u64::saturating_add);
        let needed = bytes.saturating_mul(4);
        (needed > self.total).then(|| format!("{}MiB", needed.div_ceil(1 << 20)))
    }

    /// The part of one of so many sinks that send something in what there is for compressed bodies.
    pub fn bodies(&self, sinks: usize) -> BodyShare {
        BodyShare::new(self.total / 8 / sinks.max(1) as u64)
    }

    /// Bytes of batches that may be built at the same time.
    pub fn building(&self) -> u64 {
        self.total / 8
    }
}

/// What one partition may take of a budget, as long as this lives. Ask at the moment of use: it
/// changes as other partitions come and go.
#[derive(Debug)]
pub struct Share(Budget);

impl Share {
    /// The most that the partition may hold in open events, so that one that waits for its sink
    /// leaves room for the others.
    pub fn open_bytes_max(&self) -> u64 {
        4 * u64::from(self.0.events_max) / self.read()
    }

    /// How many events of at most `event_bytes` its receiver may prefetch.
    pub fn prefetch(&self, event_bytes: u64) -> u32 {
        self.prefetch_beside(self.read(), event_bytes)
    }

    /// The same at first, when more partitions may follow: as if all of them were read here.
    pub fn first_prefetch(&self, event_bytes: u64) -> u32 {
        let known = self.0.partitions.known.load(Ordering::Relaxed) as u64;
        self.prefetch_beside(self.read().max(known), event_bytes)
    }

    fn prefetch_beside(&self, partitions: u64, event_bytes: u64) -> u32 {
        let events = self.0.total / 4 / partitions / event_bytes.max(1);
        u32::try_from(events.clamp(1, 300)).unwrap_or(300)
    }

    /// How many partitions are being read, this one among them.
    fn read(&self) -> u64 {
        self.0.partitions.read.load(Ordering::Relaxed).max(1) as u64
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.partitions.read.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_event_larger_than_the_share_goes_alone() {
        let budget = Budget::new(100);
        let small = budget.reserve(1).await;
        let large = budget.reserve(1_000);
        tokio::pin!(large);
        assert!(futures::poll!(&mut large).is_pending());
        drop(small);
        let large = large.await;
        assert_eq!(budget.reserved(), 50);
        drop(large);
        assert_eq!(budget.reserved(), 0);
    }

    #[test]
    fn shares_follow_the_number_of_partitions_that_are_read() {
        let budget = Budget::new(128 << 20);
        let first = budget.share();
        assert_eq!(first.open_bytes_max(), 256 << 20);
        assert_eq!(first.prefetch(1 << 20), 32);
        assert_eq!(first.prefetch(10), 300);
        let others: Vec<_> = (1..32).map(|_| budget.share()).collect();
        assert_eq!(first.open_bytes_max(), 8 << 20);
        assert_eq!((first.prefetch(1 << 20), first.prefetch(20 << 20)), (1, 1));
        assert_eq!(others[30].prefetch(30_000), 34);
        drop(others);
        assert_eq!(first.prefetch(1 << 20), 32);
    }

    #[test]
    fn all_sources_together_need_room() {
        let budget = Budget::new(128 << 20);
        assert_eq!(budget.needed_for("audit", 16, 1 << 20), None);
        assert_eq!(budget.needed_for("sign_in", 16, 1 << 20), None);
        // What is known of a source takes the place of what was known of it before.
        assert_eq!(budget.needed_for("sign_in", 16, 1 << 20), None);
        let needed = budget.needed_for("risk", 1, 1 << 20);
        assert_eq!(needed, Some("132MiB".to_owned()));
        let needed = budget.needed_for("risk", 4, 20 << 20);
        assert_eq!(needed, Some("448MiB".to_owned()));
    }

    #[test]
    fn the_first_prefetch_leaves_room_for_the_partitions_that_follow() {
        let budget = Budget::new(128 << 20);
        assert_eq!(budget.needed_for("audit", 4, 1 << 20), None);
        assert_eq!(budget.needed_for("sign_in", 12, 1 << 20), None);
        let first = budget.share();
        assert_eq!(first.first_prefetch(1 << 20), 2);
        assert_eq!(first.prefetch(1 << 20), 32);
        let _others: Vec<_> = (1..32).map(|_| budget.share()).collect();
        assert_eq!(first.first_prefetch(1 << 20), 1);
    }
}
