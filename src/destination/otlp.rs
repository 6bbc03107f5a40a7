//! OTLP over HTTP: logs for every receiver of OpenTelemetry.
//!
//! **Source**: <https://opentelemetry.io/docs/specs/otlp/#otlphttp>.

use std::sync::Arc;

use super::Destination;
use super::shaped::Shaped;
use crate::config::SinkConfig;
use crate::config::declare::{Key, Kind, Need, Section, TextRule, View, text};
use crate::deliver::response::{Answer, Verdict};
use crate::event_hub::Timestamp;
use crate::format::{Format, Unfit};
use crate::otlp::{KeyValue, pairs};
use crate::record::Record;

mod answer;
mod body;
mod message;

use body::Paths;

pub(super) const OTLP: Destination = Destination {
    name: "otlp",
    section: Section {
        path: "sinks.*.otlp",
        doc: "Keys of `type = \"otlp\"`: docs/sinks/otlp.md.",
        keys: KEYS,
    },
    needs: &[&["endpoint"]],
    takes_zstd: true,
    is_plain: false,
    complete,
};

static KEYS: &[Key] = &[
    Key {
        path: "sinks.*.otlp.encoding",
        kind: Kind::Word(&["protobuf", "json"]),
        need: Need::Optional("`protobuf`"),
        doc: "How requests are encoded.",
        example: "json",
    },
    Key {
        path: "sinks.*.otlp.service_name",
        kind: text(TextRule::Any),
        need: Need::Optional("`microsoft-entra-id`"),
        doc: "The resource attribute `service.name`. Not a secret: it is shown.",
        example: "entra",
    },
    Key {
        path: "sinks.*.otlp.resource_attributes",
        kind: text(TextRule::Pairs),
        need: Need::Optional("none"),
        doc: "Further resource attributes, written as in OTEL_RESOURCE_ATTRIBUTES: pairs with \
              commas, other commas as `%2C`. Not a secret: it is shown.",
        example: "deployment.environment.name=prod",
    },
];

/// Bytes of a body before compression: what the specification recommends clients to hold, and
/// receivers to take.
const BYTES_MAX: u64 = 20 << 20;

fn complete(view: &View<'_>, sink: &mut SinkConfig) -> Option<()> {
    sink.path = Some("/v1/logs".to_owned());
    sink.batch.bytes = sink.batch.bytes.min(BYTES_MAX);
    let service = view.text("otlp.service_name");
    let service = service.unwrap_or("microsoft-entra-id".to_owned());
    let mut resource = vec![KeyValue::new("service.name", service)];
    let further = view.text("otlp.resource_attributes").unwrap_or_default();
    resource.extend(pairs(&further).map(|(key, value)| KeyValue::new(key, value)));
    sink.format = Some(Arc::new(Otlp {
        encoding: match view.word("otlp.encoding") {
            Some("json") => Encoding::Json,
            _ => Encoding::Protobuf,
        },
        resource,
        paths: Paths::new(),
        shaped: Shaped::of(sink),
    }));
    Some(())
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Encoding {
    Protobuf,
    Json,
}

/// The wire format: `ExportLogsServiceRequest`, with one resource per tenant.
#[derive(Debug)]
struct Otlp {
    encoding: Encoding,
    /// Attributes of every resource.
    resource: Vec<KeyValue>,
    paths: Paths,
    shaped: Shaped,
}

/// Bytes that stand beside a record and its values at most: names of attributes, times, its id, and
/// the resource and scope that it may be the first of.
const BESIDE_BYTES: u64 = 2_048;

impl Format for Otlp {
    fn content_type(&self) -> &'static str {
        match self.encoding {
            Encoding::Protobuf => "application/x-protobuf",
            Encoding::Json => "application/json",
        }
    }

    fn frame_bytes(&self) -> u64 {
        20
    }

    fn record_bytes_max(&self, record: &Record<'_>) -> u64 {
        let json = self.shaped.bytes_max(record);
        // Attributes are parts of the object, each of another one, and not longer than there.
        let values = record.object().map_or(0, |object| object.len() as u64);
        let resource: usize = self
            .resource
            .iter()
            .map(|it| it.key.len() + it.value.as_ref().map_or(0, |it| it.text().len()) + 64)
            .sum();
        let beside = values + BESIDE_BYTES;
        match self.encoding {
            Encoding::Protobuf => json + resource as u64 + beside,
            // Text with JSON in it: what is escaped takes two bytes, since JSON has no bare control
            // characters. Other text takes six at most.
            Encoding::Json => 2 * json + 6 * resource as u64 + beside,
        }
    }

    fn check(&self, record: &Record<'_>, now: Timestamp) -> Result<Option<Timestamp>, Unfit> {
        self.shaped.check(record, now)
    }

    fn write(&self, records: &mut dyn Iterator<Item = Record<'_>>, out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Protobuf => self.write_protobuf(records, out),
            Encoding::Json => self.write_json(records, out),
        }
    }

    /// Receivers may say of every record why it was rejected; of a message that is cut, nothing can
    /// be read.
    fn answer_bytes_max(&self) -> usize {
        1 << 20
    }

    fn judge(&self, answer: &Answer, records: usize) -> Verdict {
        answer::judge(answer, records)
    }
}
