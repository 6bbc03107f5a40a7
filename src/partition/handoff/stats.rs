//! Counts of what was read.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::envelope::Unparsable;

/// Counts of what was read since the start.
#[derive(Debug, Default)]
pub struct ReadStats {
    /// Bytes of bodies that were handed on.
    pub bytes: AtomicU64,
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
    /// Dead letters: events that went there whole, and pieces that are no JSON.
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
