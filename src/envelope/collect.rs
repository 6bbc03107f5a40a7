//! Collects what a splitter finds.

use bytes::Bytes;

use super::records::Repaired;
use super::{BodyEncoding, RecordKind, RecordRange, Records, Repairs, Unparsable};

/// Records in the order in which they are found.
pub(super) struct Collector {
    text: Bytes,
    extra: Vec<u8>,
    ranges: Vec<RecordRange>,
    kinds: Vec<RecordKind>,
    repaired: Vec<Repaired>,
}

/// A body that is one piece.
pub(super) fn whole(body: &Bytes, unparsable: Unparsable) -> Records {
    let mut collector = Collector::new(body);
    collector.push(0, body.len(), RecordKind::Text(unparsable));
    collector.finish()
}

impl Collector {
    /// Positions that are given later count from the beginning of `text`.
    pub(super) fn new(text: &Bytes) -> Self {
        Self::with_room(text, 0)
    }

    /// With room for so many records.
    pub(super) fn with_room(text: &Bytes, records: usize) -> Self {
        Self {
            text: text.clone(),
            extra: Vec::new(),
            ranges: Vec::with_capacity(records),
            kinds: Vec::new(),
            repaired: Vec::new(),
        }
    }

    /// Adds what stands from `start` to `end`.
    pub(super) fn push(&mut self, start: usize, end: usize, kind: RecordKind) {
        if kind != RecordKind::Object && self.kinds.is_empty() {
            self.kinds.resize(self.ranges.len(), RecordKind::Object);
        }
        if kind != RecordKind::Object || !self.kinds.is_empty() {
            self.kinds.push(kind);
        }
        self.ranges.push(range(start, end));
    }

    /// Adds an object that was made of what stands from `start` to `end`.
    pub(super) fn push_repaired(
        &mut self,
        start: usize,
        end: usize,
        json: &[u8],
        repairs: Repairs,
    ) {
        let from = self.extend(json);
        self.repaired.push(Repaired {
            place: u32::try_from(self.ranges.len()).unwrap_or(u32::MAX),
            json: range(from, from + json.len()),
            repairs,
        });
        self.push(start, end, RecordKind::Repaired);
    }

    /// Keeps another text, such as the content of a JSON string; gives the position of its
    /// beginning, from which its records count.
    pub(super) fn extend(&mut self, text: &[u8]) -> usize {
        let from = self.text.len() + self.extra.len();
        self.extra.extend_from_slice(text);
        from
    }

    /// The number of records so far.
    pub(super) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Everything that was found.
    pub(super) fn finish(mut self) -> Records {
        self.ranges.shrink_to_fit();
        self.kinds.shrink_to_fit();
        Records {
            encoding: BodyEncoding::Utf8,
            text: self.text,
            extra: self.extra.into(),
            ranges: self.ranges,
            kinds: self.kinds,
            repaired: self.repaired,
            indices: Vec::new(),
        }
    }
}

fn range(start: usize, end: usize) -> RecordRange {
    let offset = |bytes| u32::try_from(bytes).unwrap_or(u32::MAX);
    RecordRange {
        start: offset(start),
        end: offset(end),
    }
}
