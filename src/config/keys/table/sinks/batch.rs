//! Keys that say when a sink closes a batch.

use crate::config::keys::Key;
use crate::config::keys::Need::{Default, Optional};
use crate::config::keys::table::{KIB, MIB, MINUTE};
use crate::config::kind::Kind;

pub(in crate::config::keys::table) static KEYS: &[Key] = &[
    Key {
        path: "sinks.*.batch.records",
        kind: Kind::Integer {
            min: 1,
            max: 1_000_000,
        },
        need: Default("5000"),
        doc: "A batch is closed at this number of records.",
        example: "5000",
    },
    Key {
        path: "sinks.*.batch.bytes",
        kind: Kind::Bytes {
            min: KIB,
            max: 64 * MIB,
        },
        need: Default("1MiB"),
        doc: "A batch is closed at this size before compression; a single larger record goes alone. \
              At most a sixteenth of `limits.memory_budget`.",
        example: "1MiB",
    },
    Key {
        path: "sinks.*.batch.compressed_bytes",
        kind: Kind::Bytes {
            min: KIB,
            max: 64 * MIB,
        },
        need: Optional("not bounded"),
        doc: "Most bytes of a body as it is sent, for endpoints that count those: a larger batch is \
              halved before it is sent; a record that is larger alone becomes a dead letter.",
        example: "1MB",
    },
    Key {
        path: "sinks.*.batch.age",
        kind: Kind::Duration {
            min_ms: 10,
            max_ms: 10 * MINUTE,
        },
        need: Default("5s"),
        doc: "A batch is closed this long after its first record.",
        example: "5s",
    },
];
