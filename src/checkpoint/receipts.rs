//! Receipts: what travels with records, and is given back when they are settled.

use smallvec::SmallVec;

use super::ledger::{Generation, SinkId};
use super::ledgers::LedgerId;

/// Proof that records of one sink are owed, in wire order: consumed by being settled.
///
/// Neither `Clone` nor `Copy`, so that settling twice does not compile:
/// ```compile_fail,E0382
/// # use entra_forwarder::checkpoint::ledger::Settlement;
/// # use entra_forwarder::checkpoint::ledgers::Ledgers;
/// # use entra_forwarder::checkpoint::receipts::Receipts;
/// fn twice(ledgers: &Ledgers, receipts: Receipts) {
///     ledgers.settle(receipts, Settlement::Delivered);
///     ledgers.settle(receipts, Settlement::Delivered);
/// }
/// ```
#[derive(Debug)]
#[must_use = "records whose receipts are dropped stay owed, and their partition waits for them"]
pub struct Receipts {
    pub(super) sink: SinkId,
    pub(super) runs: SmallVec<[Run; 2]>,
    pub(super) records: u64,
}

/// Records of one event that stand side by side in the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) ledger: LedgerId,
    pub(super) generation: Generation,
    pub(super) index: u64,
    pub(super) records: u32,
}

impl Receipts {
    /// No receipts yet, for a batch of this sink.
    pub fn none(sink: SinkId) -> Self {
        Self {
            sink,
            runs: SmallVec::new(),
            records: 0,
        }
    }

    /// The number of records that these receipts stand for.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Puts the receipts of later records behind these. Both belong to the same sink.
    pub fn append(&mut self, later: Self) {
        debug_assert_eq!(self.sink, later.sink);
        self.records += later.records;
        for run in later.runs {
            match self.runs.last_mut() {
                Some(last)
                    if (last.ledger, last.generation, last.index)
                        == (run.ledger, run.generation, run.index) =>
                {
                    last.records += run.records;
                }
                _ => self.runs.push(run),
            }
        }
    }

    /// Divides into the receipts of the first `records` records and the rest.
    pub fn split_at(self, records: u64) -> (Self, Self) {
        let (mut first, mut rest) = (Self::none(self.sink), Self::none(self.sink));
        for run in self.runs {
            let room = records.saturating_sub(first.records);
            let taken = u32::try_from(room).unwrap_or(u32::MAX).min(run.records);
            for (part, records) in [(&mut first, taken), (&mut rest, run.records - taken)] {
                if records > 0 {
                    part.records += u64::from(records);
                    part.runs.push(Run { records, ..run });
                }
            }
        }
        (first, rest)
    }
}
