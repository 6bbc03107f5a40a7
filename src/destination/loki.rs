//! Grafana Loki's push API.
//!
//! Records with the same labels are one stream; in it each is a line, at its own time, with its
//! stable id, level and correlation id as structured metadata.
//!
//! Loki checks every line on its own, stores those that it finds no fault with, and answers 400 for
//! all when there was one that it discarded. So a 400 is divided until that line is found; what is
//! sent again on the way has the same time, labels and text, of which Loki keeps one.
//!
//! **Sources**: request: <https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs>;
//! what becomes of the other lines: `pushWithResolver` in
//! <https://github.com/grafana/loki/blob/main/pkg/distributor/distributor.go> (each entry is validated,
//! the rest is pushed, then 400), `Push` and `validateEntries` in
//! <https://github.com/grafana/loki/blob/main/pkg/ingester/stream.go> (the same for the order, and for
//! what is there already); statuses: `pushHandler` in
//! <https://github.com/grafana/loki/blob/main/pkg/distributor/http.go>; 260: `block_ingestion_until` in
//! <https://grafana.com/docs/loki/latest/configure/#limits_config>.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Destination;
use super::members::{Members, write, write_text};
use super::shaped::{Shape, Shaped};
use crate::config::declare::{Key, Kind, Need, Section, TextRule, View, text};
use crate::config::{Secret, SinkConfig};
use crate::deliver::response::{Answer, Fault, Objection, Verdict, by_status};
use crate::event_hub::Timestamp;
use crate::format::{Format, Unfit};
use crate::record::{Field, Record, Severity};
use crate::template::{Bounded, Template};

pub(super) const LOKI: Destination = Destination {
    name: "loki",
    section: Section {
        path: "sinks.*.loki",
        doc: "Keys of `type = \"loki\"`: docs/sinks/loki.md.",
        keys: KEYS,
    },
    needs: &[&["endpoint"]],
    takes_zstd: false,
    is_plain: false,
    complete,
};

static KEYS: &[Key] = &[
    Key {
        path: "sinks.*.loki.tenant",
        kind: text(TextRule::Any),
        need: Need::Optional("none: a Loki with one tenant, or a gateway that knows it"),
        doc: "Loki's own tenant, for the header `X-Scope-OrgID`. Not a secret: it is shown.",
        example: "security",
    },
    Key {
        path: "sinks.*.loki.labels.*",
        kind: text(TextRule::Template),
        need: Need::Optional("`service_name`, `category`, `tenant` and `partition`"),
        doc: "Labels of the streams, each a template, in place of the usual ones. At most 100 \
              different values each. Not a secret: it is shown.",
        example: "{{ category || \"none\" }}",
    },
    Key {
        path: "sinks.*.loki.structured_metadata",
        kind: Kind::Bool,
        need: Need::Optional("`true`"),
        doc: "Whether lines carry structured metadata; a Loki with `allow_structured_metadata: \
              false` refuses those that do.",
        example: "true",
    },
];

/// Most bytes of a body: as protobuf it is smaller, and a distributor passes on messages of 4 MiB
/// (`grpc_server_max_recv_msg_size`); a burst may have 6 MB (`ingestion_burst_size_mb`).
///
/// **Source**: <https://grafana.com/docs/loki/latest/configure/>
const BYTES_MAX: u64 = 4_000_000;

/// Different values of a label, as every set of labels is a stream.
const VALUES_MAX: usize = 100;

/// The labels where none is set. What has no category or tenant says so, since a stream needs a
/// label. After an outage partitions are hours apart, and a line that is an hour older than the
/// newest of its stream is refused: so each has streams of its own.
const LABELS: [(&str, &str); 4] = [
    SERVICE,
    ("category", "{{ category || \"none\" }}"),
    ("tenant", "{{ tenant || \"none\" }}"),
    ("partition", "{{ hub }}-{{ partition }}"),
];

/// What Loki's own pages look for first.
const SERVICE: (&str, &str) = ("service_name", "entra-forwarder");

fn complete(view: &View<'_>, sink: &mut SinkConfig) -> Option<()> {
    sink.path = Some("/loki/api/v1/push".to_owned());
    if let Some(tenant) = view.text("loki.tenant") {
        let name = "x-scope-orgid".to_owned();
        sink.headers.insert(name, Secret::new(tenant));
    }
    sink.batch.bytes = sink.batch.bytes.min(BYTES_MAX);
    let own = view.texts("loki.labels");
    let templates: BTreeMap<_, _> = match own.is_empty() {
        true => LABELS
            .map(|(name, it)| (name.to_owned(), it.to_owned()))
            .into(),
        false => own
            .iter()
            .map(|(name, it)| (label(name), it.clone()))
            .collect(),
    };
    let mut labels = Vec::new();
    for (name, template) in templates {
        let template = Template::compile(&template).ok()?;
        labels.push((name, Bounded::new(template, VALUES_MAX)));
    }
    sink.format = Some(Arc::new(Loki {
        labels,
        shaped: Shaped::of(sink),
        has_metadata: view.flag("loki.structured_metadata") != Some(false),
    }));
    Some(())
}

/// A text as the name of a label: letters, digits and `_`, no digit first, no `__` first, which Loki
/// keeps for itself.
fn label(text: &str) -> String {
    let is_right = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name: String = text
        .chars()
        .map(|c| if is_right(c) { c } else { '_' })
        .collect();
    let name = name.trim_start_matches("__");
    match name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() {
        true => format!("_{name}"),
        false => name.to_owned(),
    }
}

