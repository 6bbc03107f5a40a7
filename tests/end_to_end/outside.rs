//! Hub, store and endpoints that are not there, or refuse: the program waits, says why once, and
//! goes on when the cause is gone. With `--fail-fast` it ends, for those who want that.

use std::time::Duration;

use serde_json::Value;

use entra_forwarder_emulator::{Action, Fault, Options};
use tokio::time::Instant;

use crate::azurite::TestContainer;
use crate::endpoint::{Endpoint, Reply};
use crate::eventually::eventually;
use crate::forwarder::{Forwarder, Settings};
use crate::hub::Hub;
use crate::ports;
use crate::scene::Scene;

/// Runs with `--fail-fast`; gives the exit code, the one sentence, and how long it took.
async fn fails_fast(settings: Settings) -> (Option<i32>, String, Duration) {
    let start = Instant::now();
    let mut forwarder = settings.argument("--fail-fast").start();
    let code = forwarder.exit().await;
    let mut lines = forwarder.err_lines();
    lines.retain(|line| line.starts_with("error: "));
    assert_eq!(lines.len(), 1, "{}", forwarder.text());
    (code, lines.remove(0), start.elapsed())
}

/// What it has said about one component; waits until there is something.
async fn reasons(forwarder: &Forwarder, component: &str) -> Vec<String> {
    let reasons = || -> Vec<String> {
        let lines = [forwarder.logged("waiting"), forwarder.logged("failing")].concat();
        let ours = lines.iter().filter(|line| line["component"] == component);
        ours.map(|line| line["reason"].as_str().unwrap().to_owned())
            .collect()
    };
    eventually("a reason", || !reasons().is_empty()).await;
    reasons()
}

