//! `type = "otlp"`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use prost::Message;
use serde_json::{Value, json};

use crate::stand_in::{Arrival, StandIn};
use crate::world::{World, body, config, wrong};
use crate::{golden, python};

const SINK: &str = r#"
[sinks.siem]
type = "otlp"
endpoint = "https://otlp.contoso.example"
[sinks.siem.otlp]
resource_attributes = "deployment.environment.name=prod,team=soc%2C night"
"#;

fn in_json() -> String {
    format!("{SINK}encoding = \"json\"\n")
}

#[test]
fn records_of_every_category() {
    golden::check("otlp.json", &in_json());
}

#[test]
fn the_keys() {
    let sink = config(SINK).sinks.remove("siem").unwrap();
    assert_eq!(sink.path.as_deref(), Some("/v1/logs"));
    let large = SINK.replace(
        "\n[sinks.siem.otlp]",
        "\nbatch.bytes = \"32MiB\"\n[sinks.siem.otlp]",
    );
    let large = format!("{large}[limits]\nmemory_budget = \"1GiB\"\n");
    let sink = config(&large).sinks.remove("siem").unwrap();
    assert_eq!(sink.batch.bytes, 20 << 20);
    let problems = wrong("[sinks.siem]\ntype = \"otlp\"\n");
    assert!(problems.contains("sinks.siem.endpoint"), "{problems}");
    for (wrong_value, expected) in [
        ("otlp.encoding = \"grpc\"", "protobuf"),
        ("otlp.resource_attributes = \"team\"", "key=value pairs"),
    ] {
        let sink = "[sinks.siem]\ntype = \"otlp\"\nendpoint = \"https://localhost\"\n";
        let problems = wrong(&format!("{sink}{wrong_value}\n"));
        assert!(problems.contains(expected), "{problems}");
    }
}