/// The wire format: streams, each with its lines by their time.
#[derive(Debug)]
struct Loki {
    labels: Vec<(String, Bounded)>,
    shaped: Shaped,
    has_metadata: bool,
}

/// One line.
struct Line<'a> {
    /// Nanoseconds since 1970.
    time: i64,
    record: Record<'a>,
    shape: Shape,
}

impl Loki {
    /// The labels of a record, as a JSON object.
    fn labels(&self, record: &Record<'_>) -> Vec<u8> {
        let mut object = Vec::new();
        let mut members = Members::open(&mut object);
        let mut is_empty = true;
        for (name, template) in &self.labels {
            let mut value = String::new();
            template.render(record, &mut value);
            if !value.is_empty() {
                members.member(name, &value);
                is_empty = false;
            }
        }
        if is_empty {
            members.member(SERVICE.0, SERVICE.1);
        }
        members.close();
        object
    }

    fn line<'a>(&self, record: Record<'a>, now: Timestamp) -> Line<'a> {
        let shape = self.shaped.shape(&record, now);
        let time = shape.of(&record).time();
        Line {
            time: time.map_or(0, |(time, _)| time.nanoseconds()),
            record,
            shape,
        }
    }

    fn write_line(&self, line: &Line<'_>, out: &mut Vec<u8>) {
        let record = &line.record;
        out.push(b'[');
        write(&line.time.to_string(), out);
        out.push(b',');
        write_text(&line.shape.of(record), out);
        if self.has_metadata {
            out.push(b',');
            let mut fields = record.read(&[Field::Severity, Field::CorrelationId]);
            let correlation = fields.correlation_id();
            let correlation: Option<String> =
                correlation.map(|it| it.chars().take(CORRELATION_MAX).collect());
            let mut members = Members::open(out);
            members
                .member("entra_forwarder_id", &record.stable_id().to_string())
                .optional("level", fields.severity().map(level))
                .optional("correlation_id", correlation);
            members.close();
        }
        out.push(b']');
    }
}

/// Loki's own words, which its pages know.
///
/// **Source**: <https://grafana.com/docs/loki/latest/configure/#limits_config> (`discover_log_levels`)
fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::Error => "error",
        Severity::Warning => "warn",
        Severity::Informational => "info",
        Severity::Verbose => "debug",
    }
}

/// Characters of a correlation id at most; it is a GUID.
const CORRELATION_MAX: usize = 64;

/// Bytes of a line beside its text, and of the stream that it may be alone in: 384 for the
/// correlation id, 250 for what has a length of its own.
const LINE_BYTES: u64 = 700;

impl Format for Loki {
    fn content_type(&self) -> &'static str {
        "application/json"
    }

    fn frame_bytes(&self) -> u64 {
        OPEN.len() as u64 + 2
    }

    fn record_bytes_max(&self, record: &Record<'_>) -> u64 {
        self.shaped.text_bytes_max(record) + self.labels(record).len() as u64 + LINE_BYTES
    }

    fn check(&self, record: &Record<'_>, now: Timestamp) -> Result<Option<Timestamp>, Unfit> {
        self.shaped.check(record, now)
    }

    fn write(&self, records: &mut dyn Iterator<Item = Record<'_>>, out: &mut Vec<u8>) {
        let now = self.shaped.now();
        let mut streams: Vec<(Vec<u8>, Vec<Line<'_>>)> = Vec::new();
        let mut places = HashMap::new();
        for record in records {
            let labels = self.labels(&record);
            let line = self.line(record, now);
            let next = streams.len();
            let place = *places.entry(labels.clone()).or_insert(next);
            match streams.get_mut(place) {
                Some((_, lines)) => lines.push(line),
                None => streams.push((labels, vec![line])),
            }
        }
        out.extend_from_slice(OPEN);
        for (index, (labels, mut lines)) in streams.into_iter().enumerate() {
            // Without unordered writes, what is older than the line before is refused.
            lines.sort_by_key(|line| line.time);
            out.extend_from_slice(if index > 0 {
                b",{\"stream\":"
            } else {
                b"{\"stream\":"
            });
            out.extend_from_slice(&labels);
            out.extend_from_slice(b",\"values\":[");
            for (index, line) in lines.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                self.write_line(line, out);
            }
            out.extend_from_slice(b"]}");
        }
        out.extend_from_slice(b"]}");
    }

    fn judge(&self, answer: &Answer, _records: usize) -> Verdict {
        match answer.status {
            260 => Verdict::Refused {
                reason: "status 260 (Loki throws it away: `block_ingestion_until` is set there)"
                    .to_owned(),
            },
            400 => Verdict::Faulty(
                Fault::Content,
                Objection {
                    reason: "status 400 (Loki discards a line for its age, size, order or labels)"
                        .to_owned(),
                    quote: Objection::of(answer).quote,
                },
            ),
            _ => by_status(answer),
        }
    }
}

const OPEN: &[u8] = b"{\"streams\":[";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_a_name_that_is_allowed() {
        for (text, expected) in [
            ("category", "category"),
            ("app.name-1", "app_name_1"),
            ("1st", "_1st"),
            ("__path__", "path__"),
            ("", "_"),
            ("__", "_"),
        ] {
            assert_eq!(label(text), expected, "{text}");
        }
    }
}
