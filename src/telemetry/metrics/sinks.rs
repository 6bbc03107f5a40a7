//! Metrics of the sinks.

use super::{Family, Kind, Point, Unit, Value};
use crate::telemetry::snapshot::{Sink, SinkState, Snapshot};

pub(super) static FAMILIES: &[Family] = &[
    Family {
        name: "sink_state",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: &["sink", "state"],
        help: "1 for the state that the sink is in, 0 for all others: `unknown`, \
               `accepting`, `failing`, `refusing`, `misconfigured`.",
        normal: "`accepting`. `failing` is waited out; the others need somebody.",
        points: states,
    },
    Family {
        name: "sink_state_duration",
        kind: Kind::Gauge,
        unit: Unit::Seconds,
        labels: &["sink"],
        help: "How long the sink has accepted, or has not for whatever reason.",
        normal: "Long while it accepts.",
        points: |it| each(it, |it| it.since_seconds),
    },
    Family {
        name: "sink_records_wanted",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &["sink"],
        help: "Records that were read for this sink.",
        normal: "Equal to delivered, dead-lettered, abandoned and in flight together.",
        points: |it| each(it, |it| Some(it.balance.wanted)),
    },
    Family {
        name: "sink_records",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &["sink", "outcome"],
        help: "Records by what became of them: `delivered`, `dead_lettered`, or \
               `abandoned`, which the next owner of their partition reads again.",
        normal: "`delivered` rises. `abandoned` rises only when partitions move.",
        points: fates,
    },
    Family {
        name: "sink_records_in_flight",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: &["sink"],
        help: "Records that are read for this sink and not settled.",
        normal: "As many as its batches hold.",
        points: |it| each(it, |it| Some(it.balance.in_flight)),
    },
    Family {
        name: "sink_requests",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &["sink", "outcome"],
        help: "Requests that came to an end, by what the endpoint made of them.",
        normal: "Nearly all are `accepted`, or `per_record` where answers tell of each \
               record.",
        points: requests,
    },
    Family {
        name: "sink_retries",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &["sink"],
        help: "Requests that repeat one that failed.",
        normal: "Rises seldom.",
        points: |it| each(it, |it| Some(it.retries)),
    },
    Family {
        name: "sink_divided_requests",
        kind: Kind::Counter,
        unit: Unit::None,
        labels: &["sink"],
        help: "Requests whose records had to be divided, since something in them was too \
               large or refused.",
        normal: "Rises seldom.",
        points: |it| each(it, |it| Some(it.divided)),
    },
    Family {
        name: "sink_plain",
        kind: Kind::Counter,
        unit: Unit::Bytes,
        labels: &["sink"],
        help: "Bytes of accepted bodies before compression.",
        normal: "Rises as the tenant works.",
        points: |it| each(it, |it| Some(it.bytes_plain)),
    },
    Family {
        name: "sink_sent",
        kind: Kind::Counter,
        unit: Unit::Bytes,
        labels: &["sink"],
        help: "Bytes of accepted bodies on the wire.",
        normal: "A tenth of the plain ones or less.",
        points: |it| each(it, |it| Some(it.bytes_sent)),
    },
    Family {
        name: "sink_requests_in_flight",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: &["sink"],
        help: "Requests that are in flight.",
        normal: "Below the limit.",
        points: |it| each(it, |it| Some(it.requests_in_flight)),
    },
    Family {
        name: "sink_concurrency_limit",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: &["sink"],
        help: "Requests that may be in flight now; it follows what the endpoint takes, up \
               to `sinks.*.concurrency`.",
        normal: "Near the configured one. 1 while the endpoint is away.",
        points: |it| each(it, |it| Some(it.concurrency)),
    },
    Family {
        name: "sink_batches",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: &["sink"],
        help: "Batches that are under way.",
        normal: "About as many as requests in flight.",
        points: |it| each(it, |it| Some(it.batches)),
    },
    Family {
        name: "sink_batches_parked",
        kind: Kind::Gauge,
        unit: Unit::None,
        labels: &["sink"],
        help: "Batches among them that are put aside, so that others pass.",
        normal: "0. Worry when it stays above: something in them is refused.",
        points: |it| each(it, |it| Some(it.parked)),
    },
    Family {
        name: "sink_body",
        kind: Kind::Gauge,
        unit: Unit::Bytes,
        labels: &["sink"],
        help: "Compressed bodies that the sink holds.",
        normal: "Below the memory budget.",
        points: |it| each(it, |it| Some(it.body_bytes)),
    },
    Family {
        name: "sink_batch_records",
        kind: Kind::Histogram,
        unit: Unit::None,
        labels: &["sink"],
        help: "Records of the batches that were closed.",
        normal: "Large batches are cheap; small ones are closed by their age.",
        points: |it| each(it, |it| Some(&it.batch_records)),
    },
    Family {
        name: "sink_batch_age",
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        labels: &["sink"],
        help: "How old batches were when they were closed.",
        normal: "Up to `batch.age`.",
        points: |it| each(it, |it| Some(&it.batch_age)),
    },
    Family {
        name: "sink_request_size",
        kind: Kind::Histogram,
        unit: Unit::Bytes,
        labels: &["sink"],
        help: "Bytes of requests on the wire.",
        normal: "Below what the endpoint takes.",
        points: |it| each(it, |it| Some(&it.request_bytes)),
    },
    Family {
        name: "sink_request_duration",
        kind: Kind::Histogram,
        unit: Unit::Seconds,
        labels: &["sink"],
        help: "How long the endpoint took for its answers.",
        normal: "Below a second or two. Worry near `timeout`.",
        points: |it| each(it, |it| Some(&it.request_seconds)),
    },
];

/// One point per sink where the value is known.
fn each<'a, V: Into<Value>>(
    snapshot: &'a Snapshot,
    value: impl Fn(&'a Sink) -> Option<V>,
) -> Vec<Point> {
    let sinks = snapshot.sinks.iter();
    sinks
        .filter_map(|it| Some(Point::new([&it.name], value(it)?)))
        .collect()
}

fn states(snapshot: &Snapshot) -> Vec<Point> {
    let states = snapshot.sinks.iter().flat_map(|sink| {
        let all = SinkState::ALL.iter();
        all.map(|state| Point::new([&sink.name, state.name()], sink.state == *state))
    });
    states.collect()
}

fn fates(snapshot: &Snapshot) -> Vec<Point> {
    let fates = snapshot.sinks.iter().flat_map(|sink| {
        let balance = &sink.balance;
        let counts = [
            ("delivered", balance.delivered),
            ("dead_lettered", balance.dead_lettered),
            ("abandoned", balance.abandoned),
        ];
        counts.map(|(fate, count)| Point::new([&sink.name, fate], count))
    });
    fates.collect()
}

fn requests(snapshot: &Snapshot) -> Vec<Point> {
    let outcomes = snapshot.sinks.iter().flat_map(|sink| {
        let outcomes = sink.requests.iter();
        outcomes.map(|(outcome, count)| Point::new([&sink.name, outcome], *count))
    });
    outcomes.collect()
}
