//! Metrics of the process as a whole.

use super::{Family, Kind, Point, Unit, Value, one};
use crate::event_hub::Timestamp;
use crate::telemetry::snapshot::{DeadLetters, Process};

pub(super) static FAMILIES: &[Family] = &[
    Family {
        name: "build",
        kind: Kind::Info,
        unit: Unit::None,
        labels: &["version"],
        help: "Version of the program.",
        normal: "The same in all replicas, but during an update.",
        points: |it| vec![Point::new([&it.process.version], true)],
    },
    Family {
        name: "well",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: &[],
        help: "1 while everything arrives, as far as this process is concerned; else 0.",
        normal: "1. Worry when it stays 0: `status` and the log say why.",
        points: |it| one(it.verdict.is_well),
    },
    Family {
        name: "process_start_time",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        labels: &[],
        help: "When the process started, in seconds since 1970.",
        normal: "Changes with every start; often means that it crashes.",
        points: |it| started_at(&it.process),
    },
    Family {
        name: "process_uptime",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        labels: &[],
        help: "Time since the process started.",
        normal: "Rises.",
        points: |it| one(it.process.uptime_seconds),
    },
    Family {
        name: "process_resident_memory",
        kind: Kind::Gauge,
        unit: Unit::Bytes,
        labels: &[],
        help: "Memory that the process has in use.",
        normal: "Well below the limit of the container.",
        points: |it| known(it.process.resident_bytes),
    },
    Family {
        name: "process_open_files",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: &[],
        help: "Files and connections that the process has open.",
        normal: "A few per partition and sink; a steady rise is a bug.",
        points: |it| known(it.process.open_files),
    },
    Family {
        name: "events_received",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &[],
        help: "Events that were read from all hubs.",
        normal: "Rises as the tenant works.",
        points: |it| one(it.balance.events),
    },
    Family {
        name: "records_received",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &[],
        help: "Records in these events.",
        normal: "Rises as the tenant works.",
        points: |it| one(it.balance.received),
    },
    Family {
        name: "records_wanted",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &[],
        help: "Records that at least one sink wants.",
        normal: "Equal to what was received, less what is unrouted.",
        points: |it| one(it.balance.wanted),
    },
    Family {
        name: "records_unrouted",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &[],
        help: "Records that no sink wants, dropped as `unrouted` says.",
        normal: "0, unless sinks select categories on purpose.",
        points: |it| one(it.balance.unrouted),
    },
    Family {
        name: "balance_error",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: &[],
        help: "Records that the sums of the balance lack or have too many.",
        normal: "0. Anything else is a bug: report it.",
        points: |it| one(it.balance.error),
    },
    Family {
        name: "oldest_unsettled",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        labels: &[],
        help: "Age of the oldest event that a hub has and that is not settled, over all \
               partitions of this process.",
        normal: "Seconds. Worry when it rises for minutes.",
        points: |it| one(it.oldest_unsettled_seconds),
    },
    Family {
        name: "retention_used",
        kind: Kind::Gauge,
        unit: Unit::Ratio,
        labels: &[],
        help: "Share of the retention that this event has used, of the source where it is \
               largest; only where `sources.*.retention` is set.",
        normal: "Near 0. From 0.5 on events are in danger; at 1 they are lost.",
        points: |it| known(it.retention_used),
    },
    Family {
        name: "memory_budget",
        kind: Kind::Gauge,
        unit: Unit::Bytes,
        labels: &[],
        help: "What `limits.memory_budget` allows.",
        normal: "Constant.",
        points: |it| one(it.memory.budget_bytes),
    },
    Family {
        name: "memory_used",
        kind: Kind::Gauge,
        unit: Unit::Bytes,
        labels: &["kind"],
        help: "Memory that counts against the budget: `events` are bodies of events that \
               are not settled, `bodies` are compressed requests.",
        normal: "Below the budget. At the budget reading waits for the sinks.",
        points: |it| {
            let memory = &it.memory;
            let used = [
                ("events", memory.events_bytes),
                ("bodies", memory.bodies_bytes),
            ];
            used.map(|(kind, bytes)| Point::new([kind], bytes)).into()
        },
    },
    Family {
        name: "credential_expires_in",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        labels: &["kind", "place"],
        help: "Time until a credential ends; negative afterwards. `kind` is `signature`, `certificate` \
               or `token`, `place` is its path in the configuration, and for tokens the service, too.",
        normal: "Tokens renew themselves. Renew the others in time: worry below a week.",
        points: |it| {
            let all = it.credentials.iter();
            all.map(|it| Point::new([&it.kind, &it.place], it.seconds_left))
                .collect()
        },
    },
    Family {
        name: "component_waiting",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: &["component"],
        help: "1 while something that depends on the outside does not work, whether or not \
               it fails.",
        normal: "0. The log says why.",
        points: |it| {
            let all = it.components.iter();
            all.map(|it| Point::new([&it.name], it.reason.is_some()))
                .collect()
        },
    },
    Family {
        name: "component_failing",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: &["component"],
        help: "1 while waiting alone will probably not mend it: the process is not ready.",
        normal: "0. Somebody has to mend it: the log says what.",
        points: |it| {
            let all = it.components.iter();
            all.map(|it| Point::new([&it.name], it.is_failing))
                .collect()
        },
    },
    Family {
        name: "dead_letters",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &["source", "sink", "reason"],
        help: "Dead letters that their store confirmed; `sink` is empty when no sink was \
               asked.",
        normal: "Does not rise. `dead-letters list` shows them.",
        points: |it| {
            let all = it.dead_letters.iter();
            let labels = |it: &DeadLetters| {
                let sink = it.sink.clone().unwrap_or_default();
                vec![it.source.clone(), sink, it.reason.clone()]
            };
            all.map(|it| Point {
                labels: labels(it),
                value: it.count.into(),
            })
            .collect()
        },
    },
];

/// One point, or none as long as the value is not known.
fn known(value: Option<impl Into<Value>>) -> Vec<Point> {
    value.map(one).unwrap_or_default()
}

fn started_at(process: &Process) -> Vec<Point> {
    let moment = Timestamp::parse_rfc3339(&process.started_at);
    known(moment.map(|it| it.0 as f64 / 1_000.0))
}
