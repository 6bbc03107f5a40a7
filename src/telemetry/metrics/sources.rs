//! Metrics of the sources and of what comes from them.

use super::{Family, Kind, Point, Unit, Value};
use crate::telemetry::snapshot::{Category, Snapshot, Source};

pub(super) static FAMILIES: &[Family] = &[
    Family {
        name: "source_partitions",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: &["source"],
        help: "Partitions that the hub has; 0 as long as it has not answered.",
        normal: "Constant.",
        points: |it| each(it, |it| Some(it.partitions_of_hub)),
    },
    Family {
        name: "source_partitions_owned",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: &["source"],
        help: "Partitions that this process owns.",
        normal: "All replicas together own all that the hub has.",
        points: |it| each(it, |it| Some(owned(it))),
    },
    Family {
        name: "source_retention",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        labels: &["source"],
        help: "How long the hub keeps events, as `sources.*.retention` says.",
        normal: "Constant; set it, so that alarms know it.",
        points: |it| each(it, |it| it.retention_seconds),
    },
    Family {
        name: "source_empty_events",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &["source"],
        help: "Events without any record.",
        normal: "Rises seldom.",
        points: |it| each(it, |it| Some(it.empty)),
    },
    Family {
        name: "source_encoded_events",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &["source"],
        help: "Events that were compressed, or text in another encoding than UTF-8.",
        normal: "0 from Entra ID.",
        points: |it| each(it, |it| Some(it.encoded)),
    },
    Family {
        name: "source_repaired_records",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &["source"],
        help: "Records that were JSON only after a repair.",
        normal: "Rises seldom, where Azure writes broken JSON.",
        points: |it| each(it, |it| Some(it.repaired)),
    },
    Family {
        name: "source_unparsable",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &["source", "kind"],
        help: "Pieces of events that are no JSON, by what they are.",
        normal: "0 from Entra ID; docs/records.md says what becomes of them.",
        points: unparsable,
    },
    Family {
        name: "source_steals",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &["source"],
        help: "Claims on partitions of replicas with more than their share.",
        normal: "Rises only after the number of replicas changed.",
        points: |it| each(it, |it| Some(it.steals)),
    },
    Family {
        name: "source_partitions_lost",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &["source"],
        help: "Partitions that another replica took.",
        normal: "Rises only after the number of replicas changed. Worry when it rises all the \
               time.",
        points: |it| each(it, |it| Some(it.partitions_lost)),
    },
    Family {
        name: "category_records",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &["source", "category"],
        help: "Records per category that they name; `other` are those without a usable one, \
               and what is beyond 100 categories.",
        normal: "Rises as the tenant works.",
        points: |it| categories(it, |it| Some(it.records)),
    },
    Family {
        name: "category_lateness",
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        labels: &["source", "category"],
        help: "From what happened, as the record says, until the hub had it.",
        normal: "Minutes; Microsoft allows itself hours for some categories.",
        points: |it| categories(it, |it| Some(&it.lateness)),
    },
    Family {
        name: "category_silent",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        labels: &["source", "category"],
        help: "Time since the hub took in the last record of the category.",
        normal: "As the tenant works. Worry when a busy category is silent for an hour.",
        points: |it| categories(it, |it| it.silent_seconds),
    },
];

/// One point per source where the value is known.
fn each<V: Into<Value>>(snapshot: &Snapshot, value: impl Fn(&Source) -> Option<V>) -> Vec<Point> {
    let sources = snapshot.sources.iter();
    sources
        .filter_map(|it| Some(Point::new([&it.name], value(it)?)))
        .collect()
}

fn owned(source: &Source) -> u64 {
    let partitions = source.partitions.iter();
    partitions.map(|it| u64::from(it.is_owned)).sum()
}

fn unparsable(snapshot: &Snapshot) -> Vec<Point> {
    let kinds = snapshot.sources.iter().flat_map(|source| {
        let kinds = source.unparsable.iter();
        kinds.map(|(kind, count)| Point::new([&source.name, kind], *count))
    });
    kinds.collect()
}

/// One point per category where the value is known.
fn categories<'a, V: Into<Value>>(
    snapshot: &'a Snapshot,
    value: impl Fn(&'a Category) -> Option<V>,
) -> Vec<Point> {
    let mut points = Vec::new();
    for source in &snapshot.sources {
        for (name, category) in &source.categories {
            let value = value(category);
            points.extend(value.map(|value| Point::new([&source.name, name], value)));
        }
    }
    points
}
