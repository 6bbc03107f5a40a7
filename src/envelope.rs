//! 3. The envelope: the body of an event becomes records.
//!
//! Azure's diagnostic settings write `{"records":[{...},{...}]}`. The records are slices of the
//! body: nothing is parsed into values and nothing is written again, so that no number loses a
//! digit and no key its place. A body that is no such envelope is one record of its own bytes.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Where one record stands in its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRange {
    /// First byte.
    pub start: u32,
    /// Byte behind the last one.
    pub end: u32,
}

/// What a body turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `{"records":[...]}`.
    Envelope,
    /// Some other JSON text: one record.
    Json,
    /// No JSON text: one record of its own bytes.
    Text,
    /// Nothing but white space: no record.
    Empty,
}

/// A body and the records in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// What the body turned out to be.
    pub shape: Shape,
    /// The records, in the order of the body.
    pub ranges: Vec<RecordRange>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    records: Vec<&'a RawValue>,
}

/// Splits a body into its records.
///
/// **Shape**: `{"records":[{"a":1}, {"a":2}]}` gives the ranges of `{"a":1}` and `{"a":2}`; other
/// keys beside `records` are passed over. One scan, linear in the body, at any depth of nesting.
///
/// Bodies of 4 GiB and more do not exist: Event Hubs ends at 20 MB
/// (<https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas>).
pub fn split(body: &Bytes) -> Records {
    if let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(body) {
        let ranges = envelope
            .records
            .iter()
            .map(|record| range_in(body, record.get()))
            .collect();
        return Records {
            shape: Shape::Envelope,
            ranges,
        };
    }
    let content = body.trim_ascii();
    if content.is_empty() {
        return Records {
            shape: Shape::Empty,
            ranges: Vec::new(),
        };
    }
    let shape = match serde_json::from_slice::<&RawValue>(body) {
        Ok(_) => Shape::Json,
        Err(_) => Shape::Text,
    };
    let ranges = match std::str::from_utf8(content) {
        // White space around a JSON text is no part of the record.
        Ok(text) if shape == Shape::Json => vec![range_in(body, text)],
        _ => vec![RecordRange {
            start: 0,
            end: offset(body.len()),
        }],
    };
    Records { shape, ranges }
}

/// The place of a part of the body, told by its address.
fn range_in(body: &Bytes, part: &str) -> RecordRange {
    let start = part.as_ptr() as usize - body.as_ptr() as usize;
    RecordRange {
        start: offset(start),
        end: offset(start + part.len()),
    }
}

fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, shape: Shape, expected: &[&str]) {
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        let records = split(&bytes);
        let found: Vec<&str> = records
            .ranges
            .iter()
            .map(|range| body.get(range.start as usize..range.end as usize).unwrap())
            .collect();
        assert_eq!(
            (records.shape, found.as_slice()),
            (shape, expected),
            "{body}"
        );
    }

    #[test]
    fn envelopes_become_slices() {
        check(r#"{"records":[]}"#, Shape::Envelope, &[]);
        check(
            " {\"x\":1, \"records\" : [ {\"a\": 1.50} ,\n{\"b\":18446744073709551616}] , \"y\":[] } ",
            Shape::Envelope,
            &[r#"{"a": 1.50}"#, r#"{"b":18446744073709551616}"#],
        );
        check(
            r#"{"records":[{"a":1,"a":2},"text",3]}"#,
            Shape::Envelope,
            &[r#"{"a":1,"a":2}"#, r#""text""#, "3"],
        );
    }

    #[test]
    fn other_bodies_are_one_record_of_their_own_bytes() {
        check(" {\"a\":1}\n", Shape::Json, &["{\"a\":1}"]);
        check(r#"[{"records":[]}]"#, Shape::Json, &[r#"[{"records":[]}]"#]);
        check(r#"{"records":null}"#, Shape::Json, &[r#"{"records":null}"#]);
        check("plain text\r\n", Shape::Text, &["plain text\r\n"]);
        check(
            r#"{"records":[{"a":1},{"b":"#,
            Shape::Text,
            &[r#"{"records":[{"a":1},{"b":"#],
        );
        check("", Shape::Empty, &[]);
        check(" \r\n\t", Shape::Empty, &[]);
    }

    #[test]
    fn bytes_that_are_no_text_are_kept() {
        let body = Bytes::from_static(b"{\"records\":[{\"a\":\"\xff\"}]}");
        let records = split(&body);
        assert_eq!(records.shape, Shape::Text);
        assert_eq!(
            records.ranges,
            [RecordRange {
                start: 0,
                end: body.len() as u32
            }]
        );
    }

    #[test]
    fn deep_nesting_neither_overflows_nor_fails() {
        let depth = 200_000;
        let body = format!(
            "{{\"records\":[{}{}]}}",
            "[".repeat(depth),
            "]".repeat(depth)
        );
        let records = split(&Bytes::from(body));
        assert_eq!((records.shape, records.ranges.len()), (Shape::Envelope, 1));
    }
}
