//! 7. Batches: slices of events become batches, closed by records, bytes or age.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::checkpoint::ledger::SinkId;
use crate::checkpoint::receipts::Receipts;
use crate::config::BatchConfig;
use crate::format::Format;
use crate::record::{Record, Slice};

/// Records for one request, in wire order.
#[derive(Debug, Default)]
pub struct Batch {
    slices: Vec<Slice>,
    records: usize,
}

impl Batch {
    /// The number of records.
    pub fn len(&self) -> usize {
        self.records
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// The records, in wire order.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.slices.iter().flat_map(Slice::records)
    }

    /// The slices it is made of.
    pub fn slices(&self) -> &[Slice] {
        &self.slices
    }

    /// The records of several, one behind the other.
    pub fn of(parts: Vec<Self>) -> Self {
        let mut joined = Self::default();
        for slice in parts.into_iter().flat_map(|part| part.slices) {
            joined.push(slice);
        }
        joined
    }

    /// Divides into the first `records` records and the rest.
    pub fn split_at(self, records: usize) -> (Self, Self) {
        let (mut first, mut rest) = (Self::default(), Self::default());
        for slice in self.slices {
            let room = records.saturating_sub(first.records).min(slice.len());
            let (head, tail) = slice.split_at(room);
            first.push(head);
            rest.push(tail);
        }
        (first, rest)
    }

    /// Divides by what `class` makes of each record, in wire order; the classes come in the order
    /// in which they are first met, and each keeps the order of its records.
    pub fn sorted<C: PartialEq>(self, mut class: impl FnMut(&Record<'_>) -> C) -> Vec<(C, Self)> {
        let mut sorted: Vec<(C, Self)> = Vec::new();
        for slice in self.slices {
            let classes: Vec<C> = slice.records().map(|record| class(&record)).collect();
            let mut classes = classes.into_iter().peekable();
            let mut rest = slice;
            while let Some(class) = classes.next() {
                let mut run = 1;
                while classes.next_if(|next| *next == class).is_some() {
                    run += 1;
                }
                let (these, others) = rest.split_at(run);
                rest = others;
                match sorted.iter_mut().find(|(known, _)| *known == class) {
                    Some((_, batch)) => batch.push(these),
                    None => {
                        let mut batch = Self::default();
                        batch.push(these);
                        sorted.push((class, batch));
                    }
                }
            }
        }
        sorted
    }

    /// Each record alone, in wire order.
    pub fn into_singles(self) -> impl Iterator<Item = Self> {
        self.slices.into_iter().flat_map(|slice| {
            let mut rest = Some(slice);
            std::iter::from_fn(move || {
                let (one, others) = rest.take()?.split_at(1);
                rest = (!others.is_empty()).then_some(others);
                let mut single = Self::default();
                single.push(one);
                Some(single)
            })
        })
    }

    fn push(&mut self, slice: Slice) {
        if !slice.is_empty() {
            self.records += slice.len();
            self.slices.push(slice);
        }
    }

    /// The receipts of all records, in wire order; the records are done with.
    pub fn into_receipts(self, sink: SinkId) -> Receipts {
        let mut receipts = Receipts::none(sink);
        for slice in self.slices {
            receipts.append(slice.into_receipts());
        }
        receipts
    }
}

/// Collects slices until a batch is full or old enough. Copies nothing.
#[derive(Debug)]
pub struct Batcher {
    config: BatchConfig,
    format: Arc<dyn Format>,
    open: Vec<Slice>,
    records: usize,
    bytes: u64,
    opened_at: Option<Instant>,
    full: bool,
}

impl Batcher {
    /// An empty one.
    pub fn new(config: BatchConfig, format: Arc<dyn Format>) -> Self {
        let bytes = format.frame_bytes();
        Self {
            config,
            format,
            open: Vec::new(),
            records: 0,
            bytes,
            opened_at: None,
            full: false,
        }
    }

    /// Adds as many records as have room, and gives back the rest, for which the batch must be
    /// taken first. A record larger than the limit gets a batch of its own.
    pub fn push(&mut self, slice: Slice) -> Option<Slice> {
        let (mut taken, mut bytes) = (0, self.bytes);
        for record in slice.records() {
            let more = self.format.record_bytes_max(&record);
            let fits = bytes + more <= self.config.bytes || self.records + taken == 0;
            if !fits || self.records + taken == self.config.records {
                self.full = true;
                break;
            }
            bytes += more;
            taken += 1;
        }
        if taken == 0 {
            return (!slice.is_empty()).then_some(slice);
        }
        let (first, rest) = slice.split_at(taken);
        self.records += taken;
        self.bytes = bytes;
        self.opened_at.get_or_insert_with(Instant::now);
        self.open.push(first);
        self.full |= self.records == self.config.records || self.bytes >= self.config.bytes;
        (!rest.is_empty()).then_some(rest)
    }

    /// Whether the batch should be taken for its size.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// When the batch should be taken for its age; `None` when it is empty.
    pub fn due_at(&self) -> Option<Instant> {
        self.opened_at.map(|opened_at| opened_at + self.config.age)
    }

    /// How long ago its first record came; nothing when it is empty.
    pub fn age(&self) -> Duration {
        let age = self.opened_at.map(|opened_at| opened_at.elapsed());
        age.unwrap_or_default()
    }

    /// Takes the batch; `None` when it is empty.
    pub fn take(&mut self) -> Option<Batch> {
        self.opened_at = None;
        self.full = false;
        self.bytes = self.format.frame_bytes();
        let records = std::mem::take(&mut self.records);
        let slices = std::mem::take(&mut self.open);
        (records > 0).then_some(Batch { slices, records })
    }
}

#[cfg(test)]
mod tests;
