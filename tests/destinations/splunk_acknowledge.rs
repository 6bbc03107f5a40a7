//! `type = "splunk_hec"` with `acknowledge = true`: acknowledgements that come late, never, or from
//! an indexer that was started anew.

use std::sync::Arc;

use entra_forwarder::app::outside::{Outside, places};
use entra_forwarder::deliver::http::Request;
use entra_forwarder::deliver::request_id::RequestId;
use serde_json::{Value, json};

use crate::splunk_hec::{Hec, Shared, at, give};
use crate::stand_in::{Arrival, StandIn};
use crate::world::{World, config};

const ACKNOWLEDGE: &str = "acknowledge = true\nacknowledge_interval = \"10ms\"\n";

/// The number that a request asks for; `None` of one with events.
fn question(request: &Arrival) -> Option<u64> {
    if request.target != "/services/collector/ack" {
        return None;
    }
    assert!(!request.header("x-splunk-request-channel").is_empty());
    assert_eq!(
        request.header("authorization"),
        "Splunk 00000000-0000-4000-8000-00000000000a"
    );
    let Value::Array(acks) = &request.json()["acks"] else {
        panic!("no list of numbers");
    };
    acks[0].as_u64()
}

/// Answers a question, as an indexer that has what waits when `is_done` says so.
fn answer(hec: &mut Hec, number: u64, is_done: bool) -> (u16, String) {
    *hec.questions.entry(number).or_default() += 1;
    let events = match is_done {
        true => hec.waiting.remove(&number),
        false => None,
    };
    // A number is told once.
    let is_acknowledged = events.is_some();
    hec.indexed.extend(events.unwrap_or_default());
    let acks = json!({"acks": {number.to_string(): is_acknowledged}});
    (200, acks.to_string())
}

fn acknowledging() -> Shared {
    let hec = Shared::default();
    hec.lock().unwrap().acknowledges = true;
    hec
}

#[test]
fn every_start_has_a_channel_of_its_own() {
    let sink = at_nothing();
    let channel = |sinks: &str| {
        let sink = config(sinks).sinks.remove("siem").unwrap();
        sink.headers["x-splunk-request-channel"].expose().to_owned()
    };
    assert_ne!(channel(&sink), channel(&sink));
}

fn at_nothing() -> String {
    format!("{}{ACKNOWLEDGE}", crate::splunk_hec::SINK)
}

#[tokio::test]
async fn late_acknowledgements_are_waited_for() {
    let hec = acknowledging();
    let shared = Arc::clone(&hec);
    let server = StandIn::start(move |request| {
        let mut hec = shared.lock().unwrap();
        match question(request) {
            Some(number) => {
                let asked = hec.questions.get(&number).copied().unwrap_or_default();
                answer(&mut hec, number, asked >= 3)
            }
            None => hec.take(request),
        }
    })
    .await;
    let mut world = World::start(&at(&server, ACKNOWLEDGE));
    give(&mut world, 0..200).await;
    let (balance, _) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (200, 0));
    let hec = hec.lock().unwrap();
    let counts = hec.counts();
    assert!(counts.len() == 200 && counts.values().all(|count| *count == 1));
    assert_eq!((hec.requests, hec.waiting.len()), (8, 0));
    assert!(hec.questions.values().all(|asked| *asked >= 4));
}

#[tokio::test]
async fn what_is_never_acknowledged_is_sent_again() {
    let hec = acknowledging();
    let shared = Arc::clone(&hec);
    let server = StandIn::start(move |request| {
        let mut hec = shared.lock().unwrap();
        match question(request) {
            // The first three requests get lost behind the collector.
            Some(number) => {
                let is_lost = number < 3 && !hec.waiting.is_empty();
                answer(&mut hec, number, !is_lost)
            }
            None => hec.take(request),
        }
    })
    .await;
    let more = format!("{ACKNOWLEDGE}acknowledge_timeout = \"100ms\"\n");
    let mut world = World::start(&at(&server, &more));
    give(&mut world, 0..100).await;
    let (balance, _) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (100, 0));
    let hec = hec.lock().unwrap();
    let counts = hec.counts();
    assert!(counts.len() == 100 && counts.values().all(|count| *count == 1));
    // Four batches, of which three were sent twice.
    assert_eq!(hec.requests, 7);
}

