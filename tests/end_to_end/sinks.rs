//! Several endpoints: each gets everything, and none is forgotten by a checkpoint.

use crate::endpoint::{Endpoint, Reply};
use crate::eventually::eventually;
use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_refuses_holds_the_checkpoint_and_gets_everything_later() {
    let scene = Scene::set(2).await;
    let other = Endpoint::start().await;
    let settings = scene
        .settings()
        .sink("other", &other.url())
        .set("sinks.other.encoding", "json_array");
    other.behave(Reply::Status(403));
    scene.produce(100, 5);
    let produced = scene.hub.produced();
    let forwarder = settings.start();
    scene.everything_arrives().await;
    // Some rounds of storing go by.
    let asked = other.count();
    eventually("more attempts", || other.count() >= asked + 12).await;
    for partition in 0..2 {
        assert_eq!(scene.checkpoint(partition).unwrap().0, -1);
    }
    assert_eq!(other.distinct(), 0);
    other.behave(Reply::Status(202));
    eventually("everything", || other.has(&produced)).await;
    eventually("the checkpoints", || scene.is_stored()).await;
    let forwarder = forwarder.stop().await;
    assert_eq!(scene.duplicates(), 0);
    assert_eq!(other.accepted().against(&produced).duplicates_only(), 0);
    scene.assert_orderly();
    let waits = forwarder.waits();
    assert!(
        waits
            .iter()
            .any(|(component, reason)| component == "sink other" && reason.contains("403")),
        "{waits:?}"
    );
    assert!(waits.iter().all(|(component, _)| component != "sink main"));
}

/// One that is down when the process is killed has missed nothing afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_down_over_a_crash_gets_everything() {
    let scene = Scene::set(2).await;
    let other = Endpoint::start().await;
    other.behave(Reply::Status(503));
    let settings = scene.settings().sink("other", &other.url());
    scene.produce(100, 5);
    let produced = scene.hub.produced();
    let forwarder = settings.start();
    scene.everything_arrives().await;
    forwarder.kill().await;
    other.behave(Reply::Status(200));
    let forwarder = settings.start();
    eventually("everything", || other.has(&produced)).await;
    eventually("the checkpoints", || scene.is_stored()).await;
    forwarder.stop().await;
    assert_eq!(other.accepted().against(&produced).duplicates_only(), 0);
    // The other one gets what it had once more, whole.
    assert_eq!(scene.duplicates(), produced.total());
}
