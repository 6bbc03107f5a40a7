//! Splunk's HTTP Event Collector (HEC).
//!
//! A body is a row of objects, each on a line of its own, with the record as its `event` and what
//! Splunk wants to know of it around it. `answer` reads the codes of HEC, `acknowledge` waits for indexed events.
//!
//! **Sources**: members of an event, `time` in seconds with milliseconds, flat `fields`:
//! <https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/format-events-for-http-event-collector>;
//! source types: those that the Splunk Add-on for Microsoft Cloud Services takes from Event Hubs
//! (<https://splunk.github.io/splunk-add-on-for-microsoft-cloud-services/>), which Splunk's own
//! function for Azure Monitor sets, too (<https://github.com/splunk/splunk-azure-monitor-logs-function>).
//! The detections of Splunk's content ask for `azure:monitor:aad`, those of Intune for
//! `azure:monitor:activity` (<https://github.com/splunk/security_content/tree/develop/macros>).

use std::sync::Arc;
use std::time::Duration;

use super::Destination;
use super::members::Members;
use super::name::Name;
use super::shaped::Shaped;
use crate::clock::{Rng, SharedRng};
use crate::config::declare::{Key, Kind, Need, SecretRule, Section, TextRule, View, text};
use crate::config::{Secret, SinkAuth, SinkConfig};
use crate::deliver::http::Transport;
use crate::deliver::response::{Answer, Verdict};
use crate::event_hub::Timestamp;
use crate::format::{Format, Unfit};
use crate::record::{Field, Fields, Record};

mod acknowledge;
mod answer;

use acknowledge::Acknowledged;

pub(super) const SPLUNK_HEC: Destination = Destination {
    name: "splunk_hec",
    section: Section {
        path: "sinks.*.splunk_hec",
        doc: "Keys of `type = \"splunk_hec\"`: docs/sinks/splunk_hec.md.",
        keys: KEYS,
    },
    needs: &[&["endpoint"], &["splunk_hec.token"]],
    takes_zstd: false,
    is_plain: false,
    complete,
};

static KEYS: &[Key] = &[
    Key {
        path: "sinks.*.splunk_hec.token",
        kind: Kind::Secret(SecretRule::Token),
        need: Need::Optional("**required** for `splunk_hec`"),
        doc: "Token of the HTTP Event Collector.",
        example: "<token>",
    },
    Key {
        path: "sinks.*.splunk_hec.preset",
        kind: Kind::Word(&["vendor", "raw"]),
        need: Need::Optional("`vendor`"),
        doc: "`vendor`: source types as Splunk's own content expects them. `raw`: that of the token.",
        example: "vendor",
    },
    Key {
        path: "sinks.*.splunk_hec.source_type",
        kind: text(TextRule::Template),
        need: Need::Optional("as `preset` says"),
        doc: "Source type of every record, a template. Not a secret: it is shown.",
        example: "azure:monitor:aad",
    },
    Key {
        path: "sinks.*.splunk_hec.index",
        kind: text(TextRule::Template),
        need: Need::Optional("the token's"),
        doc: "Index of every record, a template; each must be one that the token may use. Not a \
              secret: it is shown.",
        example: "entra",
    },
    Key {
        path: "sinks.*.splunk_hec.source",
        kind: text(TextRule::Template),
        need: Need::Optional("the token's"),
        doc: "Source of every record, a template. Not a secret: it is shown.",
        example: "{{ namespace }}/{{ hub }}",
    },
    Key {
        path: "sinks.*.splunk_hec.host",
        kind: text(TextRule::Template),
        need: Need::Optional("Splunk's own"),
        doc: "Host of every record, a template. Not a secret: it is shown.",
        example: "{{ tenant }}",
    },
    Key {
        path: "sinks.*.splunk_hec.acknowledge",
        kind: Kind::Bool,
        need: Need::Optional("`false`"),
        doc: "Whether records count as delivered when Splunk says that they are indexed; the token \
              must have indexer acknowledgement.",
        example: "true",
    },
    Key {
        path: "sinks.*.splunk_hec.acknowledge_interval",
        kind: Kind::Duration {
            min_ms: 10,
            max_ms: 60_000,
        },
        need: Need::Optional("`5s`"),
        doc: "Time between two questions whether a request is indexed.",
        example: "5s",
    },
    Key {
        path: "sinks.*.splunk_hec.acknowledge_timeout",
        kind: Kind::Duration {
            min_ms: 100,
            max_ms: 3_600_000,
        },
        need: Need::Optional("`5min`"),
        doc: "Longest wait for that; then the request is sent again.",
        example: "5min",
    },
];

