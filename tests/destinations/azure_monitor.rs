//! `type = "azure_monitor"`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use entra_forwarder::config::{FileText, SinkAuth, load};
use serde_json::{Value, json};

use crate::golden;
use crate::stand_in::{Arrival, StandIn};
use crate::world::{World, body, config, wrong};

const SINK: &str = r#"
[sinks.siem]
type = "azure_monitor"
endpoint = "https://dce-ab12.westeurope-1.ingest.monitor.azure.com"
[sinks.siem.azure_monitor]
rule_id = "dcr-0123456789abcdef0123456789abcdef"
stream = "Custom-Entra_Records"
"#;

const TARGET: &str = "/dataCollectionRules/dcr-0123456789abcdef0123456789abcdef/streams/\
                      Custom-Entra_Records?api-version=2023-01-01";

#[test]
fn records_of_every_category() {
    golden::check("azure_monitor.json", SINK);
}

#[test]
fn the_keys() {
    let sink = config(SINK).sinks.remove("siem").unwrap();
    let scope = "https://monitor.azure.com/.default".to_owned();
    let auth = SinkAuth::Entra {
        credential: None,
        scope,
    };
    assert_eq!(sink.connection.auth, auth);
    let batch = (sink.batch.bytes, sink.batch.compressed_bytes);
    assert_eq!(batch, (1 << 20, Some(1 << 20)));
    let more = "type = \"azure_monitor\"\nbatch.bytes = \"60MiB\"\n\
                batch.compressed_bytes = \"2MiB\"";
    let large = SINK.replace("type = \"azure_monitor\"", more);
    let large = format!("{large}[limits]\nmemory_budget = \"1GiB\"\n");
    let sink = config(&large).sinks.remove("siem").unwrap();
    let batch = (sink.batch.bytes, sink.batch.compressed_bytes);
    assert_eq!(batch, (48 << 20, Some(1 << 20)));

    let problems = wrong("[sinks.siem]\ntype = \"azure_monitor\"\n");
    for key in [
        "siem.endpoint",
        "azure_monitor.rule_id",
        "azure_monitor.stream",
    ] {
        assert!(problems.contains(key), "{key}: {problems}");
    }
    let problems = wrong(&format!("{SINK}credential = \"nobody\"\n"));
    assert!(problems.contains("azure_monitor.credential"), "{problems}");
    let zstd = "type = \"azure_monitor\"\ncompression = \"zstd\"";
    let problems = wrong(&SINK.replace("type = \"azure_monitor\"", zstd));
    assert!(problems.contains("not known to take zstd"), "{problems}");
    // A token never travels without TLS.
    let problems = wrong(&SINK.replace("https://", "http://"));
    assert!(problems.contains("token is sent"), "{problems}");
}

#[test]
fn every_cloud_has_its_audience() {
    for (cloud, suffix, audience) in [
        (
            "usgov",
            "usgovcloudapi.net",
            "https://monitor.azure.us/.default",
        ),
        (
            "china",
            "chinacloudapi.cn",
            "https://monitor.azure.cn/.default",
        ),
    ] {
        let text = format!(
            "cloud = \"{cloud}\"\n[sources.entra]\nnamespace = \"contoso.servicebus.{suffix}\"\n\
             event_hub = \"logs\"\nconsumer_group = \"forwarder\"\n\
             [checkpoints]\nstore = \"directory\"\ndirectory = \"/var/lib/entra-forwarder\"\n\
             [credentials.forwarder]\ntype = \"managed_identity\"\n\
             {SINK}credential = \"forwarder\"\n"
        );
        let name = "test".into();
        let mut loaded = load(Some(FileText { name, text }), []).unwrap();
        let auth = loaded.config.sinks.remove("siem").unwrap().connection.auth;
        let expected = SinkAuth::Entra {
            credential: Some("forwarder".to_owned()),
            scope: audience.to_owned(),
        };
        assert_eq!(auth, expected);
    }
}

fn rows(sink: &str, event: &str) -> Vec<Value> {
    let rows: Value = serde_json::from_slice(&body(sink, event.as_bytes())).unwrap();
    rows.as_array().unwrap().clone()
}

#[test]
fn no_value_is_longer_than_azure_monitor_keeps() {
    let long = "\\\"é€😀\\n".repeat(20_000);
    let record = format!("{{\"category\":\"AuditLogs\",\"x\":\"{long}\"}}");
    let event = format!("{{\"records\":[{{\"n\":1}},{record},{{\"n\":2}}]}}");
    let found = rows(SINK, &event);
    assert_eq!(found.first().unwrap()["Record"], json!({"n": 1}));
    assert_eq!(found.last().unwrap()["Record"], json!({"n": 2}));
    let parts = &found[1..found.len() - 1];
    assert_eq!(parts.len(), record.len().div_ceil(60 << 10));
    let mut text = String::new();
    for (index, row) in parts.iter().enumerate() {
        assert_eq!(
            (&row["Part"], &row["Parts"]),
            (&json!(index + 1), &json!(parts.len()))
        );
        assert_eq!(row["StableId"], parts[0]["StableId"]);
        assert_eq!(row["Category"], "AuditLogs");
        assert_eq!(row["Record"], Value::Null);
        let part = row["RecordText"].as_str().unwrap();
        assert!(part.len() <= 60 << 10);
        text.push_str(part);
    }
    assert_eq!(text, record);
}

