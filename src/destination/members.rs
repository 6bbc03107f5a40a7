//! Members that stand beside a record's own, in its object or around it.

use std::io;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::envelope::RecordKind;
use crate::record::{Fields, Record};

/// Writes a value as JSON.
pub(super) fn write(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    let start = out.len();
    let writer: &mut dyn io::Write = out;
    // Writing into memory cannot fail; should it, the text stays well-formed.
    if serde_json::to_writer(writer, value).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}

/// Writes a record as a JSON string that holds its JSON object.
pub(super) fn write_text(record: &Record<'_>, out: &mut Vec<u8>) {
    let mut json = Vec::new();
    record.write_json(&mut json);
    write(&String::from_utf8_lossy(&json), out);
}

/// At most how many bytes [`write_text`] writes; exact for objects.
pub(super) fn text_bytes_max(record: &Record<'_>) -> u64 {
    let plain = record.json_bytes_max();
    let escaped = match record.kind() {
        // Of what is escaped, JSON without its strings has line breaks and tabs alone; inside of
        // them stand quotes and backslashes.
        RecordKind::Object => {
            let bytes = record.original().iter();
            bytes
                .filter(|byte| matches!(byte, b'"' | b'\\' | b'\n' | b'\r' | b'\t'))
                .count() as u64
        }
        _ => plain,
    };
    plain + escaped + 2
}

/// When a record's event happened, as RFC 3339 in UTC with as many digits as it has.
pub(super) fn rfc3339(fields: &mut Fields<'_>) -> String {
    let nanoseconds = fields.time().map_or(0, |(time, _)| time.nanoseconds());
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds.into())
        .ok()
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned())
}

/// Writes members of an object, in their order.
pub(super) struct Members<'a> {
    out: &'a mut Vec<u8>,
    is_first: bool,
}

impl<'a> Members<'a> {
    /// Opens an object.
    pub(super) fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self {
            out,
            is_first: true,
        }
    }

    /// A member with this value.
    pub(super) fn member(&mut self, key: &str, value: &(impl Serialize + ?Sized)) -> &mut Self {
        self.key(key);
        write(value, self.out);
        self
    }

    /// A member with this value, if there is one.
    pub(super) fn optional(&mut self, key: &str, value: Option<impl Serialize>) -> &mut Self {
        if let Some(value) = value {
            self.member(key, &value);
        }
        self
    }

    /// A member whose value is the record, as one JSON object with its own bytes.
    pub(super) fn record(&mut self, key: &str, record: &Record<'_>) -> &mut Self {
        self.key(key);
        record.write_json(self.out);
        self
    }

    /// A member whose value is the record, as a string that holds its JSON object.
    pub(super) fn text(&mut self, key: &str, record: &Record<'_>) -> &mut Self {
        self.key(key);
        write_text(record, self.out);
        self
    }

    /// The record's own members with their own bytes, then the end of the object.
    pub(super) fn close_with(self, record: &Record<'_>) {
        let start = self.out.len();
        record.write_json(self.out);
        // A record is always written as an object.
        let inside = self.out.get(start + 1..).unwrap_or_default();
        let is_empty = inside.trim_ascii_start().starts_with(b"}");
        if self.is_first || is_empty {
            self.out.remove(start);
        } else if let Some(brace) = self.out.get_mut(start) {
            *brace = b',';
        }
    }

    /// The end of the object.
    pub(super) fn close(self) {
        self.out.push(b'}');
    }

    fn key(&mut self, key: &str) {
        if !self.is_first {
            self.out.push(b',');
        }
        self.is_first = false;
        write(key, self.out);
        self.out.push(b':');
    }
}
