//! Formats that put a record into members of the vendor's.

use std::sync::Arc;

use crate::deliver::response::{Answer, Fault, Objection, Verdict, by_status};
use crate::destination::members::{Members, rfc3339};
use crate::destination::shaped::Shaped;
use crate::event_hub::Timestamp;
use crate::format::{Format, Unfit, array};
use crate::record::{Field, Record};

/// New Relic's log API: entries are records with a `timestamp` before their own members, as New
/// Relic's forwarder for Event Hubs sends them, with the same mark of where they come from:
/// <https://github.com/newrelic/newrelic-azure-functions/blob/main/LogForwarder/index.js>.
pub(super) fn new_relic(shaped: Shaped) -> Arc<dyn Format> {
    Arc::new(NewRelic(shaped))
}

/// Dynatrace's log ingestion: the record as it came as the text in `content`, beside it what its
/// own forwarder says of records (`cloud.provider`, `log.source`, `timestamp`, `severity`):
/// <https://github.com/dynatrace-oss/dynatrace-azure-log-forwarder/blob/main/logs_ingest/main.py>,
/// <https://github.com/dynatrace-oss/dynatrace-azure-log-forwarder/blob/main/logs_ingest/config/default.json>.
/// That one puts only `properties` into `content`; here nothing is left out.
pub(super) fn dynatrace(shaped: Shaped) -> Arc<dyn Format> {
    Arc::new(Dynatrace(shaped))
}

/// VictoriaLogs' lines of JSON: records with a time that it reads, and their id, before their own
/// members.
pub(super) fn victoria_logs(shaped: Shaped) -> Arc<dyn Format> {
    Arc::new(VictoriaLogs(shaped))
}

#[derive(Debug)]
struct VictoriaLogs(Shaped);

#[derive(Debug)]
struct NewRelic(Shaped);

#[derive(Debug)]
struct Dynatrace(Shaped);

/// What stands around New Relic's entries.
const OPEN: &[u8] = br#"[{"common":{"attributes":{"plugin":{"type":"azure"}}},"logs":"#;
const CLOSE: &[u8] = b"}]";

/// Bytes that members beside a record's own add at most: names, a time, an id, a severity.
const MEMBERS_BYTES: u64 = 512;

/// Characters of a category or a tenant that are sent beside a record; each is six bytes at most.
const VALUE_CHARS: usize = 200;
const VALUES_BYTES: u64 = 2 * 6 * 200;

fn short(value: &str) -> String {
    value.chars().take(VALUE_CHARS).collect()
}

/// When it happened, or when it was restamped, in milliseconds since 1970.
fn milliseconds(written: &Record<'_>) -> Option<i64> {
    let time = written.time();
    time.map(|(time, _)| time.nanoseconds() / 1_000_000)
}

impl Format for NewRelic {
    fn content_type(&self) -> &'static str {
        "application/json"
    }

    fn frame_bytes(&self) -> u64 {
        (OPEN.len() + 2 + CLOSE.len()) as u64
    }

    fn record_bytes_max(&self, record: &Record<'_>) -> u64 {
        self.0.bytes_max(record) + MEMBERS_BYTES
    }

    fn check(&self, record: &Record<'_>, now: Timestamp) -> Result<Option<Timestamp>, Unfit> {
        self.0.check(record, now)
    }

    fn write(&self, records: &mut dyn Iterator<Item = Record<'_>>, out: &mut Vec<u8>) {
        let now = self.0.now();
        out.extend_from_slice(OPEN);
        array(records, out, |record, out| {
            let shape = self.0.shape(record, now);
            let written = shape.of(record);
            let mut members = Members::open(out);
            members
                .optional("timestamp", milliseconds(&written))
                .member("entra_forwarder_id", &record.stable_id().to_string());
            members.close_with(&written);
        });
        out.extend_from_slice(CLOSE);
    }
}

impl Format for Dynatrace {
    fn content_type(&self) -> &'static str {
        "application/json; charset=utf-8"
    }

    fn frame_bytes(&self) -> u64 {
        2
    }

    fn record_bytes_max(&self, record: &Record<'_>) -> u64 {
        self.0.text_bytes_max(record) + MEMBERS_BYTES + VALUES_BYTES
    }

    fn check(&self, record: &Record<'_>, now: Timestamp) -> Result<Option<Timestamp>, Unfit> {
        self.0.check(record, now)
    }

    fn write(&self, records: &mut dyn Iterator<Item = Record<'_>>, out: &mut Vec<u8>) {
        let now = self.0.now();
        array(records, out, |record, out| {
            let shape = self.0.shape(record, now);
            let written = shape.of(record);
            let asked = [Field::Category, Field::Tenant, Field::Severity];
            let mut fields = record.read(&asked);
            let tenant = fields.tenant().map(|it| short(it.id.as_str()));
            let mut members = Members::open(out);
            members
                .text("content", &written)
                .optional("timestamp", milliseconds(&written))
                .optional("severity", fields.severity().map(|it| it.name()))
                .member("cloud.provider", "Azure")
                .optional("log.source", fields.category().map(|it| short(&it)))
                .optional("azure.tenant_id", tenant)
                .member("entra_forwarder.id", &record.stable_id().to_string());
            members.close();
        });
    }

    /// 200 tells that only a part was taken: the rest is found by division.
    fn judge(&self, answer: &Answer, _records: usize) -> Verdict {
        match answer.status {
            200 => Verdict::Faulty(Fault::Content, Objection::of(answer)),
            _ => by_status(answer),
        }
    }
}

impl Format for VictoriaLogs {
    fn content_type(&self) -> &'static str {
        "application/x-ndjson"
    }

    fn frame_bytes(&self) -> u64 {
        0
    }

    fn record_bytes_max(&self, record: &Record<'_>) -> u64 {
        self.0.bytes_max(record) + MEMBERS_BYTES
    }

    fn check(&self, record: &Record<'_>, now: Timestamp) -> Result<Option<Timestamp>, Unfit> {
        self.0.check(record, now)
    }

    fn write(&self, records: &mut dyn Iterator<Item = Record<'_>>, out: &mut Vec<u8>) {
        let now = self.0.now();
        for record in records {
            let start = out.len();
            let shape = self.0.shape(&record, now);
            let written = shape.of(&record);
            let mut fields = written.read(&[Field::Time]);
            // Without a time of its own it gets that of its arrival.
            let time = match fields.time() {
                Some(_) => rfc3339(&mut fields),
                None => enqueued(&record),
            };
            let mut members = Members::open(out);
            members
                .member("_time", &time)
                .member("entra_forwarder_id", &record.stable_id().to_string());
            members.close_with(&written);
            // In JSON a raw line break stands between tokens only.
            for byte in out.get_mut(start..).unwrap_or_default() {
                if matches!(byte, b'\n' | b'\r') {
                    *byte = b' ';
                }
            }
            out.push(b'\n');
        }
    }
}

/// When Event Hubs took a record in.
fn enqueued(record: &Record<'_>) -> String {
    let moment = record.origin().position.enqueued_at;
    moment.unwrap_or(Timestamp(0)).to_rfc3339()
}
