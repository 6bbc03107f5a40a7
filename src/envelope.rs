//! 3. The envelope: the body of an event becomes records.
//!
//! Azure's diagnostic settings write `{"records":[{...},{...}]}`. The records are slices of the
//! body: nothing is parsed into values and nothing is written again, so that no number loses a
//! digit and no key its place. What else arrives is tried in this order:
//!
//! 1. `fast`: a well-formed envelope, in one scan;
//! 2. `decode`: gzip and UTF-16 become text, a byte order mark goes;
//! 3. `shapes`: any other sequence of JSON texts;
//! 4. `repair`: text that is no JSON, record by record.
//!
//! `docs/records.md` lists what becomes of which body.

use bytes::Bytes;

mod alone;
mod collect;
mod decode;
mod fast;
mod keys;
mod members;
mod records;
mod repair;
mod shapes;

pub use alone::alone;
pub use decode::BodyEncoding;
pub use records::{Piece, RecordKind, RecordRange, Records, Repairs, Unparsable};

/// Splits a body into its records.
///
/// **Shape**: `{"records":[{"a":1}, {"a":2}]}` gives `{"a":1}` and `{"a":2}` as slices of the body.
/// Never fails and never panics on any input: what cannot be read is a piece of text. Takes time
/// linear in the body, at any depth of nesting, and memory of a small multiple of it; a compressed
/// body that would become larger than `expansion_max` bytes stays as it is, as one binary piece.
///
/// Bodies of 4 GiB and more do not exist: Event Hubs ends at 20 MB
/// (<https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas>).
pub fn split(body: &Bytes, expansion_max: u64) -> Records {
    if let Some(records) = fast::split(body) {
        return records;
    }
    let decoded = match decode::decode(body, expansion_max) {
        Ok(decoded) => decoded,
        Err(unparsable) => return collect::whole(body, unparsable),
    };
    let records = shapes::split(&decoded.text).unwrap_or_else(|| repair::split(&decoded.text));
    if decoded.has_escapes && records.is_all_text() {
        return collect::whole(body, Unparsable::Binary);
    }
    records.encoded_as(decoded.encoding)
}

/// Whether splitting this body may take much more memory than the body does.
pub fn expands(body: &[u8]) -> bool {
    decode::is_packed(body)
}

#[cfg(test)]
mod tests;
