//! Presets of `http`: what each sends where, and what becomes of what it answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use entra_forwarder::config::{Encoding, SinkAuth, SinkConfig};
use entra_forwarder::event_hub::Timestamp;
use serde_json::Value;

use crate::golden;
use crate::stand_in::{Answer, Arrival, StandIn};
use crate::world::{World, config, wrong};

const BETTER_STACK: &str = r#"
[sinks.siem]
type = "better_stack"
endpoint = "https://s1234567.eu-nbg-2.betterstackdata.com"
[sinks.siem.better_stack]
source_token = "token-1"
"#;

const DYNATRACE: &str = r#"
[sinks.siem]
type = "dynatrace"
[sinks.siem.dynatrace]
environment = "abc12345"
token = "token-1"
"#;

const LOGZIO: &str = r#"
[sinks.siem]
type = "logzio"
[sinks.siem.logzio]
region = "eu"
token = "token-1"
"#;

const NEW_RELIC: &str = r#"
[sinks.siem]
type = "new_relic"
[sinks.siem.new_relic]
region = "eu"
license_key = "token-1"
"#;

const SUMO_LOGIC: &str = r#"
[sinks.siem]
type = "sumo_logic"
endpoint = "https://endpoint4.collection.sumologic.com/receiver/v1/http/token-1"
[sinks.siem.sumo_logic]
category = "Azure/AAD/Logs"
fields = "env=prod"
"#;

const VICTORIA_LOGS: &str = r#"
[sinks.siem]
type = "victoria_logs"
endpoint = "https://logs.contoso.example"
"#;

fn sink(text: &str) -> SinkConfig {
    config(text).sinks.remove("siem").unwrap()
}

#[test]
fn records_of_every_category() {
    golden::check("better_stack.txt", BETTER_STACK);
    golden::check("dynatrace.json", DYNATRACE);
    golden::check("logzio.txt", LOGZIO);
    golden::check("new_relic.json", NEW_RELIC);
    golden::check("sumo_logic.txt", SUMO_LOGIC);
    golden::check("victoria_logs.txt", VICTORIA_LOGS);
}

/// The record is in Dynatrace's `content` byte by byte.
#[test]
fn the_text_of_a_record_is_exact() {
    let record = r#"{"b" : 1.50,"a":"\u00e9\\ \"x\"","Level":2}"#;
    let body = crate::world::body(DYNATRACE, record.as_bytes());
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body[0]["content"], record);
    assert_eq!(body[0]["severity"], "error");
    let body = crate::world::body(NEW_RELIC, record.as_bytes());
    let text = String::from_utf8(body).unwrap();
    assert!(text.contains(record.strip_prefix('{').unwrap()), "{text}");
}

#[test]
fn words_say_where() {
    for (text, region, others, host) in [
        (
            LOGZIO,
            "\"eu\"",
            "us, au, ca, eu, nl, wa",
            "https://listener-eu.logz.io:8071",
        ),
        (
            NEW_RELIC,
            "\"eu\"",
            "us, eu, jp, fedramp",
            "https://log-api.eu.newrelic.com",
        ),
    ] {
        assert_eq!(sink(text).endpoint.expose(), host);
        let problems = wrong(&text.replace(region, "\"mars\""));
        for word in others.split(", ") {
            assert!(problems.contains(word), "{word}: {problems}");
            let there = sink(&text.replace(region, &format!("\"{word}\"")));
            assert!(there.endpoint.expose().starts_with("https://"), "{word}");
        }
    }
    let dynatrace = sink(DYNATRACE);
    assert_eq!(
        dynatrace.endpoint.expose(),
        "https://abc12345.live.dynatrace.com"
    );
    assert!(matches!(
        dynatrace.connection.auth,
        SinkAuth::Token {
            scheme: "Api-Token",
            ..
        }
    ));
    for (text, missing) in [
        ("better_stack", "better_stack.source_token"),
        ("dynatrace", "dynatrace.environment"),
        ("logzio", "logzio.token"),
        ("new_relic", "new_relic.license_key"),
        ("sumo_logic", "endpoint"),
        ("victoria_logs", "endpoint"),
    ] {
        let problems = wrong(&format!("[sinks.siem]\ntype = \"{text}\"\n"));
        assert!(problems.contains(missing), "{problems}");
    }
}