#[tokio::test]
async fn an_indexer_that_was_started_anew_has_forgotten() {
    let hec = acknowledging();
    let shared = Arc::clone(&hec);
    let server = StandIn::start(move |request| {
        let mut hec = shared.lock().unwrap();
        match question(request) {
            Some(number) => {
                let total: u64 = hec.questions.values().sum();
                if total == 8 {
                    // Half of what waited was on the disk already, and is searchable afterwards;
                    // no number is known any more.
                    let waiting = std::mem::take(&mut hec.waiting);
                    let halves = waiting.into_values().step_by(2).flatten();
                    let halves: Vec<_> = halves.collect();
                    hec.indexed.extend(halves);
                }
                answer(&mut hec, number, total > 8)
            }
            None => hec.take(request),
        }
    })
    .await;
    let more = format!("{ACKNOWLEDGE}acknowledge_timeout = \"100ms\"\n");
    let mut world = World::start(&at(&server, &more));
    give(&mut world, 0..100).await;
    let (balance, _) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (100, 0));
    // Nothing is missing. What was indexed without a word is there twice, by the same id.
    let hec = hec.lock().unwrap();
    assert_eq!(hec.counts().len(), 100);
    assert!(
        hec.counts().values().all(|count| *count <= 3),
        "{:?}",
        hec.counts()
    );
    let ids = hec
        .indexed
        .iter()
        .map(|it| it["fields"]["entra_forwarder_id"].to_string());
    assert_eq!(ids.collect::<std::collections::BTreeSet<_>>().len(), 100);
}

#[tokio::test]
async fn nothing_is_sent_to_a_token_without_acknowledgement() {
    let hec = Shared::default();
    let shared = Arc::clone(&hec);
    let server = StandIn::start(move |request| {
        let mut hec = shared.lock().unwrap();
        let Some(number) = question(request) else {
            return hec.take(request);
        };
        if !hec.acknowledges {
            let asked = hec.questions.entry(number).or_default();
            *asked += 1;
            // Somebody turns it on.
            let is_mended = *asked >= 5;
            hec.acknowledges = is_mended;
            return (400, r#"{"text":"ACK is disabled","code":14}"#.to_owned());
        }
        answer(&mut hec, number, true)
    })
    .await;
    let mut world = World::start(&at(&server, ACKNOWLEDGE));
    give(&mut world, 0..30).await;
    let (balance, _) = world.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (30, 0));
    let counts = hec.lock().unwrap().counts();
    assert!(counts.len() == 30 && counts.values().all(|count| *count == 1));
    let first_events = server
        .arrivals()
        .iter()
        .position(|it| it.target.ends_with("/event"));
    assert!(first_events.unwrap() >= 5, "nothing was sent before");
}

#[tokio::test]
async fn running_and_replaying_wait_for_it() {
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let hec = acknowledging();
    let shared = Arc::clone(&hec);
    let server = StandIn::start(move |request| {
        let mut hec = shared.lock().unwrap();
        match question(request) {
            Some(number) => answer(&mut hec, number, true),
            None => hec.take(request),
        }
    })
    .await;
    let config = config(&at(&server, ACKNOWLEDGE));
    let (seams, hubs) = Outside::reach(&config, None).unwrap().split();
    let sink = ("siem", &config.sinks["siem"]);
    let replaying = places::transport(&config, sink, None).unwrap();
    for (n, transport) in [&seams.transports[0], &replaying].into_iter().enumerate() {
        let body = json!({"time": 1, "event": {"n": n}, "fields": {}}).to_string();
        let request = Request {
            id: RequestId::of_probe(body.as_bytes()),
            body: body.into(),
            content_type: "application/json",
            target: None,
            content_encoding: None,
        };
        let answer = transport.send(request).await.unwrap();
        assert_eq!(answer.status, 200);
        // Indexed, and not waiting to be.
        assert_eq!(hec.lock().unwrap().counts().len(), n + 1);
    }
    hubs.close().await;
}
