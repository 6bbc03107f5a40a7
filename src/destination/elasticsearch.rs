//! Elasticsearch, OpenSearch, and what else takes their `_bulk`.
//!
//! Each record is a `create` whose `_id` is its stable id: what is sent again after a crash is
//! answered with 409 and not stored twice. `names` says where a record goes, `answer` what became
//! of it.
//!
//! With the preset `vendor` a document is what Elastic's own integration "Azure Logs" makes of an
//! event before its pipelines take over: the record as text in `message`, and the tags.
//!
//! **Sources**: request and answer:
//! <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk>; document:
//! <https://github.com/elastic/integrations/tree/main/packages/azure/data_stream/events> (`message`
//! is read by the pipelines, `event.original` is kept with the tag `preserve_original_event`, the
//! default tags stand in `manifest.yml`; `event.module` and `event.dataset` are constants of the
//! mappings, and `azure`, where the position in the hub would stand, may be missing).

use std::collections::HashMap;
use std::sync::Arc;

use serde::de::IgnoredAny;
use serde_json::json;

use super::Destination;
use super::members::{Members, rfc3339};
use super::shaped::Shaped;
use crate::config::declare::{Key, Kind, Need, SecretRule, Section, TextRule, View, text};
use crate::config::{Secret, SinkAuth, SinkConfig};
use crate::deliver::response::{Answer, Verdict};
use crate::event_hub::Timestamp;
use crate::format::{Format, Unfit};
use crate::record::{Field, Record};
use names::Names;

mod answer;
mod names;

pub(super) const ELASTICSEARCH: Destination = Destination {
    name: "elasticsearch",
    section: Section {
        path: "sinks.*.elasticsearch",
        doc: "Keys of `type = \"elasticsearch\"`, which is OpenSearch, too: \
              docs/sinks/elasticsearch.md.",
        keys: KEYS,
    },
    needs: &[&["endpoint"]],
    takes_zstd: false,
    is_plain: false,
    complete,
};

static KEYS: &[Key] = &[
    Key {
        path: "sinks.*.elasticsearch.api_key",
        kind: Kind::Secret(SecretRule::Token),
        need: Need::Optional("none: `auth` says by whose right, such as `basic`"),
        doc: "API key in its encoded form, in place of `auth`.",
        example: "<api-key>",
    },
    Key {
        path: "sinks.*.elasticsearch.preset",
        kind: Kind::Word(&["vendor", "raw"]),
        need: Need::Optional("`vendor`"),
        doc: "What a document is: `vendor` (what Elastic's integration \"Azure Logs\" reads, in its \
              data streams), `raw` (the record's own members).",
        example: "vendor",
    },
    Key {
        path: "sinks.*.elasticsearch.namespace",
        kind: text(TextRule::Any),
        need: Need::Optional("`default`"),
        doc: "Namespace of the data streams: what stands behind the last `-` of their names. Not a \
              secret: it is shown.",
        example: "default",
    },
    Key {
        path: "sinks.*.elasticsearch.index",
        kind: text(TextRule::Template),
        need: Need::Optional("that of the preset, by category"),
        doc: "Template of the index or data stream. At most 200 different names. Not a secret: it \
              is shown.",
        example: "logs-entra.{{ category | lower }}-default",
    },
    Key {
        path: "sinks.*.elasticsearch.preserve_original",
        kind: Kind::Bool,
        need: Need::Optional("`true`; only for `vendor`"),
        doc: "Whether Elastic's pipelines keep the record as it came, in `event.original`.",
        example: "true",
    },
    Key {
        path: "sinks.*.elasticsearch.dropped",
        kind: Kind::Word(&["dead_letter", "accept"]),
        need: Need::Optional("`dead_letter`"),
        doc: "What becomes of a record that an ingest pipeline drops: a dead letter, or it counts as \
              delivered.",
        example: "dead_letter",
    },
];

/// Records in a request: as many as an answer of [`ANSWER_BYTES_MAX`] can tell of, even one that
/// tells more than was asked for.
const RECORDS_MAX: usize = 5_000;
/// `http.max_content_length` where nobody changed it, counted after decompression.
///
/// **Source**:
/// <https://www.elastic.co/docs/reference/elasticsearch/configuration-reference/networking-settings>
const BYTES_MAX: u64 = 100 << 20;
/// An answer has some 50 bytes for a record that is stored, and some 300 for one that is not.
const ANSWER_BYTES_MAX: usize = 2 << 20;

/// What of an answer is of use: so small, it can tell of every record.
const FILTER: &str = "errors,items.*.status,items.*.result,items.*.error.type,items.*.error.reason";

