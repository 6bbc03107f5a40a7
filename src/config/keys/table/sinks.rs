//! Keys of a sink.

use super::{HOUR, KIB, MIB, MINUTE, text};
use crate::config::keys::Key;
use crate::config::keys::Need::{Default, Optional, Required};
use crate::config::kind::{Kind, SecretRule, TextRule};
use crate::deliver::refusals::WINDOW;
use crate::destination;
use crate::record::TRUNCATED_BYTES_MIN;

pub(super) mod auth;
pub(super) mod batch;
pub(super) mod success;
pub(super) mod tls;

pub(super) static KEYS: &[Key] = &[
    Key {
        path: "sinks.*.type",
        kind: Kind::Word(&destination::NAMES),
        need: Required,
        doc: "Kind of the sink: `http` posts batches to any URL; `null` counts records and their \
              bytes, sends nothing, and takes no other keys than the two lists of categories; the \
              others are services and products, each with a table of its own keys: docs/sinks.",
        example: "http",
    },
    Key {
        path: "sinks.*.endpoint",
        kind: Kind::Secret(SecretRule::HttpUrl),
        need: Optional("**required** for `http`; what a destination makes of its own keys"),
        doc: "URL that batches are posted to. Where only the host is given, a destination adds its \
              own path. Treated as a secret, since it may carry a token.",
        example: "https://siem.example.com/ingest",
    },
    Key {
        path: "sinks.*.include_categories",
        kind: Kind::Globs,
        need: Optional("everything"),
        doc: "Categories of the records that the sink gets: globs with `*` (any text) and `?` (one \
              character), in any case of letters. `<none>` is what has no category.",
        example: r#"["*SignInLogs", "AuditLogs"]"#,
    },
    Key {
        path: "sinks.*.exclude_categories",
        kind: Kind::Globs,
        need: Optional("nothing"),
        doc: "Categories of records that the sink does not get, whatever it includes.",
        example: r#"["MicrosoftGraphActivityLogs"]"#,
    },
    Key {
        path: "sinks.*.encoding",
        kind: Kind::Word(&["ndjson", "json_array"]),
        need: Default("ndjson"),
        doc: "How the records of a batch become one body: `ndjson` (one record per line) or \
              `json_array`.",
        example: "ndjson",
    },
    Key {
        path: "sinks.*.unwrap_office365",
        kind: Kind::Bool,
        need: Default("false"),
        doc: "Whether a record of `AdvancedHunting-CloudAppEvents` is written as the Office 365 \
              audit record inside of it (`properties.RawEventData`), in the shape of the Management \
              Activity API.",
        example: "false",
    },
    Key {
        path: "sinks.*.prefix",
        kind: text(TextRule::Any),
        need: Default(""),
        doc: "Text before the body, inside the compression. Not a secret: it is shown.",
        example: "",
    },
    Key {
        path: "sinks.*.suffix",
        kind: text(TextRule::Any),
        need: Default(""),
        doc: "Text after the body, inside the compression. Not a secret: it is shown.",
        example: "",
    },
    Key {
        path: "sinks.*.headers.*",
        kind: Kind::Secret(SecretRule::HeaderValue),
        need: Optional("none"),
        doc: "Request headers, by name. Every value is a secret. `Content-Encoding`, \
              `Content-Length`, `Host` and `Transfer-Encoding` are set by the forwarder; \
              `Content-Type` may be replaced.",
        example: "Bearer <token>",
    },
    Key {
        path: "sinks.*.query.*",
        kind: Kind::Secret(SecretRule::Any),
        need: Optional("none"),
        doc: "Parameters that are added to the query of `endpoint`, by name. Every value is a \
              secret, since services take tokens there.",
        example: "<token>",
    },
    Key {
        path: "sinks.*.proxy",
        kind: Kind::Secret(SecretRule::Proxy),
        need: Optional("the environment's (`HTTPS_PROXY` and its like)"),
        doc: "URL of the HTTP proxy to go through, also to this machine; it may carry user and \
              password, so it is treated as a secret. `none` goes directly, whatever the environment \
              says.",
        example: "http://proxy.example.com:3128",
    },
    Key {
        path: "sinks.*.http_version",
        kind: Kind::Word(&["auto", "1.1", "2"]),
        need: Default("auto"),
        doc: "Version of HTTP: `auto` speaks 2 where the server offers it in TLS (ALPN), else 1.1; \
              `2` speaks nothing else, also without TLS.",
        example: "auto",
    },
    Key {
        path: "sinks.*.request_id_header",
        kind: text(TextRule::HeaderName),
        need: Default("X-Request-Id"),
        doc: "Header with an id of the batch (32 hexadecimal digits), the same at every repetition \
              of the same bytes; `off` sends none. One of this name in `headers` wins.",
        example: "X-Request-Id",
    },
    Key {
        path: "sinks.*.compression",
        kind: Kind::Word(&["gzip", "zstd", "none"]),
        need: Default("gzip"),
        doc: "How bodies are compressed; `Content-Encoding` says so to the endpoint. With `none` \
              they travel as they are, without that header.",
        example: "gzip",
    },
    Key {
        path: "sinks.*.gzip_level",
        kind: Kind::Integer { min: 0, max: 9 },
        need: Default("6"),
        doc: "Effort of `gzip`, from 1 (fast) to 9 (small); 0 packs without making smaller.",
        example: "6",
    },
    Key {
        path: "sinks.*.zstd_level",
        kind: Kind::Integer { min: 1, max: 19 },
        need: Default("3"),
        doc: "Effort of `zstd`, from 1 (fast) to 19 (small).",
        example: "3",
    },
    Key {
        path: "sinks.*.concurrency",
        kind: Kind::Integer { min: 1, max: 64 },
        need: Default("4"),
        doc: "Most requests in flight at the same time, and most batches under way. The forwarder \
              lowers the number by itself while the endpoint answers 429 or 5xx, in no time or not \
              at all, and raises it again as requests are accepted.",
        example: "4",
    },
    Key {
        path: "sinks.*.connect_timeout",
        kind: Kind::Duration {
            min_ms: 100,
            max_ms: 5 * MINUTE,
        },
        need: Default("10s"),
        doc: "Longest wait for a connection; at most `timeout`.",
        example: "10s",
    },
    Key {
        path: "sinks.*.timeout",
        kind: Kind::Duration {
            min_ms: 100,
            max_ms: HOUR,
        },
        need: Default("60s"),
        doc: "Longest wait for a whole answer.",
        example: "60s",
    },
    Key {
        path: "sinks.*.retry.initial",
        kind: Kind::Duration {
            min_ms: 10,
            max_ms: 10 * MINUTE,
        },
        need: Default("1s"),
        doc: "Upper bound of the wait before the first repetition; it doubles from there. The wait \
              is random below the bound.",
        example: "1s",
    },
    Key {
        path: "sinks.*.retry.max",
        kind: Kind::Duration {
            min_ms: 10,
            max_ms: HOUR,
        },
        need: Default("60s"),
        doc: "Upper bound of every wait between repetitions. Repetitions never end.",
        example: "60s",
    },
    Key {
        path: "sinks.*.retry.retry_after_max",
        kind: Kind::Duration {
            min_ms: 1_000,
            max_ms: 24 * HOUR,
        },
        need: Default("5min"),
        doc: "Longest `Retry-After` of an endpoint that is honoured.",
        example: "5min",
    },
    Key {
        path: "sinks.*.rate.requests_per_second",
        kind: Kind::Integer {
            min: 1,
            max: 100_000,
        },
        need: Optional("not bounded"),
        doc: "Most requests per second on average, repetitions among them.",
        example: "10",
    },
    Key {
        path: "sinks.*.rate.bytes_per_second",
        kind: Kind::Bytes {
            min: KIB,
            max: 64 * 1024 * MIB,
        },
        need: Optional("not bounded"),
        doc: "Most bytes of bodies per second on average, as they are sent, repetitions among them. \
              A body that is larger than what `rate.burst` allows at once goes alone.",
        example: "5MiB",
    },
    Key {
        path: "sinks.*.rate.burst",
        kind: Kind::Duration {
            min_ms: 1,
            max_ms: HOUR,
        },
        need: Default("1s"),
        doc: "How much of either rate may be sent at once after a pause: as much as this time allows.",
        example: "1s",
    },
    Key {
        path: "sinks.*.max_record_bytes",
        kind: Kind::Bytes {
            min: TRUNCATED_BYTES_MIN,
            max: 64 * MIB,
        },
        need: Optional("not bounded; in `datadog`, what it does not cut"),
        doc: "Most bytes of one record, as it is written into the body. See `docs/delivery.md`.",
        example: "1MB",
    },
    Key {
        path: "sinks.*.on_oversize",
        kind: Kind::Word(&["dead_letter", "truncate"]),
        need: Default("dead_letter"),
        doc: "What becomes of a larger record: `dead_letter` keeps it as one, with the reason \
              `oversize`; `truncate` cuts its largest members and marks it.",
        example: "truncate",
    },
    Key {
        path: "sinks.*.max_record_age",
        kind: Kind::Duration {
            min_ms: MINUTE,
            max_ms: 365 * 24 * HOUR,
        },
        need: Optional("not bounded"),
        doc: "For endpoints that refuse old events, or drop them: how long ago a record's own time \
              may be when it is sent.",
        example: "18h",
    },
    Key {
        path: "sinks.*.on_old",
        kind: Kind::Word(&["dead_letter", "restamp"]),
        need: Default("dead_letter"),
        doc: "What becomes of an older record: `dead_letter` keeps it as one, with the reason \
              `too_old`; `restamp` sends it with the present as its time and marks it.",
        example: "restamp",
    },
    Key {
        path: "sinks.*.refusals_max",
        kind: Kind::Integer {
            min: 0,
            max: WINDOW,
        },
        need: Default("100"),
        doc: "At most so many of the last 10,000 records become dead letters because the endpoint \
              refuses them (400, 413, 422, poison). When more would, their batches wait, and the \
              sink counts as misconfigured.",
        example: "100",
    },
    Key {
        path: "sinks.*.dead_letter_without_witness",
        kind: Kind::Bool,
        need: Default("false"),
        doc: "Whether every record that is refused becomes a dead letter, also when nothing else is \
              accepted, and without the bound of `refusals_max`: the way on when an endpoint will \
              never take what is waiting.",
        example: "false",
    },
];
