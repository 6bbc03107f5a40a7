//! 4. Records: slices of an event's body, with their origin.
//!
//! [`Record::read`] and the methods beside it say what a record tells of itself; the table of it
//! all is in [`fields`].

use std::fmt;
use std::sync::Arc;

use crate::budget::Permit;
use crate::checkpoint::receipts::Receipts;
use crate::envelope::{Piece, RecordKind, Records, Repairs};
use crate::event_hub::{PartitionId, Position};

pub mod fields;
mod identity;
mod json;
mod keys;
mod members;
mod moment;
mod office365;
mod own_id;
mod path;
mod replayed;
mod restamp;
mod scan;
mod severity;
mod tenant;
#[cfg(test)]
pub(crate) mod testing;
mod time;
mod truncate;
mod value;

pub use fields::{Field, Fields};
pub use identity::{ContentKey, StableId};
pub use json::MARK;
pub use path::{BadPath, Path, Segment};
pub use replayed::{REPLAYED, ReplayId};
pub(crate) use replayed::{REPLAYED_BYTES_MAX, replayed};
pub use restamp::RESTAMPED;
pub(crate) use restamp::{RESTAMPED_BYTES_MAX, restamped};
pub use severity::Severity;
pub use tenant::{Tenant, TenantId};
pub use time::{EventTime, TimeSource};
pub(crate) use truncate::write_truncated;
pub use truncate::{TRUNCATED, TRUNCATED_BYTES_MIN};

/// A hub by its names, as every record of it knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HubName {
    /// Fully qualified namespace, lower case, never a custom endpoint.
    pub namespace: String,
    /// Name of the hub, lower case.
    pub event_hub: String,
}

impl HubName {
    /// The case of the names does not matter.
    pub fn new(namespace: &str, event_hub: &str) -> Self {
        Self {
            namespace: namespace.to_lowercase(),
            event_hub: event_hub.to_lowercase(),
        }
    }
}

/// The event that a record came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The hub.
    pub hub: Arc<HubName>,
    /// The partition.
    pub partition: PartitionId,
    /// The position in it.
    pub position: Position,
}

#[cfg(test)]
impl Origin {
    /// One that does not matter.
    pub(crate) fn any() -> Self {
        Self {
            hub: Arc::new(HubName::new("contoso.servicebus.windows.net", "logs")),
            partition: PartitionId::new("0"),
            position: Position::before_first(),
        }
    }
}

/// The body of one event, shared by all slices of it. Its memory counts against the budget until
/// the last slice is gone.
pub struct EventBody {
    records: Records,
    origin: Origin,
    _permit: Permit,
}

impl fmt::Debug for EventBody {
    // Shows sizes only: bodies never reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventBody({:?})", self.records)
    }
}

impl EventBody {
    /// Joins the records of a body with where they came from and the memory that they take.
    pub fn new(records: Records, origin: Origin, permit: Permit) -> Self {
        Self {
            records,
            origin,
            _permit: permit,
        }
    }
}

/// One record, as Event Hubs delivered it.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    piece: Piece<'a>,
    origin: &'a Origin,
}

impl fmt::Debug for Record<'_> {
    // Shows the size only: payload never reaches a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, bytes) = (self.piece.kind, self.piece.original.len());
        write!(f, "Record({kind:?}, {bytes} bytes)")
    }
}

impl<'a> Record<'a> {
    /// A piece of an event's body.
    pub fn new(piece: Piece<'a>, origin: &'a Origin) -> Self {
        Self { piece, origin }
    }

    /// What it is.
    pub fn kind(&self) -> RecordKind {
        self.piece.kind
    }

    /// Its exact bytes as they arrived, whatever they are.
    pub fn original(&self) -> &'a [u8] {
        self.piece.original
    }

    /// The JSON object that it is, or that a repair made of it; `None` of anything else.
    pub fn object(&self) -> Option<&'a [u8]> {
        match (self.piece.kind, self.piece.repaired) {
            (RecordKind::Object, _) => Some(self.piece.original),
            (RecordKind::Repaired, Some((json, _))) => Some(json),
            _ => None,
        }
    }

    /// What was repaired; nothing of a record that is forwarded as it came.
    pub fn repairs(&self) -> Repairs {
        self.piece.repaired.map(|(_, it)| it).unwrap_or_default()
    }

    /// Its number in its event, counted from 0.
    pub fn index(&self) -> u32 {
        self.piece.index
    }

    /// The event that it came with.
    pub fn origin(&self) -> &'a Origin {
        self.origin
    }

    /// The same record as a JSON object that was made of it.
    pub(crate) fn written_as<'b>(&self, object: &'b [u8]) -> Record<'b>
    where
        'a: 'b,
    {
        let piece = Piece {
            kind: RecordKind::Object,
            original: object,
            repaired: None,
            index: self.piece.index,
        };
        Record::new(piece, self.origin)
    }
}

/// Records of one event on their way to one sink, in the order of the body, with their receipts.
#[derive(Debug)]
pub struct Slice {
    body: Arc<EventBody>,
    /// The places in the body of what the sink wants; `None` is all records.
    places: Option<Arc<[u32]>>,
    /// What is left: from this one of the places, or of the records,
    from: usize,
    /// to before this one.
    to: usize,
    receipts: Receipts,
}

impl Slice {
    /// All records of an event.
    pub fn whole(body: Arc<EventBody>, receipts: Receipts) -> Self {
        let to = body.records.len();
        debug_assert_eq!(to as u64, receipts.records());
        Self {
            body,
            places: None,
            from: 0,
            to,
            receipts,
        }
    }

    /// The records of an event that stand at these places, which ascend.
    pub fn part(body: Arc<EventBody>, places: Arc<[u32]>, receipts: Receipts) -> Self {
        let to = places.len();
        debug_assert_eq!(to as u64, receipts.records());
        debug_assert!(places.is_sorted());
        Self {
            body,
            places: Some(places),
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
        let records = &self.body.records;
        // Of the two, one is there.
        let (whole, places) = match &self.places {
            None => (Some(records.pieces(self.from, self.to)), None),
            Some(places) => (None, places.get(self.from..self.to)),
        };
        let part = places.unwrap_or_default().iter().flat_map(|place| {
            let place = *place as usize;
            records.pieces(place, place + 1)
        });
        let pieces = whole.into_iter().flatten().chain(part);
        pieces.map(|piece| Record::new(piece, &self.body.origin))
    }

    /// Divides into the first `records` records and the rest.
    pub fn split_at(self, records: usize) -> (Self, Self) {
        let middle = (self.from + records).min(self.to);
        let (first, rest) = self.receipts.split_at((middle - self.from) as u64);
        let body = Arc::clone(&self.body);
        (
            Self {
                body,
                places: self.places.clone(),
                from: self.from,
                to: middle,
                receipts: first,
            },
            Self {
                body: self.body,
                places: self.places,
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
