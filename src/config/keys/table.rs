//! The table of keys: a file per section, an entry per key, in the order in which they are shown.

use std::sync::LazyLock;

use super::Section;
use crate::config::kind::{Kind, TextRule};
use crate::destination;

mod admin;
mod checkpoints;
mod credentials;
mod dead_letters;
mod general;
mod health;
mod limits;
mod ownership;
mod sinks;
mod sources;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// The sections, in the order in which they are shown. Those of the destinations follow those of
/// all sinks.
pub(in crate::config) static SECTIONS: LazyLock<Vec<&'static Section>> = LazyLock::new(|| {
    let own = destination::ALL.iter().map(|it| &it.section);
    let own = own.filter(|section| !section.keys.is_empty());
    SINKS.iter().chain(own).chain(OTHERS).collect()
});

static SINKS: &[Section] = &[
    Section {
        path: "",
        doc: "Keys outside of any section. In a file they stand before the first section.",
        keys: general::KEYS,
    },
    Section {
        path: "sources.*",
        doc: "Event Hubs to read, by a name of your choice; at least one. Azure makes one hub per \
              log category unless told otherwise, so several are usual.",
        keys: sources::KEYS,
    },
    Section {
        path: "sinks.*",
        doc: "Endpoints to deliver to, by a name of your choice; at least one. Every record goes to \
              every sink that does not select others: docs/routing.md.",
        keys: sinks::KEYS,
    },
    Section {
        path: "sinks.*.batch",
        doc: "How much goes into one request.",
        keys: sinks::batch::KEYS,
    },
    Section {
        path: "sinks.*.success",
        doc: "Which answers of an endpoint are acceptances. See `docs/delivery.md`.",
        keys: sinks::success::KEYS,
    },
    Section {
        path: "sinks.*.auth",
        doc: "By whose right a sink delivers. See `docs/sinks.md`.",
        keys: sinks::auth::KEYS,
    },
    Section {
        path: "sinks.*.tls",
        doc: "Whom a sink trusts beside the operating system's authorities, and who it is itself.",
        keys: sinks::tls::KEYS,
    },
];

static OTHERS: &[Section] = &[
    Section {
        path: "credentials.*",
        doc: "Microsoft Entra identities that sources and the checkpoint store refer to, by a name \
              of your choice.",
        keys: credentials::KEYS,
    },
    Section {
        path: "checkpoints",
        doc: "Where it is kept which events are done, and which replica owns which partition.",
        keys: checkpoints::KEYS,
    },
    Section {
        path: "ownership",
        doc: "How the replicas of one consumer group share its partitions. The same in all of them.",
        keys: ownership::KEYS,
    },
    Section {
        path: "dead_letters",
        doc: "Where records are kept that an endpoint refuses for good.",
        keys: dead_letters::KEYS,
    },
    Section {
        path: "health",
        doc: "The listener for the platform's probes.",
        keys: health::KEYS,
    },
    Section {
        path: "admin",
        doc: "The listener for people and for metrics: docs/status.md.",
        keys: admin::KEYS,
    },
    Section {
        path: "limits",
        doc: "Bounds on memory, and on what is repeated after a crash.",
        keys: limits::KEYS,
    },
];

pub(crate) const fn text(rule: TextRule) -> Kind {
    Kind::Text(rule)
}
