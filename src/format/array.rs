//! Bodies that are one JSON array.

use crate::record::Record;

/// Writes a JSON array with what `write` makes of each record.
pub(crate) fn array<'r>(
    records: &mut dyn Iterator<Item = Record<'r>>,
    out: &mut Vec<u8>,
    mut write: impl FnMut(&Record<'r>, &mut Vec<u8>),
) {
    out.push(b'[');
    for (index, record) in records.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(&record, out);
    }
    out.push(b']');
}