#[test]
fn the_page_declares_every_column_and_no_other() {
    let page = include_str!("../../docs/sinks/azure_monitor.md");
    let rule = page.split("```json\n").nth(1).unwrap();
    let rule: Value = serde_json::from_str(rule.split("```").next().unwrap()).unwrap();
    let columns = &rule["properties"]["streamDeclarations"]["Custom-EntraRecords"]["columns"];
    let columns = columns.as_array().unwrap().iter();
    let declared: BTreeSet<_> = columns.map(|it| it["name"].as_str().unwrap()).collect();
    let record = r#"{"time":"2026-01-31T11:58:07Z","tenantId":"11111111-2222-4333-8444-555555555555","category":"c","operationName":"o","resultType":"0","correlationId":"i","level":4}"#;
    let event = format!("{{\"records\":[{record}]}}");
    let mut found = rows(SINK, &event);
    found.extend(rows(&format!("{SINK}record = \"text\"\n"), &event));
    let sent = found.iter().flat_map(|row| row.as_object().unwrap().keys());
    assert_eq!(sent.map(String::as_str).collect::<BTreeSet<_>>(), declared);
}

#[test]
fn as_text_it_keeps_its_bytes() {
    let record = r#"{"n" : 1.50, "big":123456789012345678901234567890}"#;
    let sink = format!("{SINK}record = \"text\"\n");
    let found = rows(&sink, &format!("{{\"records\":[{record}]}}"));
    assert_eq!(found[0]["RecordText"], record);
    assert_eq!(
        (&found[0]["Part"], &found[0]["Parts"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(found[0]["Record"], Value::Null);
}

/// Answers as the API does: 1 MiB as it is sent, and no row but of the declared columns.
fn api(request: &Arrival) -> (u16, String) {
    let error = |code: &str| format!("{{\"error\":{{\"code\":\"{code}\",\"message\":\"\"}}}}");
    if request.header("authorization") != "Bearer a-token" {
        return (401, error("InvalidToken"));
    }
    if (request.method.as_str(), request.target.as_str()) != ("POST", TARGET) {
        return (404, error("NotFound"));
    }
    if request.wire > 1_048_576 {
        return (413, error("ContentLengthLimitExceeded"));
    }
    assert_eq!(request.header("content-type"), "application/json");
    let Value::Array(rows) = request.json() else {
        return (400, error("InvalidRequest"));
    };
    match rows.iter().any(|row| row["Record"]["bad"] == true) {
        true => (400, error("InvalidPayload")),
        false => (204, String::new()),
    }
}

/// The sink at an address, by a token, with more keys.
fn against(url: &str, more: &str) -> String {
    let endpoint = "endpoint = \"https://dce-ab12.westeurope-1.ingest.monitor.azure.com\"";
    let token = "auth.type = \"bearer\"\nauth.token = \"a-token\"";
    SINK.replace(endpoint, &format!("endpoint = \"{url}\"\n{token}\n{more}"))
}

#[tokio::test]
async fn the_api_takes_everything_but_what_it_refuses() {
    let calls = Arc::new(AtomicUsize::new(0));
    let api = StandIn::start(move |request: &Arrival| {
        match calls.fetch_add(1, Ordering::SeqCst) {
            0 => (429, String::new()),
            // No acceptance: a proxy has answered.
            1 => (200, "<html>Sign in</html>".to_owned()),
            _ => api(request),
        }
    })
    .await;
    let mut world = World::start(&against(&api.url(), ""));
    world.give_numbered(30, 100, "AuditLogs").await;
    world.give(b"{\"records\":[{\"bad\":true}]}").await;
    let (balance, letters) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (3_000, 1));
    assert_eq!(letters[0].facts.reason, "refused");
    let mut numbers = BTreeSet::new();
    for arrival in api.arrivals().iter().skip(2) {
        for row in arrival.json().as_array().unwrap() {
            numbers.extend(row["Record"]["n"].as_u64());
            assert_eq!(row["StableId"].as_str().unwrap().len(), 32);
        }
    }
    assert_eq!(numbers.len(), 3_000);
}

/// What does not compress is sent in requests that are small enough; what is too large alone is
/// kept as a dead letter.
#[tokio::test]
async fn no_request_is_larger_than_the_api_takes() {
    let api = StandIn::start(api).await;
    let plain = "batch.bytes = \"8MiB\"\ncompression = \"none\"";
    let mut world = World::start(&against(&api.url(), plain));
    for event in 0..20 {
        let filler = "x".repeat(150_000);
        let record = format!("{{\"records\":[{{\"n\":{event},\"x\":\"{filler}\"}}]}}");
        world.give(record.as_bytes()).await;
    }
    let filler = "x".repeat(1_100_000);
    world
        .give(format!("{{\"records\":[{{\"n\":20,\"x\":\"{filler}\"}}]}}").as_bytes())
        .await;
    let (balance, letters) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (20, 1));
    assert_eq!(letters[0].facts.reason, "oversize");
    let mut parts = BTreeMap::<String, BTreeSet<u64>>::new();
    for arrival in api.arrivals() {
        assert!(arrival.wire <= 1_048_576, "{}", arrival.wire);
        for row in arrival.json().as_array().unwrap() {
            let id = row["StableId"].as_str().unwrap().to_owned();
            parts
                .entry(id)
                .or_default()
                .insert(row["Part"].as_u64().unwrap());
        }
    }
    let all: BTreeSet<u64> = [1, 2, 3].into();
    assert_eq!(parts.len(), 20);
    assert!(parts.values().all(|found| *found == all), "{parts:?}");
}