/// Bytes of a request when nothing is set: what old releases take, and Splunk's own function sends.
const BYTES: u64 = 1_000_000;

fn complete(view: &View<'_>, sink: &mut SinkConfig) -> Option<()> {
    if !view.is_set("batch.bytes") {
        sink.batch.bytes = BYTES;
    }
    sink.path = Some("/services/collector/event".to_owned());
    sink.connection.auth = SinkAuth::Token {
        scheme: "Splunk",
        token: view.secret("splunk_hec.token")?,
    };
    let acknowledge = view
        .flag("splunk_hec.acknowledge")
        .unwrap_or_default()
        .then(|| Acknowledge {
            interval: view
                .duration("splunk_hec.acknowledge_interval")
                .unwrap_or(Duration::from_secs(5)),
            timeout: view
                .duration("splunk_hec.acknowledge_timeout")
                .unwrap_or(Duration::from_secs(300)),
            target: acknowledge::target(sink.endpoint.expose()),
        });
    if acknowledge.is_some() {
        sink.headers
            .insert(acknowledge::CHANNEL.to_owned(), Secret::new(guid()));
    }
    let name = |key| Name::of_key(view, key, "");
    sink.format = Some(Arc::new(SplunkHec {
        is_vendors: view.word("splunk_hec.preset") != Some("raw"),
        source_type: name("splunk_hec.source_type"),
        index: name("splunk_hec.index"),
        source: name("splunk_hec.source"),
        host: name("splunk_hec.host"),
        acknowledge,
        shaped: Shaped::of(sink),
    }));
    Some(())
}

/// A GUID (version 4) that no other process has.
fn guid() -> String {
    let rng = SharedRng::from_entropy();
    let (high, low) = (rng.next_u64(), rng.next_u64());
    let high = (high & !0xf000) | 0x4000;
    let low = (low & (u64::MAX >> 2)) | 1 << 63;
    let digits = format!("{high:016x}{low:016x}");
    let mut guid = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            guid.push('-');
        }
        guid.push(digit);
    }
    guid
}

/// The wire format: HEC's objects, one behind the other.
#[derive(Debug)]
struct SplunkHec {
    is_vendors: bool,
    source_type: Option<Name>,
    index: Option<Name>,
    source: Option<Name>,
    host: Option<Name>,
    acknowledge: Option<Acknowledge>,
    shaped: Shaped,
}

/// How acknowledgements are asked for.
#[derive(Clone, Debug)]
struct Acknowledge {
    interval: Duration,
    timeout: Duration,
    /// Where, relative to the endpoint.
    target: String,
}

impl SplunkHec {
    fn write_record(&self, record: &Record<'_>, now: Timestamp, out: &mut Vec<u8>) {
        let asked = [
            Field::Time,
            Field::Category,
            Field::Tenant,
            Field::ResourceId,
        ];
        let mut fields = record.read(&asked);
        let named = |name: &Option<Name>| {
            let name = name.as_ref().map(|it| it.of(record));
            name.filter(|it| !it.is_empty())
        };
        let source_type = match &self.source_type {
            Some(_) => named(&self.source_type),
            None => self
                .is_vendors
                .then(|| vendors_source_type(&mut fields).to_owned()),
        };
        let shape = self.shaped.shape(record, now);
        let milliseconds = shape
            .time(record, &mut fields)
            .map(|time| time.nanoseconds().div_euclid(1_000_000));
        let mut event = Members::open(out);
        event
            .optional("time", milliseconds.map(|it| it as f64 / 1e3))
            .optional("host", named(&self.host))
            .optional("source", named(&self.source))
            .optional("sourcetype", source_type)
            .optional("index", named(&self.index))
            .record("event", &shape.of(record))
            .member("fields", &Indexed::of(record, &mut fields));
        event.close();
    }
}

