//! Faults of hubs and endpoints, of the configuration, and of the command line.

use entra_forwarder_emulator::{Action, Emulator, Fault, HubOptions, Options};

use crate::check::{calm, check, hub, ran, scene};
use crate::endpoint::Reply;
use crate::hub::{GROUP, Hub};
use crate::ports;
use crate::scene::Scene;

/// The same connection string with something else in it.
fn replaced(scene: &Scene, from: &str, to: &str) -> String {
    let text = scene.hub.connection_string();
    assert!(text.contains(from), "{text}");
    text.replace(from, to)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hub_and_group_that_are_not_there() {
    let scene = scene(1).await;
    let key = "sources.logs.connection_string";
    let other = replaced(&scene, "EntityPath=logs", "EntityPath=absent");
    let checked = check(&calm(&scene).set(key, &other), &["--only", "sources"]).await;
    let remedy = &["event hub absent"];
    checked.failed(69, "sources.logs hub", &["not found"], remedy);

    let settings = calm(&scene).set("sources.logs.consumer_group", "absent");
    let checked = check(&settings, &["--only", "sources"]).await;
    checked.failed(
        69,
        "sources.logs consumer_group",
        &["logs has no consumer group absent"],
        &[
            "az eventhubs eventhub consumer-group create",
            "--name absent",
        ],
    );
    // The group of the tools is none that must be there.
    let receive = checked.at("sources.logs", "receive");
    assert_eq!(receive.outcome, "ok", "{receive:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_without_a_group_for_the_tools_is_a_warning() {
    // Somebody reads with `$Default`, and there is no other group.
    let mut options = Options::default();
    let only = HubOptions::new(1).group(GROUP);
    options.hubs.push(("logs".to_owned(), only));
    let hub = Hub::of(Emulator::start(options).await.unwrap());
    let scene = Scene::with(hub, 1).await;
    let settings = calm(&scene).set("sources.logs.tools_consumer_group", "look");
    let checked = check(&settings, &["--only", "sources"]).await;
    assert_eq!(checked.code, Some(0), "{}", checked.text);
    let receive = checked.at("sources.logs", "receive");
    assert_eq!(receive.outcome, "warning", "{receive:?}");
    assert!(
        receive.remedy.contains("consumer-group create"),
        "{receive:?}"
    );
    assert_eq!(checked.with("skipped"), ["sources.logs categories"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key() {
    let scene = Scene::with(hub(1).await, 1).await;
    let key = scene.hub.emulator.keys()[0].key.clone();
    let wrong = replaced(&scene, &key, "d3Jvbmcga2V5");
    let settings = calm(&scene).set("sources.logs.connection_string", &wrong);
    let checked = check(&settings, &["--only", "sources"]).await;
    let remedy = &["check the connection string"];
    checked.failed(77, "sources.logs hub", &["not authorized"], remedy);
    assert!(!checked.text.contains("d3Jvbmc"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_that_refuse() {
    let scene = scene(1).await;
    for (status, code, remedy) in [
        (401, 77, "check `auth`"),
        (403, 77, "check `auth`"),
        (404, 1, "check `endpoint`"),
        (302, 1, "set `endpoint`"),
        (503, 69, "endpoint itself"),
    ] {
        scene.endpoint.answer_probes(status);
        let checked = check(&calm(&scene), &["--only", "sinks"]).await;
        let seen = format!("status {status}");
        checked.failed(code, "sinks.main request", &[&seen], &[remedy]);
    }
    for (status, outcome) in [(400, "note"), (429, "warning")] {
        scene.endpoint.answer_probes(status);
        let checked = check(&calm(&scene), &["--only", "sinks"]).await;
        assert_eq!(checked.at("sinks.main", "request").outcome, outcome);
        assert_eq!(checked.code, Some(0));
    }
    let down = format!("http://{}/", ports::unused());
    let settings = calm(&scene).set("sinks.main.endpoint", &down);
    let checked = check(&settings, &["--only", "sinks"]).await;
    checked.failed(
        69,
        "sinks.main tcp",
        &["no connection"],
        &["check host and port"],
    );
    assert_eq!(scene.endpoint.count(), 0, "a record was sent");
}

/// The first one in the table decides, not the first one in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_failure_decides() {
    let scene = scene(1).await;
    scene.endpoint.answer_probes(401);
    let settings = calm(&scene).set("sources.logs.consumer_group", "absent");
    let checked = check(&settings, &[]).await;
    let failed = ["sources.logs consumer_group", "sinks.main request"];
    assert_eq!(checked.with("failed"), failed);
    assert_eq!(checked.code, Some(69));
    let checked = check(&settings, &["--skip-sinks", "--only", "checkpoints"]).await;
    assert_eq!(checked.code, Some(0), "{}", checked.text);
    assert!(checked.all("sources.logs", "hub").is_empty());
    let checked = check(&settings, &["--only", "sinks", "--only", "sources"]).await;
    assert_eq!(checked.with("failed"), failed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_configuration_and_nothing_else() {
    let scene = scene(1).await;
    let settings = calm(&scene)
        .set("sinks.main.endpoint", "nowhere")
        .set("sources.logs.consumer_grup", "x");
    let checked = check(&settings, &[]).await;
    assert_eq!(checked.code, Some(78));
    let failed = checked.with("failed");
    assert_eq!(
        failed, ["configuration configuration"; 2],
        "{}",
        checked.text
    );
    assert_eq!(scene.hub.emulator.open_connections(), 0);
    let unknown = ["check", "--only", "sinks.other"];
    let (code, out, text) = ran(&calm(&scene), &unknown).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(out.is_empty() && text.contains("sinks.main"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_hangs_it_ends_in_time() {
    let scene = scene(1).await;
    let drop = Fault::always(Action::ManagementDrop);
    scene.hub.emulator.faults().inject(drop);
    scene.endpoint.behave(Reply::Hang);
    let checked = check(&calm(&scene), &["--timeout", "2s"]).await;
    let seen = &["no end within 2 s, behind `credential`"];
    checked.failed(69, "sources.logs time", seen, &["--timeout"]);
    assert_eq!(checked.at("checkpoints", "read").outcome, "ok");
}
