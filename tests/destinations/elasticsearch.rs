//! `type = "elasticsearch"`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use entra_forwarder::config::SinkAuth;
use serde_json::{Value, json};

use crate::golden;
use crate::stand_in::{Answer, Arrival, StandIn};
use crate::world::{World, body, check_bounds, config, unfit, wrong};

const SINK: &str = r#"
[sinks.siem]
type = "elasticsearch"
endpoint = "https://es.example.com:9200"
[sinks.siem.elasticsearch]
api_key = "VnVhQ2ZHY0JDZGJrUW0="
"#;

#[test]
fn records_of_every_category() {
    golden::check("elasticsearch.txt", SINK);
}

#[test]
fn records_of_every_category_as_they_are() {
    golden::check("elasticsearch_raw.txt", &raw(""));
}

fn raw(more: &str) -> String {
    format!("{SINK}preset = \"raw\"\n{more}")
}

#[test]
fn the_configuration_says_where() {
    let sink = config(SINK).sinks.remove("siem").unwrap();
    assert_eq!(sink.path.as_deref(), Some("/_bulk"));
    assert_eq!((sink.batch.records, sink.batch.bytes), (5_000, 1 << 20));
    let filter = sink.connection.query.get("filter_path").unwrap().expose();
    assert_eq!(
        filter,
        "errors,items.*.status,items.*.result,items.*.error.type,items.*.error.reason"
    );
    let SinkAuth::Token { scheme, token } = sink.connection.auth else {
        panic!();
    };
    assert_eq!((scheme, token.expose()), ("ApiKey", "VnVhQ2ZHY0JDZGJrUW0="));
    let batch = "[sinks.siem.batch]\nrecords = 20000\nbytes = \"50MiB\"\n[limits]\nmemory_budget = \"1GiB\"\n";
    let sink = config(&format!("{SINK}{batch}"))
        .sinks
        .remove("siem")
        .unwrap();
    assert_eq!((sink.batch.records, sink.batch.bytes), (5_000, 50 << 20));
    let problems = wrong("[sinks.siem]\ntype = \"elasticsearch\"\n");
    assert!(problems.contains("sinks.siem.endpoint"), "{problems}");
    let problems = wrong(&SINK.replace("api_key", "preset = \"ecs\"\napi_key"));
    assert!(problems.contains("raw"), "{problems}");
    let problems = wrong(&raw("index = \"logs-{{ category | lowr }}\"\n"));
    assert!(problems.contains("column 20"), "{problems}");
}

/// The lines of the body of an event, in pairs.
fn lines(sinks: &str, event: &str) -> Vec<(Value, Value)> {
    pairs(&body(sinks, event.as_bytes()))
}

fn pairs(body: &[u8]) -> Vec<(Value, Value)> {
    assert_eq!(body.last(), Some(&b'\n'));
    let mut lines = body.trim_ascii_end().split(|byte| *byte == b'\n');
    let mut pairs = Vec::new();
    while let (Some(action), Some(document)) = (lines.next(), lines.next()) {
        let read = |line| serde_json::from_slice(line).unwrap();
        pairs.push((read(action), read(document)));
    }
    assert!(lines.next().is_none());
    pairs
}

#[test]
fn names_by_template_are_names_that_are_allowed() {
    let sinks = raw("index = \"entra-{{ category }}-{{ properties.app || \\\"none\\\" }}\"\n");
    let event = r#"{"records":[{"category":"SignInLogs","properties":{"app":"A/B c"}},{"a":1}]}"#;
    let found: Vec<_> = lines(&sinks, event)
        .into_iter()
        .map(|(action, _)| action["create"]["_index"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, ["entra-signinlogs-a_b_c", "entra--none"]);
}

#[test]
fn names_are_bounded() {
    let records: Vec<_> = (0..300).map(|n| format!("{{\"n\":{n}}}")).collect();
    let event = format!("{{\"records\":[{}]}}", records.join(","));
    let found = lines(&raw("index = \"logs-x.{{ n }}-default\"\n"), &event);
    let names: BTreeSet<_> = found
        .iter()
        .map(|(action, _)| action["create"]["_index"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 201);
    assert!(names.contains("logs-entra.other-default"));
}

#[test]
fn a_document_is_one_line_and_has_no_member_twice() {
    let event = r#"{"records":[{"@timestamp":"2020-01-01T00:00:00Z",
        "entra_forwarder_id":"theirs","a":{"@timestamp":1}},{"b":{"@timestamp":2},"time":"2026-01-02T03:04:05.678Z"}]}"#;
    let found = lines(&raw(""), event);
    assert_eq!(found[0].1["@timestamp"], "2020-01-01T00:00:00Z");
    assert_eq!(found[0].1["entra_forwarder_id"], "theirs");
    let text = String::from_utf8(body(&raw(""), event.as_bytes())).unwrap();
    assert_eq!(text.matches("theirs").count(), 1);
    assert_eq!(found[1].1["@timestamp"], "2026-01-02T03:04:05.678Z");
    assert_eq!(
        found[1].1["entra_forwarder_id"],
        found[1].0["create"]["_id"]
    );
    check_bounds(&raw(""), event.as_bytes());
}

