//! `max_record_bytes` and `max_record_age` mean the same in every destination.
//!
//! Those of Elasticsearch and Loki are tested beside what else they do.

use std::time::SystemTime;

use entra_forwarder::event_hub::Timestamp;
use serde_json::{Value, json};

use crate::stand_in::StandIn;
use crate::world::{World, body, check_bounds, config, unfit};

/// One destination.
struct Case {
    /// Its configuration: `LIMITS` stands for limits, `URL` for the endpoint.
    sink: &'static str,
    /// How its endpoint accepts.
    acceptance: (u16, &'static str),
    /// The record in a body, the time beside it in milliseconds, and its id.
    read: fn(&Value) -> (Value, i64, Value),
}

impl Case {
    fn with(&self, limits: &str, url: &str) -> String {
        self.sink.replace("LIMITS", limits).replace("URL", url)
    }

    /// What the sink makes of the only record of an event.
    fn left(&self, limits: &str, event: &str) -> (Value, i64, Value) {
        let sinks = self.with(limits, "https://localhost");
        check_bounds(&sinks, event.as_bytes());
        let body = body(&sinks, event.as_bytes());
        (self.read)(&serde_json::from_slice(&body).unwrap())
    }
}

const DATADOG: Case = Case {
    sink: "[sinks.siem]\ntype = \"datadog\"\nendpoint = \"URL\"\nLIMITS\n\
           datadog.api_key = \"key\"\n",
    acceptance: (202, "{}"),
    read: |body| {
        let mut log = body[0].as_object().unwrap().clone();
        let id = log.remove("entra_forwarder_id").unwrap();
        for own in ["ddsource", "ddtags", "service"] {
            assert!(log.remove(own).is_some(), "{own}");
        }
        // It has no other place for the time.
        let time = moment(&log["time"]);
        (Value::Object(log), time, id)
    },
};

const CORALOGIX: Case = Case {
    sink: "[sinks.siem]\ntype = \"coralogix\"\nendpoint = \"URL\"\nLIMITS\n\
           coralogix.api_key = \"key\"\n",
    acceptance: (200, ""),
    read: |body| {
        let log = &body[0];
        assert_eq!(log["subsystemName"], "A");
        let time = log["timestamp"].as_f64().unwrap().round() as i64;
        let nanoseconds: i64 = log["hiResTimestamp"].as_str().unwrap().parse().unwrap();
        assert_eq!(nanoseconds / 1_000_000, time);
        (log["text"].clone(), time, log["threadId"].clone())
    },
};

const SPLUNK_HEC: Case = Case {
    sink: "[sinks.siem]\ntype = \"splunk_hec\"\nendpoint = \"URL\"\nLIMITS\n\
           splunk_hec.token = \"key\"\nsplunk_hec.index = \"{{ category | lower }}\"\n",
    acceptance: (200, "{\"text\":\"Success\",\"code\":0}"),
    read: |event| {
        assert_eq!(event["index"], "a");
        let time = (event["time"].as_f64().unwrap() * 1e3).round() as i64;
        let id = event["fields"]["entra_forwarder_id"].clone();
        (event["event"].clone(), time, id)
    },
};

const OTLP: Case = Case {
    sink: "[sinks.siem]\ntype = \"otlp\"\nendpoint = \"URL\"\nLIMITS\notlp.encoding = \"json\"\n",
    acceptance: (200, "{}"),
    read: |body| {
        let log = &body["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
        let time: i64 = log["timeUnixNano"].as_str().unwrap().parse().unwrap();
        let text = log["body"]["stringValue"].as_str().unwrap();
        let attributes = log["attributes"].as_array().unwrap();
        let id = attributes
            .iter()
            .find(|it| it["key"] == "entra_forwarder.id");
        let id = id.unwrap()["value"]["stringValue"].clone();
        let record = serde_json::from_str(text).unwrap();
        (record, time / 1_000_000, id)
    },
};

const AZURE_MONITOR: Case = Case {
    sink: "[sinks.siem]\ntype = \"azure_monitor\"\nendpoint = \"URL\"\nLIMITS\n\
           azure_monitor.rule_id = \"dcr-0\"\nazure_monitor.stream = \"Custom-X\"\n\
           auth.type = \"bearer\"\nauth.token = \"a-token\"\n",
    acceptance: (204, ""),
    read: |body| {
        let row = &body[0];
        // That of the record, whatever it leaves with.
        assert_eq!(moment(&row["RecordTime"]), moment(&json!(OLD)));
        let time = moment(&row["TimeGenerated"]);
        (row["Record"].clone(), time, row["StableId"].clone())
    },
};

fn moment(text: &Value) -> i64 {
    let text = text.as_str().unwrap();
    Timestamp::parse_rfc3339(text).unwrap().0
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

/// The time of a record that is old.
const OLD: &str = "2025-12-02T03:04:05Z";

/// An event with one record, old and large.
fn old_and_large(bytes: usize) -> String {
    let long = "x".repeat(bytes);
    format!("{{\"records\":[{{\"time\":\"{OLD}\",\"category\":\"A\",\"long\":\"{long}\"}}]}}")
}

/// What is old and large leaves with its own id and names, the present and the limit's size.
fn shaped(case: &Case) {
    let event = old_and_large(8_000);
    let (whole, time, id) = case.left("", &event);
    assert_eq!(
        (whole["time"].as_str(), time),
        (Some(OLD), moment(&json!(OLD)))
    );

    let truncate = "max_record_bytes = \"2KiB\"\non_oversize = \"truncate\"";
    let (record, time, its) = case.left(truncate, &event);
    assert_eq!((time, &its), (moment(&json!(OLD)), &id));
    let bytes = record.to_string().len();
    assert!((1_024..=2_048).contains(&bytes), "{bytes}");
    assert_eq!(record["entra_forwarder_truncated"]["id"], id);

    let restamp = "max_record_age = \"1d\"\non_old = \"restamp\"";
    for limits in [restamp.to_owned(), format!("{truncate}\n{restamp}")] {
        let before = now();
        let (record, time, its) = case.left(&limits, &event);
        assert!((before.0..=now().0).contains(&time), "{time}");
        assert_eq!((moment(&record["time"]), &its), (time, &id));
        let mark = json!({"time": OLD, "id": id});
        assert_eq!(record["entra_forwarder_restamped"], mark);
        let is_cut = record.get("entra_forwarder_truncated").is_some();
        assert_eq!(is_cut, limits.contains("truncate"));
        assert!(!is_cut || record.to_string().len() <= 2_048);
    }
    let asked = case.with(
        "max_record_bytes = \"2KiB\"\nmax_record_age = \"1d\"\non_oversize = \"truncate\"\n\
         on_old = \"restamp\"",
        "https://localhost",
    );
    assert_eq!(unfit(&asked, &event), Vec::<&str>::new());
}

/// What is old or large becomes a dead letter, and the rest is delivered.
async fn put_aside(case: &Case) {
    let (status, text) = case.acceptance;
    let server = StandIn::start(move |_| (status, text.to_owned())).await;
    let limits = "max_record_bytes = \"2KiB\"\nmax_record_age = \"1d\"";
    let mut world = World::start(&case.with(limits, &server.url()));
    let now = now().to_rfc3339();
    let long = "x".repeat(8_000);
    let event = format!(
        "{{\"records\":[{{\"time\":\"{now}\",\"n\":1}},{{\"time\":\"{now}\",\"long\":\"{long}\"}},\
         {{\"time\":\"{OLD}\"}},{{\"time\":\"{now}\",\"n\":2}}]}}"
    );
    world.give(event.as_bytes()).await;
    let (balance, letters) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (2, 2));
    let mut reasons: Vec<_> = letters.iter().map(|it| it.facts.reason.as_str()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["oversize", "too_old"]);
    let sent: usize = server.arrivals().iter().map(|it| it.body.len()).sum();
    assert!(sent < 8_000, "{sent}");
}

#[tokio::test]
async fn in_datadog() {
    shaped(&DATADOG);
    put_aside(&DATADOG).await;
}

#[tokio::test]
async fn in_coralogix() {
    shaped(&CORALOGIX);
    put_aside(&CORALOGIX).await;
}

#[tokio::test]
async fn in_splunk_hec() {
    shaped(&SPLUNK_HEC);
    put_aside(&SPLUNK_HEC).await;
}

#[tokio::test]
async fn in_otlp() {
    shaped(&OTLP);
    put_aside(&OTLP).await;
    // The same record in the other encoding: as text, without escapes.
    let limits = "max_record_bytes = \"2KiB\"\non_oversize = \"truncate\"";
    let sinks = OTLP.with(limits, "https://localhost");
    let event = old_and_large(8_000);
    let sinks = sinks.replace("\"json\"", "\"protobuf\"");
    check_bounds(&sinks, event.as_bytes());
    let body = body(&sinks, event.as_bytes());
    assert!(body.len() < 3_000, "{}", body.len());
    let mark = b"\"entra_forwarder_truncated\":{\"bytes\":";
    assert!(body.windows(mark.len()).any(|window| window == mark));
}

#[tokio::test]
async fn in_azure_monitor() {
    shaped(&AZURE_MONITOR);
    put_aside(&AZURE_MONITOR).await;
}

/// Datadog cuts what is longer than 1 MB and says 202: so nothing longer is sent to it.
#[test]
fn datadog_has_a_limit_of_its_own() {
    const MAX: usize = 1_000_000;
    let alone = |limits: &str, bytes: usize| {
        let sinks = DATADOG.with(limits, "https://localhost");
        let event = old_and_large(bytes);
        (unfit(&sinks, &event), body(&sinks, event.as_bytes()).len())
    };
    let (reasons, whole) = alone("", MAX - 10_000);
    assert!(reasons.is_empty() && whole > MAX - 10_000, "{reasons:?}");
    assert_eq!(alone("", MAX).0, ["oversize"]);
    // A larger limit cannot be meant.
    assert_eq!(alone("max_record_bytes = \"4MiB\"", MAX).0, ["oversize"]);
    assert_eq!(alone("max_record_bytes = \"2KiB\"", 3_000).0, ["oversize"]);
    let (reasons, cut) = alone("on_oversize = \"truncate\"", 2 * MAX);
    // The array's brackets are not the log's.
    assert!(reasons.is_empty() && cut <= MAX + 2, "{cut}");
    assert!(cut > MAX - 10_000, "{cut}");
    let limit = |limits: &str| {
        let sinks = DATADOG.with(limits, "https://localhost");
        config(&sinks).sinks["siem"].record.bytes.unwrap()
    };
    assert!(limit("") < MAX as u64);
    assert_eq!(limit("max_record_bytes = \"2KiB\""), 2_048);
}
