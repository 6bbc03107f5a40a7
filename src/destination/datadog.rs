//! Datadog's logs intake.
//!
//! Records are sent as Datadog's own forwarder for Azure sends them: each in its own object, with
//! `ddsource`, `service` and `ddtags` beside its members, so that the pipelines, dashboards and
//! rules of the integration "Microsoft Entra ID" consume them.
//!
//! **Sources**: intake, limits and codes: <https://docs.datadoghq.com/api/latest/logs/#send-logs>;
//! logs of more than 18 hours are dropped:
//! <https://docs.datadoghq.com/logs/troubleshooting/#missing-logs---timestamp-outside-of-the-ingestion-window>;
//! `ddsource`: the forwarder makes it of the resource provider, with `activedirectory` for `aadiam`
//! (<https://github.com/DataDog/datadog-serverless-functions/tree/master/azure/activity_logs_monitoring>).

use std::sync::Arc;

use super::Destination;
use super::members::Members;
use super::shaped::Shaped;
use crate::config::declare::{Key, Kind, Need, SecretRule, Section, TextRule, View, text};
use crate::config::{Secret, SinkConfig};
use crate::event_hub::Timestamp;
use crate::format::{Format, Unfit, array};
use crate::record::{Field, Record, TRUNCATED_BYTES_MIN};

pub(super) const DATADOG: Destination = Destination {
    name: "datadog",
    section: Section {
        path: "sinks.*.datadog",
        doc: "Keys of `type = \"datadog\"`: docs/sinks/datadog.md.",
        keys: KEYS,
    },
    needs: &[&["datadog.api_key"], &["datadog.site", "endpoint"]],
    takes_zstd: false,
    is_plain: false,
    complete,
};

static KEYS: &[Key] = &[
    Key {
        path: "sinks.*.datadog.api_key",
        kind: Kind::Secret(SecretRule::Token),
        need: Need::Optional("**required** for `datadog`"),
        doc: "API key, from Organization Settings.",
        example: "<api-key>",
    },
    Key {
        path: "sinks.*.datadog.site",
        kind: Kind::Word(&[
            "datadoghq.com",
            "us3.datadoghq.com",
            "us5.datadoghq.com",
            "datadoghq.eu",
            "ap1.datadoghq.com",
            "ap2.datadoghq.com",
            "ddog-gov.com",
        ]),
        need: Need::Optional("**required** for `datadog`, or `endpoint`"),
        doc: "Site of the organization, as in the address of its pages.",
        example: "datadoghq.eu",
    },
    Key {
        path: "sinks.*.datadog.service",
        kind: text(TextRule::Any),
        need: Need::Optional("`azure`, as the integration expects it"),
        doc: "The `service` of every record. Not a secret: it is shown.",
        example: "azure",
    },
    Key {
        path: "sinks.*.datadog.tags",
        kind: text(TextRule::Any),
        need: Need::Optional("none"),
        doc: "Tags of every record beside its tenant and category, with commas between them. Not a \
              secret: it is shown.",
        example: "env:prod,team:soc",
    },
];

/// Records in a request, and its bytes before compression: documented limits.
const RECORDS_MAX: usize = 1_000;
const BYTES_MAX: u64 = 5_000_000;
/// Bytes of one log with all of its members: a larger one is cut, and accepted all the same.
const LOG_BYTES_MAX: u64 = 1_000_000;

fn complete(view: &View<'_>, sink: &mut SinkConfig) -> Option<()> {
    if let Some(site) = view.word("datadog.site")
        && !view.is_set("endpoint")
    {
        sink.endpoint = Secret::new(format!("https://http-intake.logs.{site}"));
    }
    sink.path = Some("/api/v2/logs".to_owned());
    let key = view.secret("datadog.api_key")?;
    sink.headers.insert("dd-api-key".to_owned(), key);
    sink.batch.records = sink.batch.records.min(RECORDS_MAX);
    sink.batch.bytes = sink.batch.bytes.min(BYTES_MAX);
    let service = view.text("datadog.service").unwrap_or("azure".to_owned());
    let tags = view.text("datadog.tags");
    let members_bytes = {
        let tags = tags.as_ref().map_or(0, String::len);
        MEMBERS_BYTES + 6 * (service.len() + tags) as u64
    };
    let most = LOG_BYTES_MAX.saturating_sub(members_bytes);
    let most = most.max(TRUNCATED_BYTES_MIN);
    sink.record.bytes = Some(sink.record.bytes.map_or(most, |set| set.min(most)));
    sink.format = Some(Arc::new(Datadog {
        service,
        tags,
        members_bytes,
        shaped: Shaped::of(sink),
    }));
    Some(())
}

/// The wire format: a JSON array of records, each with Datadog's members before its own.
#[derive(Debug)]
struct Datadog {
    service: String,
    tags: Option<String>,
    /// Bytes that Datadog's members add to a record at most.
    members_bytes: u64,
    shaped: Shaped,
}

impl Datadog {
    fn write_record(&self, record: &Record<'_>, now: Timestamp, out: &mut Vec<u8>) {
        let mut fields = record.read(&[Field::ResourceId, Field::Category, Field::Tenant]);
        let provider = fields
            .resource_provider()
            .unwrap_or_default()
            .to_lowercase();
        let product = match provider.strip_prefix("microsoft.").unwrap_or(&provider) {
            "aadiam" | "" => "activedirectory",
            product => product,
        };
        let product: String = product.chars().take(TEXT_MAX).collect();
        let mut tags = Vec::new();
        tags.extend(fields.category().map(|it| format!("category:{}", tag(&it))));
        let tenant = fields.tenant();
        tags.extend(tenant.map(|it| format!("tenant_id:{}", tag(it.id.as_str()))));
        tags.extend(self.tags.clone());
        let mut members = Members::open(out);
        members
            .member("ddsource", &format!("azure.{product}"))
            .member("service", &self.service)
            .member("ddtags", &tags.join(","))
            .member("entra_forwarder_id", &record.stable_id().to_string());
        members.close_with(&self.shaped.shape(record, now).of(record));
    }
}

/// A value in a list of tags: a comma would end it.
fn tag(value: &str) -> String {
    value
        .chars()
        .take(TEXT_MAX)
        .map(|c| if c == ',' { '_' } else { c })
        .collect()
}

/// Characters of a text that a record puts into Datadog's members.
const TEXT_MAX: usize = 200;

/// Bytes that Datadog's members add at most beside `service` and `tags`: two tags and the product, of
/// which a character may take six bytes, and the id.
const MEMBERS_BYTES: u64 = 4_096;

impl Format for Datadog {
    fn content_type(&self) -> &'static str {
        "application/json"
    }

    fn frame_bytes(&self) -> u64 {
        2
    }

    fn record_bytes_max(&self, record: &Record<'_>) -> u64 {
        self.shaped.bytes_max(record) + self.members_bytes
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
