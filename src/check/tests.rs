//! The pages of the check and of the network are those of the program.

use std::collections::BTreeSet;

use super::address::Protocol;
use super::destinations;
use super::finding::Outcome;
use super::*;
use crate::config::{FileText, load};

#[allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in test functions only"
)]
fn page(name: &str) -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(root.join("docs").join(name)).unwrap()
}

#[allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in test functions only"
)]
fn loaded(text: &str) -> Loaded {
    let file = FileText {
        name: "forwarder.toml".to_owned(),
        text: text.to_owned(),
    };
    load(Some(file), []).unwrap()
}

fn example(cloud: &str, transport: &str) -> Loaded {
    let word = crate::config::Cloud::ALL
        .into_iter()
        .find(|it| it.word() == cloud);
    let blob = word.unwrap_or_default().blob_suffix();
    loaded(&format!(
        r#"
        cloud = "{cloud}"
        [sources.entra]
        namespace = "contoso"
        event_hub = "logs"
        consumer_group = "forwarder"
        transport = "{transport}"
        credential = "principal"
        [sources.other]
        namespace = "contoso"
        event_hub = "others"
        consumer_group = "forwarder"
        [credentials.principal]
        type = "client_secret"
        tenant_id = "contoso.com"
        client_id = "11111111-2222-3333-4444-555555555555"
        client_secret = "s"
        [sinks.siem]
        type = "http"
        endpoint = "https://siem.example.com/ingest"
        [sinks.archive]
        type = "azure_blob"
        [sinks.archive.azure_blob]
        container_url = "https://archive.{blob}/entra"
        [checkpoints]
        store = "blob"
        container_url = "https://checkpoints.{blob}/checkpoints"
        "#
    ))
}

/// A host as the page writes it: what is one's own stands in angle brackets.
fn pattern(host: &str) -> String {
    match host.split_once('.') {
        Some((_, suffix)) if suffix.starts_with("servicebus.") => format!("<namespace>.{suffix}"),
        Some((_, suffix)) if suffix.starts_with("blob.") => format!("<account>.{suffix}"),
        _ => host.to_owned(),
    }
}

#[test]
fn every_destination_stands_in_the_page() {
    let page = page("network.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with('|')).collect();
    let mut seen = BTreeSet::new();
    for cloud in ["public", "usgov", "china"] {
        for transport in ["amqp", "websocket"] {
            let loaded = example(cloud, transport);
            for found in destinations::of(&loaded.config, &|_| None) {
                if found.address.host == "siem.example.com" {
                    continue;
                }
                let (host, port) = (pattern(&found.address.host), found.address.port);
                let row = rows.iter().find(|row| {
                    row.contains(&format!("`{host}`")) && row.contains(&port.to_string())
                });
                assert!(row.is_some(), "{host} {port} is not in docs/network.md");
                seen.insert(host);
            }
        }
    }
    // Three clouds with a namespace, an account and a login each, and the metadata service.
    assert_eq!(seen.len(), 10, "{seen:?}");
}

#[test]
fn telemetry_goes_where_the_environment_says() {
    let loaded = example("public", "amqp");
    let asked = |set: &[(&str, &str)]| {
        let variable = |name: &str| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let found = destinations::of(&loaded.config, &variable);
        let found = found
            .into_iter()
            .filter(|it| it.wanted_by[0].contains("OTEL"));
        let found = found.map(|it| (it.address.to_string(), it.address.protocol));
        found.collect::<Vec<_>>()
    };
    assert_eq!(asked(&[]), []);
    let https = |address: &str| vec![(address.to_owned(), Protocol::Https)];
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otel.example.com");
    assert_eq!(asked(&[endpoint]), https("otel.example.com:443"));
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    assert_eq!(asked(&[endpoint, grpc]), https("otel.example.com:4317"));
    let platform = (
        "CONTAINERAPP_OTEL_METRIC_GRPC_ENDPOINT",
        "http://k8se-otel:4317",
    );
    let http = vec![("k8se-otel:4317".to_owned(), Protocol::Http)];
    assert_eq!(asked(&[platform]), http);
}

#[test]
fn every_point_stands_in_the_page() {
    let page = page("check.md");
    let words: BTreeSet<&str> = Point::ALL.iter().map(|point| point.word()).collect();
    assert_eq!(words.len(), Point::ALL.len());
    for word in words {
        assert!(
            page.contains(&format!("| `{word}` |")),
            "{word} is not in docs/check.md"
        );
    }
    let outcomes = [
        Outcome::Ok,
        Outcome::Note,
        Outcome::Warning,
        Outcome::Failed(Cause::Other),
        Outcome::Skipped,
    ];
    for outcome in outcomes {
        assert!(
            page.contains(&format!("`{}`", outcome.word())),
            "{outcome:?}"
        );
    }
}

#[test]
fn components_are_meant_by_themselves_and_by_their_groups() {
    let scope = |only: &[&str], skip_sinks| Scope {
        only: only.iter().map(|it| (*it).to_owned()).collect(),
        skip_sinks,
        timeout: Duration::from_secs(1),
    };
    let all = scope(&[], false);
    assert!(all.has("sinks.siem") && all.has("checkpoints"));
    assert!(!scope(&[], true).has("sinks.siem") && scope(&[], true).has("login"));
    let one = scope(&["sinks", "sources.entra"], false);
    assert!(one.has("sinks.siem") && one.has("sources.entra"));
    assert!(!one.has("sources.entra2") && !one.has("checkpoints"));
    let loaded = example("public", "amqp");
    let known = components(&loaded.config);
    let expected = [
        "sources.entra",
        "sources.other",
        "checkpoints",
        "dead_letters",
        "sinks.archive",
        "sinks.siem",
        "login",
    ];
    assert_eq!(known, expected);
}
