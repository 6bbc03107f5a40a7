//! Keys of the bounds.

use super::MIB;
use crate::config::keys::Key;
use crate::config::keys::Need::Default;
use crate::config::kind::Kind;

pub(super) static KEYS: &[Key] = &[
    Key {
        path: "limits.memory_budget",
        kind: Kind::Bytes {
            min: 16 * MIB,
            max: 1024 * 1024 * MIB,
        },
        need: Default("128MiB"),
        doc: "Everything that grows with data stays below this size together.",
        example: "128MiB",
    },
    Key {
        path: "limits.expansion_max",
        kind: Kind::Bytes {
            min: MIB,
            max: 1024 * MIB,
        },
        need: Default("32MiB"),
        doc: "Largest size to which a compressed event is unpacked. One that would become larger is \
              forwarded as it is, in base64.",
        example: "32MiB",
    },
    Key {
        path: "limits.open_events_max",
        kind: Kind::Integer {
            min: 1,
            max: 1_000_000_000,
        },
        need: Default("10000"),
        doc: "Most events of a partition that are read and not yet settled; at this number its reader \
              pauses.",
        example: "10000",
    },
    Key {
        path: "limits.uncommitted_max",
        kind: Kind::Integer {
            min: 1,
            max: 1_000_000_000,
        },
        need: Default("100000"),
        doc: "Most events of a partition that are read beyond its stored checkpoint, when the store \
              fails; at this number its reader pauses. With `open_events_max` it bounds what a crash \
              repeats.",
        example: "100000",
    },
];
