//! `checkpoints show`.

use serde_json::{Value, json};

use super::{Tens, told};
use crate::azurite::TestContainer;
use crate::eventually::eventually;
use crate::forwarder::Settings;
use crate::scene::Scene;

async fn json(settings: &Settings) -> Value {
    let text = told(settings, &["show", "--json"]).await.done();
    serde_json::from_str(&text).unwrap()
}

async fn shows_all_of_it(tens: &Tens, settings: &Settings) {
    let scene = &tens.scene;
    let empty = &json(settings).await["sources"][0]["partitions"][0];
    assert_eq!(empty["owner"], Value::Null);
    assert_eq!(empty["checkpoint"], Value::Null);
    assert_eq!(empty["lag"], Value::Null);
    assert_eq!(empty["last_sequence"], 9);

    let forwarder = settings.start();
    let attached = || scene.hub.emulator.attach_log().len();
    eventually("the readers", || attached() >= 2).await;
    forwarder.health_becomes("/readyz", 200).await;
    let before = attached();
    let running = json(settings).await;
    assert_eq!(attached(), before, "a reader was attached");
    let owner = &running["sources"][0]["partitions"][1]["owner"];
    assert_eq!(owner["live"], true, "{running:#}");
    assert!(owner["age_seconds"].as_u64().unwrap() < 40, "{owner}");
    let all: crate::bag::Bag = (0..20)
        .map(|it| super::record(it / 10, it % 10).into())
        .collect();
    eventually("every record", || scene.endpoint.has(&all)).await;
    forwarder.stop().await;

    scene.hub.append(0, "{\"records\":[1]}");
    scene.hub.append(0, "{\"records\":[2]}");
    let stopped = json(settings).await;
    assert_eq!(stopped["complete"], true);
    let source = &stopped["sources"][0];
    assert_eq!(source["source"], "logs");
    assert_eq!(source["group"], "localhost/logs/forwarder");
    assert!(
        source["hub_created_at"]
            .as_str()
            .unwrap()
            .starts_with("2025-06-01T")
    );
    let mut partition = source["partitions"][0].clone();
    let stored_at = partition["checkpoint"]["stored_at"].take();
    assert!(stored_at.as_str().unwrap().ends_with('Z'), "{stored_at}");
    let expected = json!({
        "partition": "0",
        "owner": null,
        "first_sequence": 0,
        "last_sequence": 11,
        "checkpoint": {
            "sequence": 9,
            "offset": tens.offset(0, 9),
            "enqueued_at": "2025-06-01T00:00:09.000Z",
            "hub_created_at": source["hub_created_at"],
            "stored_at": null,
        },
        "lag": 2,
        "notes": [],
    });
    assert_eq!(partition, expected);
    assert_eq!(source["partitions"][1]["lag"], 0);

    let table = told(settings, &["show"]).await.done();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines[0], "source logs: localhost/logs/forwarder");
    assert!(lines.iter().all(|line| line.len() <= 100), "{table}");
    let cells: Vec<&str> = lines[2].split_whitespace().collect();
    assert_eq!(cells[..7], ["0", "-", "-", "0", "11", "9", "2"], "{table}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_directory() {
    let tens = Tens::set().await;
    shows_all_of_it(&tens, &tens.scene.settings()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_container() {
    let tens = Tens::set().await;
    let container = TestContainer::create().await;
    let settings = super::on_blobs(&tens.scene, &container);
    shows_all_of_it(&tens, &settings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_known_is_shown_when_the_hub_does_not_answer() {
    let scene = Scene::set(1).await;
    scene.produce(3, 1);
    let forwarder = scene.settings().start();
    eventually("the checkpoints", || scene.is_stored()).await;
    forwarder.stop().await;
    let connection = scene.hub.connection_string();
    let key = scene.hub.emulator.keys()[0].key.clone();
    let port = format!(":{};", scene.hub.emulator.address().port());
    let unused = format!(":{};", crate::ports::unused().port());
    for (wrong, code, words) in [
        (connection.replace(&port, &unused), 69, "unavailable"),
        (connection.replace(&key, "d3Jvbmcga2V5"), 77, "Listen"),
    ] {
        let settings = scene
            .settings()
            .set("sources.logs.connection_string", &wrong);
        let said = told(&settings, &["show", "--json"]).await;
        let shown: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(shown["complete"], false);
        let partition = &shown["sources"][0]["partitions"][0];
        assert_eq!(partition["checkpoint"]["sequence"], 2);
        assert_eq!(partition["lag"], Value::Null);
        said.refused(code, &["sources.logs", words]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_of_another_hub_is_named() {
    let scene = Scene::set(1).await;
    scene.produce(3, 1);
    let forwarder = scene.settings().start();
    eventually("the checkpoints", || scene.is_stored()).await;
    forwarder.stop().await;
    scene.hub.emulator.recreate_hub(crate::hub::HUB).unwrap();
    let table = told(&scene.settings(), &["show"]).await.done();
    assert!(
        table.contains("partition 0: the checkpoint is one of another hub"),
        "{table}"
    );
    assert!(table.contains("beyond the last event"), "{table}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_looked_at() {
    let scene = Scene::set(1).await;
    let memory = scene.settings().set("checkpoints.store", "memory");
    let memory = memory.without("checkpoints.directory");
    told(&memory, &["show"])
        .await
        .refused(78, &["checkpoints.store", "memory"]);
    let wrong = scene.settings().set("checkpoints.interval", "soon");
    told(&wrong, &["show"])
        .await
        .refused(78, &["checkpoints.interval"]);
    let unknown = ["show", "--source", "other"];
    told(&scene.settings(), &unknown)
        .await
        .refused(2, &["`other`", "logs"]);
    let missing = super::on_blobs(&scene, &TestContainer::missing());
    told(&missing, &["show"])
        .await
        .refused(69, &["does not exist"]);
}
