//! Faults on the way: names, ports, certificates, proxies, clocks.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use entra_forwarder_emulator::Layers;
use http_body_util::Full;
use hyper::{Request, Response};

use crate::check::{calm, check, scene};
use crate::endpoint::Endpoint;
use crate::forward_proxy::ForwardProxy;
use crate::forwarder::Settings;
use crate::ports;
use crate::scene::Scene;
use crate::server::{FREE, Server};
use crate::trust::Trust;

const NAMESPACE: &str = "contoso.servicebus.windows.net";

/// What is behind the way to a hub.
const BEHIND: [&str; 6] = [
    "hub",
    "consumer_group",
    "receive",
    "owners",
    "backlog",
    "categories",
];

/// A source of the service's own form at this custom endpoint.
fn at(scene: &Scene, endpoint: &str) -> Settings {
    let key = &scene.hub.emulator.keys()[0];
    let text = format!(
        "Endpoint=sb://{NAMESPACE}/;SharedAccessKeyName={};SharedAccessKey={};EntityPath=logs",
        key.name, key.key
    );
    calm(scene)
        .set("sources.logs.connection_string", &text)
        .set("sources.logs.custom_endpoint", endpoint)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_host_and_a_closed_port() {
    let scene = scene(1).await;
    let settings = at(&scene, "amqps://hub.invalid:5671");
    let checked = check(&settings, &["--only", "sources"]).await;
    let point = "sources.logs name";
    checked.failed(69, point, &["hub.invalid cannot be resolved"], &["DNS"]);
    let skipped = checked.with("skipped");
    for behind in ["tcp", "tls", "credential"].iter().chain(&BEHIND) {
        assert!(
            skipped.contains(&format!("sources.logs {behind}")),
            "{skipped:?}"
        );
    }

    let closed = ports::unused();
    let settings = at(&scene, &format!("amqps://{closed}"));
    let checked = check(&settings, &["--only", "sources"]).await;
    let remedy = &["check host and port", "listens"];
    checked.failed(
        69,
        "sources.logs tcp",
        &["no connection", "refused"],
        remedy,
    );
    let skipped = checked.with("skipped").len();
    assert_eq!(skipped, 2 + BEHIND.len(), "{}", checked.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates() {
    let (scene, trust) = (scene(1).await, Trust::new());
    let any = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    for (scheme, transport, layers) in [
        ("amqps", "amqp", Layers::tls(trust.tls("localhost"))),
        (
            "wss",
            "websocket",
            Layers::websocket(trust.tls("localhost")),
        ),
    ] {
        let address = scene.hub.emulator.listen(any, layers).await.unwrap();
        let endpoint = format!("{scheme}://localhost:{}", address.port());
        let settings = at(&scene, &endpoint).set("sources.logs.transport", transport);
        let foreign = check(&settings, &["--only", "sources.logs"]).await;
        foreign.failed(
            69,
            "sources.logs tls",
            &[
                "certificate was refused (UnknownIssuer)",
                "issued by `CN=Test authority",
            ],
            &["SSL_CERT_FILE", "opens TLS"],
        );
        let settings = settings.variable("SSL_CERT_FILE", &trust.file());
        let trusted = check(&settings, &["--only", "sources.logs"]).await;
        let tls = trusted.at("sources.logs", "tls");
        assert_eq!(tls.outcome, "ok", "{tls:?}");
        assert!(
            tls.seen.starts_with("TLS 1.3, trusted; issued by `CN=Test"),
            "{tls:?}"
        );
        assert_eq!(trusted.at("sources.logs", "receive").outcome, "ok");
        assert_eq!(trusted.code, Some(0), "{}", trusted.text);
    }
    // What answers is no TLS.
    let plain = format!("amqps://{}", scene.hub.emulator.address());
    let checked = check(&at(&scene, &plain), &["--only", "sources"]).await;
    checked.failed(69, "sources.logs tls", &["no TLS"], &["speaks TLS"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_behind_a_proxy() {
    let (scene, trust) = (scene(1).await, Trust::new());
    let host = "siem.invalid";
    let endpoint = Endpoint::start_tls(trust.acceptor(host)).await;
    let proxy = ForwardProxy::start(&[(host, endpoint.address)]).await;
    let settings = calm(&scene)
        .set("sinks.main.endpoint", &format!("https://{host}/ingest"))
        .set("sinks.main.tls.ca", &trust.pem())
        .variable(
            "HTTPS_PROXY",
            &proxy.url().replace("http://", "http://user:MARK@"),
        );
    let checked = check(&settings, &["--only", "sinks"]).await;
    assert_eq!(checked.code, Some(0), "{}", checked.text);
    let sink = |point| checked.at("sinks.main", point);
    assert!(sink("name").seen.contains("it looks siem.invalid up"));
    assert!(sink("tcp").seen.ends_with("reaches siem.invalid:443"));
    assert_eq!(sink("request").outcome, "ok");
    assert!(!checked.text.contains("MARK"));
    // Without the authority, and where the proxy does not know the host.
    let untrusting = settings.clone().without("sinks.main.tls.ca");
    let foreign = check(&untrusting, &["--only", "sinks"]).await;
    foreign.failed(
        69,
        "sinks.main tls",
        &["UnknownIssuer"],
        &["add the authority"],
    );
    let settings = settings.set("sinks.main.endpoint", "https://other.invalid/");
    let checked = check(&settings, &["--only", "sinks"]).await;
    let seen = &["does not reach other.invalid:443", "502"];
    checked.failed(69, "sinks.main tcp", seen, &["NO_PROXY"]);
    let nowhere = format!("http://{}", ports::unused());
    let settings = settings.set("sinks.main.proxy", &nowhere);
    let checked = check(&settings, &["--only", "sinks"]).await;
    checked.failed(69, "sinks.main tcp", &["no connection"], &["proxy"]);
}

/// An endpoint whose clock differs by so many seconds.
async fn late(seconds: i64) -> Server {
    let answer = move |_: Request<hyper::body::Incoming>| async move {
        let length = Duration::from_secs(seconds.unsigned_abs());
        let now = SystemTime::now();
        let date = if seconds < 0 {
            now - length
        } else {
            now + length
        };
        let answer = Response::builder().header("date", httpdate::fmt_http_date(date));
        Ok::<_, std::io::Error>(answer.body(Full::new(Bytes::new())).unwrap())
    };
    Server::http(FREE, None, answer).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clocks_that_differ() {
    let scene = scene(1).await;
    for (seconds, outcome, side, code) in [
        (-60, "warning", "ahead of", 0),
        (90, "warning", "behind", 0),
        (600, "failed", "behind", 1),
    ] {
        let server = late(seconds).await;
        let settings = calm(&scene).set(
            "sinks.main.endpoint",
            &format!("http://{}/", server.address),
        );
        let checked = check(&settings, &["--only", "sinks.main"]).await;
        let clock = checked.at("sinks.main", "clock");
        assert_eq!(
            (clock.outcome.as_str(), checked.code),
            (outcome, Some(code)),
            "{clock:?}"
        );
        assert!(clock.seen.contains(side), "{clock:?}");
        assert!(clock.remedy.contains("NTP"), "{clock:?}");
        // It is no reason not to look further.
        assert_eq!(checked.at("sinks.main", "request").outcome, "ok");
    }
}
