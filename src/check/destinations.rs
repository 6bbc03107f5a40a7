//! Every host, port and protocol that a configuration will use, without connecting to any of them.

use std::collections::BTreeMap;

use super::address::{Address, Protocol};
use super::credentials;
use super::network::Way;
use crate::auth::Issuer;
use crate::config::{Config, DeadLettersConfig, SinkAuth, SinkKind, StoreConfig};

/// A host that will be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Where it is.
    pub address: Address,
    /// Host and port of the proxy in between.
    pub proxy: Option<String>,
    /// Paths of the configuration, or variables, that ask for it.
    pub wanted_by: Vec<String>,
}

/// All of them, once each: sources, stores, sinks, whoever gives tokens, and where telemetry goes.
/// `variable` reads the environment.
pub fn of(config: &Config, variable: &dyn Fn(&str) -> Option<String>) -> Vec<Destination> {
    let mut all = All::default();
    for (name, source) in &config.sources {
        let way = Way::to(Address::of_source(source));
        all.add(way, format!("sources.{name}"));
    }
    if let StoreConfig::Blob { container_url, .. } = &config.checkpoints.store {
        all.plain(container_url.expose(), "checkpoints");
    }
    if let DeadLettersConfig::Blob { container_url, .. } = &config.dead_letters {
        all.plain(container_url.expose(), "dead_letters");
    }
    for (name, sink) in &config.sinks {
        let who = format!("sinks.{name}");
        match &sink.kind {
            SinkKind::Null => {}
            SinkKind::Blob { container_url, .. } => all.plain(container_url.expose(), &who),
            SinkKind::Http => {
                if let Some(address) = Address::of_text(sink.endpoint.expose()) {
                    all.add(Way::of_sink(address, sink), who.clone());
                }
            }
        }
        if let SinkAuth::OAuth2(config) = &sink.connection.auth
            && let Some(address) = Address::of_text(config.token_url.expose())
        {
            all.add(Way::of_sink(address, sink), format!("{who}.auth"));
        }
    }
    for asked in credentials::issuers(config) {
        let who = format!("{} (tokens)", asked.by);
        match asked.issuer {
            Issuer::Entra(url) => all.plain(url.as_str(), &who),
            Issuer::Platform(url) => {
                if let Some(address) = Address::of_url(&url) {
                    let way = Way {
                        between: None,
                        ..Way::to(address)
                    };
                    all.add(way, who);
                }
            }
        }
    }
    if let Some((name, address)) = telemetry(variable) {
        all.add(Way::to(address), name.to_owned());
    }
    all.found.into_values().collect()
}

/// In the order of their addresses.
#[derive(Default)]
struct All {
    found: BTreeMap<(Address, Option<String>), Destination>,
}

impl All {
    fn add(&mut self, way: Way, who: String) {
        let proxy = way
            .between
            .map(|proxy| format!("{}:{}", proxy.host, proxy.port));
        let key = (way.address.clone(), proxy.clone());
        let known = self.found.entry(key).or_insert_with(|| Destination {
            address: way.address,
            proxy,
            wanted_by: Vec::new(),
        });
        if !known.wanted_by.contains(&who) {
            known.wanted_by.push(who);
        }
    }

    fn plain(&mut self, url: &str, who: &str) {
        if let Some(address) = Address::of_text(url) {
            self.add(Way::to(address), who.to_owned());
        }
    }
}

/// Where metrics are pushed to, if the environment asks for that
/// (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).
fn telemetry(variable: &dyn Fn(&str) -> Option<String>) -> Option<(&'static str, Address)> {
    let names = [
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "CONTAINERAPP_OTEL_METRIC_GRPC_ENDPOINT",
    ];
    let told = names.into_iter();
    let (name, url) = told
        .filter_map(|name| Some((name, variable(name).filter(|it| !it.is_empty())?)))
        .next()?;
    let asked = variable("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL")
        .or_else(|| variable("OTEL_EXPORTER_OTLP_PROTOCOL"));
    let is_grpc = name.contains("GRPC") || asked.is_some_and(|it| it.trim() == "grpc");
    let url = url::Url::parse(url.trim()).ok()?;
    let mut address = Address::of_url(&url)?;
    if url.port().is_none() && matches!(address.protocol, Protocol::Http | Protocol::Https) {
        // A URL without a port means the protocol's own one only to gRPC clients.
        address.port = match (is_grpc, address.protocol) {
            (true, _) => 4317,
            (false, Protocol::Https) => 443,
            (false, _) => 80,
        };
    }
    Some((name, address))
}
