//! Metrics that are pushed by OTLP: they agree with what was done, and a receiver that does not take
//! them changes nothing.

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde_json::{Value, json};

use crate::eventually::eventually;
use crate::forwarder::Settings;
use crate::python;
use crate::scene::Scene;

pub(crate) mod receiver;

use receiver::{Manner, Pushed, Receiver};

const GRPC: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
const HOUR_WARNING: &str = "metrics_push_failed";

fn often(settings: Settings) -> Settings {
    settings.variable("OTEL_METRIC_EXPORT_INTERVAL", "50")
}

fn number(pushed: &Pushed, name: &str) -> f64 {
    let found = pushed.numbers.get(&format!("+entra_forwarder_{name}"));
    *found.unwrap_or_else(|| panic!("{name} in {:?}", pushed.numbers.keys()))
}

/// Everything was counted at the end, and nothing ever fell.
fn agree(pushed: &[Pushed], records: u64) {
    let last = pushed.last().unwrap();
    let records = records as f64;
    assert_eq!(number(last, "records_received{}"), records);
    assert_eq!(number(last, "records_wanted{}"), records);
    assert_eq!(number(last, "sink_records_wanted{sink=main}"), records);
    let delivered = "sink_records{sink=main,outcome=delivered}";
    assert_eq!(number(last, delivered), records);
    assert_eq!(last.numbers["entra_forwarder_balance_error{}"], 0.0);
    assert!(number(last, "sink_requests{sink=main,outcome=accepted}") >= 1.0);
    for pair in pushed.windows(2) {
        for (name, before) in pair[0]
            .numbers
            .iter()
            .filter(|(name, _)| name.starts_with('+'))
        {
            assert!(pair[1].numbers[name] >= *before, "{name} fell");
        }
    }
}

/// The last push, as the official types read it.
fn read(pushed: &[Pushed]) -> Option<Value> {
    let last = BASE64.encode(&pushed.last().unwrap().message);
    let mut read = python::ask("otlp_metrics.py", &json!([last]))?;
    assert_eq!(read[0]["isCanonical"], true);
    Some(read[0]["request"]["resourceMetrics"][0].take())
}

