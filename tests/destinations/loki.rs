//! `type = "loki"`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use entra_forwarder::envelope;
use entra_forwarder::record::Record;
use serde_json::{Value, json};

use crate::golden;
use crate::stand_in::{Answer, Arrival, StandIn};
use crate::world::{World, body, check_bounds, config, origin, unfit, wrong};

const SINK: &str = r#"
[sinks.siem]
type = "loki"
endpoint = "https://loki.example.com"
[sinks.siem.loki]
tenant = "security"
"#;

#[test]
fn records_of_every_category() {
    golden::check("loki.json", SINK);
}

#[test]
fn the_configuration_says_where() {
    let sink = config(SINK).sinks.remove("siem").unwrap();
    assert_eq!(sink.path.as_deref(), Some("/loki/api/v1/push"));
    assert_eq!(sink.headers["x-scope-orgid"].expose(), "security");
    let batch = "[sinks.siem.batch]\nbytes = \"50MiB\"\n[limits]\nmemory_budget = \"1GiB\"\n";
    let sink = config(&format!("{SINK}{batch}"))
        .sinks
        .remove("siem")
        .unwrap();
    assert_eq!(sink.batch.bytes, 4_000_000);
    let problems = wrong("[sinks.siem]\ntype = \"loki\"\n");
    assert!(problems.contains("sinks.siem.endpoint"), "{problems}");
    let labels = "[sinks.siem.loki.labels]\napp = \"{{ category | lowr }}\"\n";
    let problems = wrong(&format!("{SINK}{labels}"));
    assert!(
        problems.contains("sinks.siem.loki.labels.app"),
        "{problems}"
    );
    assert!(problems.contains("column 15"), "{problems}");
}

/// The streams that a sink makes of an event.
fn streams(sinks: &str, event: &str) -> Vec<Value> {
    let body: Value = serde_json::from_slice(&body(sinks, event.as_bytes())).unwrap();
    check_bounds(sinks, event.as_bytes());
    body["streams"].as_array().unwrap().clone()
}

