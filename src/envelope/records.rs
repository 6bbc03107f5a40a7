//! What a body was split into.

use std::fmt;

use bytes::Bytes;

use super::BodyEncoding;

/// Where something stands in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRange {
    /// First byte.
    pub start: u32,
    /// Byte behind the last one.
    pub end: u32,
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// A JSON object, byte for byte.
    Object,
    /// Another JSON value (a text, a number, an array), byte for byte.
    Value,
    /// What is a JSON object only after a repair.
    Repaired,
    /// No JSON.
    Text(Unparsable),
}

/// Why something is no JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unparsable {
    /// Plain text.
    Text,
    /// A page of a web server.
    Html,
    /// A record that was cut off.
    Truncated,
    /// A record that no repair makes JSON of.
    Broken,
    /// A record with bytes that are no UTF-8.
    InvalidUtf8,
    /// No text at all, or compressed and damaged.
    Binary,
    /// Compressed, and larger than what is unpacked.
    TooLarge,
}

impl Unparsable {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 7] = [
        Self::Text,
        Self::Html,
        Self::Truncated,
        Self::Broken,
        Self::InvalidUtf8,
        Self::Binary,
        Self::TooLarge,
    ];

    /// Its place in [`Self::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// A stable word, for logs, metrics and dead letters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Html => "html",
            Self::Truncated => "truncated",
            Self::Broken => "broken",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::Binary => "binary",
            Self::TooLarge => "too_large",
        }
    }
}

/// What was done to make JSON of a record: a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Repairs(u16);

impl Repairs {
    /// Strings and keys in single quotes.
    pub const SINGLE_QUOTES: Self = Self(1);
    /// A comma before a closing bracket, or two in a row.
    pub const EXTRA_COMMA: Self = Self(1 << 1);
    /// No comma between two members.
    pub const MISSING_COMMA: Self = Self(1 << 2);
    /// Line breaks and other control characters in a string, escaped; or between values, left out.
    pub const CONTROL_CHARACTER: Self = Self(1 << 3);
    /// `NaN` and the infinities, which became `null`.
    pub const NOT_A_NUMBER: Self = Self(1 << 4);
    /// Words without quotes, which became strings (or the JSON word that they mean).
    pub const UNQUOTED: Self = Self(1 << 5);
    /// A quote inside of a string, escaped.
    pub const INNER_QUOTE: Self = Self(1 << 6);
    /// Brackets that were not closed, or closed by the wrong one.
    pub const BRACKET: Self = Self(1 << 7);
    /// A backslash before a character that needs none.
    pub const ESCAPE: Self = Self(1 << 8);
    /// A key without a value, which became `null`, or a missing colon.
    pub const MISSING_VALUE: Self = Self(1 << 9);
    /// A number as JSON does not write it, which became a string.
    pub const NUMBER: Self = Self(1 << 10);
    /// A comment, which was left out.
    pub const COMMENT: Self = Self(1 << 11);

    const NAMES: [(Self, &'static str); 12] = [
        (Self::SINGLE_QUOTES, "single_quotes"),
        (Self::EXTRA_COMMA, "extra_comma"),
        (Self::MISSING_COMMA, "missing_comma"),
        (Self::CONTROL_CHARACTER, "control_character"),
        (Self::NOT_A_NUMBER, "not_a_number"),
        (Self::UNQUOTED, "unquoted"),
        (Self::INNER_QUOTE, "inner_quote"),
        (Self::BRACKET, "bracket"),
        (Self::ESCAPE, "escape"),
        (Self::MISSING_VALUE, "missing_value"),
        (Self::NUMBER, "number"),
        (Self::COMMENT, "comment"),
    ];

    /// Adds what the other holds.
    pub fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether nothing was done.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Stable words, in the order of the constants.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |(repair, _)| self.0 & repair.0 != 0)
            .map(|(_, name)| name)
    }
}

/// A body and the records in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Records {
    pub(super) encoding: BodyEncoding,
    /// What ranges point into; those behind its end point into `extra`.
    pub(super) text: Bytes,
    /// Texts that do not stand in `text` as they are: repaired records, unpacked strings.
    pub(super) extra: Bytes,
    pub(super) ranges: Vec<RecordRange>,
    /// One per range; none at all when every record is an object.
    pub(super) kinds: Vec<RecordKind>,
    /// In the order of the records that they belong to.
    pub(super) repaired: Vec<Repaired>,
    /// The index of each record in its event; none when no record was taken out.
    pub(super) indices: Vec<u32>,
}

/// The text that stands for a record which was repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Repaired {
    /// Place in the ranges.
    pub(super) place: u32,
    pub(super) json: RecordRange,
    pub(super) repairs: Repairs,
}

