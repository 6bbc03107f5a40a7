//! What requests carry, and by which way they go.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use hyper::Version;
use sha2::Sha256;

use crate::endpoint::{Arrival, Endpoint, Reply};
use crate::eventually::{eventually, eventually_some};
use crate::forward_proxy::ForwardProxy;
use crate::forwarder::{Forwarder, Settings};
use crate::ports;
use crate::scene::Scene;
use crate::trust::Trust;

/// A host that only the proxy knows.
const HOST: &str = "siem.invalid";

/// A configuration with these keys of the sink.
pub(super) fn with(settings: Settings, keys: &[(&str, &str)]) -> Settings {
    keys.iter().fold(settings, |settings, (key, value)| {
        settings.set(&format!("sinks.main.{key}"), value)
    })
}

/// Runs until everything has arrived; gives the requests.
pub(super) async fn delivered(scene: &Scene, settings: Settings) -> (Vec<Arrival>, Forwarder) {
    scene.produce(20, 3);
    let forwarder = settings.start();
    scene.everything_arrives().await;
    let forwarder = forwarder.stop().await;
    assert_eq!(scene.endpoint.accepted(), scene.hub.produced());
    scene.assert_orderly();
    (scene.endpoint.arrivals(), forwarder)
}

/// Waits for what is said of the sink with this part in it.
pub(super) async fn reason(forwarder: &Forwarder, part: &str) -> String {
    let look = || {
        let said = [forwarder.logged("waiting"), forwarder.logged("failing")].concat();
        let mut said = said.iter().filter(|it| it["component"] == "sink main");
        said.find_map(|it| Some(it["reason"].as_str().filter(|it| it.contains(part))?.into()))
    };
    eventually_some(&format!("the reason {part}"), look).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fixed_credentials_and_query() {
    let bearer: &[_] = &[("auth.type", "bearer"), ("auth.token", "MARKTOKEN")];
    let basic: &[_] = &[
        ("auth.type", "basic"),
        ("auth.user", "MARKUSER"),
        ("auth.password", "MARK:WORD"),
    ];
    let encoded = STANDARD.encode("MARKUSER:MARK:WORD");
    for (keys, expected) in [
        (bearer, "Bearer MARKTOKEN".to_owned()),
        (basic, format!("Basic {encoded}")),
    ] {
        let scene = Scene::set(1).await;
        scene.endpoint.script(|number| match number {
            0 => Reply::Status(500),
            1 => Reply::Echo(401),
            _ => Reply::Status(200),
        });
        let url = format!("{}?first=1", scene.endpoint.url());
        let settings = with(scene.settings(), keys);
        let settings = with(
            settings,
            &[
                ("endpoint", &url),
                ("query.token", "MARK &TOKEN"),
                ("query.zone", "eu"),
            ],
        );
        let settings = settings.argument("--log").argument("trace");
        let (arrivals, forwarder) = delivered(&scene, settings).await;
        for arrival in &arrivals {
            assert_eq!(arrival.headers["authorization"], expected);
            assert_eq!(
                arrival.line,
                "POST /ingest?first=1&token=MARK+%26TOKEN&zone=eu"
            );
            let agent = concat!("entra-forwarder/", env!("CARGO_PKG_VERSION"));
            assert_eq!(arrival.headers["user-agent"], agent);
        }
        let text = forwarder.text();
        assert!(!text.contains("MARK") && !text.contains(&encoded), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_batch_keeps_its_id_and_another_has_another() {
    let scene = Scene::set(2).await;
    scene.endpoint.script(|number| match number % 3 {
        0 => Reply::Status(503),
        1 => Reply::Close,
        _ => Reply::Status(200),
    });
    let settings = with(
        scene.settings(),
        &[("batch.records", "25"), ("concurrency", "2")],
    );
    let (arrivals, _) = delivered(&scene, settings).await;
    let mut by_id = std::collections::BTreeMap::<String, Vec<&Arrival>>::new();
    for arrival in &arrivals {
        let id = arrival.headers["x-request-id"].to_str().unwrap();
        by_id.entry(id.to_owned()).or_default().push(arrival);
    }
    assert!(by_id.len() > 1 && by_id.len() < arrivals.len());
    let mut bodies = std::collections::BTreeSet::new();
    for (id, same) in &by_id {
        assert_eq!(id.len(), 32, "{id}");
        assert!(same.iter().all(|it| it.wire == same[0].wire), "{id}");
        assert!(bodies.insert(same[0].wire.clone()), "{id}");
    }
    // Another header, and none.
    for (name, expected) in [("X-Batch", Some("x-batch")), ("off", None)] {
        let scene = Scene::set(1).await;
        let settings = with(scene.settings(), &[("request_id_header", name)]);
        let (arrivals, _) = delivered(&scene, settings).await;
        for headers in arrivals.iter().map(|it| &it.headers) {
            assert!(!headers.contains_key("x-request-id"));
            assert!(expected.is_none_or(|it| headers.contains_key(it)));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_body_is_signed() {
    let scene = Scene::set(1).await;
    scene.endpoint.script(|number| match number {
        0 => Reply::Status(500),
        _ => Reply::Status(200),
    });
    let settings = with(
        scene.settings(),
        &[("auth.type", "hmac"), ("auth.key", "MARKKEY")],
    );
    let (arrivals, _) = delivered(&scene, settings).await;
    for arrival in arrivals {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"MARKKEY").unwrap();
        mac.update(&arrival.wire);
        let digits: String = mac
            .finalize()
            .into_bytes()
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect();
        let signature = format!("sha256={digits}");
        assert_eq!(arrival.headers["x-signature-256"], signature);
    }
}

/// Neither records nor credentials go to another host, whoever says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_not_followed() {
    let (scene, other) = (Scene::set(1).await, Endpoint::start().await);
    let to = other.url();
    for status in [301, 302, 303, 307, 308] {
        let to = to.clone();
        scene
            .endpoint
            .script(move |_| Reply::With(status, "location", to.clone()));
        let settings = with(
            scene.settings(),
            &[("auth.type", "bearer"), ("auth.token", "MARK")],
        );
        scene.produce(1, 1);
        let forwarder = settings
            .set(
                "checkpoints.directory",
                &scene
                    .folder
                    .path()
                    .join(status.to_string())
                    .to_string_lossy(),
            )
            .start();
        let said = reason(&forwarder, &format!("refusing: status {status}")).await;
        assert!(said.contains("a redirect"), "{said}");
    }
    assert_eq!((other.count(), other.probes()), (0, 0));
    assert_eq!(scene.endpoint.distinct(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_of_ones_own_wins_over_the_environment() {
    let (scene, trust) = (Scene::set(1).await, Trust::new());
    let endpoint = Endpoint::start_tls(trust.acceptor(HOST)).await;
    let proxy = ForwardProxy::start(&[(HOST, endpoint.address)]).await;
    let nowhere = format!("http://{}", ports::unused());
    let url = proxy.url().replace("http://", "http://user:MARKPROXY@");
    let settings = with(
        scene.settings(),
        &[
            ("endpoint", &format!("https://{HOST}/ingest")),
            ("proxy", &url),
            ("tls.ca", &trust.pem()),
        ],
    );
    scene.produce(20, 3);
    let mut settings = settings.argument("--log").argument("trace");
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"] {
        settings = settings.variable(name, &nowhere);
    }
    let forwarder = settings.start();
    let produced = scene.hub.produced();
    eventually("every record", || endpoint.has(&produced)).await;
    let forwarder = forwarder.stop().await;
    assert!(!forwarder.text().contains("MARK"));
    let tunnel = format!("CONNECT {HOST}:443");
    assert!(!proxy.asked().is_empty());
    assert!(proxy.asked().iter().all(|it| *it == tunnel));
    // Without it there is no way.
    let asked = proxy.asked().len();
    let directly = with(settings, &[("proxy", "none")])
        .variable("HTTPS_PROXY", &proxy.url())
        .start();
    scene.produce(1, 1);
    reason(&directly, "cannot connect").await;
    assert_eq!(proxy.asked().len(), asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_version_of_http() {
    let trust = Trust::new();
    for (setting, expected) in [
        ("auto", Version::HTTP_2),
        ("1.1", Version::HTTP_11),
        ("2", Version::HTTP_2),
    ] {
        let scene = Scene::set(1).await;
        let endpoint = Endpoint::start_tls(trust.acceptor_h2("localhost")).await;
        let url = format!("https://localhost:{}/ingest", endpoint.address.port());
        let settings = with(
            scene.settings(),
            &[
                ("endpoint", &url),
                ("http_version", setting),
                ("tls.ca", &trust.pem()),
                ("auth.type", "bearer"),
                ("auth.token", "MARK"),
            ],
        );
        scene.produce(20, 3);
        let forwarder = settings.start();
        let produced = scene.hub.produced();
        eventually("every record", || endpoint.has(&produced)).await;
        forwarder.stop().await;
        for arrival in endpoint.arrivals() {
            assert_eq!(arrival.version, expected);
            assert_eq!(arrival.headers["authorization"], "Bearer MARK");
        }
    }
}