#[test]
fn the_vendors_document_holds_the_record_as_it_came() {
    let record = "{\n \"category\": \"RiskyUsers\", \"x\": \"\\\"\\u00e9\\\\\", \"n\": 1.50 }";
    let event = format!("{{\"records\":[{record}]}}");
    let sinks = format!("{SINK}namespace = \"Prod-1\"\npreserve_original = false\n");
    let found = lines(&sinks, &event);
    let (action, document) = &found[0];
    assert_eq!(document["message"], record);
    let index = "logs-azure.identity_protection-prod_1";
    assert_eq!(action["create"]["_index"], index);
    let parts =
        json!({"type": "logs", "dataset": "azure.identity_protection", "namespace": "prod_1"});
    assert_eq!(document["data_stream"], parts);
    assert_eq!(document["tags"], json!(["azure-eventhub", "forwarded"]));
}

/// Stores as Elasticsearch does: an id once per index. Throttles every seventh record the first
/// time, refuses what is `bad`, drops what is `unwanted`.
#[derive(Clone, Default)]
struct Cluster {
    stored: Arc<Mutex<BTreeMap<(String, String), Value>>>,
    throttled: Arc<Mutex<BTreeSet<String>>>,
    /// What it says of every record beside what it was asked for.
    padding: Option<String>,
}

impl Cluster {
    fn answer(&self, request: &Arrival) -> Answer {
        let (path, query) = request.target.split_once('?').unwrap();
        assert_eq!((request.method.as_str(), path), ("POST", "/_bulk"));
        assert!(query.starts_with("filter_path=errors"), "{query}");
        assert_eq!(request.header("content-type"), "application/x-ndjson");
        if request.header("authorization") != "ApiKey VnVhQ2ZHY0JDZGJrUW0=" {
            return (
                401,
                r#"{"error":{"type":"security_exception"},"status":401}"#.into(),
            );
        }
        if request.body.is_empty() {
            return (400, r#"{"error":{"type":"parse_exception","reason":"request body is required"},"status":400}"#.into());
        }
        if request.body.len() > 100 << 20 {
            return (413, String::new());
        }
        let pairs = pairs(&request.body);
        let items: Vec<_> = pairs.into_iter().map(|it| self.item(&it.0, it.1)).collect();
        let errors = items.iter().any(|it| it.get("error").is_some());
        let items: Vec<_> = items
            .into_iter()
            .map(|mut item| {
                if let Some(padding) = &self.padding {
                    item["_shards"] = padding.as_str().into();
                }
                json!({ "create": item })
            })
            .collect();
        (200, json!({"errors": errors, "items": items}).to_string())
    }

    fn item(&self, action: &Value, document: Value) -> Value {
        let text = |member: &str| action["create"][member].as_str().unwrap().to_owned();
        let (index, id) = (text("_index"), text("_id"));
        assert_eq!(document["entra_forwarder_id"], id.as_str());
        assert!(document["@timestamp"].is_string());
        let error = |status: u16, kind: &str| json!({"status": status, "error": {"type": kind, "reason": format!("[{id}]: it is")}});
        let message: Value = serde_json::from_str(document["message"].as_str().unwrap()).unwrap();
        if message.get("bad").is_some() {
            return error(400, "document_parsing_exception");
        }
        if message.get("unwanted").is_some() {
            return json!({"status": 200, "result": "noop"});
        }
        let is_slow = message["n"].as_u64().is_some_and(|n| n.is_multiple_of(7));
        if is_slow && self.throttled.lock().unwrap().insert(id.clone()) {
            return error(429, "es_rejected_execution_exception");
        }
        let mut stored = self.stored.lock().unwrap();
        if stored.contains_key(&(index.clone(), id.clone())) {
            return error(409, "version_conflict_engine_exception");
        }
        stored.insert((index, id), message);
        json!({"status": 201, "result": "created"})
    }
}

fn against(url: &str, more: &str) -> String {
    format!("{}{more}", SINK.replace("https://es.example.com:9200", url))
}

async fn give(world: &mut World) {
    world.give_numbered(10, 100, "AuditLogs").await;
    world
        .give(b"{\"records\":[{\"bad\":1},{\"unwanted\":1},{\"n\":1}]}")
        .await;
}

#[tokio::test]
async fn each_record_has_its_own_answer() {
    let cluster = Cluster::default();
    let serving = cluster.clone();
    let server = StandIn::start(move |request| serving.answer(request)).await;
    let mut world = World::start(&against(&server.url(), ""));
    give(&mut world).await;
    let (balance, letters) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (1_001, 2));
    let reasons: BTreeSet<_> = letters.iter().map(|it| it.facts.reason.as_str()).collect();
    assert_eq!(reasons, BTreeSet::from(["refused"]));
    assert_eq!(cluster.stored.lock().unwrap().len(), 1_001);
    // Only what was throttled came again.
    let lines = |arrival: &Arrival| pairs(&arrival.body).len();
    let sent: usize = server.arrivals().iter().map(lines).sum();
    assert_eq!(sent, 1_003 + 143);
    // The same once more: everything is there already.
    let mut world = World::start(&against(&server.url(), "dropped = \"accept\"\n"));
    give(&mut world).await;
    let (balance, _letters) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (1_002, 1));
    assert_eq!(cluster.stored.lock().unwrap().len(), 1_001);
}

