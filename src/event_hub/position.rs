//! Where an event stands in its partition, and from where a partition can be opened.

use std::fmt;
use std::sync::Arc;

/// Identifier of a partition, as the service names it (`"0"`, `"1"`, ...).
///
/// Cheap to clone: it is shared by every position, label and log line of the partition.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId(Arc<str>);

impl PartitionId {
    /// Takes the identifier as the service writes it.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The identifier as the service writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Number of an event in its partition. `-1` is a real value: it stands before the first event of
/// a partition that was never used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SequenceNumber(pub i64);

impl SequenceNumber {
    /// The number before the first event of a partition that was never used.
    pub const BEFORE_FIRST: Self = Self(-1);

    /// The number that a partition without gaps gives to the next event.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number before this one; [`Self::BEFORE_FIRST`] stays where it is.
    pub fn previous(self) -> Self {
        Self((self.0 - 1).max(-1))
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A moment, in milliseconds since 1970-01-01T00:00:00Z: the precision of Event Hubs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The RFC 3339 form with milliseconds, e.g. `2026-11-21T08:15:30.125Z`.
    pub fn to_rfc3339(self) -> String {
        let format = time::macros::format_description!(
            "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
        );
        time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|moment| moment.format(&format).ok())
            .unwrap_or_else(|| format!("{}ms", self.0))
    }

    /// Reads RFC 3339 text of any offset and precision; digits below a millisecond are cut off.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let moment =
            time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
                .ok()?;
        i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000))
            .ok()
            .map(Self)
    }

    /// Time passed since `earlier`; zero when `earlier` is not earlier.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }
}

impl From<std::time::SystemTime> for Timestamp {
    /// Milliseconds since 1970, also for what lies before.
    fn from(moment: std::time::SystemTime) -> Self {
        let (sign, distance) = match moment.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => (1, after),
            Err(before) => (-1, before.duration()),
        };
        Self(sign * i64::try_from(distance.as_millis()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

/// Opaque place of an event in its partition: never parsed, never compared, never invented.
///
/// Other SDKs resume from it, so a stored position carries the settled event's own offset, or
/// [`Offset::beginning`] when no event has been settled yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Offset(Arc<str>);

impl Offset {
    /// What stands before every event.
    pub const BEGINNING_TEXT: &'static str = "-1";

    /// Takes the text that the service attached to an event.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The offset that stands before every event.
    pub fn beginning() -> Self {
        Self::new(Self::BEGINNING_TEXT)
    }

    /// The text as the service wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where one event stands: what the ledger tracks and a checkpoint stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The event's number.
    pub sequence: SequenceNumber,
    /// The event's offset.
    pub offset: Offset,
    /// When the service took the event in. `None` for a position before the first event, and for
    /// a checkpoint that another program wrote.
    pub enqueued_at: Option<Timestamp>,
}

impl Position {
    /// A position that stands before every event of a partition, whatever its first number is.
    pub fn before_first() -> Self {
        Self {
            sequence: SequenceNumber::BEFORE_FIRST,
            offset: Offset::beginning(),
            enqueued_at: None,
        }
    }
}

/// From where a receiver is opened.
///
/// Only inclusive filters on sequence numbers are used for a known position: an exclusive filter
/// on the last number of a quiet partition was seen to return earlier events, and `> '-1'` on a
/// partition that was never used returns nothing, ever
/// (<https://github.com/Azure/azure-sdk-for-js/issues/20982>,
/// <https://github.com/Azure/azure-sdk-for-java/issues/29502>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenAt {
    /// The first event there is.
    Earliest,
    /// The event with this number, or the first after it.
    FromSequence(SequenceNumber),
    /// The event at this offset, or the first after it: only for a foreign checkpoint without a
    /// number, to learn the number.
    FromOffset(Offset),
    /// The first event enqueued at this moment or later.
    FromTime(Timestamp),
}

impl OpenAt {
    /// The filter that delivers the event at `position` again, so that its identity can be
    /// checked before anything after it is handed on.
    pub fn last_seen(position: &Position) -> Self {
        if position.sequence < SequenceNumber(0) {
            Self::Earliest
        } else {
            Self::FromSequence(position.sequence)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_read_what_they_write() {
        let moment = Timestamp(1_763_712_930_125);
        assert_eq!(moment.to_rfc3339(), "2025-11-21T08:15:30.125Z");
        assert_eq!(
            Timestamp::parse_rfc3339("2025-11-21T08:15:30.125Z"),
            Some(moment)
        );
        assert_eq!(
            Timestamp::parse_rfc3339("2025-11-21T09:15:30.1259+01:00"),
            Some(moment)
        );
        assert_eq!(Timestamp::parse_rfc3339("2025-11-21"), None);
    }

    #[test]
    fn a_position_before_the_first_event_opens_as_earliest() {
        assert_eq!(
            OpenAt::last_seen(&Position::before_first()),
            OpenAt::Earliest
        );
        let position = Position {
            sequence: SequenceNumber(0),
            ..Position::before_first()
        };
        assert_eq!(
            OpenAt::last_seen(&position),
            OpenAt::FromSequence(SequenceNumber(0))
        );
    }
}