fn complete(view: &View<'_>, sink: &mut SinkConfig) -> Option<()> {
    sink.path = Some("/_bulk".to_owned());
    let query = &mut sink.connection.query;
    let filter = query.entry("filter_path".to_owned());
    filter.or_insert_with(|| Secret::new(FILTER));
    if let Some(token) = view.secret("elasticsearch.api_key") {
        let scheme = "ApiKey";
        sink.connection.auth = SinkAuth::Token { scheme, token };
    }
    sink.batch.records = sink.batch.records.min(RECORDS_MAX);
    sink.batch.bytes = sink.batch.bytes.min(BYTES_MAX);
    let is_raw = view.word("elasticsearch.preset") == Some("raw");
    let namespace = view.text("elasticsearch.namespace");
    let index = view.text("elasticsearch.index");
    let keeps_original = view.flag("elasticsearch.preserve_original") != Some(false);
    sink.format = Some(Arc::new(Bulk {
        names: Names::new(is_raw, namespace.as_deref(), index.as_deref())?,
        document: match is_raw {
            true => Document::Raw,
            false => Document::Vendor { keeps_original },
        },
        shaped: Shaped::of(sink),
        accepts_dropped: view.word("elasticsearch.dropped") == Some("accept"),
    }));
    Some(())
}

/// The wire format: for each record a line that says where it goes, and one that it is.
#[derive(Debug)]
struct Bulk {
    names: Names,
    document: Document,
    shaped: Shaped,
    /// Whether a record that a pipeline drops counts as delivered.
    accepts_dropped: bool,
}

/// What a document is.
#[derive(Debug)]
enum Document {
    /// What Elastic's pipelines read.
    Vendor { keeps_original: bool },
    /// The record's own members.
    Raw,
}

/// The member that holds the time of a document.
const TIME: &str = "@timestamp";
/// The member that holds the stable id, which `_id` alone cannot be counted by.
const ID: &str = "entra_forwarder_id";

impl Bulk {
    fn write_record(&self, record: &Record<'_>, now: Timestamp, out: &mut Vec<u8>) {
        let index = self.names.of(record);
        let id = record.stable_id().to_string();
        let mut action = Members::open(out);
        action.member("create", &json!({"_index": index, "_id": id}));
        action.close();
        out.push(b'\n');
        let start = out.len();
        let shape = self.shaped.shape(record, now);
        let written = &shape.of(record);
        let time = rfc3339(&mut written.read(&[Field::Time]));
        let mut members = Members::open(out);
        match self.document {
            Document::Vendor { keeps_original } => {
                members.member(TIME, &time).text("message", written);
                if let Some((kind, dataset, namespace)) = names::data_stream(&index) {
                    let parts = json!({"type": kind, "dataset": dataset, "namespace": namespace});
                    members.member("data_stream", &parts);
                }
                let kept = keeps_original.then_some("preserve_original_event");
                let tags: Vec<_> = kept.into_iter().chain(TAGS).collect();
                members.member("tags", &tags).member(ID, &id);
                members.close();
            }
            Document::Raw => {
                // A member that stands there twice is refused.
                if !has_member(written, TIME) {
                    members.member(TIME, &time);
                }
                if !has_member(written, ID) {
                    members.member(ID, &id);
                }
                members.close_with(written);
            }
        }
        // In JSON a line break can only stand between tokens.
        for byte in out.get_mut(start..).unwrap_or_default() {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        out.push(b'\n');
    }
}

/// The tags that the integration gives.
const TAGS: [&str; 2] = ["azure-eventhub", "forwarded"];

/// Whether a record has a member of this name at its top.
fn has_member(record: &Record<'_>, name: &str) -> bool {
    let object = record.object().unwrap_or_default();
    // Nearly no record has it anywhere.
    memchr::memmem::find(object, name.as_bytes()).is_some()
        && serde_json::from_slice::<HashMap<String, IgnoredAny>>(object)
            .is_ok_and(|members| members.contains_key(name))
}

/// Bytes beside a record at most: the name of the index at up to 255 bytes, that in parts, and 400
/// for all others.
const MEMBERS_BYTES: u64 = 1_024;

impl Format for Bulk {
    fn content_type(&self) -> &'static str {
        "application/x-ndjson"
    }

    fn frame_bytes(&self) -> u64 {
        0
    }

    fn record_bytes_max(&self, record: &Record<'_>) -> u64 {
        MEMBERS_BYTES
            + match self.document {
                Document::Vendor { .. } => self.shaped.text_bytes_max(record),
                Document::Raw => self.shaped.bytes_max(record),
            }
    }

    fn check(&self, record: &Record<'_>, now: Timestamp) -> Result<Option<Timestamp>, Unfit> {
        self.shaped.check(record, now)
    }

    fn write(&self, records: &mut dyn Iterator<Item = Record<'_>>, out: &mut Vec<u8>) {
        let now = self.shaped.now();
        for record in records {
            self.write_record(&record, now, out);
        }
    }

    fn answer_bytes_max(&self) -> usize {
        ANSWER_BYTES_MAX
    }

    fn judge(&self, answer: &Answer, records: usize) -> Verdict {
        answer::judge(answer, records, self.accepts_dropped)
    }
}