/// What Splunk indexes beside the event: flat, and of names that no record has, since a field that
/// is in both has two values in every search.
#[derive(serde::Serialize)]
struct Indexed {
    entra_forwarder_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entra_forwarder_category: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entra_forwarder_tenant_id: Option<String>,
}

impl Indexed {
    fn of(record: &Record<'_>, fields: &mut Fields<'_>) -> Self {
        let category = fields.category();
        Self {
            entra_forwarder_id: record.stable_id().to_string(),
            entra_forwarder_category: category.map(|it| it.chars().take(CATEGORY_MAX).collect()),
            entra_forwarder_tenant_id: fields.tenant().map(|it| it.id.as_str().to_owned()),
        }
    }
}

/// Categories of the activity log:
/// <https://learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema>.
const ACTIVITY: [&str; 8] = [
    "Administrative",
    "Alert",
    "Autoscale",
    "Policy",
    "Recommendation",
    "ResourceHealth",
    "Security",
    "ServiceHealth",
];

/// The source type under which Splunk's own content looks for a record; of what it does not know,
/// the one that its add-on gives to anything from Event Hubs.
fn vendors_source_type(fields: &mut Fields<'_>) -> &'static str {
    match fields.resource_provider().as_deref() {
        Some("microsoft.aadiam") => return "azure:monitor:aad",
        Some("microsoft.intune") => return "azure:monitor:activity",
        _ => {}
    }
    let category = fields.category().unwrap_or_default();
    let is_activity = ACTIVITY.iter().any(|it| category.eq_ignore_ascii_case(it));
    let id = fields.resource_id().unwrap_or_default();
    let is_resources = id.to_ascii_lowercase().starts_with("/subscriptions/");
    match (is_resources, is_activity) {
        (true, true) => "azure:monitor:activity",
        (true, false) => "azure:monitor:resource",
        (false, _) => "mscs:azure:eventhub",
    }
}

/// Characters of a category that are sent.
const CATEGORY_MAX: usize = 256;

/// Bytes that an event has beside its names and its record at most: the category, of which a
/// character may take six bytes, the tenant, the id, and what is around them.
const MEMBERS_BYTES: u64 = 6 * CATEGORY_MAX as u64 + 1_024;

impl Format for SplunkHec {
    fn content_type(&self) -> &'static str {
        "application/json"
    }

    fn frame_bytes(&self) -> u64 {
        0
    }

    fn record_bytes_max(&self, record: &Record<'_>) -> u64 {
        let names = [&self.source_type, &self.index, &self.source, &self.host];
        let names = names.into_iter().flatten();
        let names: u64 = names.map(|it| it.json_bytes_max(record)).sum();
        self.shaped.bytes_max(record) + names + MEMBERS_BYTES
    }

    fn check(&self, record: &Record<'_>, now: Timestamp) -> Result<Option<Timestamp>, Unfit> {
        self.shaped.check(record, now)
    }

    fn write(&self, records: &mut dyn Iterator<Item = Record<'_>>, out: &mut Vec<u8>) {
        let now = self.shaped.now();
        for record in records {
            self.write_record(&record, now, out);
            out.push(b'\n');
        }
    }

    /// The index: HEC takes what stands before an event whose index is wrong, at every repetition
    /// again. In a request of one index it takes nothing.
    fn group(&self, record: &Record<'_>) -> Option<String> {
        let index = self.index.as_ref().filter(|it| !it.is_constant())?;
        Some(index.of(record))
    }

    fn transport(&self, inner: Arc<dyn Transport>) -> Arc<dyn Transport> {
        match &self.acknowledge {
            Some(acknowledge) => Arc::new(Acknowledged::new(inner, acknowledge.clone())),
            None => inner,
        }
    }

    fn judge(&self, answer: &Answer, records: usize) -> Verdict {
        answer::judge(answer, records, self.acknowledge.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::guid;

    #[test]
    fn a_channel_is_a_guid_of_its_own() {
        let (one, other) = (guid(), guid());
        assert_ne!(one, other);
        let parts: Vec<_> = one.split('-').collect();
        let lengths: Vec<_> = parts.iter().map(|part| part.len()).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(parts[2].starts_with('4'), "{one}");
        assert!(parts[3].starts_with(['8', '9', 'a', 'b']), "{one}");
    }
}