#[test]
fn what_an_endpoint_cannot_unpack_is_a_mistake() {
    let zstd = NEW_RELIC.replacen(
        "\n[sinks.siem.",
        "\ncompression = \"zstd\"\n[sinks.siem.",
        1,
    );
    let problems = wrong(&zstd);
    assert!(
        problems.contains("new_relic is not known to take zstd"),
        "{problems}"
    );
}

/// A time that VictoriaLogs does not read would be left out, and called a success.
#[test]
fn victoria_logs_gets_a_time_that_it_reads() {
    let event = br#"{"records":[{"time":"8/22/2022 6:11:52 PM","category":"RiskyUsers"},{"n":1}]}"#;
    let body = String::from_utf8(crate::world::body(VICTORIA_LOGS, event)).unwrap();
    let times = ["2022-08-22T18:11:52Z", "2026-01-31T12:00:05.678Z"];
    for (line, time) in body.lines().zip(times) {
        assert!(
            line.starts_with(&format!("{{\"_time\":\"{time}\",")),
            "{line}"
        );
    }
}

#[test]
fn limits_are_caps() {
    let hours = |sink: &SinkConfig| sink.record.age.map(|age| age.as_secs() / 3_600);
    let new_relic = sink(NEW_RELIC);
    assert_eq!(new_relic.batch.compressed_bytes, Some(1_000_000));
    assert_eq!(hours(&new_relic), Some(48));
    let batch = "batch = { records = 100000, bytes = \"16MiB\", compressed_bytes = \"2MiB\" }";
    let large = |text: &str| {
        let text = text.replacen("\n[sinks.siem.", &format!("\n{batch}\n[sinks.siem."), 1);
        sink(&format!("{text}[limits]\nmemory_budget = \"1GiB\"\n"))
    };
    assert_eq!(large(NEW_RELIC).batch.compressed_bytes, Some(1_000_000));
    let dynatrace = large(DYNATRACE);
    assert_eq!(
        (dynatrace.batch.records, dynatrace.batch.bytes),
        (50_000, 10_000_000)
    );
    assert_eq!(hours(&dynatrace), Some(24));
    assert_eq!(large(LOGZIO).batch.bytes, 10 << 20);
    assert_eq!(large(SUMO_LOGIC).batch.bytes, 1_000_000);
    assert_eq!(sink(LOGZIO).record.bytes, Some(500_000));
    assert_eq!(sink(VICTORIA_LOGS).record.bytes, Some(255 << 10));
    let own = "\nmax_record_bytes = \"1MiB\"\nencoding = \"json_array\"\n[sinks.siem.";
    let own = sink(&SUMO_LOGIC.replacen("\n[sinks.siem.", own, 1));
    assert_eq!(own.record.bytes, Some(1 << 20));
    assert_eq!(own.encoding, Encoding::JsonArray);
}

/// What came to an endpoint, how it is told to be wrong, and which statuses it gives.
struct Intake {
    sink: &'static str,
    /// Path and query, and a header with its value.
    target: &'static str,
    header: (&'static str, &'static str),
    bytes: usize,
    accepts: u16,
    /// For a body with something that it does not take; `also` is a 2xx that accepts nothing.
    refuses: u16,
    also: Option<u16>,
}

/// The numbers of the records of a body, and whether one of them is bad.
fn numbers(body: &[u8]) -> (Vec<u64>, bool) {
    let mut numbers = Vec::new();
    let mut bad = false;
    let mut note = |record: &Value| {
        bad |= record.get("bad").is_some();
        numbers.extend(record["n"].as_u64());
    };
    match serde_json::from_slice::<Value>(body) {
        Ok(Value::Array(items)) => {
            let logs = items.first().and_then(|it| it["logs"].as_array());
            for item in logs.unwrap_or(&items) {
                match item["content"].as_str() {
                    Some(text) => note(&serde_json::from_str(text).unwrap()),
                    None => note(item),
                }
            }
        }
        _ => {
            let lines = body
                .split(|byte| *byte == b'\n')
                .filter(|it| !it.is_empty());
            lines.for_each(|line| note(&serde_json::from_slice(line).unwrap()));
        }
    }
    (numbers, bad)
}

