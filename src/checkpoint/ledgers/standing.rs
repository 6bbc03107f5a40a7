//! Where the partitions stand, for whoever looks on.

use super::super::ledger::Backlog;
use super::Ledgers;
use crate::event_hub::{PartitionId, Position, SequenceNumber};

/// Where one partition that this process owns stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Name of its source.
    pub source: String,
    /// The partition.
    pub partition: PartitionId,
    /// The position up to which everything is settled.
    pub watermark: Option<Position>,
    /// The number in the stored checkpoint.
    pub checkpointed: Option<SequenceNumber>,
    /// The first event that is read and not settled.
    pub oldest: Option<Position>,
    /// What is held beyond the watermark.
    pub backlog: Backlog,
}

impl Ledgers {
    /// Where each owned partition stands; those that were given up are left out.
    pub fn standings(&self) -> Vec<Standing> {
        let slots = self.slots();
        let standing = slots.iter().filter_map(|slot| {
            let state = slot.lock();
            let ledger = state.ledger.as_ref()?;
            Some(Standing {
                source: slot.source.clone(),
                partition: slot.partition.clone(),
                watermark: ledger.watermark().cloned(),
                checkpointed: ledger.checkpointed(),
                oldest: ledger.oldest().cloned(),
                backlog: ledger.backlog(),
            })
        });
        standing.collect()
    }
}
