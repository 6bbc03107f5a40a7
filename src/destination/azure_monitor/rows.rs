//! A record becomes a row, or several when it is too long for one.
//!
//! Azure Monitor cuts every value of more than 64 KB and says 204 all the same
//! (<https://learn.microsoft.com/azure/azure-monitor/fundamentals/service-limits#logs-ingestion-api>).
//! So the text of a longer record is divided among rows with the same `StableId`, counted by `Part`
//! and `Parts`: nothing is lost, and a count of distinct ids stays right.

use time::OffsetDateTime;
use time::macros::format_description;

use super::AzureMonitor;
use crate::destination::members::Members;
use crate::destination::shaped::Shape;
use crate::event_hub::Timestamp;
use crate::record::{EventTime, Field, Record, Severity};

/// Characters of what stands beside the record at most; the record has all of it.
const COLUMN_CHARS: usize = 1_024;
/// Of those columns that may have so many.
const COLUMNS: u64 = 4;
/// Bytes of names, times, ids and numbers in a row.
const BESIDE_BYTES: u64 = 512;

/// Writes the rows of a record, with commas between them.
pub(super) fn write(record: &Record<'_>, format: &AzureMonitor, now: Timestamp, out: &mut Vec<u8>) {
    let shape = format.shaped.shape(record, now);
    let written = shape.of(record);
    let mut json = Vec::new();
    written.write_json(&mut json);
    if !format.is_text && json.len() as u64 <= format.field_bytes {
        let mut row = columns(record, &shape, out);
        row.record("Record", &written);
        row.close();
        return;
    }
    let text = String::from_utf8_lossy(&json);
    let parts = divide(
        &text,
        usize::try_from(format.field_bytes).unwrap_or(usize::MAX),
    );
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let mut row = columns(record, &shape, out);
        row.member("RecordText", part)
            .member("Part", &(index + 1))
            .member("Parts", &parts.len());
        row.close();
    }
}

/// At most how many bytes [`write`] writes, and a comma.
pub(super) fn bytes_max(record: &Record<'_>, format: &AzureMonitor) -> u64 {
    let json = format.shaped.bytes_max(record);
    let is_text = format.is_text || json > format.field_bytes;
    // As text, what JSON escapes takes two bytes: it has no bare control characters but line breaks
    // and tabs. A part may be three bytes short, so as not to divide a character.
    let (record_bytes, rows) = match is_text {
        true => (2 * json, json / (format.field_bytes - 3) + 1),
        false => (json, 1),
    };
    let object = record.object().map_or(0, |object| object.len() as u64);
    let values = object.min(COLUMNS * 6 * COLUMN_CHARS as u64);
    record_bytes + rows * (values + BESIDE_BYTES)
}

/// Opens a row with what stands beside the record. `TenantId` is reserved: it is the workspace.
fn columns<'a>(record: &Record<'_>, shape: &Shape, out: &'a mut Vec<u8>) -> Members<'a> {
    let mut fields = record.read(&[
        Field::Time,
        Field::Category,
        Field::Tenant,
        Field::OperationName,
        Field::Result,
        Field::CorrelationId,
        Field::Severity,
    ]);
    let left = shape.time(record, &mut fields);
    let left = left.map(EventTime::nanoseconds).and_then(moment);
    let time = fields.time().map(|(time, _)| time.nanoseconds());
    let time = time.and_then(moment);
    let enqueued_at = record.origin().position.enqueued_at;
    let enqueued_at = enqueued_at.and_then(|it| moment(it.0.saturating_mul(1_000_000)));
    let mut row = Members::open(out);
    row.optional("TimeGenerated", left)
        .optional("RecordTime", time)
        .optional("EnqueuedTime", enqueued_at)
        .member("StableId", &record.stable_id().to_string())
        .optional("Category", fields.category().map(cut))
        .optional("AADTenantId", fields.tenant().map(|it| it.id.to_string()))
        .optional("OperationName", fields.operation_name().map(cut))
        .optional("ResultType", fields.result().map(cut))
        .optional("CorrelationId", fields.correlation_id().map(cut))
        .optional("Level", fields.severity().map(level));
    row
}

/// RFC 3339 with the seven digits that a `datetime` of Azure Monitor holds; digits below are cut
/// off.
fn moment(nanoseconds: i64) -> Option<String> {
    let format =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z");
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds.into())
        .ok()?
        .format(&format)
        .ok()
}

fn cut(text: impl AsRef<str>) -> String {
    text.as_ref().chars().take(COLUMN_CHARS).collect()
}

/// As Azure writes it in its tables.
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "Critical",
        Severity::Error => "Error",
        Severity::Warning => "Warning",
        Severity::Informational => "Informational",
        Severity::Verbose => "Verbose",
    }
}

/// Parts of so many bytes at most, which divide no character.
fn divide(text: &str, bytes: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while rest.len() > bytes {
        let (part, other) = rest.split_at(rest.floor_char_boundary(bytes.max(4)));
        parts.push(part);
        rest = other;
    }
    parts.push(rest);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_the_whole() {
        for text in ["", "abc", "abcd", "aé€😀aé€😀aé€😀", "😀😀😀"] {
            for bytes in 4..20 {
                let parts = divide(text, bytes);
                assert_eq!(parts.concat(), text);
                assert!(parts.iter().all(|part| part.len() <= bytes), "{parts:?}");
                assert!(parts.iter().all(|part| !part.is_empty()) || text.is_empty());
                assert!(parts.len() <= text.len() / (bytes - 3) + 1);
            }
        }
    }

    #[test]
    fn moments_have_seven_digits() {
        let written = moment(1_769_860_687_123_456_789).unwrap();
        assert_eq!(written, "2026-01-31T11:58:07.1234567Z");
        assert_eq!(moment(0).unwrap(), "1970-01-01T00:00:00.0000000Z");
    }
}