impl Intake {
    fn answer(&self, request: &Arrival, first: bool) -> Answer {
        assert_eq!(request.method, "POST");
        assert_eq!(request.target, self.target);
        assert_eq!(request.header(self.header.0), self.header.1);
        assert_eq!(request.header("content-encoding"), "gzip");
        assert!(request.body.len() <= self.bytes, "{}", request.body.len());
        let (numbers, bad) = numbers(&request.body);
        match (bad, first, self.also) {
            (true, _, _) => (self.refuses, "{\"malformedLines\":1}".into()),
            (_, true, Some(also)) if !numbers.is_empty() => (also, String::new()),
            _ => (self.accepts, String::new()),
        }
    }

    /// Everything arrives, but for what is refused.
    async fn takes_everything(&'static self) {
        let seen = Arc::new(AtomicUsize::new(0));
        let endpoint = StandIn::start(move |request| {
            let holds = !numbers(&request.body).0.is_empty();
            let count = &seen;
            let first = holds && count.fetch_add(1, Ordering::Relaxed) == 0;
            self.answer(request, first)
        })
        .await;
        // An endpoint that is a secret has its token in its path.
        let path = self.sink.contains("/receiver/").then_some(self.target);
        let url = format!("{}{}", endpoint.url(), path.unwrap_or_default());
        let lines = self
            .sink
            .lines()
            .filter(|line| !line.starts_with("endpoint"));
        let mut text: Vec<String> = lines.map(str::to_owned).collect();
        let at = text
            .iter()
            .position(|line| line.starts_with("type"))
            .unwrap();
        text.insert(
            at + 1,
            format!("endpoint = \"{url}\"\nbatch = {{ age = \"50ms\" }}"),
        );
        let mut world = World::start(&text.join("\n"));
        // Some take nothing that is old.
        let now = Timestamp::from(SystemTime::now()).to_rfc3339();
        let record = |n| format!("{{\"n\":{n},\"time\":\"{now}\"}}");
        for event in 0..10 {
            let records: Vec<_> = (0..100).map(|n| record(event * 100 + n)).collect();
            let body = format!("{{\"records\":[{}]}}", records.join(","));
            world.give(body.as_bytes()).await;
        }
        let bad = format!("{{\"bad\":true,\"time\":\"{now}\"}}");
        world.give(bad.as_bytes()).await;
        let (balance, letters) = world.end().await;
        assert_eq!(
            (balance.delivered, balance.dead_lettered),
            (1_000, 1),
            "{}",
            self.target
        );
        assert_eq!(letters[0].facts.reason, "refused");
        let arrivals = endpoint.arrivals();
        let all = arrivals.iter().flat_map(|it| numbers(&it.body).0);
        assert_eq!(all.collect::<BTreeSet<_>>().len(), 1_000);
    }
}

/// Codes: the pages that `src/destination/presets.rs` names.
static INTAKES: [Intake; 6] = [
    Intake {
        sink: BETTER_STACK,
        target: "/",
        header: ("authorization", "Bearer token-1"),
        bytes: 1_000_000,
        accepts: 202,
        refuses: 400,
        also: None,
    },
    Intake {
        sink: DYNATRACE,
        target: "/api/v2/logs/ingest",
        header: ("authorization", "Api-Token token-1"),
        bytes: 10_000_000,
        accepts: 204,
        // Only a part was taken.
        refuses: 200,
        also: Some(429),
    },
    Intake {
        sink: LOGZIO,
        target: "/?token=token-1&type=eventHub",
        header: ("content-type", "application/x-ndjson"),
        bytes: 10 << 20,
        accepts: 200,
        refuses: 400,
        also: Some(503),
    },
    Intake {
        sink: NEW_RELIC,
        target: "/log/v1",
        header: ("api-key", "token-1"),
        bytes: 2 << 20,
        accepts: 202,
        refuses: 400,
        also: Some(429),
    },
    Intake {
        sink: SUMO_LOGIC,
        target: "/receiver/v1/http/token-1",
        header: ("x-sumo-category", "Azure/AAD/Logs"),
        bytes: 1_000_000,
        accepts: 200,
        refuses: 400,
        also: Some(429),
    },
    Intake {
        sink: VICTORIA_LOGS,
        target: "/insert/jsonline?_msg_field=operationName&_stream_fields=category%2CtenantId&_time_field=_time",
        header: ("content-type", "application/x-ndjson"),
        bytes: 64 << 20,
        accepts: 200,
        refuses: 400,
        also: Some(503),
    },
];

#[tokio::test]
async fn intakes_take_everything_but_what_they_refuse() {
    for intake in &INTAKES {
        intake.takes_everything().await;
    }
}
