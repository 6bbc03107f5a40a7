//! `type = "splunk_hec"`, and a stand-in of Splunk's event collector.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::golden;
use crate::stand_in::{Arrival, StandIn};
use crate::world::{World, body, config, wrong};

pub(crate) const SINK: &str = r#"
[sinks.siem]
type = "splunk_hec"
endpoint = "https://splunk.contoso.example:8088"
[sinks.siem.batch]
records = 25
[sinks.siem.splunk_hec]
token = "00000000-0000-4000-8000-00000000000a"
"#;

/// The collector: answers with the codes of HEC, and stops at the first event that is wrong, having
/// indexed what stands before it.
#[derive(Default)]
pub(crate) struct Hec {
    /// What can be searched.
    pub(crate) indexed: Vec<Value>,
    /// Whether the token has indexer acknowledgement.
    pub(crate) acknowledges: bool,
    /// Events that wait to be indexed, by their number.
    pub(crate) waiting: BTreeMap<u64, Vec<Value>>,
    /// Questions for each number.
    pub(crate) questions: BTreeMap<u64, u64>,
    /// Requests with events.
    pub(crate) requests: u64,
    /// Indexes that the token may not use.
    pub(crate) forbidden: BTreeSet<String>,
    /// Requests that get no place from now on.
    pub(crate) busy: u64,
    next: u64,
}

/// A collector that is asked by requests and by the test.
pub(crate) type Shared = Arc<Mutex<Hec>>;

fn said(status: u16, text: &str, code: u64) -> (u16, String) {
    (status, json!({"text": text, "code": code}).to_string())
}

impl Hec {
    /// Takes the events of a request; what concerns acknowledgements is the caller's.
    pub(crate) fn take(&mut self, request: &Arrival) -> (u16, String) {
        assert_eq!(request.method, "POST");
        assert_eq!(request.target, "/services/collector/event");
        if request.header("authorization") != "Splunk 00000000-0000-4000-8000-00000000000a" {
            return said(403, "Invalid token", 4);
        }
        if self.acknowledges && request.header("x-splunk-request-channel").is_empty() {
            return said(400, "Data channel is missing", 10);
        }
        if request.body.is_empty() {
            return said(400, "No data", 5);
        }
        self.requests += 1;
        if self.busy > 0 {
            self.busy -= 1;
            return said(503, "Server is busy", 9);
        }
        let mut taken = Vec::new();
        let mut wrong = None;
        for (number, event) in serde_json::Deserializer::from_slice(&request.body)
            .into_iter::<Value>()
            .enumerate()
        {
            let event = event.unwrap();
            if let Some((text, code)) = self.finds_wrong(&event) {
                wrong = Some(json!({"text": text, "code": code, "invalid-event-number": number}));
                break;
            }
            taken.push(event);
        }
        if let Some(wrong) = wrong {
            self.indexed.append(&mut taken);
            return (400, wrong.to_string());
        }
        if !self.acknowledges {
            self.indexed.append(&mut taken);
            return said(200, "Success", 0);
        }
        let number = self.next;
        self.next += 1;
        self.waiting.insert(number, taken);
        (
            200,
            json!({"text": "Success", "code": 0, "ackId": number}).to_string(),
        )
    }

    fn finds_wrong(&self, event: &Value) -> Option<(&'static str, u64)> {
        assert!(event["time"].is_number(), "{event}");
        let index = event["index"].as_str().unwrap_or("main");
        if self.forbidden.contains(index) {
            return Some(("Incorrect index", 7));
        }
        let fields = event["fields"].as_object().unwrap();
        if !fields.values().all(Value::is_string) {
            return Some(("Error in handling indexed fields", 15));
        }
        match &event["event"] {
            Value::Null => Some(("Event field is required", 12)),
            event if event.get("bad").is_some() => Some(("Invalid data format", 6)),
            _ => None,
        }
    }

    /// How often each record was indexed, by its `n`.
    pub(crate) fn counts(&self) -> BTreeMap<u64, usize> {
        let mut counts = BTreeMap::new();
        for event in &self.indexed {
            *counts
                .entry(event["event"]["n"].as_u64().unwrap())
                .or_default() += 1;
        }
        counts
    }
}

/// The sink with these lines more, at this address.
pub(crate) fn at(hec: &StandIn, more: &str) -> String {
    let sink = SINK.replace("https://splunk.contoso.example:8088", &hec.url());
    format!("{sink}{more}")
}

/// Gives an event with the records of these numbers.
pub(crate) async fn give(world: &mut World, numbers: std::ops::Range<u64>) {
    let records: Vec<_> = numbers
        .map(|n| json!({"n": n, "category": if n % 2 == 0 { "AuditLogs" } else { "SignInLogs" }}))
        .collect();
    world
        .give(json!({"records": records}).to_string().as_bytes())
        .await;
}

#[test]
fn records_of_every_category() {
    golden::check("splunk_hec.txt", SINK);
    let raw = "preset = \"raw\"\nindex = \"entra\"\nsource = \"{{ namespace }}/{{ hub }}\"\nhost = \"{{ tenant }}\"\n";
    golden::check("splunk_hec_raw.txt", &format!("{SINK}{raw}"));
}

