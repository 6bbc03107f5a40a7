//! When the event happened, as the record says it.

use super::keys::Key;
use super::{Field, Fields, Record, moment};

/// A moment, in nanoseconds since 1970-01-01T00:00:00Z; of a record's field, from 1971 to the end of
/// 2199 where it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventTime(pub i64);

impl EventTime {
    /// Reads a moment as the text of a record's field, of any format in the table; `None` for
    /// anything else. Digits below a nanosecond are cut off.
    ///
    /// | format | e.g. |
    /// |---|---|
    /// | RFC 3339, with any number of digits, or none | `2023-08-16T15:32:05.5772601Z` |
    /// | with a blank for the `T`, one digit where two belong, no seconds | `2022-09-09 9:59:27.958` |
    /// | with an offset | `+00:00`, `-05:00`, `+0200`, `+02`; none means UTC |
    /// | of the United States, with or without `AM`, fraction, offset | `8/22/2022 6:11:52 PM` |
    /// | seconds, ms, µs, ns since 1970, .NET ticks; the size tells which | `1795248930.125` |
    /// | of old .NET services | `/Date(1658751973240)/` |
    ///
    /// A text is read from 1971 to 2199, a number from 2000 to 2199: `0001-01-01`, `1970-01-01`
    /// and `9999-12-31` are how "never" is written. A day without a time of day is no moment.
    pub fn parse(text: &str) -> Option<Self> {
        moment::parse(text).map(Self)
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub fn nanoseconds(self) -> i64 {
        self.0
    }
}

/// Where a time was taken from: the first of these that holds one.
///
/// | order | source | of |
/// |---|---|---|
/// | 1 | `time` | every record of Azure Monitor: when it happened, or some minutes later when it was processed |
/// | 2 | `timestamp` (`timeStamp`) | Application Gateway |
/// | 3 | `eventTimestamp` | the activity log's own API |
/// | 4 | `timeGenerated` | a Log Analytics export |
/// | 5 | `createdDateTime` | flat sign-ins, alerts of Graph |
/// | 6 | `activityDateTime` | audit records of Graph |
/// | 7 | `creationTime` | Office 365 audit records |
/// | 8 | `received` | message traces |
/// | 9 | `properties`: `time`, `timestamp`, `timeGenerated`, `createdDateTime`, `activityDateTime`, `creationTime`, `lastUpdatedDateTime`, `riskLastUpdatedDateTime`, `__UDI_RequiredFields_EventTime` | Azure AD Graph activity, and whatever has no time at its top |
/// | 10 | when Event Hubs took in the event | everything else |
///
/// `time` comes before what stands in `properties`, although that can be nearer to the event
/// (`createdDateTime` of a sign-in by up to five minutes, `Timestamp` of Defender): it is what
/// Azure Monitor defines as the time of a record, the same in every category, and can be read
/// without reading `properties`. A field that holds no moment is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeSource {
    /// A field, by its path, e.g. `time` or `properties.timeGenerated`.
    Field(&'static str),
    /// The moment at which Event Hubs took in the event.
    Enqueued,
}

/// In the order of preference.
const KEYS: [Key; 8] = [
    Key::Time,
    Key::Timestamp,
    Key::EventTimestamp,
    Key::TimeGenerated,
    Key::CreatedDateTime,
    Key::ActivityDateTime,
    Key::CreationTime,
    Key::Received,
];

/// Paths in the order of preference. `timestamp` comes early, since Defender's rows may hold the
/// `CreatedDateTime` of an account beside it.
const PROPERTIES: [&str; 9] = [
    "properties.time",
    "properties.timestamp",
    "properties.timeGenerated",
    "properties.createdDateTime",
    "properties.activityDateTime",
    "properties.creationTime",
    "properties.lastUpdatedDateTime",
    "properties.riskLastUpdatedDateTime",
    "properties.__UDI_RequiredFields_EventTime",
];

impl Record<'_> {
    /// [`Fields::time`].
    pub fn time(&self) -> Option<(EventTime, TimeSource)> {
        self.read(&[Field::Time]).time()
    }
}