#[test]
fn a_stream_is_sorted_by_time() {
    let event = r#"{"records":[
        {"category":"A","time":"2026-01-02T03:04:07Z"},
        {"category":"B","time":"2026-01-02T03:04:06Z"},
        {"category":"A","time":"2026-01-02T03:04:05.0000001Z","level":"3","correlationId":"c"}]}"#;
    let found = streams(SINK, event);
    assert_eq!(found.len(), 2);
    let labels = json!({"category": "A", "service_name": "entra-forwarder", "tenant": "none",
        "partition": "logs-3"});
    assert_eq!(found[0]["stream"], labels);
    let line = &found[0]["values"][0];
    assert_eq!(line[0], "1767323045000000100");
    assert!(line[1].as_str().unwrap().contains("05.0000001Z"));
    assert_eq!(line[2]["level"], "warn");
    assert_eq!(line[2]["correlation_id"], "c");
    assert_eq!(line[2]["entra_forwarder_id"].as_str().unwrap().len(), 32);
    assert_eq!(found[0]["values"][1][0], "1767323047000000000");
    let plain = format!("{SINK}structured_metadata = false\n");
    assert_eq!(
        streams(&plain, event)[0]["values"][0]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn labels_by_template_are_bounded_and_never_none() {
    let labels = "[sinks.siem.loki.labels]\n\"app.id\" = \"{{ n }}\"\n";
    let sinks = format!("{SINK}{labels}");
    let records: Vec<_> = (0..150).map(|n| format!("{{\"n\":{n}}}")).collect();
    let event = format!("{{\"records\":[{},{{}}]}}", records.join(","));
    let found = streams(&sinks, &event);
    // A hundred values (nothing is one of them, or comes too late to be), and the rest.
    assert_eq!(found.len(), 101);
    assert_eq!(found[0]["stream"], json!({"app_id": "0"}));
    assert_eq!(found[100]["stream"], json!({"app_id": "other"}));
    let found = streams(&sinks, r#"{"m":1}"#);
    let service = json!({"service_name": "entra-forwarder"});
    assert_eq!(found[0]["stream"], service);
}

/// Stores as Loki does: a line once per time and stream, every line on its own.
#[derive(Clone, Default)]
struct Store {
    lines: Arc<Mutex<BTreeSet<(String, String, String)>>>,
    /// The newest line of a stream.
    newest: Arc<Mutex<BTreeMap<String, i128>>>,
    answers: Arc<Mutex<BTreeMap<u16, usize>>>,
}

/// Limits that a Loki has where nobody changed them.
const LINE_MAX: usize = 256 * 1_024;
const LABELS_MAX: usize = 15;
const HOUR: i128 = 3_600 * 1_000_000_000;
const WEEK: i128 = 7 * 24 * HOUR;

impl Store {
    fn answer(&self, request: &Arrival, now: i128) -> Answer {
        let answer = self.judge(request, now);
        *self.answers.lock().unwrap().entry(answer.0).or_default() += 1;
        answer
    }

    fn judge(&self, request: &Arrival, now: i128) -> Answer {
        assert_eq!(
            (request.method.as_str(), request.target.as_str()),
            ("POST", "/loki/api/v1/push")
        );
        assert_eq!(request.header("content-type"), "application/json");
        if request.header("x-scope-orgid") != "security" {
            return (401, "no org id\n".into());
        }
        let body = request.json();
        let streams = body["streams"].as_array().unwrap();
        if streams.is_empty() {
            return (422, "error at least one valid stream is required".into());
        }
        if request.body.len() > 4 << 20 {
            return (500, "received message larger than max".into());
        }
        if self.answers.lock().unwrap().is_empty() {
            return (429, "Ingestion rate limit exceeded".into());
        }
        let mut faults = Vec::new();
        for stream in streams {
            let labels = stream["stream"].as_object().unwrap();
            let values = labels
                .values()
                .all(|it| it.as_str().is_some_and(|it| !it.is_empty()));
            assert!(!labels.is_empty() && labels.len() <= LABELS_MAX && values);
            let mut last = 0;
            let mut newest = self.newest.lock().unwrap();
            let newest = newest.entry(stream["stream"].to_string()).or_default();
            for value in stream["values"].as_array().unwrap() {
                let time: i128 = value[0].as_str().unwrap().parse().unwrap();
                assert!(time >= last, "out of order");
                last = time;
                let line = value[1].as_str().unwrap();
                let metadata = value[2].as_object().unwrap();
                assert!(metadata.values().all(Value::is_string));
                if line.len() > LINE_MAX {
                    faults.push("Max entry size '262144' bytes exceeded");
                } else if time < now - WEEK {
                    faults.push("has timestamp too old");
                } else if time < *newest - HOUR {
                    faults.push("entry too far behind");
                } else {
                    *newest = time.max(*newest);
                    let key = (
                        stream["stream"].to_string(),
                        time.to_string(),
                        line.to_owned(),
                    );
                    self.lines.lock().unwrap().insert(key);
                }
            }
        }
        match faults.is_empty() {
            true => (204, String::new()),
            false => (400, faults.join("\n")),
        }
    }
}

fn against(url: &str) -> String {
    SINK.replace("https://loki.example.com", url)
}

#[tokio::test]
async fn what_loki_discards_is_found_and_the_rest_is_stored_once() {
    // Some minutes after all records but one.
    let now = 1_767_323_900_000_000_000;
    let store = Store::default();
    let serving = store.clone();
    let server = StandIn::start(move |request| serving.answer(request, now)).await;
    let mut world = World::start(&against(&server.url()));
    for event in 0..10 {
        let records: Vec<_> = (0..50)
            .map(|n| {
                let second = n % 60;
                let category = ["SignInLogs", "AuditLogs"][n % 2];
                format!(
                    "{{\"time\":\"2026-01-02T03:04:{second:02}Z\",\"category\":\"{category}\",\"n\":{}}}",
                    event * 50 + n
                )
            })
            .collect();
        let event = format!("{{\"records\":[{}]}}", records.join(","));
        world.give(event.as_bytes()).await;
    }
    let long = "x".repeat(LINE_MAX);
    let bad = format!(
        "{{\"records\":[{{\"time\":\"2026-01-02T03:04:05Z\",\"long\":\"{long}\"}},{{\"time\":\"2025-12-02T03:04:05Z\"}}]}}"
    );
    world.give(bad.as_bytes()).await;
    let (balance, letters) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (500, 2));
    assert_eq!(store.lines.lock().unwrap().len(), 500);
    assert!(letters.iter().all(|it| it.facts.reason == "refused"));
    let answers = store.answers.lock().unwrap();
    assert!(answers[&400] > 0 && answers[&429] == 1, "{answers:?}");
}

/// After an outage: one partition is read up to the present while another is hours behind.
#[tokio::test]
async fn a_partition_that_lags_behind_loses_nothing() {
    let store = Store::default();
    let serving = store.clone();
    let server = StandIn::start(move |request| serving.answer(request, 1_767_323_900_000_000_000));
    let server = server.await;
    let sinks = against(&server.url());
    let mut world = World::start(&format!("{sinks}[sinks.siem.batch]\nrecords = 1\n"));
    for (partition, hour) in [("0", 3), ("1", 0), ("0", 3), ("1", 1), ("0", 2), ("1", 1)] {
        let time = format!("2026-01-02T{hour:02}:04:0{partition}Z");
        let event = format!("{{\"category\":\"A\",\"time\":\"{time}\"}}");
        world.give_from(partition, event.as_bytes()).await;
    }
    let (balance, letters) = world.end().await;
    assert_eq!(balance.delivered, 6, "{letters:?}");
    let streams = store.newest.lock().unwrap().len();
    assert_eq!(streams, 2);
}

/// A sink that has given labels away is still the same as one that has not.
#[test]
fn a_sink_that_was_used_equals_its_configuration() {
    let labels = "[sinks.siem.loki.labels]\napp = \"{{ n }}\"\n";
    let sinks = format!("{SINK}{labels}");
    let format = || config(&sinks).sinks.remove("siem").unwrap().format.unwrap();
    let (used, fresh) = (format(), format());
    let records: Vec<_> = (0..150).map(|n| format!("{{\"n\":{n}}}")).collect();
    let event = format!("{{\"records\":[{}]}}", records.join(","));
    let (records, origin) = (envelope::split(&event.into(), 0), origin(1));
    let mut body = Vec::new();
    let mut all = records.all().map(|piece| Record::new(piece, &origin));
    used.write(&mut all, &mut body);
    assert!(String::from_utf8_lossy(&body).contains("{\"app\":\"other\"}"));
    assert!(*used == *fresh);
    let other = config(SINK).sinks.remove("siem").unwrap().format.unwrap();
    assert!(*used != *other);
}

#[tokio::test]
async fn status_260_is_no_acceptance() {
    let store = Store::default();
    let (serving, blocked) = (store.clone(), Arc::new(Mutex::new(3)));
    let server = StandIn::start(move |request| {
        let mut blocked = blocked.lock().unwrap();
        if *blocked > 0 {
            *blocked -= 1;
            return (
                260,
                "ingestion blocked for user security until later".into(),
            );
        }
        serving.answer(request, 1_767_323_900_000_000_000)
    })
    .await;
    let mut world = World::start(&against(&server.url()));
    let record = b"{\"time\":\"2026-01-02T03:04:05Z\"}";
    world.give(record).await;
    let (balance, _letters) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (1, 0));
    assert_eq!(store.lines.lock().unwrap().len(), 1);
    assert_eq!(server.arrivals().len(), 5);
}

