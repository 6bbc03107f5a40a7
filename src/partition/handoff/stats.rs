//! Counts of what was read.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::envelope::Unparsable;
use crate::event_hub::PartitionId;
use crate::partition::stats::PartitionStats;

/// Counts of what was read from one source since the start.
#[derive(Debug, Default)]
pub struct ReadStats {
    /// Events without any record: blank, or an empty envelope.
    pub empty: AtomicU64,
    /// Events whose body was compressed, or text in another encoding than UTF-8.
    pub encoded: AtomicU64,
    /// Records that were JSON only after a repair.
    pub repaired: AtomicU64,
    /// Pieces that were no JSON, by kind, in the order of [`Unparsable::ALL`].
    pub unparsable: [AtomicU64; Unparsable::ALL.len()],
    /// Records that no sink wants, which were dropped as configured.
    pub unrouted: AtomicU64,
    /// Dead letters: events that went there whole, and pieces that are no JSON.
    pub dead_lettered: AtomicU64,
    /// Claims on partitions that were taken from a replica with more than its share.
    pub steals: AtomicU64,
    /// Partitions that another replica took.
    pub partitions_lost: AtomicU64,
    /// Partitions that the hub has; 0 as long as it has not answered.
    pub partitions_of_hub: AtomicU64,
    partitions: Mutex<BTreeMap<PartitionId, Arc<PartitionStats>>>,
}

impl ReadStats {
    /// Counts one more.
    pub fn count(&self, which: impl FnOnce(&Self) -> &AtomicU64) {
        which(self).fetch_add(1, Ordering::Relaxed);
    }

    /// The counts of a partition, the same ones at every call.
    pub fn of(&self, partition: &PartitionId) -> Arc<PartitionStats> {
        let mut partitions = self.lock();
        let known = partitions.get(partition).map(Arc::clone);
        known.unwrap_or_else(|| Arc::clone(partitions.entry(partition.clone()).or_default()))
    }

    /// The counts of all partitions that were ever read.
    pub fn partitions(&self) -> Vec<(PartitionId, Arc<PartitionStats>)> {
        let partitions = self.lock();
        let all = partitions.iter();
        all.map(|(id, stats)| (id.clone(), Arc::clone(stats)))
            .collect()
    }

    /// Sum of a count over all partitions.
    pub fn sum(&self, which: impl Fn(&PartitionStats) -> &AtomicU64) -> u64 {
        let partitions = self.lock();
        let counts = partitions.values().map(|it| which(it));
        counts.map(|it| it.load(Ordering::Relaxed)).sum()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PartitionId, Arc<PartitionStats>>> {
        self.partitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
