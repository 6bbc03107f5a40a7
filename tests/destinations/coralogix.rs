//! `type = "coralogix"`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::golden;
use crate::stand_in::{Arrival, StandIn};
use crate::world::{World, body, config, wrong};

const SINK: &str = r#"
[sinks.siem]
type = "coralogix"
[sinks.siem.coralogix]
api_key = "cxtp_0123456789"
region = "eu2"
"#;

#[test]
fn records_of_every_category() {
    golden::check("coralogix.json", SINK);
}

#[test]
fn the_region_says_where() {
    let sink = config(SINK).sinks.remove("siem").unwrap();
    assert_eq!(sink.endpoint.expose(), "https://ingress.eu2.coralogix.com");
    assert_eq!(sink.path.as_deref(), Some("/logs/v1/singles"));
    let gov = SINK.replace("eu2", "gov1");
    let sink = config(&gov).sinks.remove("siem").unwrap();
    assert_eq!(
        sink.endpoint.expose(),
        "https://ingress.gov1.coralogixgov.us"
    );
    let problems = wrong(&SINK.replace("eu2", "eu3"));
    assert!(problems.contains("\"ap3\""), "{problems}");
    let problems = wrong("[sinks.siem]\ntype = \"coralogix\"\n");
    for key in ["coralogix.api_key", "coralogix.region", "endpoint"] {
        assert!(problems.contains(key), "{key}: {problems}");
    }
    let problems = wrong(&format!("{SINK}subsystem = \"{{{{ category\"\n"));
    assert!(problems.contains("coralogix.subsystem"), "{problems}");
}

#[test]
fn a_request_is_never_larger_than_the_limit() {
    let large = SINK.replace(
        "[sinks.siem.coralogix]",
        "[sinks.siem.batch]\nbytes = \"4MiB\"\n[sinks.siem.coralogix]",
    );
    let sink = config(&large).sinks.remove("siem").unwrap();
    assert_eq!(sink.batch.bytes, 2_000_000);
}

#[test]
fn names_come_from_the_record() {
    let sinks = format!(
        "{SINK}application = \"{{{{ properties.appDisplayName }}}}\"\nsubsystem = \"{{{{ category | lower }}}}\"\n"
    );
    let logs = body(
        &sinks,
        br#"{"records":[{"category":"AuditLogs","Level":1,"properties":{"appDisplayName":"a \"b\""}},{"x":1}]}"#,
    );
    let logs: Value = serde_json::from_slice(&logs).unwrap();
    assert_eq!(logs[0]["applicationName"], "a \"b\"");
    assert_eq!(logs[0]["subsystemName"], "auditlogs");
    assert_eq!(logs[0]["severity"], 6);
    // What a record does not say has a name all the same: both are required.
    assert_eq!(logs[1]["applicationName"], "entra");
    assert_eq!(logs[1]["subsystemName"], "other");
    assert_eq!(logs[1]["severity"], 3);
    assert_eq!(logs[1]["text"], json!({"x":1}));
}

/// Refuses what the API refuses: a wrong key, more than 2 MB, a log without what is required.
fn ingress(request: &Arrival) -> (u16, String) {
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("POST", "/logs/v1/singles")
    );
    if request.header("authorization") != "Bearer cxtp_0123456789" {
        return (401, String::new());
    }
    if request.body.len() > 2_000_000 {
        return (413, String::new());
    }
    let Value::Array(logs) = request.json() else {
        return (400, String::new());
    };
    let is_right = |log: &Value| {
        let names = ["applicationName", "subsystemName"];
        names
            .iter()
            .all(|name| log[name].as_str().is_some_and(|it| !it.is_empty()))
            && matches!(log["severity"].as_u64(), Some(1..=6))
            && log["timestamp"].is_f64()
            && log["hiResTimestamp"].is_string()
            && log["text"].get("bad").is_none()
    };
    match logs.iter().all(is_right) {
        true => (200, String::new()),
        false => (400, String::new()),
    }
}

#[tokio::test]
async fn the_ingress_takes_everything_but_what_it_refuses() {
    let ingress = StandIn::start(ingress).await;
    let mut world = World::start(&SINK.replace(
        "type = \"coralogix\"",
        &format!(
            // Nothing need be accepted after the last record was refused.
            "type = \"coralogix\"\nendpoint = \"{}\"\ndead_letter_without_witness = true",
            ingress.url()
        ),
    ));
    world.give_numbered(20, 50, "SignInLogs").await;
    world.give(b"{\"records\":[{\"bad\":true}]}").await;
    let huge = format!(
        "{{\"records\":[{{\"huge\":\"{}\"}}]}}",
        "x".repeat(2_100_000)
    );
    world.give(huge.as_bytes()).await;
    let (balance, letters) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (1_000, 2));
    let reasons: BTreeSet<_> = letters.iter().map(|it| it.facts.reason.clone()).collect();
    assert_eq!(
        reasons,
        BTreeSet::from(["oversize".into(), "refused".into()])
    );
    let (mut numbers, mut ids) = (BTreeSet::new(), BTreeSet::new());
    let arrivals = ingress.arrivals();
    assert!(arrivals.iter().all(|it| it.wire < it.body.len()), "gzip");
    let taken = arrivals
        .iter()
        .filter(|it| super::coralogix::ingress(it).0 == 200);
    for log in taken.flat_map(|it| it.json().as_array().unwrap().clone()) {
        numbers.insert(log["text"]["n"].as_u64().unwrap());
        ids.insert(log["threadId"].as_str().unwrap().to_owned());
        assert_eq!(log["subsystemName"], "SignInLogs");
    }
    assert_eq!((numbers.len(), ids.len()), (1_000, 1_000));
}
