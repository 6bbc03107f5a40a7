//! One record among thousands that the endpoint does not take: found, kept, and delivered in the end.

use serde_json::Value;

use crate::endpoint::Reply;
use crate::eventually::eventually;
use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_record_is_a_dead_letter_until_the_endpoint_is_mended() {
    let bad = "{\"category\":\"SignInLogs\",\"agent\": \"' OR 1=1\",  \"score\":1.50}";
    let scene = Scene::set(2).await;
    scene.endpoint.behave(Reply::Refuse("' OR 1=1", 400));
    scene.produce(400, 2);
    let neighbour = "{\"category\":\"SignInLogs\",\"of\":\"the same event\"}";
    let event = format!("{{\"records\":[{neighbour},{bad}]}}");
    let position = scene.hub.append(1, event);
    scene.produce(350, 2);
    let settings = scene.settings();
    let forwarder = settings.start();
    let mut produced = scene.hub.produced();
    produced.add(neighbour.into());
    eventually("the others", || scene.endpoint.has(&produced)).await;
    eventually("the dead letter and the checkpoints", || {
        scene.dead_letters().len() == 1 && scene.is_stored()
    })
    .await;
    assert_eq!(forwarder.health("/readyz").await.0, 200);
    let forwarder = forwarder.stop().await;
    assert_eq!(forwarder.logged("records_given_up").len(), 1);
    assert!(!forwarder.text().contains("OR 1=1"), "payload in the log");
    assert_eq!(scene.endpoint.accepted(), produced, "each once");
    assert_eq!(produced.total(), 3_001);
    scene.assert_orderly();

    let told = async |arguments: &[&str]| {
        crate::told::told(&settings, &[&["dead-letters"], arguments].concat()).await
    };
    let listed = told(&["list", "--json"]).await.done();
    let row: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(
        (&row["reason"], &row["sink"]),
        (&"refused".into(), &"main".into())
    );
    assert_eq!(
        (&row["source"], &row["partition"]),
        (&"logs".into(), &"1".into())
    );
    assert_eq!(scene.dead_letters()[0].1, bad.as_bytes());
    assert!(listed.contains(&position.sequence.to_string()), "{listed}");
    let id = row["id"].as_str().unwrap();
    assert_eq!(told(&["show", id, "--raw"]).await.done(), bad);

    // Not yet: it stays where it is.
    let refused = told(&["replay"]).await;
    assert_eq!(
        refused.code,
        Some(1),
        "{} {:?}",
        refused.out,
        refused.sentences
    );
    assert_eq!(scene.dead_letters().len(), 1);
    scene.endpoint.behave(Reply::Status(200));
    let replayed = told(&["replay"]).await.done();
    assert!(replayed.contains("accepted by main"), "{replayed}");
    produced.add(bad.into());
    assert_eq!(scene.endpoint.accepted(), produced, "each once");
    assert!(scene.dead_letters().is_empty());
    assert_eq!(told(&["list"]).await.done(), "no dead letters");
}
