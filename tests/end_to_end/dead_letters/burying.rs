//! The forwarder writes what the commands read.

use crate::eventually::eventually;
use crate::scene::Scene;

/// A store that fails for a while: the partition waits and says so, the others go on, and nothing
/// is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_for_a_while_holds_its_partition() {
    let scene = Scene::set(2).await;
    let settings = scene
        .settings()
        .set("sources.logs.on_unparsable", "dead_letter");
    let forwarder = settings.start();
    scene.produce(3, 2);
    scene.everything_arrives().await;
    eventually("stored checkpoints", || scene.is_stored()).await;
    let letters = scene.folder.path().join("store/dead-letters");
    std::fs::write(letters.join("logs"), "in the way").unwrap();
    let before = scene.checkpoint(0);
    scene.hub.append(0, "plain text of one event");
    scene.hub.produce(0, 2, 2);
    scene.hub.produce(1, 2, 2);
    let says = || {
        let waits = forwarder.waits();
        waits.iter().any(|(component, reason)| {
            component == "dead-letter store" && reason.contains("dead-letters/logs")
        })
    };
    eventually("that it waits for the dead-letter store", says).await;
    eventually("the other partition", || {
        scene
            .checkpoint(1)
            .is_some_and(|(sequence, _)| sequence == scene.hub.last(1))
    })
    .await;
    assert_eq!(scene.checkpoint(0), before);
    std::fs::remove_file(letters.join("logs")).unwrap();
    scene.everything_arrives().await;
    eventually("stored checkpoints", || scene.is_stored()).await;
    forwarder.stop().await;
    assert_eq!(scene.duplicates(), 0);
    let found = scene.dead_letters();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1, b"plain text of one event");
    assert_eq!(found[0].0["reason"], "text");
    scene.assert_orderly();

    // And the commands find it.
    let told = async |arguments: &[&str]| {
        crate::told::told(&settings, &[&["dead-letters"], arguments].concat()).await
    };
    let id = found[0].0["id"].as_str().unwrap();
    let raw = told(&["show", id, "--raw"]).await.done();
    assert_eq!(raw, "plain text of one event");
    told(&["replay", "--to", "main"]).await.done();
    assert_eq!(scene.dead_letters().len(), 0);
    let taken = scene.endpoint.taken();
    let mut expected = scene.hub.produced();
    expected.add("{\"message\":\"plain text of one event\"}".into());
    assert_eq!(taken, expected);
}