#[tokio::test]
async fn an_answer_that_is_too_long_costs_a_repetition_and_no_more() {
    let cluster = Cluster {
        padding: Some("x".repeat(1_000)),
        ..Cluster::default()
    };
    let serving = cluster.clone();
    let server = StandIn::start(move |request| serving.answer(request)).await;
    let mut world = World::start(&against(&server.url(), ""));
    let records: Vec<_> = (0..3_000).map(|n| format!("{{\"m\":{n}}}")).collect();
    let event = format!("{{\"records\":[{}]}}", records.join(","));
    world.give(event.as_bytes()).await;
    let (balance, _letters) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (3_000, 0));
    assert_eq!(cluster.stored.lock().unwrap().len(), 3_000);
    let lines = |arrival: &Arrival| pairs(&arrival.body).len();
    let sent: Vec<_> = server.arrivals().iter().map(lines).collect();
    // Of the first request two megabytes tell of some two thousand records.
    assert!(sent.iter().sum::<usize>() < 5_000, "{sent:?}");
    assert!(sent.len() > 1, "{sent:?}");
}

#[test]
fn the_sinks_own_limits_hold_here_too() {
    let limits = |sinks: &str, limits: &str| {
        let kind = "type = \"elasticsearch\"\n";
        sinks.replace(kind, &format!("{kind}{limits}\n"))
    };
    let event = format!(
        "{{\"records\":[{{\"time\":\"2025-12-02T03:04:05Z\",\"long\":\"{}\"}}]}}",
        "x".repeat(5_000)
    );
    let cut = "max_record_bytes = \"2KiB\"\non_oversize = \"truncate\"\nmax_record_age = \"1d\"\non_old = \"restamp\"";
    for sinks in [limits(SINK, cut), limits(&raw(""), cut)] {
        check_bounds(&sinks, event.as_bytes());
        let (action, document) = &lines(&sinks, &event)[0];
        let whole = &lines(SINK, &event)[0];
        assert_eq!(action["create"]["_id"], whole.0["create"]["_id"]);
        assert!(
            document["@timestamp"].as_str() > Some("2025-12-03"),
            "{document}"
        );
        assert!(document.to_string().len() < 3_000);
        assert!(document.to_string().contains("entra_forwarder_truncated"));
    }
    assert_eq!(
        unfit(&limits(SINK, "max_record_bytes = \"2KiB\""), &event),
        ["oversize"]
    );
    assert_eq!(
        unfit(&limits(SINK, "max_record_age = \"1d\""), &event),
        ["too_old"]
    );
    assert!(unfit(&limits(SINK, "max_record_bytes = \"1MiB\""), &event).is_empty());
}
