//! 6. Formats: records become the bytes of one sink's wire format.

use crate::config::{Encoding, SinkConfig};
use crate::record::Record;

/// The wire format of an `http` sink.
///
/// | encoding | body | content type |
/// |---|---|---|
/// | `ndjson` | each record on a line of its own | `application/x-ndjson` |
/// | `json_array` | `[record,record]` | `application/json` |
///
/// `prefix` and `suffix` stand around it. A record's bytes are written as they came; what is no
/// JSON object is written as one that holds it ([`Record::write_json`]). In `ndjson`, a line break
/// inside a record (which in a JSON text can only be white space between tokens) becomes a blank.
/// On request, Office 365 audit records are taken out of Defender's
/// ([`Record::write_office365`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    encoding: Encoding,
    prefix: Vec<u8>,
    suffix: Vec<u8>,
    unwrap_office365: bool,
}

impl Format {
    /// The format of a sink as it is configured.
    pub fn of(sink: &SinkConfig) -> Self {
        Self::new(sink.encoding, &sink.prefix, &sink.suffix)
            .unwrapping_office365(sink.unwrap_office365)
    }

    /// A format with bytes before and after the body.
    pub fn new(encoding: Encoding, prefix: &str, suffix: &str) -> Self {
        Self {
            encoding,
            prefix: prefix.into(),
            suffix: suffix.into(),
            unwrap_office365: false,
        }
    }

    /// Whether Office 365 audit records are taken out of Defender's; they are not, unless this
    /// says so.
    #[must_use]
    pub fn unwrapping_office365(self, unwrap_office365: bool) -> Self {
        Self {
            unwrap_office365,
            ..self
        }
    }

    /// The `Content-Type` of the body.
    pub fn content_type(&self) -> &'static str {
        match self.encoding {
            Encoding::Ndjson => "application/x-ndjson",
            Encoding::JsonArray => "application/json",
        }
    }

    /// Bytes that a body has beside its records.
    pub fn frame_bytes(&self) -> u64 {
        (self.prefix.len() + self.suffix.len() + 2) as u64
    }

    /// At most how many bytes a record adds to a body: exact for JSON objects, but for those of
    /// which only an inner one is written.
    pub fn record_bytes_max(&self, record: &Record<'_>) -> u64 {
        record.json_bytes_max() + 1
    }

    /// Writes a body.
    pub fn write<'a>(&self, records: impl Iterator<Item = Record<'a>>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.prefix);
        match self.encoding {
            Encoding::Ndjson => {
                for record in records {
                    self.write_line(&record, out);
                }
            }
            Encoding::JsonArray => {
                out.push(b'[');
                for (index, record) in records.enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    self.write_record(&record, out);
                }
                out.push(b']');
            }
        }
        out.extend_from_slice(&self.suffix);
    }

    fn write_record(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        if self.unwrap_office365 {
            record.write_office365(out);
        } else {
            record.write_json(out);
        }
    }

    fn write_line(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        self.write_record(record, out);
        let line = out.get_mut(start..).unwrap_or_default();
        for byte in line {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::envelope;
    use crate::record::Origin;

    fn check(encoding: Encoding, body: &'static [u8], expected: &str) {
        check_with(&Format::new(encoding, "<", ">"), body, expected);
    }

    fn check_with(format: &Format, body: &'static [u8], expected: &str) {
        let (split, origin) = (envelope::split(&Bytes::from_static(body), 0), Origin::any());
        let records: Vec<_> = split
            .all()
            .map(|piece| Record::new(piece, &origin))
            .collect();
        let mut out = Vec::new();
        format.write(records.iter().copied(), &mut out);
        assert_eq!(String::from_utf8(out.clone()).unwrap(), expected);
        let bound: u64 = records
            .iter()
            .map(|record| format.record_bytes_max(record))
            .sum();
        assert!(out.len() as u64 <= bound + format.frame_bytes());
    }

    #[test]
    fn ndjson_keeps_a_record_on_its_line() {
        check(Encoding::Ndjson, b"", "<>");
        check(
            Encoding::Ndjson,
            b"{\"a\":1.50}{\r\n \"b\":2\n}[[\n1]]",
            "<{\"a\":1.50}\n{   \"b\":2 }\n{\"message\":[ 1]}\n>",
        );
        check(
            Encoding::Ndjson,
            b"two\nlines",
            "<{\"message\":\"two\\nlines\"}\n>",
        );
    }

    #[test]
    fn an_array_stays_an_array_whatever_is_in_it() {
        check(Encoding::JsonArray, b"", "<[]>");
        check(
            Encoding::JsonArray,
            b"[{\n\"a\":1},\"text\",2]",
            "<[{\n\"a\":1},{\"message\":\"text\"},{\"message\":2}]>",
        );
        check(
            Encoding::JsonArray,
            b"a \"b\"\n\x01",
            "<[{\"message\":\"a \\\"b\\\"\\n\\u0001\"}]>",
        );
    }

    #[test]
    fn bytes_that_are_no_text_can_be_had_back() {
        check(
            Encoding::JsonArray,
            b"a\xffb",
            "<[{\"message\":\"a\u{fffd}b\",\"message_base64\":\"Yf9i\"}]>",
        );
    }

    #[test]
    fn office_365_records_are_unwrapped_on_request() {
        const BODY: &[u8] = br#"{"records":[
            {"category":"AdvancedHunting-CloudAppEvents","properties":{"a":1,"RawEventData":{"Id":
            "x","n":1.50}}},
            {"category":"ADVANCEDHUNTING-CLOUDAPPEVENTS","properties":{"RawEventData":"{\"Id\":\"y\"}"}},
            {"category":"AdvancedHunting-CloudAppEvents","properties":{"RawEventData":null}},
            {"category":"AuditLogs","properties":{"RawEventData":{"Id":"z"}}}]}"#;
        let format = Format::new(Encoding::Ndjson, "", "");
        check_with(
            &format.clone().unwrapping_office365(true),
            BODY,
            "{\"Id\":             \"x\",\"n\":1.50}\n\
             {\"Id\":\"y\"}\n\
             {\"category\":\"AdvancedHunting-CloudAppEvents\",\"properties\":{\"RawEventData\":null}}\n\
             {\"category\":\"AuditLogs\",\"properties\":{\"RawEventData\":{\"Id\":\"z\"}}}\n",
        );
        let array = Format::new(Encoding::JsonArray, "", "").unwrapping_office365(true);
        check_with(&array, b"[{\"a\":1},2]", "[{\"a\":1},{\"message\":2}]");
        let record = "{\"category\":\"AdvancedHunting-CloudAppEvents\",\"properties\":{\"RawEventData\":{}}}";
        check_with(&format, record.as_bytes(), &format!("{record}\n"));
    }
}