/// Two tenants, none, text and what is no text: in both encodings the same to the official types.
#[test]
fn the_official_types_read_it() {
    let long = "x".repeat(20_000);
    let records = [
        r#"{"time":"2026-01-31T11:58:07.1234567Z","tenantId":"11111111-2222-4333-8444-555555555555","level":"Error","category":"A","callerIpAddress":"2001:db8::1"}"#.to_owned(),
        r#"{"tenantId":"99999999-2222-4333-8444-555555555555","n" : 1.50 ,"s":"\u0000\"Zo\u00eb\n"}"#.to_owned(),
        format!(r#"{{"tenantId":"11111111-2222-4333-8444-555555555555","callerIpAddress":"<null>","long":"{long}"}}"#),
        r#""no object""#.to_owned(),
    ];
    let event = format!("{{\"records\":[{}]}}", records.join(","));
    let given = json!({
        "protobuf": BASE64.encode(body(SINK, event.as_bytes())),
        "json": String::from_utf8(body(&in_json(), event.as_bytes())).unwrap(),
        "answer": BASE64.encode(PARTLY),
    });
    let Some(read) = python::ask("otlp.py", &given) else {
        return;
    };
    assert_eq!(read["isSameInJson"], true);
    assert_eq!(read["isCanonical"], true);
    let partial = json!({"rejectedLogRecords": "1", "errorMessage": "bad"});
    assert_eq!(read["answer"]["partialSuccess"], partial);

    let resources = read["request"]["resourceLogs"].as_array().unwrap();
    let found: Vec<(Value, Vec<&str>)> = resources.iter().map(resource).collect();
    let first = "11111111-2222-4333-8444-555555555555";
    let second = "99999999-2222-4333-8444-555555555555";
    let wrapped = "{\"message\":\"no object\"}";
    assert_eq!(
        found,
        [
            (json!(first), vec![records[0].as_str(), records[2].as_str()]),
            (json!(second), vec![records[1].as_str()]),
            (Value::Null, vec![wrapped]),
        ]
    );
    let log = &resources[0]["scopeLogs"][0]["logRecords"][0];
    assert_eq!(log["timeUnixNano"], "1769860687123456700");
    assert_eq!(log["observedTimeUnixNano"], "1769860805678000000");
    assert_eq!(log["severityNumber"], "SEVERITY_NUMBER_ERROR");
    assert_eq!(log["eventName"], "azure.resource.log");
    assert_eq!(attribute(log, "client.address"), "2001:db8::1");
    let log = &resources[0]["scopeLogs"][0]["logRecords"][1];
    assert_eq!(attribute(log, "client.address"), Value::Null);
    let scope = &resources[0]["scopeLogs"][0]["scope"];
    assert_eq!(
        scope,
        &json!({"name": "entra-forwarder", "version": env!("CARGO_PKG_VERSION")})
    );
}

/// A tenant, and the bodies of its records.
fn resource(logs: &Value) -> (Value, Vec<&str>) {
    let resource = &logs["resource"];
    assert_eq!(attribute(resource, "cloud.provider"), "azure");
    assert_eq!(attribute(resource, "service.name"), "microsoft-entra-id");
    assert_eq!(attribute(resource, "team"), "soc, night");
    let records = logs["scopeLogs"][0]["logRecords"].as_array().unwrap();
    let bodies = records.iter().map(|it| it["body"]["stringValue"].as_str());
    let bodies = bodies.map(Option::unwrap).collect();
    (attribute(resource, "azure.tenant.id"), bodies)
}

fn attribute(holder: &Value, key: &str) -> Value {
    let attributes = holder["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|it| it["key"] == key);
    found.map_or(Value::Null, |it| it["value"]["stringValue"].clone())
}

/// One record rejected.
const PARTLY: &[u8] = b"\x0a\x07\x08\x01\x12\x03bad";

#[derive(Clone, PartialEq, Message)]
struct Node {
    /// `resource_logs` of a request; what is passed over elsewhere.
    #[prost(bytes = "vec", repeated, tag = "1")]
    first: Vec<Vec<u8>>,
    /// `scope_logs` of those, `log_records` of these.
    #[prost(bytes = "vec", repeated, tag = "2")]
    second: Vec<Vec<u8>>,
}

/// The bodies of the records in a request.
fn bodies(request: &Arrival) -> Vec<String> {
    if request.header("content-type") == "application/json" {
        let request = request.json();
        let resources = request["resourceLogs"].as_array().unwrap();
        let found = resources.iter().flat_map(|it| resource(it).1);
        return found.map(str::to_owned).collect();
    }
    assert_eq!(request.header("content-type"), "application/x-protobuf");
    let below = |nodes: Vec<Vec<u8>>| {
        let nodes = nodes.into_iter();
        nodes.flat_map(|it| Node::decode(it.as_slice()).unwrap().second)
    };
    let resources = Node::decode(request.body.clone()).unwrap().first;
    let records = below(below(resources).collect());
    let text = |record: Vec<u8>| {
        // Only of the right kind are there as many braces as this.
        let text = String::from_utf8_lossy(&record).into_owned();
        let inside = text.split_once('{').unwrap().1.split_once('}').unwrap().0;
        format!("{{{inside}}}")
    };
    records.map(text).collect()
}

/// Gives a receiver 3,000 records of which it rejects one; it is not there at first.
async fn deliver(sink: &str, rejecting: &'static str) {
    let requests = Arc::new(AtomicUsize::new(0));
    let receiver = StandIn::start(move |request: &Arrival| {
        let first = ("POST", "/v1/logs");
        assert_eq!((request.method.as_str(), request.target.as_str()), first);
        let bodies = bodies(request);
        if bodies.is_empty() {
            return (200, String::new());
        }
        match requests.fetch_add(1, Ordering::SeqCst) {
            0 => return (503, String::new()),
            1 => return (500, String::new()),
            _ => {}
        }
        match bodies.iter().any(|body| body.contains("bad")) {
            true => (200, rejecting.to_owned()),
            false => (200, String::new()),
        }
    })
    .await;
    let mut world = World::start(&sink.replace("https://otlp.contoso.example", &receiver.url()));
    for event in 0..30 {
        let mut records: Vec<_> = (0..100)
            .map(|n| format!("{{\"n\":{},\"category\":\"AuditLogs\"}}", event * 100 + n))
            .collect();
        if event == 17 {
            records.insert(40, "{\"bad\":true}".to_owned());
        }
        world
            .give(format!("{{\"records\":[{}]}}", records.join(",")).as_bytes())
            .await;
    }
    let (balance, letters) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (3_000, 1));
    let facts = &letters[0].facts;
    assert_eq!(facts.reason, "refused");
    let mut times = BTreeMap::<String, usize>::new();
    for arrival in receiver.arrivals().iter().skip(2) {
        for body in bodies(arrival) {
            *times.entry(body).or_default() += 1;
        }
    }
    assert_eq!(times.len(), 3_001);
    // What came with the bad one comes again, on the way to it, and no oftener than it is halved.
    let most = times.values().max().unwrap();
    assert!((2..=26).contains(most), "{most}");
}

#[tokio::test]
async fn a_rejected_record_is_found_and_nothing_is_lost() {
    deliver(SINK, std::str::from_utf8(PARTLY).unwrap()).await;
}

#[tokio::test]
async fn and_in_json() {
    let answer = r#"{"partialSuccess":{"rejectedLogRecords":"1","errorMessage":"bad"}}"#;
    deliver(&in_json(), answer).await;
}
