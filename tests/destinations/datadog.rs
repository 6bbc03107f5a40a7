//! `type = "datadog"`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::golden;
use crate::stand_in::{Arrival, StandIn};
use crate::world::{World, config, wrong};

const SINK: &str = r#"
[sinks.siem]
type = "datadog"
[sinks.siem.datadog]
api_key = "0123456789abcdef"
site = "datadoghq.eu"
"#;

#[test]
fn records_of_every_category() {
    golden::check("datadog.json", SINK);
}

#[test]
fn the_site_says_where() {
    let sink = config(SINK).sinks.remove("siem").unwrap();
    assert_eq!(
        sink.endpoint.expose(),
        "https://http-intake.logs.datadoghq.eu"
    );
    assert_eq!(sink.path.as_deref(), Some("/api/v2/logs"));
    assert_eq!((sink.batch.records, sink.batch.bytes), (1_000, 1 << 20));
    let problems = wrong(&SINK.replace("datadoghq.eu", "datadog.eu"));
    assert!(problems.contains("us5.datadoghq.com"), "{problems}");
    let problems = wrong("[sinks.siem]\ntype = \"datadog\"\n");
    for key in ["datadog.api_key", "datadog.site", "endpoint"] {
        assert!(problems.contains(key), "{key}: {problems}");
    }
}

/// Refuses what the API refuses: a wrong key, more than 1,000 items or 5 MB.
fn intake(request: &Arrival) -> (u16, String) {
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("POST", "/api/v2/logs")
    );
    if request.header("dd-api-key") != "0123456789abcdef" {
        return (403, r#"{"errors":["Forbidden"]}"#.into());
    }
    let Value::Array(items) = request.json() else {
        return (400, r#"{"errors":["Bad Request"]}"#.into());
    };
    if items.len() > 1_000 || request.body.len() > 5_000_000 {
        return (413, r#"{"errors":["Payload Too Large"]}"#.into());
    }
    // It refuses what has no object.
    match items.iter().any(|item| item.get("bad").is_some()) {
        true => (400, r#"{"errors":["invalid log"]}"#.into()),
        false => (202, "{}".into()),
    }
}

#[tokio::test]
async fn the_intake_takes_everything_but_what_it_refuses() {
    let intake = StandIn::start(intake).await;
    let mut world = World::start(&SINK.replace(
        "type = \"datadog\"",
        &format!("type = \"datadog\"\nendpoint = \"{}\"", intake.url()),
    ));
    world.give_numbered(30, 100, "AuditLogs").await;
    world.give(b"{\"records\":[{\"bad\":true}]}").await;
    let (balance, letters) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (3_000, 1));
    assert_eq!(letters[0].facts.reason, "refused");
    let mut numbers = BTreeSet::new();
    for arrival in intake.arrivals() {
        for item in arrival.json().as_array().unwrap() {
            if let Some(number) = item.get("n") {
                numbers.insert(number.as_u64().unwrap());
                assert_eq!(item["ddsource"], "azure.activedirectory");
                assert_eq!(item["ddtags"], "category:AuditLogs");
            }
        }
    }
    assert_eq!(numbers.len(), 3_000);
}
