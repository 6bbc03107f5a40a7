//! Coralogix, by its REST API for single logs.
//!
//! The record is the `text` of its log, as JSON; its own time, severity, category and tenant stand
//! beside it, and its stable id as `threadId`.
//!
//! **Sources**: address, members, severities and the limit of 2 MB:
//! <https://coralogix.com/docs/developer-portal/apis/log-ingestion/coralogix-rest-api-singles/>;
//! regions: <https://coralogix.com/docs/user-guides/account-management/account-settings/coralogix-domain/>.
//! That `text` may be JSON is documented there, too. Compression is not: Coralogix's own chart of
//! Fluent Bit sends gzip to the predecessor of this address
//! (<https://github.com/coralogix/telemetry-shippers/blob/master/logs/fluent-bit/k8s-helm/http/values.yaml>).

use std::sync::Arc;

use super::Destination;
use super::members::Members;
use super::name::Name;
use super::shaped::Shaped;
use crate::config::declare::{Key, Kind, Need, SecretRule, Section, TextRule, View, text};
use crate::config::{Secret, SinkAuth, SinkConfig};
use crate::event_hub::Timestamp;
use crate::format::{Format, Unfit, array};
use crate::record::{EventTime, Field, Record, Severity};

pub(super) const CORALOGIX: Destination = Destination {
    name: "coralogix",
    section: Section {
        path: "sinks.*.coralogix",
        doc: "Keys of `type = \"coralogix\"`: docs/sinks/coralogix.md.",
        keys: KEYS,
    },
    needs: &[&["coralogix.api_key"], &["coralogix.region", "endpoint"]],
    takes_zstd: false,
    is_plain: false,
    complete,
};

static KEYS: &[Key] = &[
    Key {
        path: "sinks.*.coralogix.api_key",
        kind: Kind::Secret(SecretRule::Token),
        need: Need::Optional("**required** for `coralogix`"),
        doc: "Send-Your-Data API key.",
        example: "<api-key>",
    },
    Key {
        path: "sinks.*.coralogix.region",
        kind: Kind::Word(&[
            "us1", "us2", "us3", "eu1", "eu2", "ap1", "ap2", "ap3", "gov1",
        ]),
        need: Need::Optional("**required** for `coralogix`, or `endpoint`"),
        doc: "Region of the account, as its domain says it (`eu2.coralogix.com`).",
        example: "eu2",
    },
    Key {
        path: "sinks.*.coralogix.application",
        kind: text(TextRule::Template),
        need: Need::Optional("`entra`"),
        doc: "Application of every record, a template. Not a secret: it is shown.",
        example: "entra",
    },
    Key {
        path: "sinks.*.coralogix.subsystem",
        kind: text(TextRule::Template),
        need: Need::Optional("the category, or `other`"),
        doc: "Subsystem of every record, a template. Not a secret: it is shown.",
        example: "{{ category || \"other\" }}",
    },
];

/// Bytes of a request. Whether they count before or after compression is not documented: so before.
const BYTES_MAX: u64 = 2_000_000;

fn complete(view: &View<'_>, sink: &mut SinkConfig) -> Option<()> {
    if let Some(region) = view.word("coralogix.region")
        && !view.is_set("endpoint")
    {
        let domain = match region {
            "gov1" => "gov1.coralogixgov.us".to_owned(),
            region => format!("{region}.coralogix.com"),
        };
        sink.endpoint = Secret::new(format!("https://ingress.{domain}"));
    }
    sink.path = Some("/logs/v1/singles".to_owned());
    sink.connection.auth = SinkAuth::Token {
        scheme: "Bearer",
        token: view.secret("coralogix.api_key")?,
    };
    sink.batch.bytes = sink.batch.bytes.min(BYTES_MAX);
    let name = |key, template, otherwise| {
        Name::of_key(view, key, otherwise).or_else(|| Name::known(template, otherwise))
    };
    sink.format = Some(Arc::new(Coralogix {
        application: name("coralogix.application", "entra", "entra")?,
        subsystem: name("coralogix.subsystem", "{{ category }}", "other")?,
        shaped: Shaped::of(sink),
    }));
    Some(())
}

/// The wire format: a JSON array of logs.
#[derive(Debug)]
struct Coralogix {
    application: Name,
    subsystem: Name,
    shaped: Shaped,
}

impl Coralogix {
    fn write_record(&self, record: &Record<'_>, now: Timestamp, out: &mut Vec<u8>) {
        let asked = [Field::Time, Field::Category, Field::Severity, Field::Tenant];
        let mut fields = record.read(&asked);
        let shape = self.shaped.shape(record, now);
        let time = shape.time(record, &mut fields);
        let time = time.map(EventTime::nanoseconds);
        let category = fields.category();
        let category = category.map(|it| it.chars().take(CATEGORY_MAX).collect::<String>());
        let tenant = fields.tenant();
        let mut log = Members::open(out);
        log.member("applicationName", &self.application.of(record))
            .member("subsystemName", &self.subsystem.of(record))
            .optional("timestamp", time.map(|it| it as f64 / 1e6))
            .optional("hiResTimestamp", time.map(|it| it.to_string()))
            .member("severity", &severity(fields.severity()))
            .optional("category", category)
            .optional("computerName", tenant.as_ref().map(|it| it.id.as_str()))
            .member("threadId", &record.stable_id().to_string())
            .record("text", &shape.of(record));
        log.close();
    }
}

/// Coralogix's number; of a record that says nothing, that of `info`.
fn severity(severity: Option<Severity>) -> u8 {
    match severity {
        Some(Severity::Critical) => 6,
        Some(Severity::Error) => 5,
        Some(Severity::Warning) => 4,
        Some(Severity::Informational) | None => 3,
        Some(Severity::Verbose) => 2,
    }
}

/// Characters of a category that are sent.
const CATEGORY_MAX: usize = 256;

/// Bytes that a log has beside its names and its record at most: the category, of which a character
/// may take six bytes, the tenant, the id, and what is around them.
const MEMBERS_BYTES: u64 = 6 * CATEGORY_MAX as u64 + 1_024;

impl Format for Coralogix {
    fn content_type(&self) -> &'static str {
        "application/json"
    }

    fn frame_bytes(&self) -> u64 {
        2
    }

    fn record_bytes_max(&self, record: &Record<'_>) -> u64 {
        let names = self.application.json_bytes_max(record) + self.subsystem.json_bytes_max(record);
        self.shaped.bytes_max(record) + names + MEMBERS_BYTES
    }

    fn check(&self, record: &Record<'_>, now: Timestamp) -> Result<Option<Timestamp>, Unfit> {
        self.shaped.check(record, now)
    }

    fn write(&self, records: &mut dyn Iterator<Item = Record<'_>>, out: &mut Vec<u8>) {
        let now = self.shaped.now();
        array(records, out, |record, out| {
            self.write_record(record, now, out);
        });
    }
}