/// One record as it stands in its body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// What it is.
    pub kind: RecordKind,
    /// Its bytes as they arrived, without the encoding of the whole body.
    pub original: &'a [u8],
    /// The JSON object that was made of it, and how; only of a repaired record.
    pub repaired: Option<(&'a [u8], Repairs)>,
    /// Its number in its event, counted from 0 over everything that was found there.
    pub index: u32,
}

impl fmt::Debug for Records {
    // Shows sizes only: bodies never reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.text.len() + self.extra.len();
        write!(f, "Records({bytes} bytes, {} records)", self.ranges.len())
    }
}

impl Records {
    /// The number of records.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether every record is an object as it came.
    pub fn are_objects(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Whether something is no JSON.
    pub fn has_text(&self) -> bool {
        self.kinds
            .iter()
            .any(|kind| matches!(kind, RecordKind::Text(_)))
    }

    /// Whether there is nothing but what is no JSON.
    pub(super) fn is_all_text(&self) -> bool {
        let is_text = |kind: &RecordKind| matches!(kind, RecordKind::Text(_));
        !self.kinds.is_empty() && self.kinds.iter().all(is_text)
    }

    /// How the body was encoded.
    pub fn encoding(&self) -> BodyEncoding {
        self.encoding
    }

    /// Bytes that it holds in memory, the body included.
    pub fn memory_bytes(&self) -> u64 {
        let texts = self.text.len() + self.extra.len();
        let lists = self.ranges.len() * size_of::<RecordRange>()
            + self.kinds.len() * size_of::<RecordKind>()
            + self.repaired.len() * size_of::<Repaired>()
            + self.indices.len() * size_of::<u32>();
        (texts + lists) as u64
    }

    /// The records from one place to another, in the order of the body.
    pub fn pieces(&self, from: usize, to: usize) -> impl Iterator<Item = Piece<'_>> {
        let ranges = self.ranges.get(from..to).unwrap_or_default();
        let first = self
            .repaired
            .partition_point(|repaired| (repaired.place as usize) < from);
        let mut repaired = self.repaired.get(first..).unwrap_or_default().iter();
        ranges.iter().zip(from..).map(move |(range, place)| {
            let kind = self.kinds.get(place).copied();
            let kind = kind.unwrap_or(RecordKind::Object);
            let repaired = match kind {
                RecordKind::Repaired => repaired
                    .next()
                    .map(|repaired| (self.bytes(repaired.json), repaired.repairs)),
                _ => None,
            };
            let index = self.indices.get(place).copied();
            Piece {
                kind,
                original: self.bytes(*range),
                repaired,
                index: index.unwrap_or(u32::try_from(place).unwrap_or(u32::MAX)),
            }
        })
    }

    /// All records.
    pub fn all(&self) -> impl Iterator<Item = Piece<'_>> {
        self.pieces(0, self.len())
    }

    /// Takes out what is no JSON: gives what stays, with the same indices as before, and each piece
    /// that was taken out.
    pub fn without_text(self) -> (Self, Vec<(u32, Unparsable, Bytes)>) {
        let mut kept = Self {
            encoding: self.encoding,
            text: self.text.clone(),
            extra: self.extra.clone(),
            ranges: Vec::new(),
            kinds: Vec::new(),
            repaired: Vec::new(),
            indices: Vec::new(),
        };
        let mut out = Vec::new();
        let mut repaired = self.repaired.iter();
        for (place, (piece, range)) in self.all().zip(&self.ranges).enumerate() {
            let RecordKind::Text(unparsable) = piece.kind else {
                if piece.kind == RecordKind::Repaired
                    && let Some(repaired) = repaired.next()
                {
                    debug_assert_eq!(repaired.place as usize, place);
                    kept.repaired.push(Repaired {
                        place: u32::try_from(kept.ranges.len()).unwrap_or(u32::MAX),
                        ..*repaired
                    });
                }
                kept.ranges.push(*range);
                kept.kinds.push(piece.kind);
                kept.indices.push(piece.index);
                continue;
            };
            out.push((piece.index, unparsable, self.shared(*range)));
        }
        (kept, out)
    }

    /// Notes how the body was encoded.
    pub(super) fn encoded_as(mut self, encoding: BodyEncoding) -> Self {
        self.encoding = encoding;
        self
    }

    fn bytes(&self, range: RecordRange) -> &[u8] {
        let (start, end) = (range.start as usize, range.end as usize);
        let text = self.text.len();
        let found = match start < text || end <= text {
            true => self.text.get(start..end),
            false => self.extra.get(start - text..end - text),
        };
        found.unwrap_or_default()
    }

    fn shared(&self, range: RecordRange) -> Bytes {
        match range.start as usize {
            start if start < self.text.len() => self.text.slice_ref(self.bytes(range)),
            _ => self.extra.slice_ref(self.bytes(range)),
        }
    }
}
