//! No secret and no payload in any output, whatever goes wrong, at the highest level of logging.

use entra_forwarder_emulator::{Action, Body, Fault, Options, Rights, SharedKey};
use rustix::process::Signal;

use crate::endpoint::Reply;
use crate::eventually::eventually;
use crate::forwarder::{Forwarder, Settings};
use crate::hub::Hub;
use crate::ports;
use crate::scene::Scene;

/// Stands in every secret, and in every payload.
const MARKS: [&str; 6] = [
    "MARKHEADER",
    "MARKKEY",
    "MARKTOKEN",
    "MARKSIGNATURE",
    "MARKPAYLOAD",
    "MARKUSER",
];

fn assert_clean(forwarder: &Forwarder) {
    let text = forwarder.text();
    for mark in MARKS {
        let line = text.lines().find(|line| line.contains(mark));
        assert!(line.is_none(), "{mark}: {line:?}");
    }
}

async fn set() -> (Scene, Settings) {
    let key = SharedKey {
        name: "listen".to_owned(),
        key: "MARKKEYabc=".to_owned(),
        rights: Rights::ALL,
    };
    let options = Options {
        keys: vec![key],
        ..Options::default()
    };
    let scene = Scene::with(Hub::start_with(1, options).await, 1).await;
    let url = format!("{}?token=MARKTOKEN", scene.endpoint.url());
    let settings = scene
        .settings()
        .set("sinks.main.endpoint", &url)
        .set("sinks.main.headers.Authorization", "Bearer MARKHEADER")
        .set("sinks.main.timeout", "400ms")
        .set("sinks.main.connect_timeout", "400ms")
        .set("sources.logs.on_undecodable", "skip")
        .set("shutdown_grace", "2s")
        .argument("--log")
        .argument("trace");
    (scene, settings)
}

fn produce(scene: &Scene, number: u32) -> crate::bag::Bag {
    let record = format!("{{\"n\":{number},\"MARKPAYLOAD\":\"MARKPAYLOAD\"}}");
    scene.hub.append(0, format!("{{\"records\":[{record}]}}"));
    [record.into()].into_iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failures_of_hub_and_endpoint_show_none() {
    let (scene, settings) = set().await;
    let faults = scene.hub.emulator.faults();
    faults.inject(Fault::once(Action::detach()).after(2));
    faults.inject(Fault::once(Action::GarbageFrame).after(4));
    faults.inject(Fault::once(Action::RefuseToken {
        status: 401,
        description: "no".to_owned(),
    }));
    scene.endpoint.script(|number| match number % 9 {
        0 => Reply::Echo(404),
        1 => Reply::With(
            302,
            "location",
            "http://MARKUSER:x@127.0.0.1/MARKTOKEN".to_owned(),
        ),
        2 => Reply::Close,
        3 => Reply::Hang,
        4 => Reply::Echo(401),
        5 => Reply::Echo(500),
        6 => Reply::With(429, "retry-after", "MARKTOKEN".to_owned()),
        _ => Reply::Status(200),
    });
    let forwarder = settings.start();
    for number in 0..4 {
        let due = produce(&scene, number);
        eventually("the record", || scene.endpoint.has(&due)).await;
    }
    // Bodies that cannot be read, and one that is no JSON.
    scene
        .hub
        .append_event(0, Body::ListProperty("MARKPAYLOAD".into()));
    scene.hub.append(0, "MARKPAYLOAD no JSON");
    let due = produce(&scene, 9);
    eventually("the record", || scene.endpoint.has(&due)).await;
    let (_, ready) = forwarder.health("/readyz").await;
    assert!(MARKS.iter().all(|mark| !ready.contains(mark)), "{ready}");
    for arrival in scene.endpoint.arrivals() {
        assert!(
            arrival.line.ends_with("?token=MARKTOKEN"),
            "the secrets were in use"
        );
        assert_eq!(arrival.headers["authorization"], "Bearer MARKHEADER");
    }
    let forwarder = forwarder.stop().await;
    assert!(!forwarder.waits().is_empty());
    assert_clean(&forwarder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_shows_none() {
    let (scene, settings) = set().await;
    produce(&scene, 0);
    let (nowhere, store) = (ports::unused(), ports::unused());
    let container = format!(
        "http://{store}/account/container?sv=2021-12-02&sr=c&sp=racwl&se=2099-01-01T00:00:00Z\
         &sig=MARKSIGNATURE"
    );
    let endpoint = format!("http://MARKUSER:MARKTOKEN@{nowhere}/?token=MARKTOKEN");
    let wrong_store = settings
        .clone()
        .set("checkpoints.store", "blob")
        .without("checkpoints.directory")
        .set("checkpoints.container_url", &container);
    let wrong_sink = settings.clone().set("sinks.main.endpoint", &endpoint);
    for settings in [wrong_store.clone(), wrong_sink] {
        let mut forwarder = settings.start();
        // The second may be refused as a configuration, which is an answer as well.
        eventually("a reason or the end", || {
            !forwarder.waits().is_empty() || !forwarder.is_running()
        })
        .await;
        if forwarder.is_running() {
            forwarder.signal(Signal::TERM);
        }
        forwarder.exit().await;
        assert_clean(&forwarder);
    }
    let mut failed = wrong_store.argument("--fail-fast").start();
    assert_eq!(failed.exit().await, Some(69), "{}", failed.text());
    assert_clean(&failed);
}