fn metric<'a>(read: &'a Value, name: &str) -> &'a Value {
    let metrics = read["scopeMetrics"][0]["metrics"].as_array().unwrap();
    let found = metrics.iter().find(|it| it["name"] == name);
    found.unwrap_or_else(|| panic!("{name} in {metrics:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http_with_headers_and_gzip() {
    let scene = Scene::set(2).await;
    let receiver = Receiver::start(Manner::Http).await;
    let settings = often(scene.settings())
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url())
        .variable("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=marked%20secret")
        .variable("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        .variable("OTEL_SERVICE_NAME", "entra")
        .variable("OTEL_RESOURCE_ATTRIBUTES", "team=soc%2C night");
    let forwarder = settings.start();
    scene.produce(50, 3);
    scene.everything_arrives().await;
    eventually("some pushes", || receiver.count() >= 3).await;
    let forwarder = forwarder.stop().await;
    let pushed = receiver.take();
    agree(&pushed, 300);
    for one in &pushed {
        assert_eq!(one.path, "/v1/metrics");
        assert_eq!(one.headers["content-type"], "application/x-protobuf");
        assert_eq!(one.headers["content-encoding"], "gzip");
        assert_eq!(one.headers["x-api-key"], "marked secret");
    }
    assert!(!forwarder.text().contains("marked"), "{}", forwarder.text());
    assert_eq!(forwarder.logged("metrics_push").len(), 1);
    assert_eq!(forwarder.logged(HOUR_WARNING), Vec::<Value>::new());
    let Some(read) = read(&pushed) else { return };
    let attributes = read["resource"]["attributes"].as_array().unwrap();
    for (key, value) in [("service.name", "entra"), ("team", "soc, night")] {
        let expected = json!({"key": key, "value": {"stringValue": value}});
        assert!(attributes.contains(&expected), "{attributes:?}");
    }
    let received = &metric(&read, "entra_forwarder_records_received")["sum"];
    assert_eq!(received["isMonotonic"], true);
    assert_eq!(
        received["aggregationTemporality"],
        "AGGREGATION_TEMPORALITY_CUMULATIVE"
    );
    let point = &received["dataPoints"][0];
    assert_eq!(point["asInt"], "300");
    let nanoseconds = |key: &str| point[key].as_str().unwrap().parse::<u64>().unwrap();
    assert!(nanoseconds("startTimeUnixNano") > 1_700_000_000_000_000_000);
    assert!(nanoseconds("startTimeUnixNano") < nanoseconds("timeUnixNano"));
    let lag = metric(&read, "entra_forwarder_partition_lag_events");
    assert!(lag["gauge"].is_null() || lag["gauge"]["dataPoints"].is_array());
    let duration = metric(&read, "entra_forwarder_sink_request_duration_seconds");
    assert_eq!(duration["unit"], "s");
    let point = &duration["histogram"]["dataPoints"][0];
    let counts = point["bucketCounts"].as_array().unwrap();
    assert_eq!(
        counts.len(),
        point["explicitBounds"].as_array().unwrap().len() + 1
    );
    let sum: u64 = counts
        .iter()
        .map(|it| it.as_str().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(point["count"], sum.to_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_grpc_where_container_apps_says() {
    for compression in ["none", "gzip"] {
        let scene = Scene::set(2).await;
        let receiver = Receiver::start(Manner::Grpc).await;
        let settings = often(scene.settings())
            .variable("CONTAINERAPP_OTEL_METRIC_GRPC_ENDPOINT", &receiver.url())
            .variable("OTEL_EXPORTER_OTLP_COMPRESSION", compression);
        let forwarder = settings.start();
        scene.produce(50, 3);
        scene.everything_arrives().await;
        eventually("some pushes", || receiver.count() >= 3).await;
        let forwarder = forwarder.stop().await;
        let pushed = receiver.take();
        agree(&pushed, 300);
        for one in &pushed {
            assert_eq!(one.path, GRPC);
            assert_eq!(one.headers["content-type"], "application/grpc");
            assert_eq!(one.headers["te"], "trailers");
            let encoding = one.headers.get("grpc-encoding");
            assert_eq!(encoding.is_some(), compression == "gzip");
        }
        assert_eq!(forwarder.logged(HOUR_WARNING), Vec::<Value>::new());
        if let Some(read) = read(&pushed) {
            let wanted = metric(&read, "entra_forwarder_records_wanted");
            assert_eq!(wanted["sum"]["dataPoints"][0]["asInt"], "300");
        }
    }
}

/// Records arrive, the process stops as usual, and there is one warning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_does_not_take_them_changes_nothing() {
    for (manner, protocol, reason) in [
        (Manner::Refuses, "http/protobuf", "status 503"),
        (Manner::Forbids, "grpc", "gRPC status 7"),
        (Manner::Hangs, "http/protobuf", "no answer within 100ms"),
        // Speaks no HTTP/2.
        (Manner::Http, "grpc", ""),
    ] {
        let scene = Scene::set(2).await;
        let receiver = Receiver::start(manner).await;
        let settings = often(scene.settings())
            .variable("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &receiver.url())
            .variable("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .variable("OTEL_EXPORTER_OTLP_TIMEOUT", "100");
        let forwarder = settings.start();
        let said = forwarder.says(HOUR_WARNING).await;
        let words = said["reason"].as_str().unwrap();
        assert!(words.contains(reason), "{manner:?}: {words}");
        scene.produce(50, 3);
        scene.everything_arrives().await;
        if manner != Manner::Http {
            let before = receiver.count();
            eventually("more attempts", || receiver.count() >= before + 2).await;
        }
        let forwarder = forwarder.stop().await;
        assert_eq!(scene.duplicates(), 0);
        scene.assert_orderly();
        assert_eq!(forwarder.logged(HOUR_WARNING).len(), 1, "{manner:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_protocol_that_is_not_there_is_told_and_records_arrive() {
    let scene = Scene::set(1).await;
    let settings = often(scene.settings())
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
        .variable("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json");
    let forwarder = settings.start();
    scene.produce(10, 3);
    scene.everything_arrives().await;
    let forwarder = forwarder.stop().await;
    let said = forwarder.logged("metrics_push_off");
    assert_eq!(said.len(), 1);
    let problem = said[0]["reason"].as_str().unwrap();
    assert!(problem.contains("http/protobuf or grpc"), "{problem}");
    assert_eq!(forwarder.logged(HOUR_WARNING), Vec::<Value>::new());
}

/// Whatever a sender calls its categories, whoever stores the metrics has few of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_categories_are_bounded() {
    let scene = Scene::set(1).await;
    let receiver = Receiver::start(Manner::Http).await;
    let settings = often(scene.settings())
        .variable("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url())
        .start();
    let odd = [
        "",
        "<script>",
        "a\\nb",
        "a\\\"}",
        &"x".repeat(10_000),
        "\u{1f600}",
    ];
    let names = (0..300).map(|number| format!("Category{number}Logs"));
    let names = odd.iter().map(|it| (*it).to_owned()).chain(names);
    let records: Vec<_> = names
        .map(|it| format!("{{\"category\":\"{it}\"}}"))
        .collect();
    let count = records.len() as f64;
    for records in records.chunks(50) {
        scene.hub.append(0, format!("[{}]", records.join(",")));
    }
    scene.produce(1, 1);
    scene.everything_arrives().await;
    eventually("the checkpoint", || scene.is_stored()).await;
    settings.stop().await;
    let pushed = receiver.take();
    let last = &pushed.last().unwrap().numbers;
    let start = "+entra_forwarder_category_records{source=logs,category=";
    let categories = last.iter().filter_map(|(name, count)| {
        let category = name.strip_prefix(start)?.strip_suffix('}')?;
        Some((category, *count))
    });
    let categories: Vec<(&str, f64)> = categories.collect();
    // `other` among them, since the odd ones came first.
    assert_eq!(categories.len(), 100, "{categories:?}");
    for (name, _) in &categories {
        let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric());
        assert!(is_plain && name.len() <= 64, "{name}");
    }
    assert!(categories.iter().any(|(name, _)| *name == "other"));
    let sum: f64 = categories.iter().map(|(_, count)| count).sum();
    assert_eq!(sum, count + 1.0);
}
