//! HTTP through the proxies of the environment, and to servers of an authority of one's own.

use crate::azurite::TestContainer;
use crate::endpoint::Endpoint;
use crate::eventually::{eventually, eventually_some};
use crate::forward_proxy::ForwardProxy;
use crate::forwarder::Settings;
use crate::ports;
use crate::scene::Scene;
use crate::trust::Trust;

/// A host that only the proxy knows.
const HOST: &str = "siem.invalid";

async fn arrives(scene: &Scene, endpoint: &Endpoint, settings: Settings) {
    scene.produce(20, 3);
    let forwarder = settings.start();
    let produced = scene.hub.produced();
    eventually("every record", || endpoint.has(&produced)).await;
    forwarder.stop().await;
    assert_eq!(endpoint.taken(), produced);
    scene.assert_orderly();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn https_goes_through_a_tunnel() {
    let (scene, trust) = (Scene::set(1).await, Trust::new());
    let endpoint = Endpoint::start_tls(trust.acceptor(HOST)).await;
    let proxy = ForwardProxy::start(&[(HOST, endpoint.address)]).await;
    let settings = scene
        .settings()
        .set("sinks.main.endpoint", &format!("https://{HOST}/ingest"))
        .variable("SSL_CERT_FILE", &trust.file())
        .variable("HTTPS_PROXY", &proxy.url());
    arrives(&scene, &endpoint, settings).await;
    let asked = proxy.asked();
    assert!(!asked.is_empty());
    let tunnel = format!("CONNECT {HOST}:443");
    assert!(asked.iter().all(|line| *line == tunnel), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_goes_to_the_proxy_whole() {
    let scene = Scene::set(1).await;
    let endpoint = Endpoint::start().await;
    let proxy = ForwardProxy::start(&[(HOST, endpoint.address)]).await;
    let url = format!("http://{HOST}/ingest");
    let settings = scene
        .settings()
        .set("sinks.main.endpoint", &url)
        .variable("http_proxy", &proxy.url())
        .variable("NO_PROXY", "example.com,other.invalid");
    arrives(&scene, &endpoint, settings).await;
    let asked = proxy.asked();
    assert!(!asked.is_empty());
    let line = format!("POST {url}");
    assert!(asked.iter().all(|it| *it == line), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_are_to_be_reached_directly() {
    let scene = Scene::set(1).await;
    let endpoint = Endpoint::start().await;
    let proxy = ForwardProxy::start(&[(HOST, endpoint.address)]).await;
    scene.produce(20, 3);
    let forwarder = scene
        .settings()
        .set("sinks.main.endpoint", &format!("http://{HOST}/ingest"))
        .variable("HTTP_PROXY", &proxy.url())
        .variable("NO_PROXY", "example.com,.invalid")
        .start();
    // There is no such host but at the proxy.
    let waits = || forwarder.waits().into_iter().find(|it| it.0 == "sink main");
    let (_, reason) = eventually_some("a reason", waits).await;
    assert!(reason.contains("cannot connect"), "{reason}");
    drop(forwarder);
    assert_eq!(proxy.asked(), Vec::<String>::new());
    assert_eq!(endpoint.count(), 0);
}

/// Whatever the environment says: a proxy has a loopback of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loopback_takes_no_proxy() {
    let scene = Scene::set(1).await;
    let container = TestContainer::create().await;
    let nowhere = format!("http://{}", ports::unused());
    scene.produce(20, 3);
    let mut settings = scene
        .settings()
        .set("checkpoints.store", "blob")
        .without("checkpoints.directory")
        .set("checkpoints.container_url", &container.url());
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        settings = settings.variable(name, &nowhere);
    }
    let forwarder = settings.start();
    scene.everything_arrives().await;
    forwarder.stop().await;
    assert_eq!(scene.duplicates(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blob_storage_behind_a_proxy() {
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    const ACCOUNT: &str = "devstoreaccount1.blob.invalid";
    let trust = Trust::new();
    for scheme in ["https", "http"] {
        let scene = Scene::set(1).await;
        let container = TestContainer::create().await;
        let url: url::Url = container.url().parse().unwrap();
        let server = url.socket_addrs(|| None).unwrap()[0];
        let front = trust.front(ACCOUNT, server).await;
        let port = match scheme {
            "https" => front.address,
            _ => server,
        };
        let proxy = ForwardProxy::start(&[(ACCOUNT, port)]).await;
        let (_, path) = url.path().split_once("devstoreaccount1/").unwrap();
        let shown = format!("{scheme}://{ACCOUNT}/{path}");
        let variable = format!("{}_PROXY", scheme.to_ascii_uppercase());
        scene.produce(20, 3);
        let forwarder = scene
            .settings()
            .set("checkpoints.store", "blob")
            .without("checkpoints.directory")
            .set(
                "checkpoints.container_url",
                &format!("{shown}?{}", url.query().unwrap()),
            )
            .variable("SSL_CERT_FILE", &trust.file())
            .variable(&variable, &proxy.url())
            .start();
        scene.everything_arrives().await;
        forwarder.stop().await;
        let asked = proxy.asked();
        assert!(!asked.is_empty());
        let tunnel = format!("CONNECT {ACCOUNT}:443");
        let passed = |line: &String| match scheme {
            "https" => *line == tunnel,
            _ => line.contains(&shown),
        };
        assert!(asked.iter().all(passed), "{asked:?}");
        // Nothing is repeated: the position is there.
        let count = scene.endpoint.count();
        let checkpoint = container.blob_url(&format!(
            "localhost/{}/{}/checkpoint/0",
            crate::hub::HUB,
            crate::hub::GROUP
        ));
        let answer = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = answer.get(checkpoint).send().await.unwrap();
        let stored = answer.headers()["x-ms-meta-sequencenumber"]
            .to_str()
            .unwrap();
        assert_eq!(stored, scene.hub.last(0).to_string());
        assert_eq!(scene.endpoint.count(), count);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_with_a_certificate_of_ones_own() {
    let (scene, trust, other) = (Scene::set(1).await, Trust::new(), Trust::new());
    let endpoint = Endpoint::start_tls(trust.acceptor("localhost")).await;
    let url = |host: &str| format!("https://{host}:{}/ingest", endpoint.address.port());
    scene.produce(20, 3);
    let store = scene.settings();
    for (host, trusted, expected) in [
        (
            "localhost",
            &other,
            "(UnknownIssuer): its authority is not trusted here",
        ),
        ("127.0.0.1", &trust, "it is for another name"),
    ] {
        let mut forwarder = store
            .clone()
            .set("sinks.main.endpoint", &url(host))
            .variable("SSL_CERT_FILE", &trusted.file())
            .start();
        let waits = || forwarder.waits().into_iter().find(|it| it.0 == "sink main");
        let (_, reason) = eventually_some("a reason", waits).await;
        assert!(reason.contains(expected), "{reason}");
        assert!(forwarder.is_running());
    }
    assert_eq!(endpoint.count(), 0);
    let settings = store
        .set("sinks.main.endpoint", &url("localhost"))
        // The killed ones have left their claims behind.
        .set(
            "checkpoints.directory",
            &scene.folder.path().join("new").to_string_lossy(),
        )
        .variable("SSL_CERT_FILE", &trust.file());
    let forwarder = settings.start();
    let produced = scene.hub.produced();
    eventually("every record", || endpoint.has(&produced)).await;
    forwarder.stop().await;
    assert_eq!(endpoint.taken(), produced);
}
