//! Every record as one JSON object: what endpoints take that want JSON.
//!
//! | record | object |
//! |---|---|
//! | an object | its own bytes |
//! | another JSON value | `{"message":<its own bytes>}` |
//! | a repaired one | the repaired object, with [`MARK`] as a last key: `{"repairs":["..."],"original":"<its text>"}` |
//! | plain text | `{"message":"<text>"}` |
//! | bytes that are no UTF-8 | `{"message":"<text, with U+FFFD in their place>","message_base64":"<its bytes>"}` |

use std::io;

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde::Serialize;

use super::Record;
use crate::envelope::{RecordKind, Repairs};

/// Key of the mark in a repaired record.
pub const MARK: &str = "entra_forwarder_repaired";

impl Record<'_> {
    /// Writes it as one JSON object.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match (self.piece.kind, self.piece.repaired) {
            (RecordKind::Object, _) => out.extend_from_slice(self.piece.original),
            (RecordKind::Repaired, Some((json, repairs))) => {
                write_marked(json, repairs, self.piece.original, out);
            }
            (RecordKind::Value, _) => {
                out.extend_from_slice(b"{\"message\":");
                out.extend_from_slice(self.piece.original);
                out.push(b'}');
            }
            (RecordKind::Repaired | RecordKind::Text(_), _) => {
                write_text(self.piece.original, out);
            }
        }
    }

    /// Writes the Office 365 audit record inside ([`Self::unwrap_office365`]) as one JSON object;
    /// where there is none, what [`Self::write_json`] writes. Never more bytes than that.
    pub fn write_office365(&self, out: &mut Vec<u8>) {
        match (self.unwrap_office365(), self.piece.repaired) {
            (Some(inner), Some((_, repairs))) => {
                write_marked(inner.as_bytes(), repairs, self.piece.original, out);
            }
            (Some(inner), None) => out.extend_from_slice(inner.as_bytes()),
            (None, _) => self.write_json(out),
        }
    }

    /// At most how many bytes [`Self::write_json`] writes; exact for objects.
    pub fn json_bytes_max(&self) -> u64 {
        let original = self.piece.original.len() as u64;
        match (self.piece.kind, self.piece.repaired) {
            (RecordKind::Object, _) => original,
            (RecordKind::Value, _) => original + 12,
            (RecordKind::Repaired, Some((json, _))) => json.len() as u64 + 6 * original + 400,
            // A byte becomes six at most (`\u001f`), and four thirds beside it in base64.
            (RecordKind::Repaired | RecordKind::Text(_), _) => 8 * original + 64,
        }
    }
}

fn write_text(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"message\":");
    match std::str::from_utf8(bytes) {
        Ok(text) => write(text, out),
        Err(_) => {
            write(&String::from_utf8_lossy(bytes), out);
            out.extend_from_slice(b",\"message_base64\":");
            write(&BASE64.encode(bytes), out);
        }
    }
    out.push(b'}');
}

fn write_marked(json: &[u8], repairs: Repairs, original: &[u8], out: &mut Vec<u8>) {
    let open = json.strip_suffix(b"}").unwrap_or(json);
    out.extend_from_slice(open);
    if open.trim_ascii_end() != b"{" {
        out.push(b',');
    }
    out.push(b'"');
    out.extend_from_slice(MARK.as_bytes());
    out.extend_from_slice(b"\":{\"repairs\":");
    write(&repairs.names().collect::<Vec<_>>(), out);
    out.extend_from_slice(b",\"original\":");
    write(&String::from_utf8_lossy(original), out);
    out.extend_from_slice(b"}}");
}

pub(super) fn write(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    let start = out.len();
    let writer: &mut dyn io::Write = out;
    // Writing into memory cannot fail; should it, the object stays well-formed.
    if serde_json::to_writer(writer, value).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}