/// The same connection string with another port or key.
fn replaced(scene: &Scene, from: &str, to: &str) -> String {
    let text = scene.hub.connection_string();
    assert!(text.contains(from));
    text.replace(from, to)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_comes_up_late() {
    let scene = Scene::set(1).await;
    let address = ports::unused();
    let port = format!(":{};", scene.hub.emulator.address().port());
    let key = scene.hub.emulator.keys()[0].clone();
    let settings = scene.settings().set(
        "sources.logs.connection_string",
        &replaced(&scene, &port, &format!(":{};", address.port())),
    );
    let (code, sentence, took) = fails_fast(settings.clone()).await;
    assert_eq!(code, Some(69), "{sentence}");
    assert!(sentence.contains("sources.logs"), "{sentence}");
    assert!(took < Duration::from_secs(20), "{took:?}");

    let mut forwarder = settings.start();
    let said = reasons(&forwarder, "source logs").await;
    assert_eq!(forwarder.health("/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(forwarder.health("/startupz").await.0, 200);
    let (status, text) = forwarder.health("/readyz").await;
    assert_eq!(status, 503);
    assert!(text.contains(&said[0]), "{text} has not {said:?}");
    assert!(forwarder.is_running());
    let options = Options {
        listen: address,
        keys: vec![key],
        ..Options::default()
    };
    let hub = Hub::start_with(1, options).await;
    hub.produce(0, 10, 3);
    let produced = hub.produced();
    eventually("every record", || scene.endpoint.has(&produced)).await;
    forwarder.health_becomes("/readyz", 200).await;
    assert_eq!(reasons(&forwarder, "source logs").await.len(), 1);
    forwarder.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_refuses_the_key() {
    let scene = Scene::set(1).await;
    scene.produce(10, 3);
    let key = scene.hub.emulator.keys()[0].key.clone();
    let wrong = replaced(&scene, &key, "d3Jvbmcga2V5");
    let settings = scene
        .settings()
        .set("sources.logs.connection_string", &wrong);
    let (code, sentence, took) = fails_fast(settings.clone()).await;
    assert_eq!(code, Some(77), "{sentence}");
    assert!(!sentence.contains("d3Jvbmc"), "{sentence}");
    assert!(took < Duration::from_secs(20), "{took:?}");

    let forwarder = settings.start();
    let said = reasons(&forwarder, "source logs").await;
    assert!(said[0].contains("Listen"), "{said:?}");
    forwarder.health_becomes("/readyz", 503).await;
    forwarder.stop().await;

    // Refused several times, said once; and it goes on when the hub has changed its mind.
    let refusal = Fault::always(Action::RefuseToken {
        status: 401,
        description: "InvalidSignature: The token has an invalid signature.".to_owned(),
    });
    let faults = scene.hub.emulator.faults();
    let refusal = faults.inject(refusal);
    let forwarder = scene.settings().start();
    eventually("refusals", || faults.fired(refusal) >= 3).await;
    faults.remove(refusal);
    scene.everything_arrives().await;
    let said = reasons(&forwarder, "source logs").await;
    assert_eq!(said.len(), 1, "{said:?}");
    let all = forwarder.log();
    // The settings of the test are a warning of their own.
    let is_of_the_hub = |line: &&Value| line["level"] != "INFO" && line["event"] != "configuration";
    let warnings = all.iter().filter(is_of_the_hub).count();
    assert_eq!(warnings, 1, "{}", forwarder.text());
    forwarder.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_is_made_late() {
    use rustls::crypto::aws_lc_rs::default_provider;
    let _installed_before = default_provider().install_default();
    let scene = Scene::set(2).await;
    scene.produce(10, 3);
    let container = TestContainer::missing();
    let settings = scene
        .settings()
        .set("checkpoints.store", "blob")
        .without("checkpoints.directory")
        .set("checkpoints.container_url", &container.url());
    let (code, sentence, took) = fails_fast(settings.clone()).await;
    assert_eq!(code, Some(69), "{sentence}");
    assert!(sentence.contains("checkpoints"), "{sentence}");
    assert!(took < Duration::from_secs(20), "{took:?}");

    let forwarder = settings.start();
    let said = reasons(&forwarder, "source logs").await;
    assert!(said[0].contains("container"), "{said:?}");
    let (status, text) = forwarder.health("/readyz").await;
    assert_eq!(status, 503, "{text}");
    assert_eq!(forwarder.health("/livez").await.0, 200);
    assert_eq!(scene.endpoint.count(), 0, "nothing is read without a store");
    container.make().await;
    scene.everything_arrives().await;
    assert_eq!(reasons(&forwarder, "source logs").await.len(), 1);
    forwarder.stop().await;
    assert_eq!(scene.duplicates(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_refuses_loses_nothing() {
    let elsewhere = Endpoint::start().await;
    for status in [401, 403, 404, 302, 307, 400, 413] {
        let scene = Scene::set(1).await;
        scene.produce(20, 3);
        let redirect = (300..400).contains(&status);
        scene.endpoint.behave(match redirect {
            true => Reply::With(status, "location", elsewhere.url()),
            false => Reply::Status(status),
        });
        let forwarder = scene.settings().start();
        eventually("repetitions", || scene.endpoint.count() >= 8).await;
        let component = match status {
            400 | 413 => "refusals of sink main",
            _ => "sink main",
        };
        let said = reasons(&forwarder, component).await;
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains(&format!("status {status}")), "{said:?}");
        // It is said again for nobody, and it is no reason to be restarted.
        assert_eq!(forwarder.health("/livez").await.0, 200);
        assert_eq!(scene.checkpoint(0).unwrap().0, -1);
        scene.endpoint.behave(Reply::Status(204));
        scene.everything_arrives().await;
        let forwarder = forwarder.stop().await;
        assert_eq!(scene.endpoint.accepted(), scene.hub.produced());
        let recovered = forwarder.logged("recovered");
        let of_sink = recovered.iter().filter(|it| it["component"] == component);
        assert_eq!(of_sink.count(), 1);
        scene.assert_orderly();
    }
    assert_eq!(elsewhere.count(), 0, "a redirect was followed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_comes_up_late() {
    let scene = Scene::set(1).await;
    scene.produce(20, 3);
    let address = ports::unused();
    let url = format!("http://{address}/ingest");
    let forwarder = scene.settings().set("sinks.main.endpoint", &url).start();
    let said = reasons(&forwarder, "sink main").await;
    assert!(said[0].contains("connect"), "{said:?}");
    let endpoint = Endpoint::start_at(address).await;
    let produced = scene.hub.produced();
    eventually("every record", || endpoint.has(&produced)).await;
    forwarder.stop().await;
    assert_eq!(endpoint.taken(), produced);
    scene.assert_orderly();
}
