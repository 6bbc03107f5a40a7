use serde_json::{Value, json};

use super::*;
use crate::telemetry::testing;

/// A picture with one of everything.
fn picture() -> Snapshot {
    let distribution = json!({"bounds": [], "counts": [0], "sum": 0.0});
    let partition = |id: &str, lag: f64| {
        json!({
            "id": id, "is_owned": true, "reason": null, "last_enqueued": 20, "received": 15,
            "settled": 10, "checkpointed": 9, "lag_events": 10, "lag_seconds": lag,
            "open_events": 5, "open_bytes": 500, "uncommitted": 6, "events": 100, "bytes": 1000,
            "duplicates": 1, "gaps": 2, "missing": 3, "rewinds": 0, "stale": 0, "reopenings": 4,
            "stalls": 0, "expiries": 0, "stolen": 0
        })
    };
    let sink = |name: &str, state: &str| {
        json!({
            "name": name, "state": state, "reason": null, "since_seconds": 12.34567,
            "balance": {
                "wanted": 90, "delivered": 70, "dead_lettered": 5, "abandoned": 0, "in_flight": 15
            },
            "requests": {"accepted": 7, "failed": 2}, "retries": 2, "divided": 0,
            "bytes_plain": 900, "bytes_sent": 90, "requests_in_flight": 1, "concurrency": 4,
            "batches": 2, "parked": 0, "body_bytes": 50, "batch_records": distribution,
            "batch_age": distribution, "request_bytes": distribution,
            "request_seconds": distribution
        })
    };
    let credential = |place: &str, kind: &str, left: f64| {
        json!({
            "place": place, "kind": kind, "ends_at": "2026-12-01T00:00:00.000Z",
            "seconds_left": left
        })
    };
    let not_owned = json!({"is_owned": false, "id": "2", "lag_events": null, "lag_seconds": null});
    let mut left = partition("2", 0.0);
    for (key, value) in not_owned.as_object().unwrap() {
        left[key] = value.clone();
    }
    let picture = json!({
        "at": "2026-11-22T00:00:00.000Z",
        "process": {
            "version": "1.2.3", "owner": "replica-1", "started_at": "", "uptime_seconds": 61.00049
        },
        "verdict": {
            "is_well": false, "sentence": "Not everything arrives: a (and 1 more).",
            "reasons": ["a", "b"]
        },
        "balance": {"events": 100, "received": 100, "wanted": 90, "unrouted": 10, "error": -1},
        "oldest_unsettled_seconds": 30.0, "retention_used": 0.25,
        "sources": [{
            "name": "entra", "namespace": "n", "event_hub": "h", "consumer_group": "g",
            "partitions_of_hub": 4, "retention_seconds": 120.0,
            "partitions": [partition("0", 30.0), partition("1", 6.0), left],
            "categories": {"AuditLogs": {
                "records": 80, "lateness": distribution, "silent_seconds": 7.5
            }},
            "empty": 0, "encoded": 0, "repaired": 0, "unparsable": {}, "steals": 0,
            "partitions_lost": 0
        }],
        "sinks": [sink("siem", "accepting"), sink("lake", "refusing")],
        "memory": {"budget_bytes": 1000, "events_bytes": 500, "bodies_bytes": 50},
        "credentials": [
            credential("sinks.siem.auth", "token", 60.0),
            credential("sources.entra.connection_string", "signature", 7200.0),
            credential("sinks.lake.tls", "certificate", 3600.5),
        ],
        "components": [],
        "dead_letters": [
            {"source": "entra", "sink": "siem", "reason": "refused", "count": 10},
            {"source": "entra", "sink": null, "reason": "undecodable", "count": 1}
        ],
        "recent_dead_letters": []
    });
    serde_json::from_value(picture).unwrap()
}

fn of<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

fn assert_has(line: &Value, expected: Value) {
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&line[key], value, "{key} of {line}");
    }
}