#[test]
fn what_must_be_set() {
    let sink = config(SINK).sinks.remove("siem").unwrap();
    assert_eq!(sink.path.as_deref(), Some("/services/collector/event"));
    assert_eq!(sink.headers.len(), 0);
    assert_eq!(sink.batch.bytes, 1_000_000);
    let larger = SINK.replace("records = 25", "records = 25\nbytes = \"4MiB\"");
    let sink = config(&larger).sinks.remove("siem").unwrap();
    assert_eq!(sink.batch.bytes, 4 << 20);
    let problems = wrong("[sinks.siem]\ntype = \"splunk_hec\"\n");
    for key in ["splunk_hec.token", "endpoint"] {
        assert!(problems.contains(key), "{key}: {problems}");
    }
    let problems = wrong(&format!("{SINK}preset = \"splunk\"\n"));
    assert!(problems.contains("\"vendor\" or \"raw\""), "{problems}");
}

#[test]
fn the_source_type_is_the_vendors() {
    let of = |record: &str| {
        let event: Value = serde_json::from_slice(&body(SINK, record.as_bytes())).unwrap();
        event["sourcetype"].as_str().unwrap().to_owned()
    };
    for (source_type, record) in [
        (
            "azure:monitor:aad",
            r#"{"category":"SignInLogs","resourceId":"/tenants/t/providers/Microsoft.aadiam"}"#,
        ),
        (
            "azure:monitor:aad",
            r#"{"category":"Security","resourceId":"/tenants/t/providers/MICROSOFT.AADIAM"}"#,
        ),
        (
            "azure:monitor:activity",
            r#"{"category":"AuditLogs","resourceId":"/TENANTS/t/PROVIDERS/MICROSOFT.INTUNE"}"#,
        ),
        (
            "azure:monitor:activity",
            r#"{"category":"Administrative","resourceId":"/SUBSCRIPTIONS/s/RESOURCEGROUPS/g/PROVIDERS/MICROSOFT.COMPUTE/VIRTUALMACHINES/v"}"#,
        ),
        (
            "azure:monitor:activity",
            r#"{"category":"Administrative","resourceId":"/SUBSCRIPTIONS/s"}"#,
        ),
        (
            "azure:monitor:resource",
            r#"{"category":"AuditEvent","resourceId":"/SUBSCRIPTIONS/s/RESOURCEGROUPS/g/PROVIDERS/MICROSOFT.KEYVAULT/VAULTS/v"}"#,
        ),
        (
            "mscs:azure:eventhub",
            r#"{"category":"NetworkAccessTrafficLogs","resourceId":"/tenants/t/providers/Microsoft.NetworkAccess"}"#,
        ),
        (
            "mscs:azure:eventhub",
            r#"{"category":"AdvancedHunting-DeviceEvents"}"#,
        ),
        ("mscs:azure:eventhub", r#"{"a":1}"#),
    ] {
        assert_eq!(of(record), source_type, "{record}");
    }
}

#[tokio::test]
async fn the_collector_takes_everything_but_what_it_refuses() {
    let hec = Shared::default();
    hec.lock().unwrap().busy = 2;
    let shared = Arc::clone(&hec);
    let server = StandIn::start(move |request| shared.lock().unwrap().take(request)).await;
    let mut world = World::start(&at(&server, ""));
    for event in 0..10 {
        give(&mut world, event * 40..event * 40 + 40).await;
    }
    world.give(b"{\"records\":[{\"bad\":true}]}").await;
    give(&mut world, 400..440).await;
    let (balance, letters) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (440, 1));
    let objection = letters[0].facts.answer.clone().unwrap_or_default();
    assert!(
        objection.contains("code 6 (invalid data format)"),
        "{objection}"
    );
    let hec = hec.lock().unwrap();
    let counts = hec.counts();
    assert_eq!(counts.len(), 440);
    // What stood before the wrong event was indexed at every attempt of the search, of which there
    // are at most five below a batch of 25, and nothing else was.
    let most = counts.values().max().unwrap();
    assert!(*most <= 6, "{most}");
    let once = counts.values().filter(|count| **count == 1).count();
    assert!(once >= 440 - 25, "{once}");
    let ids: BTreeSet<_> = hec
        .indexed
        .iter()
        .map(|it| it["fields"]["entra_forwarder_id"].to_string())
        .collect();
    assert_eq!(ids.len(), 440);
}

#[tokio::test]
async fn an_index_that_is_forbidden_makes_no_duplicates() {
    let hec = Shared::default();
    hec.lock().unwrap().forbidden.insert("auditlogs".into());
    let shared = Arc::clone(&hec);
    let server = StandIn::start(move |request| {
        let mut hec = shared.lock().unwrap();
        let answer = hec.take(request);
        // Somebody mends it.
        if hec.requests > 12 {
            hec.forbidden.clear();
        }
        answer
    })
    .await;
    let mut world = World::start(&at(&server, "index = \"{{ category | lower }}\"\n"));
    give(&mut world, 0..100).await;
    let (balance, _) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (100, 0));
    let hec = hec.lock().unwrap();
    assert!(hec.forbidden.is_empty());
    let counts = hec.counts();
    assert!(
        counts.len() == 100 && counts.values().all(|count| *count == 1),
        "{counts:?}"
    );
}

#[tokio::test]
async fn a_success_without_a_code_is_none() {
    let hec = Shared::default();
    let shared = Arc::clone(&hec);
    let server = StandIn::start(move |request| {
        let mut hec = shared.lock().unwrap();
        match hec.requests {
            // A page to sign in at, by whatever stands before Splunk.
            0..3 => {
                hec.requests += 1;
                (200, "<html>".to_owned())
            }
            _ => hec.take(request),
        }
    })
    .await;
    let mut world = World::start(&at(&server, ""));
    give(&mut world, 0..10).await;
    let (balance, _) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (10, 0));
    let counts = hec.lock().unwrap().counts();
    assert!(counts.len() == 10 && counts.values().all(|count| *count == 1));
}
