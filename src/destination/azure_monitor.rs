//! Azure Monitor's Logs Ingestion API: a table of a Log Analytics workspace, Microsoft Sentinel's
//! included.
//!
//! **Sources**: request, endpoint, audiences of tokens and reserved column names:
//! <https://learn.microsoft.com/azure/azure-monitor/logs/logs-ingestion-api-overview>; limits:
//! <https://learn.microsoft.com/azure/azure-monitor/fundamentals/service-limits#logs-ingestion-api>.
//! 1 MB is that of the bytes sent: the service says "Maximum allowed content length: 1048576 bytes
//! (1 MB)" (<https://github.com/JulianHayward/AzADServicePrincipalInsights/issues/30>); of what
//! these hold without compression more than 50 MiB are taken and then dropped
//! (<https://github.com/open-telemetry/otel-arrow/pull/2535>).

use std::sync::Arc;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::Destination;
use super::shaped::Shaped;
use crate::config::declare::{Key, Kind, Need, Section, TextRule, View, text};
use crate::config::{Secret, SinkAuth, SinkConfig};
use crate::deliver::response::{Answer, Verdict};
use crate::event_hub::Timestamp;
use crate::format::{Format, Unfit, array};
use crate::record::Record;

mod answer;
mod rows;

pub(super) const AZURE_MONITOR: Destination = Destination {
    name: "azure_monitor",
    section: Section {
        path: "sinks.*.azure_monitor",
        doc: "Keys of `type = \"azure_monitor\"`: docs/sinks/azure_monitor.md.",
        keys: KEYS,
    },
    needs: &[
        &["endpoint"],
        &["azure_monitor.rule_id"],
        &["azure_monitor.stream"],
    ],
    takes_zstd: false,
    is_plain: false,
    complete,
};

static KEYS: &[Key] = &[
    Key {
        path: "sinks.*.azure_monitor.rule_id",
        kind: text(TextRule::Any),
        need: Need::Optional("**required** for `azure_monitor`"),
        doc: "Immutable id of the data collection rule. Not a secret: it is shown.",
        example: "dcr-00000000000000000000000000000000",
    },
    Key {
        path: "sinks.*.azure_monitor.stream",
        kind: text(TextRule::Any),
        need: Need::Optional("**required** for `azure_monitor`"),
        doc: "Stream that the rule declares. Not a secret: it is shown.",
        example: "Custom-EntraRecords",
    },
    Key {
        path: "sinks.*.azure_monitor.credential",
        kind: text(TextRule::Credential),
        need: Need::Optional("whatever identity is there"),
        doc: "Name of the credential whose tokens are sent, unless `auth` says something else.",
        example: "forwarder",
    },
    Key {
        path: "sinks.*.azure_monitor.record",
        kind: Kind::Word(&["dynamic", "text"]),
        need: Need::Optional("`dynamic`"),
        doc: "Column with the record: `Record` with its members for queries (`dynamic`), or \
              `RecordText` with its exact bytes (`text`).",
        example: "text",
    },
    Key {
        path: "sinks.*.azure_monitor.field_bytes",
        kind: Kind::Bytes {
            min: 1 << 10,
            max: 64 << 10,
        },
        need: Need::Optional("60KiB"),
        doc: "A longer record is sent as several rows with parts of its text, since Azure Monitor \
              cuts values of more than 64 KB.",
        example: "30KiB",
    },
];

/// Bytes of a request as it is sent: at most.
const SENT_BYTES_MAX: u64 = 1 << 20;
/// Bytes of it before compression: below the 50 MiB at which it would be taken and dropped.
const BYTES_MAX: u64 = 48 << 20;
/// Below 64 KB, whichever those are, with room for what the service may add.
const FIELD_BYTES: u64 = 60 << 10;

fn complete(view: &View<'_>, sink: &mut SinkConfig) -> Option<()> {
    let segment = |key: &str| {
        let text = view.text(key)?;
        Some(utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string())
    };
    let rule = segment("azure_monitor.rule_id")?.replace("%2D", "-");
    let stream = segment("azure_monitor.stream")?
        .replace("%2D", "-")
        .replace("%5F", "_");
    sink.path = Some(format!("/dataCollectionRules/{rule}/streams/{stream}"));
    sink.connection
        .query
        .entry("api-version".to_owned())
        .or_insert_with(|| Secret::new("2023-01-01"));
    if sink.connection.auth == SinkAuth::None {
        sink.connection.auth = SinkAuth::Entra {
            credential: view.text("azure_monitor.credential"),
            scope: view.cloud().monitor_scope().to_owned(),
        };
    }
    sink.batch.bytes = sink.batch.bytes.min(BYTES_MAX);
    let sent = sink.batch.compressed_bytes.unwrap_or(SENT_BYTES_MAX);
    sink.batch.compressed_bytes = Some(sent.min(SENT_BYTES_MAX));
    sink.format = Some(Arc::new(AzureMonitor {
        is_text: view.word("azure_monitor.record") == Some("text"),
        field_bytes: view
            .bytes("azure_monitor.field_bytes")
            .unwrap_or(FIELD_BYTES),
        shaped: Shaped::of(sink),
    }));
    Some(())
}

/// The wire format: a JSON array of rows.
#[derive(Debug)]
struct AzureMonitor {
    /// Whether no record is `dynamic`.
    is_text: bool,
    /// Bytes of a column's value at most.
    field_bytes: u64,
    shaped: Shaped,
}

impl Format for AzureMonitor {
    fn content_type(&self) -> &'static str {
        "application/json"
    }

    fn frame_bytes(&self) -> u64 {
        2
    }

    fn record_bytes_max(&self, record: &Record<'_>) -> u64 {
        rows::bytes_max(record, self)
    }

    fn check(&self, record: &Record<'_>, now: Timestamp) -> Result<Option<Timestamp>, Unfit> {
        self.shaped.check(record, now)
    }

    fn write(&self, records: &mut dyn Iterator<Item = Record<'_>>, out: &mut Vec<u8>) {
        let now = self.shaped.now();
        array(records, out, |record, out| {
            rows::write(record, self, now, out);
        });
    }

    fn judge(&self, answer: &Answer, records: usize) -> Verdict {
        answer::judge(answer, records)
    }
}
