//! Keys of the share in the partitions.

use super::{HOUR, MINUTE};
use crate::config::keys::Key;
use crate::config::keys::Need::Default;
use crate::config::kind::Kind;

pub(super) static KEYS: &[Key] = &[
    Key {
        path: "ownership.balance_interval",
        kind: Kind::Duration {
            min_ms: 100,
            max_ms: MINUTE,
        },
        need: Default("2s"),
        doc: "How often the owners are listed. A partition that was released is taken over within \
              this time. A replica that owns everything and sees nobody else lists up to five times \
              less often.",
        example: "2s",
    },
    Key {
        path: "ownership.renew_interval",
        kind: Kind::Duration {
            min_ms: 100,
            max_ms: 10 * MINUTE,
        },
        need: Default("20s"),
        doc: "How often a claim is renewed; at most a third of `expiry`.",
        example: "20s",
    },
    Key {
        path: "ownership.expiry",
        kind: Kind::Duration {
            min_ms: 1_000,
            max_ms: HOUR,
        },
        need: Default("60s"),
        doc: "A claim that was not renewed for this time is free for others. Use `2m` as long as \
              programs on an Azure SDK share the consumer group: they renew more slowly.",
        example: "60s",
    },
    Key {
        path: "ownership.steal_after",
        kind: Kind::Duration {
            min_ms: 0,
            max_ms: HOUR,
        },
        need: Default("60s"),
        doc: "Partitions are taken from a replica that has more than its share only after the \
              imbalance has lasted this long, so that a rolling update moves nothing twice.",
        example: "60s",
    },
    Key {
        path: "ownership.give_up_after",
        kind: Kind::Duration {
            min_ms: 1_000,
            max_ms: 24 * HOUR,
        },
        need: Default("2m"),
        doc: "A replica whose endpoint refuses it (wrong address or credentials) for this time gives \
              its partitions up, if another replica is there.",
        example: "2m",
    },
];
