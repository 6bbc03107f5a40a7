//! 6. Formats: records become the bytes of one sink's wire format.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;

use crate::config::Encoding;
use crate::record::Record;

/// The wire format of an `http` sink.
///
/// | encoding | body | content type |
/// |---|---|---|
/// | `ndjson` | each record on a line of its own | `application/x-ndjson` |
/// | `json_array` | `[record,record]` | `application/json` |
///
/// `prefix` and `suffix` stand around it. A record's bytes are written as they came, with two
/// exceptions that the framing demands: in `ndjson`, a line break inside a record (which in a
/// JSON text can only be white space between tokens) becomes a blank; in `json_array`, a record
/// that is no JSON text is written as `{"message":"<text>"}`, since it would break the array
/// for all the others; one that is no UTF-8 either as `{"message_base64":"<bytes>"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    encoding: Encoding,
    prefix: Vec<u8>,
    suffix: Vec<u8>,
}

impl Format {
    /// A format with bytes before and after the body.
    pub fn new(encoding: Encoding, prefix: &str, suffix: &str) -> Self {
        Self {
            encoding,
            prefix: prefix.into(),
            suffix: suffix.into(),
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

    /// At most how many bytes a record adds to a body: exact for JSON texts.
    pub fn record_bytes_max(&self, record: &Record<'_>) -> u64 {
        let bytes = record.bytes.len() as u64;
        if self.wraps(record) {
            // A byte becomes six at most (`\u001f`); the rest is the wrapping.
            6 * bytes + 24
        } else {
            bytes + 1
        }
    }

    /// Writes a body.
    pub fn write<'a>(&self, records: impl Iterator<Item = Record<'a>>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.prefix);
        match self.encoding {
            Encoding::Ndjson => {
                for record in records {
                    write_line(record.bytes, out);
                }
            }
            Encoding::JsonArray => {
                out.push(b'[');
                for (index, record) in records.enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    if self.wraps(&record) {
                        write_wrapped(record.bytes, out);
                    } else {
                        out.extend_from_slice(record.bytes);
                    }
                }
                out.push(b']');
            }
        }
        out.extend_from_slice(&self.suffix);
    }

    fn wraps(&self, record: &Record<'_>) -> bool {
        self.encoding == Encoding::JsonArray && !record.is_json
    }
}

fn write_line(record: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(record);
    let line = out.get_mut(start..).unwrap_or_default();
    for byte in line {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    out.push(b'\n');
}

fn write_wrapped(record: &[u8], out: &mut Vec<u8>) {
    let text = std::str::from_utf8(record);
    let (key, text) = match text {
        Ok(text) => ("message", Cow::Borrowed(text)),
        Err(_) => ("message_base64", Cow::Owned(BASE64.encode(record))),
    };
    out.extend_from_slice(format!("{{\"{key}\":").as_bytes());
    // Writing a string into memory cannot fail; should it, the array stays well-formed.
    match serde_json::to_vec(text.as_ref()) {
        Ok(quoted) => out.extend_from_slice(&quoted),
        Err(_) => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(encoding: Encoding, records: &[(&str, bool)], expected: &str) {
        let format = Format::new(encoding, "<", ">");
        let records: Vec<_> = records
            .iter()
            .map(|(text, is_json)| Record {
                bytes: text.as_bytes(),
                is_json: *is_json,
            })
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
        check(Encoding::Ndjson, &[], "<>");
        check(
            Encoding::Ndjson,
            &[
                ("{\"a\":1.50}", true),
                ("{\r\n \"b\":2\n}", true),
                ("no json", false),
            ],
            "<{\"a\":1.50}\n{   \"b\":2 }\nno json\n>",
        );
    }

    #[test]
    fn bytes_that_are_no_text_can_be_had_back() {
        let format = Format::new(Encoding::JsonArray, "", "");
        let record = Record {
            bytes: b"a\xffb",
            is_json: false,
        };
        let mut out = Vec::new();
        format.write([record].into_iter(), &mut out);
        assert_eq!(out, br#"[{"message_base64":"Yf9i"}]"#);
        assert!(out.len() as u64 <= format.record_bytes_max(&record) + format.frame_bytes());
        let mut out = Vec::new();
        Format::new(Encoding::Ndjson, "", "").write([record].into_iter(), &mut out);
        assert_eq!(out, b"a\xffb\n");
    }

    #[test]
    fn an_array_stays_an_array_whatever_is_in_it() {
        check(Encoding::JsonArray, &[], "<[]>");
        check(
            Encoding::JsonArray,
            &[
                ("{\n\"a\":1}", true),
                ("a \"b\"\n\u{1}", false),
                ("2", true),
            ],
            "<[{\n\"a\":1},{\"message\":\"a \\\"b\\\"\\n\\u0001\"},2]>",
        );
    }
}
