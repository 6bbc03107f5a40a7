//! Presets of `http`: endpoints that take plain JSON, a row of facts for each.
//!
//! Those that want records wrapped have their formats in `wrapped`. A limit of a row is a cap; one of
//! a single record is what `max_record_bytes` and `max_record_age` are when nobody sets them.

use std::sync::Arc;
use std::time::Duration;

use super::Destination;
use super::shaped::Shaped;
use crate::config::declare::{Key, Section, View};
use crate::config::{Encoding, Secret, SinkAuth, SinkConfig};
use crate::format::Format;

mod keys;
mod wrapped;

/// What is known of an endpoint. Keys are named as they stand below the sink.
pub(super) struct Preset {
    name: &'static str,
    section: &'static str,
    doc: &'static str,
    keys: &'static [Key],
    needs: &'static [&'static [&'static str]],
    /// A key, and the host that stands around or behind its words.
    host: Host,
    path: Option<&'static str>,
    token: Token,
    /// Headers, and parameters of the query, by the keys that hold their values, with defaults.
    headers: &'static [(&'static str, &'static str)],
    query: &'static [(&'static str, &'static str, &'static str)],
    body: Body,
    /// Statuses that accept.
    statuses: &'static [u16],
    records: usize,
    bytes: u64,
    compressed_bytes: Option<u64>,
    record_bytes: Option<u64>,
    record_age: Option<Duration>,
}

