//! Times as the command line has them.

use std::time::{Duration, SystemTime};

use crate::config::Start;
use crate::event_hub::{SequenceNumber, Timestamp};
use crate::tools::Until;

/// A moment, or how long ago it was.
pub(super) fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text)
        .or_else(|| Some(ago(duration(text).ok()?)))
        .ok_or_else(|| {
            "expected a time such as 2026-01-31T08:00:00Z, or a duration such as 2h".to_owned()
        })
}

/// A duration as the command line has it.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "expected a duration such as 30d or 5m".to_owned())
}

/// The moment so long before now; the first there is, when that would be too early.
pub(super) fn ago(duration: Duration) -> Timestamp {
    let now = SystemTime::now();
    now.checked_sub(duration)
        .map_or(Timestamp(i64::MIN), Timestamp::from)
}

/// Where to begin: as in the configuration, or how long ago.
pub(super) fn start(text: &str) -> Result<Start, String> {
    let ago = |text| Some(Start::Time(ago(duration(text).ok()?)));
    let known = match text {
        "now" => Ok(Start::Latest),
        _ => text.parse(),
    };
    known.or_else(|_| {
        ago(text).ok_or_else(|| {
            "expected earliest, now, a time such as 2026-01-31T08:00:00Z, a duration such as 15m, \
             or a sequence number"
                .to_owned()
        })
    })
}

/// A time or a sequence number: what means the same events whenever it is asked.
pub(super) fn place(text: &str) -> Result<Place, String> {
    match text.parse::<Start>() {
        Ok(Start::Time(moment)) => Ok(Place::Time(moment)),
        Ok(Start::Sequence(number)) => Ok(Place::Sequence(number)),
        _ => Err(
            "expected a time such as 2026-01-31T08:00:00Z, or a sequence number (the same at every \
             run, so no duration)"
                .to_owned(),
        ),
    }
}

/// A place in every partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// By when Event Hubs took the events in.
    Time(Timestamp),
    /// By number.
    Sequence(SequenceNumber),
}

impl From<Place> for Start {
    fn from(place: Place) -> Self {
        match place {
            Place::Time(moment) => Self::Time(moment),
            Place::Sequence(number) => Self::Sequence(number),
        }
    }
}

impl From<Place> for Until {
    fn from(place: Place) -> Self {
        match place {
            Place::Time(moment) => Self::Time(moment),
            Place::Sequence(number) => Self::Sequence(number),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Time(moment) => moment.fmt(f),
            Self::Sequence(number) => write!(f, "number {number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_moments_or_durations() {
        assert_eq!(
            moment("2026-01-31T08:00:00Z"),
            Ok(Timestamp(1_769_846_400_000))
        );
        let now = Timestamp::from(SystemTime::now());
        let hours = now.since(moment("2h").unwrap()).as_secs();
        assert!((7_199..7_300).contains(&hours), "{hours}");
        for wrong in ["", "yesterday", "2026-01-31", "-2h"] {
            assert!(moment(wrong).unwrap_err().contains("expected"), "{wrong}");
        }
    }

    #[test]
    fn places_are_times_or_numbers() {
        assert_eq!(start("now"), Ok(Start::Latest));
        assert_eq!(start("17"), Ok(Start::Sequence(SequenceNumber(17))));
        assert!(matches!(start("15m"), Ok(Start::Time(_))));
        assert!(start("-3").is_err() && start("soon").is_err());
        let time = "2026-01-31T08:00:00Z";
        assert_eq!(place(time), Ok(Place::Time(Timestamp(1_769_846_400_000))));
        assert_eq!(place("0"), Ok(Place::Sequence(SequenceNumber(0))));
        for wrong in ["2h", "earliest", "latest", ""] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}
