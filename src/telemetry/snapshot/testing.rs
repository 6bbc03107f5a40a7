//! A picture in which everything is there.

use super::*;

/// One of everything, with names that are hard to write.
pub(crate) fn rich() -> Snapshot {
    let odd = "odd \"name\" with \\ and \nbreak";
    Snapshot {
        at: "2026-11-21T08:01:00.000Z".to_owned(),
        process: process(),
        verdict: Verdict {
            is_well: false,
            sentence: "Not everything arrives: sink siem: status 401.".to_owned(),
            reasons: vec!["sink siem: status 401".to_owned()],
        },
        balance: Balance {
            events: 20,
            received: 100,
            wanted: 90,
            unrouted: 10,
            error: -2,
        },
        oldest_unsettled_seconds: 12.5,
        retention_used: Some(0.25),
        sources: vec![source()],
        sinks: vec![sink()],
        memory: Memory {
            budget_bytes: 1 << 28,
            events_bytes: 1 << 20,
            bodies_bytes: 1 << 10,
        },
        credentials: vec![Credential {
            place: "sinks.siem.tls.certificate".to_owned(),
            kind: "certificate".to_owned(),
            ends_at: "2026-11-21T08:00:00.000Z".to_owned(),
            seconds_left: -60.0,
        }],
        components: vec![Component {
            name: odd.to_owned(),
            reason: Some("down".to_owned()),
            is_failing: true,
            since_seconds: 3.0,
        }],
        dead_letters: vec![DeadLetters {
            source: "entra".to_owned(),
            sink: None,
            reason: "unparsable".to_owned(),
            count: 2,
        }],
        recent_dead_letters: Vec::new(),
    }
}

fn source() -> Source {
    let mut lateness = Distribution::new(&[1.0, 10.0]);
    for value in [0.5, 5.0, 50.0] {
        lateness.note(value);
    }
    let category = |silent_seconds| Category {
        records: 3,
        lateness: lateness.clone(),
        silent_seconds,
    };
    let categories = [
        ("AuditLogs".to_owned(), category(Some(4.0))),
        ("other".to_owned(), category(None)),
    ];
    Source {
        name: "entra".to_owned(),
        namespace: "contoso.servicebus.windows.net".to_owned(),
        event_hub: "logs".to_owned(),
        consumer_group: "forwarder".to_owned(),
        partitions_of_hub: 4,
        retention_seconds: Some(86_400.0),
        partitions: vec![partition("0"), partition("10")],
        categories: categories.into(),
        empty: 1,
        encoded: 2,
        repaired: 3,
        unparsable: [("text".to_owned(), 4)].into(),
        steals: 5,
        partitions_lost: 6,
    }
}

fn process() -> Process {
    Process {
        version: "1.2.3".to_owned(),
        owner: "replica-1".to_owned(),
        started_at: "2026-11-21T08:00:00.000Z".to_owned(),
        uptime_seconds: 60.0,
        resident_bytes: Some(50 << 20),
        open_files: Some(20),
    }
}

fn partition(id: &str) -> Partition {
    Partition {
        id: id.to_owned(),
        is_owned: true,
        reason: None,
        last_enqueued: Some(1_000),
        received: Some(990),
        settled: Some(980),
        checkpointed: Some(-1),
        lag_events: Some(20),
        lag_seconds: Some(12.5),
        open_events: 10,
        open_bytes: 10_000,
        uncommitted: 981,
        events: 10,
        bytes: 20_000,
        duplicates: 1,
        gaps: 2,
        missing: 3,
        rewinds: 4,
        stale: 5,
        reopenings: 6,
        stalls: 7,
        expiries: 8,
        stolen: 9,
    }
}

fn sink() -> Sink {
    let distribution = |values: [f64; 2]| {
        let mut distribution = Distribution::new(&[1.0, 100.0]);
        distribution.note(values[0]);
        distribution.note(values[1]);
        distribution
    };
    let requests = [("accepted", 7), ("refused", 1)];
    Sink {
        name: "siem".to_owned(),
        state: SinkState::Refusing,
        reason: Some("status 401".to_owned()),
        since_seconds: Some(30.0),
        balance: SinkBalance {
            wanted: 90,
            delivered: 70,
            dead_lettered: 2,
            abandoned: 8,
            in_flight: 10,
        },
        requests: requests
            .map(|(outcome, count)| (outcome.to_owned(), count))
            .into(),
        retries: 1,
        divided: 2,
        bytes_plain: 30_000,
        bytes_sent: 3_000,
        requests_in_flight: 1,
        concurrency: 4,
        batches: 2,
        parked: 1,
        body_bytes: 512,
        batch_records: distribution([10.0, 1_000.0]),
        batch_age: distribution([0.5, 5.0]),
        request_bytes: distribution([10.0, 400.0]),
        request_seconds: distribution([0.25, 0.75]),
    }
}
