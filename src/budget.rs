//! Memory: one budget with shares, so that what is held is bounded whatever arrives.
//!
//! | share | for |
//! |---|---|
//! | 1/2 | bodies of events that are read and not settled, with 8 bytes per record |
//! | 1/4 | events that the receivers have prefetched |
//! | 1/8 | bodies that are being built and compressed |
//! | 1/8 | compressed bodies in flight: left free for them, not reserved; they are bounded by each sink's `concurrency` times `batch.bytes` |
//!
//! Permits are returned by `Drop`, when the last slice of a body is gone.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The memory budget.
#[derive(Clone, Debug)]
pub struct Budget {
    total: u64,
    events: Arc<Semaphore>,
    events_max: u32,
}

/// Bytes of the budget; they return to it when this is dropped.
#[derive(Debug)]
pub struct Permit(#[expect(dead_code, reason = "held for its Drop")] OwnedSemaphorePermit);

impl Budget {
    /// A budget of this many bytes.
    pub fn new(total: u64) -> Self {
        let events_max = u32::try_from(total / 2).unwrap_or(u32::MAX);
        Self {
            total,
            events: Arc::new(Semaphore::new(events_max as usize)),
            events_max,
        }
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
        loop {
            if let Ok(permit) = Arc::clone(&self.events).acquire_many_owned(wanted).await {
                return Permit(permit);
            }
            // The semaphore is never closed; should it be, waiting is what loses nothing.
            std::future::pending::<()>().await;
        }
    }

    /// Bytes that are reserved for events now.
    pub fn reserved(&self) -> u64 {
        u64::from(self.events_max).saturating_sub(self.events.available_permits() as u64)
    }

    /// The most that one of `partitions` may hold in open events, so that a partition that waits
    /// for its sink leaves room for the others.
    pub fn partition_share(&self, partitions: usize) -> u64 {
        4 * u64::from(self.events_max) / partitions.max(1) as u64
    }

    /// How many events of at most `event_bytes` each receiver may prefetch.
    pub fn prefetch(&self, partitions: usize, event_bytes: u64) -> u32 {
        let events = self.total / 4 / partitions.max(1) as u64 / event_bytes.max(1);
        u32::try_from(events.clamp(1, 300)).unwrap_or(300)
    }

    /// The budget that would hold one prefetched event of every partition, as it is configured
    /// (`"128MiB"`); `None` when the present one does.
    pub fn needed_for(&self, partitions: usize, event_bytes: u64) -> Option<String> {
        let needed = (partitions as u64)
            .saturating_mul(event_bytes)
            .saturating_mul(4);
        (needed > self.total).then(|| format!("{}MiB", needed.div_ceil(1 << 20)))
    }

    /// Bytes of batches that may be built at the same time.
    pub fn building(&self) -> u64 {
        self.total / 8
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
    fn shares_follow_the_number_of_partitions() {
        let budget = Budget::new(128 << 20);
        assert_eq!(budget.prefetch(4, 1 << 20), 8);
        assert_eq!(budget.prefetch(1_024, 1 << 20), 1);
        assert_eq!(budget.prefetch(1, 10), 300);
        assert_eq!(budget.partition_share(32), 8 << 20);
        assert_eq!(budget.needed_for(32, 1 << 20), None);
        assert_eq!(budget.needed_for(33, 1 << 20), Some("132MiB".to_owned()));
    }
}
