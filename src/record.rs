//! 4. Records: slices of an event's body, with their origin.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::budget::Permit;
use crate::checkpoint::receipts::Receipts;
use crate::envelope::{RecordRange, Records, Shape};

/// The body of one event, shared by all slices of it. Its memory counts against the budget until
/// the last slice is gone.
pub struct EventBody {
    bytes: Bytes,
    records: Records,
    _permit: Permit,
}

impl fmt::Debug for EventBody {
    // Shows sizes only: bodies never reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "EventBody({} bytes, {} records)",
            self.bytes.len(),
            self.records.ranges.len()
        )
    }
}

impl EventBody {
    /// Joins a body with the records that were found in it and the memory that it takes.
    pub fn new(bytes: Bytes, records: Records, permit: Permit) -> Self {
        Self {
            bytes,
            records,
            _permit: permit,
        }
    }

    /// What the body turned out to be.
    pub fn shape(&self) -> Shape {
        self.records.shape
    }

    fn record(&self, range: &RecordRange) -> Record<'_> {
        let bytes = self
            .bytes
            .get(range.start as usize..range.end as usize)
            .unwrap_or_default();
        Record {
            bytes,
            is_json: self.records.shape != Shape::Text,
        }
    }
}

/// One record: the exact bytes that Event Hubs delivered.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Whether they are one JSON text.
    pub is_json: bool,
}

/// Consecutive records of one event on their way to one sink, with their receipts.
#[derive(Debug)]
pub struct Slice {
    body: Arc<EventBody>,
    from: usize,
    to: usize,
    receipts: Receipts,
}

impl Slice {
    /// All records of an event.
    pub fn whole(body: Arc<EventBody>, receipts: Receipts) -> Self {
        let to = body.records.ranges.len();
        debug_assert_eq!(to as u64, receipts.records());
        Self {
            body,
            from: 0,
            to,
            receipts,
        }
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.to - self.from
    }

    /// Whether no record is left.
    pub fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// The records, in the order of the body.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let ranges = self
            .body
            .records
            .ranges
            .get(self.from..self.to)
            .unwrap_or_default();
        ranges.iter().map(|range| self.body.record(range))
    }

    /// Divides into the first `records` records and the rest.
    pub fn split_at(self, records: usize) -> (Self, Self) {
        let middle = (self.from + records).min(self.to);
        let (first, rest) = self.receipts.split_at((middle - self.from) as u64);
        let body = Arc::clone(&self.body);
        (
            Self {
                body,
                from: self.from,
                to: middle,
                receipts: first,
            },
            Self {
                body: self.body,
                from: middle,
                to: self.to,
                receipts: rest,
            },
        )
    }

    /// The receipts of the records that are left.
    pub fn receipts(&self) -> &Receipts {
        &self.receipts
    }

    /// Gives the receipts away; the records are done with.
    pub fn into_receipts(self) -> Receipts {
        self.receipts
    }
}
