//! Where reading starts.

use crate::event_hub::{SequenceNumber, Timestamp};

/// Where to start when the consumer group has no checkpoint at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the first retained event.
    Earliest,
    /// After the last event at the moment of the first start.
    Latest,
    /// At the first event enqueued at this moment or later.
    Time(Timestamp),
    /// At the event with this number.
    Sequence(SequenceNumber),
}

impl std::str::FromStr for Start {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sequence = || text.parse().ok().filter(|number| *number >= 0);
        match text {
            "earliest" => Some(Self::Earliest),
            "latest" => Some(Self::Latest),
            _ => sequence()
                .map(|number| Self::Sequence(SequenceNumber(number)))
                .or_else(|| Timestamp::parse_rfc3339(text).map(Self::Time)),
        }
        .ok_or(
            "expected earliest, latest, an RFC 3339 time such as 2026-01-31T00:00:00Z, or a \
             sequence number",
        )
    }
}
