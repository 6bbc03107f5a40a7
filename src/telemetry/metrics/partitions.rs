//! Metrics of the partitions. What is known of owned ones only is left out for others.

use super::{Family, Kind, Point, Unit, Value};
use crate::telemetry::snapshot::{Partition, Snapshot};

const LABELS: &[&str] = &["source", "partition"];

pub(super) static FAMILIES: &[Family] = &[
    Family {
        name: "partition_owned",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: LABELS,
        help: "1 while this process owns the partition, 0 when it has owned it.",
        normal: "1 in exactly one replica.",
        points: |it| each(it, |it| Some(it.is_owned)),
    },
    Family {
        name: "partition_waiting",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: LABELS,
        help: "1 while reading it waits for something; the log says for what.",
        normal: "0.",
        points: |it| each(it, |it| Some(it.reason.is_some())),
    },
    Family {
        name: "partition_last_enqueued_sequence",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: LABELS,
        help: "Number of the last event that the hub has, as far as it is known; -1 before \
               the first.",
        normal: "Rises as the tenant works.",
        points: |it| each(it, |it| it.last_enqueued),
    },
    Family {
        name: "partition_received_sequence",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: LABELS,
        help: "Number of the last event that was read.",
        normal: "Close behind the last one that the hub has.",
        points: |it| each(it, |it| it.received),
    },
    Family {
        name: "partition_settled_sequence",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: LABELS,
        help: "Number up to which everything is accepted, or a confirmed dead letter.",
        normal: "Close behind what was read.",
        points: |it| each(it, |it| it.settled),
    },
    Family {
        name: "partition_checkpointed_sequence",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: LABELS,
        help: "Number in the stored checkpoint.",
        normal: "Close behind what is settled.",
        points: |it| each(it, |it| it.checkpointed),
    },
    Family {
        name: "partition_lag_events",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: LABELS,
        help: "Events that the hub has and that are not settled.",
        normal: "Falls again and again. Worry when it rises for minutes.",
        points: |it| each(it, |it| it.lag_events),
    },
    Family {
        name: "partition_lag",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        labels: LABELS,
        help: "Age of the oldest of them; 0 when there is none.",
        normal: "Seconds. Worry when it rises for minutes.",
        points: |it| each(it, |it| it.lag_seconds),
    },
    Family {
        name: "partition_open_events",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: LABELS,
        help: "Events that are read and not settled.",
        normal: "As many as the sinks need for their batches.",
        points: |it| each(it, |it| it.is_owned.then_some(it.open_events)),
    },
    Family {
        name: "partition_open",
        kind: Kind::Gauge,
        unit: Unit::Bytes,
        labels: LABELS,
        help: "Bytes of these events.",
        normal: "Below the memory budget.",
        points: |it| each(it, |it| it.is_owned.then_some(it.open_bytes)),
    },
    Family {
        name: "partition_uncommitted_events",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: LABELS,
        help: "Events that are read and not covered by the stored checkpoint: a crash \
               repeats them.",
        normal: "Below `limits.uncommitted_max`.",
        points: |it| each(it, |it| it.is_owned.then_some(it.uncommitted)),
    },
    Family {
        name: "partition_events",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: LABELS,
        help: "Events that were read.",
        normal: "Rises as the tenant works.",
        points: |it| each(it, |it| Some(it.events)),
    },
    Family {
        name: "partition_event",
        kind: Kind::Counter,
        unit: Unit::Bytes,
        labels: LABELS,
        help: "Bytes of their bodies.",
        normal: "Rises as the tenant works.",
        points: |it| each(it, |it| Some(it.bytes)),
    },
    Family {
        name: "partition_duplicate_events",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: LABELS,
        help: "Events that came again, and were left out.",
        normal: "Rises seldom.",
        points: |it| each(it, |it| Some(it.duplicates)),
    },
    Family {
        name: "partition_gaps",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: LABELS,
        help: "Jumps in the numbers of events.",
        normal: "0. Worry about every one: the hub has dropped events before they were read.",
        points: |it| each(it, |it| Some(it.gaps)),
    },
    Family {
        name: "partition_missing_events",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: LABELS,
        help: "Numbers in these jumps: events that nobody can read any more.",
        normal: "0. Worry about every one.",
        points: |it| each(it, |it| Some(it.missing)),
    },
    Family {
        name: "partition_rewinds",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: LABELS,
        help: "Times that the numbers began anew.",
        normal: "0, but after a fail-over of the hub, or when it was made again.",
        points: |it| each(it, |it| Some(it.rewinds)),
    },
    Family {
        name: "partition_stale_positions",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: LABELS,
        help: "Stored positions that did not belong to the hub that is there.",
        normal: "0, but after a fail-over of the hub, or when it was made again.",
        points: |it| each(it, |it| Some(it.stale)),
    },
    Family {
        name: "partition_reopenings",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: LABELS,
        help: "Receivers that were opened again after an end.",
        normal: "A few a day. Worry when it rises every minute.",
        points: |it| each(it, |it| Some(it.reopenings)),
    },
    Family {
        name: "partition_stalls",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: LABELS,
        help: "Receivers that brought nothing although there was something.",
        normal: "Rises seldom.",
        points: |it| each(it, |it| Some(it.stalls)),
    },
    Family {
        name: "partition_token_expiries",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: LABELS,
        help: "Receivers that ended since their token had expired.",
        normal: "0: they leave before.",
        points: |it| each(it, |it| Some(it.expiries)),
    },
    Family {
        name: "partition_stolen",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: LABELS,
        help: "Receivers that another consumer of the group ended.",
        normal: "Rises only after the number of replicas changed. Worry else: somebody else \
               reads in this group.",
        points: |it| each(it, |it| Some(it.stolen)),
    },
];

/// One point per partition where the value is known.
fn each<V: Into<Value>>(
    snapshot: &Snapshot,
    value: impl Fn(&Partition) -> Option<V>,
) -> Vec<Point> {
    let mut points = Vec::new();
    for source in &snapshot.sources {
        for partition in &source.partitions {
            let value = value(partition);
            points.extend(value.map(|value| Point::new([&source.name, &partition.id], value)));
        }
    }
    points
}