impl Fields<'_> {
    /// When the event happened; `None` when neither the record nor Event Hubs says it.
    pub fn time(&mut self) -> Option<(EventTime, TimeSource)> {
        for key in KEYS {
            if let Some(time) = self.text(key).and_then(|text| EventTime::parse(&text)) {
                return Some((time, TimeSource::Field(key.name())));
            }
        }
        let names = PROPERTIES.map(|path| path.strip_prefix("properties.").unwrap_or(path));
        for (text, path) in self.property_texts(names).into_iter().zip(PROPERTIES) {
            if let Some(time) = text.and_then(|text| EventTime::parse(&text)) {
                return Some((time, TimeSource::Field(path)));
            }
        }
        let enqueued_at = self.record.origin().position.enqueued_at?;
        let nanoseconds = enqueued_at.0.saturating_mul(1_000_000);
        Some((EventTime(nanoseconds), TimeSource::Enqueued))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{ENQUEUED, with};
    use super::*;
    use crate::record::Origin;

    const T: &str = "2026-01-02T03:04:05Z";

    fn check(body: &str, source: TimeSource) {
        let body = body.replace("$T", T);
        with(&body, |record| {
            let (time, found) = record.time().unwrap();
            assert_eq!(found, source, "{body}");
            let expected = match source {
                TimeSource::Enqueued => EventTime(ENQUEUED.0 * 1_000_000),
                TimeSource::Field(_) => EventTime::parse(T).unwrap(),
            };
            assert_eq!(time, expected);
        });
    }

    #[test]
    fn every_field_in_its_turn() {
        let mut members: Vec<String> = Vec::new();
        let mut inner: Vec<String> = Vec::new();
        let first = "x".to_owned();
        // From the last source to the first one, each added to those before it.
        for path in PROPERTIES.iter().rev() {
            let name = path.trim_start_matches("properties.").to_uppercase();
            inner.push(format!("\"{name}\":\"$T\""));
            let properties = inner.join(",");
            check(
                &format!("{{\"properties\":{{{properties}}}}}"),
                TimeSource::Field(path),
            );
            let text = properties.replace('"', "\\\"");
            check(
                &format!("{{\"properties\":\"{{{text}}}\"}}"),
                TimeSource::Field(path),
            );
        }
        members.push(format!(
            "\"{first}\":1,\"properties\":{{{}}}",
            inner.join(",")
        ));
        for key in KEYS.iter().rev() {
            members.push(format!("\"{}\":\"$T\"", key.name().to_uppercase()));
            let body = format!("{{{}}}", members.join(","));
            check(&body, TimeSource::Field(key.name()));
        }
    }

    #[test]
    fn what_is_no_moment_is_passed_over() {
        check(
            r#"{"time":"0001-01-01T00:00:00","TimeGenerated":"$T"}"#,
            TimeSource::Field("timeGenerated"),
        );
        check(
            r#"{"time":null,"timeStamp":"9999-12-31T23:59:59Z","properties":{"time":"","Timestamp":"$T"}}"#,
            TimeSource::Field("properties.timestamp"),
        );
        for nothing in [
            "{}",
            r#"{"time":{"a":"$T"},"x":"$T"}"#,
            r#"{"time":true,"properties":["$T"]}"#,
            r#"{"time":"","properties":"{'time':'$T'}"}"#,
            "\"$T\"",
            "$T",
        ] {
            check(nothing, TimeSource::Enqueued);
        }
    }

    #[test]
    fn without_anything_there_is_none() {
        let origin = Origin::any();
        let records = crate::envelope::split(&bytes::Bytes::from_static(b"{\"a\":1}"), 0);
        let record = Record::new(records.all().next().unwrap(), &origin);
        assert_eq!(record.time(), None);
    }

    #[test]
    fn a_number_is_a_time() {
        check(r#"{"time":1767323045}"#, TimeSource::Field("time"));
        check(r#"{"time":"1767323045000"}"#, TimeSource::Field("time"));
    }
}