/// Where it is, unless `endpoint` is set.
enum Host {
    /// Only `endpoint` says it.
    Unknown,
    /// By the word of a key.
    ByWord(&'static str, &'static [(&'static str, &'static str)]),
    /// Before and behind the text of a key.
    Around(&'static str, &'static str, &'static str),
}

/// Where the secret of a key goes.
enum Token {
    None,
    Header(&'static str, &'static str),
    Query(&'static str, &'static str),
    Scheme(&'static str, &'static str),
}

/// As what records are written.
enum Body {
    Lines,
    Wrapped(fn(Shaped) -> Arc<dyn Format>),
}

const MB: u64 = 1_000_000;
const NO_RECORDS_MAX: usize = usize::MAX;

/// The destination of a row.
pub(super) const fn destination(preset: &'static Preset) -> Destination {
    Destination {
        name: preset.name,
        section: Section {
            path: preset.section,
            doc: preset.doc,
            keys: preset.keys,
        },
        needs: preset.needs,
        takes_zstd: false,
        is_plain: matches!(preset.body, Body::Lines),
        complete,
    }
}

static ALL: [&Preset; 6] = [
    &BETTER_STACK,
    &DYNATRACE,
    &LOGZIO,
    &NEW_RELIC,
    &SUMO_LOGIC,
    &VICTORIA_LOGS,
];

/// Sources: <https://betterstack.com/docs/logs/ingesting-data/http/logs/>.
pub(super) static BETTER_STACK: Preset = Preset {
    name: "better_stack",
    section: "sinks.*.better_stack",
    doc: "Keys of `type = \"better_stack\"`: docs/sinks/better_stack.md.",
    keys: keys::BETTER_STACK,
    needs: &[&["endpoint"], &["better_stack.source_token"]],
    host: Host::Unknown,
    path: None,
    token: Token::Scheme("Bearer", "better_stack.source_token"),
    headers: &[],
    query: &[],
    body: Body::Lines,
    statuses: &[202],
    records: NO_RECORDS_MAX,
    // The page names 413, and no size.
    bytes: MB,
    compressed_bytes: None,
    record_bytes: None,
    record_age: None,
};

/// Sources: intake and limits:
/// <https://docs.dynatrace.com/docs/shortlink/api-log-monitoring-v2-post-ingest>,
/// <https://docs.dynatrace.com/docs/shortlink/lma-limits>.
pub(super) static DYNATRACE: Preset = Preset {
    name: "dynatrace",
    section: "sinks.*.dynatrace",
    doc: "Keys of `type = \"dynatrace\"`: docs/sinks/dynatrace.md.",
    keys: keys::DYNATRACE,
    needs: &[&["dynatrace.token"], &["dynatrace.environment", "endpoint"]],
    host: Host::Around("dynatrace.environment", "https://", ".live.dynatrace.com"),
    path: Some("/api/v2/logs/ingest"),
    token: Token::Scheme("Api-Token", "dynatrace.token"),
    headers: &[],
    query: &[],
    body: Body::Wrapped(wrapped::dynatrace),
    statuses: &[204],
    records: 50_000,
    bytes: 10 * MB,
    compressed_bytes: None,
    record_bytes: None,
    record_age: Some(Duration::from_secs(24 * 60 * 60)),
};

/// Sources: <https://docs.logz.io/docs/shipping/Code/HTTP>; regions:
/// <https://github.com/logzio/logz-docs/blob/master/_source/_data/logzio-regions.yml>; the type is
/// that of Logz.io's own function for Event Hubs: <https://github.com/logzio/azure-serverless>.
pub(super) static LOGZIO: Preset = Preset {
    name: "logzio",
    section: "sinks.*.logzio",
    doc: "Keys of `type = \"logzio\"`: docs/sinks/logzio.md.",
    keys: keys::LOGZIO,
    needs: &[&["logzio.token"], &["logzio.region", "endpoint"]],
    host: Host::ByWord(
        "logzio.region",
        &[
            ("us", "https://listener.logz.io:8071"),
            ("au", "https://listener-au.logz.io:8071"),
            ("ca", "https://listener-ca.logz.io:8071"),
            ("eu", "https://listener-eu.logz.io:8071"),
            ("nl", "https://listener-nl.logz.io:8071"),
            ("wa", "https://listener-wa.logz.io:8071"),
        ],
    ),
    path: None,
    token: Token::Query("token", "logzio.token"),
    headers: &[],
    query: &[("type", "logzio.log_type", "eventHub")],
    body: Body::Lines,
    statuses: &[200],
    records: NO_RECORDS_MAX,
    bytes: 10 * 1_024 * 1_024,
    compressed_bytes: None,
    record_bytes: Some(500_000),
    record_age: None,
};

/// Sources: <https://docs.newrelic.com/docs/logs/log-api/introduction-log-api/>; that the bytes on
/// the wire count: <https://github.com/newrelic/newrelic-azure-functions/blob/main/LogForwarder/index.js>.
pub(super) static NEW_RELIC: Preset = Preset {
    name: "new_relic",
    section: "sinks.*.new_relic",
    doc: "Keys of `type = \"new_relic\"`: docs/sinks/new_relic.md.",
    keys: keys::NEW_RELIC,
    needs: &[
        &["new_relic.license_key"],
        &["new_relic.region", "endpoint"],
    ],
    host: Host::ByWord(
        "new_relic.region",
        &[
            ("us", "https://log-api.newrelic.com"),
            ("eu", "https://log-api.eu.newrelic.com"),
            ("jp", "https://log-api.jp.nr-data.net"),
            ("fedramp", "https://gov-log-api.newrelic.com"),
        ],
    ),
    path: Some("/log/v1"),
    token: Token::Header("api-key", "new_relic.license_key"),
    headers: &[],
    query: &[],
    body: Body::Wrapped(wrapped::new_relic),
    statuses: &[200, 202],
    records: NO_RECORDS_MAX,
    bytes: u64::MAX,
    compressed_bytes: Some(MB),
    record_bytes: None,
    record_age: Some(Duration::from_secs(48 * 60 * 60)),
};

/// Sources: <https://www.sumologic.com/help/docs/send-data/hosted-collectors/http-source/logs-metrics/>,
/// codes: <https://www.sumologic.com/help/docs/send-data/hosted-collectors/http-source/troubleshooting/>.
pub(super) static SUMO_LOGIC: Preset = Preset {
    name: "sumo_logic",
    section: "sinks.*.sumo_logic",
    doc: "Keys of `type = \"sumo_logic\"`: docs/sinks/sumo_logic.md.",
    keys: keys::SUMO_LOGIC,
    needs: &[&["endpoint"]],
    host: Host::Unknown,
    path: None,
    token: Token::None,
    headers: &[
        ("x-sumo-category", "sumo_logic.category"),
        ("x-sumo-name", "sumo_logic.source_name"),
        ("x-sumo-host", "sumo_logic.host"),
        ("x-sumo-fields", "sumo_logic.fields"),
    ],
    query: &[],
    body: Body::Lines,
    statuses: &[200],
    records: NO_RECORDS_MAX,
    bytes: MB,
    compressed_bytes: None,
    record_bytes: None,
    record_age: None,
};

/// Sources: <https://docs.victoriametrics.com/victorialogs/data-ingestion/>. What is left out with a
/// 2xx: lines longer than `-insert.maxLineSizeBytes` (256 KiB unless it is set), and those with a time
/// that is neither RFC 3339 nor a number, as some of Entra's are: so a time of our own goes first
/// (<https://github.com/VictoriaMetrics/VictoriaLogs/blob/master/app/vlinsert/insertutil/timestamp.go>).
pub(super) static VICTORIA_LOGS: Preset = Preset {
    name: "victoria_logs",
    section: "sinks.*.victoria_logs",
    doc: "Keys of `type = \"victoria_logs\"`: docs/sinks/victoria_logs.md.",
    keys: keys::VICTORIA_LOGS,
    needs: &[&["endpoint"]],
    host: Host::Unknown,
    path: Some("/insert/jsonline"),
    token: Token::None,
    headers: &[],
    query: &[
        ("_time_field", "victoria_logs.time_field", "_time"),
        ("_msg_field", "victoria_logs.message_field", "operationName"),
        (
            "_stream_fields",
            "victoria_logs.stream_fields",
            "category,tenantId",
        ),
    ],
    body: Body::Wrapped(wrapped::victoria_logs),
    statuses: &[200, 204],
    records: NO_RECORDS_MAX,
    bytes: u64::MAX,
    compressed_bytes: None,
    // Less what stands before a record, and the line break.
    record_bytes: Some(255 * 1_024),
    record_age: None,
};

fn complete(view: &View<'_>, sink: &mut SinkConfig) -> Option<()> {
    let name = view.word("type")?;
    let preset = ALL.into_iter().find(|preset| preset.name == name)?;
    if !view.is_set("endpoint") {
        sink.endpoint = Secret::new(preset.host.url(view)?);
    }
    sink.path = preset.path.map(str::to_owned);
    match preset.token {
        Token::None => {}
        Token::Header(name, key) => {
            sink.headers.insert(name.to_owned(), view.secret(key)?);
        }
        Token::Query(name, key) => {
            let query = &mut sink.connection.query;
            query.insert(name.to_owned(), view.secret(key)?);
        }
        Token::Scheme(scheme, key) => {
            let token = view.secret(key)?;
            sink.connection.auth = SinkAuth::Token { scheme, token };
        }
    }
    for (name, key) in preset.headers {
        if let Some(value) = view.text(key) {
            sink.headers.insert((*name).to_owned(), Secret::new(value));
        }
    }
    for (name, key, default) in preset.query {
        let value = view.text(key).unwrap_or((*default).to_owned());
        let query = &mut sink.connection.query;
        query.insert((*name).to_owned(), Secret::new(value));
    }
    preset.bound(view, sink);
    match preset.body {
        Body::Lines if !view.is_set("encoding") => sink.encoding = Encoding::Ndjson,
        Body::Lines => {}
        Body::Wrapped(format) => {
            sink.format = Some(format(Shaped::of(sink)));
        }
    }
    Some(())
}

impl Preset {
    /// What the endpoint documents, where the user says nothing, or more than that.
    fn bound(&self, view: &View<'_>, sink: &mut SinkConfig) {
        if !view.is_set("success.statuses") {
            sink.success.statuses = self.statuses.to_vec();
        }
        sink.batch.records = sink.batch.records.min(self.records);
        sink.batch.bytes = sink.batch.bytes.min(self.bytes);
        let set = sink.batch.compressed_bytes;
        sink.batch.compressed_bytes = set.into_iter().chain(self.compressed_bytes).min();
        sink.record.bytes = sink.record.bytes.or(self.record_bytes);
        sink.record.age = sink.record.age.or(self.record_age);
    }
}

impl Host {
    fn url(&self, view: &View<'_>) -> Option<String> {
        match self {
            Self::Unknown => None,
            Self::ByWord(key, hosts) => {
                let word = view.word(key)?;
                let host = hosts.iter().find(|(known, _)| *known == word)?;
                Some(host.1.to_owned())
            }
            Self::Around(key, before, behind) => {
                Some(format!("{before}{}{behind}", view.text(key)?))
            }
        }
    }
}