#[test]
fn a_beat_says_how_the_process_and_each_sink_do() {
    let lines = testing::Lines::listen();
    Lines::default().write(&picture(), false);
    let lines = lines.take();
    assert_eq!(lines.len(), 3, "no details at the very start");
    let heartbeats = of(&lines, "heartbeat");
    assert_has(
        heartbeats[0],
        json!({
            "level": "INFO", "last": false, "well": false, "reason": "a", "reasons": 2,
            "message": "Not everything arrives: a (and 1 more).",
            "version": "1.2.3", "owner": "replica-1", "uptime_seconds": 61.0,
            "partitions_owned": 2, "partitions_waiting": 0, "partitions_of_hub": 4,
            "lag_events": 20, "lag_seconds": 30.0, "oldest_unsettled_seconds": 30.0,
            "retention_used": 0.25, "received": 100, "received_new": 100, "wanted": 90,
            "unrouted": 10, "delivered": 140, "dead_lettered": 11, "dead_lettered_new": 11,
            "in_flight": 30, "balance_error": -1, "memory_used_bytes": 550,
            "memory_budget_bytes": 1000, "sinks": 2, "sinks_accepting": 1, "sinks_refusing": 1,
            "sinks_failing": 0, "sinks_misconfigured": 0,
            "credential": "sinks.lake.tls", "credential_seconds_left": 3600.5
        }),
    );
    assert_has(
        of(&lines, "sink")[1],
        json!({
            "sink": "lake", "state": "refusing", "state_seconds": 12.346, "wanted": 90,
            "delivered": 70, "dead_lettered": 5, "in_flight": 15, "requests": 9,
            "requests_new": 9, "concurrency": 4
        }),
    );
    let values = lines.iter().flat_map(|line| line.as_object().unwrap());
    for (key, value) in values {
        assert!(!value.is_object() && !value.is_array(), "{key} is not flat");
    }
}

#[test]
fn details_come_after_the_first_minute_and_every_five() {
    let (lines, mut written) = (testing::Lines::listen(), Lines::default());
    let mut beats_with_details = Vec::new();
    for beat in 0..12 {
        written.write(&picture(), beat == 11);
        let lines = lines.take();
        assert_eq!(of(&lines, "heartbeat")[0]["last"], beat == 11);
        let partitions = of(&lines, "partition");
        if !partitions.is_empty() {
            assert_eq!(partitions.len(), 2, "those that are owned");
            assert_eq!(of(&lines, "category").len(), 1);
            assert_eq!(of(&lines, "credential").len(), 2, "no token");
            beats_with_details.push(beat);
        }
    }
    assert_eq!(beats_with_details, [1, 6, 11], "and at the end");
}

#[test]
fn details_say_where_each_partition_stands() {
    let lines = testing::Lines::listen();
    Lines::default().write(&picture(), true);
    let lines = lines.take();
    assert_has(
        of(&lines, "partition")[0],
        json!({
            "source": "entra", "partition": "0", "lag_events": 10, "lag_seconds": 30.0,
            "retention_used": 0.25, "last_enqueued": 20, "last_received": 15, "last_settled": 10,
            "last_checkpointed": 9, "open_events": 5, "missing": 3, "missing_new": 3
        }),
    );
    assert_has(
        of(&lines, "category")[0],
        json!({
            "source": "entra", "category": "AuditLogs", "records": 80, "records_new": 80,
            "silent_seconds": 7.5
        }),
    );
    assert_has(
        of(&lines, "credential")[1],
        json!({"place": "sinks.lake.tls", "kind": "certificate", "seconds_left": 3600.5}),
    );
}

#[test]
fn new_counts_are_since_the_line_before() {
    let (lines, mut written) = (testing::Lines::listen(), Lines::default());
    let mut picture = picture();
    written.write(&picture, false);
    written.write(&picture, false);
    let second = lines.take();
    let second = of(&second, "heartbeat");
    assert_has(
        second[1],
        json!({"received_new": 0, "dead_lettered_new": 0}),
    );
    picture.balance.received += 7;
    picture.dead_letters[1].count += 2;
    picture.sinks[0].balance.delivered += 3;
    picture.sources[0].partitions[0].missing += 4;
    written.write(&picture, true);
    let third = lines.take();
    let heartbeat = of(&third, "heartbeat")[0];
    let expected = json!({"received_new": 7, "dead_lettered_new": 2, "delivered_new": 3});
    assert_has(heartbeat, expected);
    assert_has(
        of(&third, "sink")[0],
        json!({"delivered_new": 3, "requests_new": 0}),
    );
    assert_has(
        of(&third, "partition")[0],
        json!({"missing_new": 4, "events_new": 0}),
    );
}