#[test]
fn the_sinks_own_limits_hold_here_too() {
    let limits = "max_record_bytes = \"2KiB\"\non_oversize = \"truncate\"\nmax_record_age = \"1d\"\non_old = \"restamp\"\n";
    let sinks = SINK.replace("type = \"loki\"\n", &format!("type = \"loki\"\n{limits}"));
    let long = "\\\"x".repeat(2_000);
    let event = format!(
        "{{\"records\":[{{\"time\":\"2025-12-02T03:04:05Z\",\"category\":\"A\",\"long\":\"{long}\"}}]}}"
    );
    let found = streams(&sinks, &event);
    assert_eq!(found[0]["stream"]["category"], "A");
    let [time, line, metadata] = &found[0]["values"][0].as_array().unwrap()[..] else {
        panic!("{found:?}");
    };
    let time: i64 = time.as_str().unwrap().parse().unwrap();
    // A day after the record's own time, at least.
    assert!(time > 1_764_731_045_000_000_000, "{time}");
    let line = line.as_str().unwrap();
    assert!(
        line.len() <= 2_048 && line.contains("entra_forwarder_truncated"),
        "{line}"
    );
    let plain = &streams(SINK, &event)[0]["values"][0];
    assert_eq!(
        metadata["entra_forwarder_id"],
        plain[2]["entra_forwarder_id"]
    );
    let asked = sinks
        .replace("truncate", "dead_letter")
        .replace("restamp", "dead_letter");
    assert_eq!(unfit(&asked, &event), ["too_old"]);
    let asked = asked.replace("max_record_age = \"1d\"\n", "");
    assert_eq!(unfit(&asked, &event), ["oversize"]);
}
