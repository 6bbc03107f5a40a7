//! `checkpoints import`: what it refuses, and that it writes all or nothing.

use serde_json::json;

use super::blobs::{hold, lease, position};
use super::{Tens, told};
use crate::azurite::TestContainer;
use crate::bag::Bag;
use crate::eventually::eventually;

/// A container in which both partitions stand at 5, in the group `soc`.
async fn theirs(tens: &Tens) -> TestContainer {
    let container = TestContainer::create().await;
    for partition in 0..2 {
        stand(tens, &container, partition, 5).await;
    }
    container
}

async fn stand(tens: &Tens, container: &TestContainer, partition: usize, number: usize) {
    let path = format!("localhost/logs/soc/checkpoint/{partition}");
    let number_text = number.to_string();
    let offset = tens.positions[partition].get(number);
    let offset = offset.map_or("99999", |position| position.offset.as_str());
    let metadata = [("sequencenumber", number_text.as_str()), ("offset", offset)];
    position(container, &path, &metadata).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_other_consumer_is_alive() {
    let tens = Tens::set().await;
    let (settings, container) = (tens.scene.settings(), theirs(&tens).await);
    let url = container.url();
    let import = ["import", "--from", &url, "--rewind", "0s"];
    let owner = "localhost/logs/soc/ownership/1";
    position(&container, owner, &[("ownerid", "a-function")]).await;
    told(&settings, &import)
        .await
        .refused(1, &["partition 1 is read by the other consumer", "--force"]);
    assert_eq!(tens.scene.checkpoint(0), None);
    let forced = [&import[..], &["--force"]].concat();
    told(&settings, &forced).await.done();
    assert_eq!(tens.scene.checkpoint(1).unwrap().0, 5);
    // It has given the partition up.
    position(&container, owner, &[("ownerid", "")]).await;
    told(&settings, &import).await.done();
    tens.delivers(&settings, &Bag::default(), [6..10, 6..10])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_storage_lease_is_held() {
    let tens = Tens::set().await;
    let (settings, container) = (tens.scene.settings(), TestContainer::create().await);
    let written = json!({"PartitionId": "0", "Owner": "host", "Offset": tens.offset(0, 5),
        "SequenceNumber": 5});
    let path = "localhost/logs/$Default/0";
    lease(&container, path, &written).await;
    let id = "0b2e0b2e-827d-4ca4-a345-729caeca3b82";
    hold(&container, path, id, "acquire").await;
    let url = container.url();
    let import = ["import", "--from", &url, "--rewind", "0s"];
    told(&settings, &import)
        .await
        .refused(1, &["it holds a storage lease"]);
    hold(&container, path, id, "release").await;
    told(&settings, &import).await.done();
    assert_eq!(tens.scene.checkpoint(0).unwrap().0, 5);
}

/// A forwarder that owns the partitions is not disturbed, not even by a dry run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_forwarder_runs() {
    let tens = Tens::set().await;
    let (scene, settings, container) = (&tens.scene, tens.scene.settings(), theirs(&tens).await);
    let url = container.url();
    let forwarder = settings.start();
    eventually("the checkpoints", || scene.is_stored()).await;
    let before = scene.hub.emulator.attach_log().len();
    for more in [&["--dry-run"][..], &["--force"]] {
        let import = [&["import", "--from", &url], more].concat();
        let said = told(&settings, &import).await;
        assert!(
            said.out.contains("-4"),
            "the events between are shown: {}",
            said.out
        );
        said.refused(
            1,
            &[
                "partitions 0 and 1 are owned by",
                "stop the forwarder first",
            ],
        );
    }
    assert_eq!(
        scene.hub.emulator.attach_log().len(),
        before,
        "a reader was attached"
    );
    assert!(scene.is_stored(), "something was written");
    forwarder.stop().await;

    // It is ahead of them now: that it moves back must be wanted.
    let import = ["import", "--from", &url, "--rewind", "0s"];
    let said = told(&settings, &import).await;
    assert_eq!(
        (said.code, said.sentences.len()),
        (Some(1), 2),
        "{:?}",
        said.sentences
    );
    assert!(
        said.sentences[0].contains("4 events ahead"),
        "{:?}",
        said.sentences
    );
    assert!(scene.is_stored(), "something was written");
    let forced = [&import[..], &["--force"]].concat();
    told(&settings, &forced).await.done();
    let taken = scene.endpoint.taken();
    tens.delivers(&settings, &taken, [6..10, 6..10]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_of_another_hub() {
    let tens = Tens::set().await;
    let (settings, container) = (tens.scene.settings(), theirs(&tens).await);
    stand(&tens, &container, 1, 4711).await;
    let url = container.url();
    let import = ["import", "--from", &url];
    told(&settings, &import)
        .await
        .refused(1, &["partition 1", "beyond the last event (9)"]);
    assert_eq!(tens.scene.checkpoint(0), None, "all or nothing");
    // Beyond the end by its offset alone.
    let path = "localhost/logs/soc/checkpoint/1";
    position(
        &container,
        path,
        &[("sequencenumber", ""), ("offset", "999999999")],
    )
    .await;
    told(&settings, &import)
        .await
        .refused(1, &["partition 1", "beyond the last event (9)"]);
    // A hub that was made again after they stopped, whatever its numbers are now.
    position(
        &container,
        path,
        &[
            ("sequencenumber", "5"),
            ("offset", "5"),
            ("hubcreatedon", "2024-01-01T00:00:00Z"),
        ],
    )
    .await;
    told(&settings, &import)
        .await
        .refused(1, &["partition 1", "older than the hub"]);
    position(&container, path, &[("something", "else")]).await;
    told(&settings, &import)
        .await
        .refused(69, &["unreadable", path]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_past_retention() {
    let tens = Tens::set().await;
    let (settings, container) = (tens.scene.settings(), theirs(&tens).await);
    let hub = &tens.scene.hub.emulator;
    hub.trim_before(crate::hub::HUB, 0, 8).unwrap();
    // The checkpointed event is gone, and none behind it.
    hub.trim_before(crate::hub::HUB, 1, 6).unwrap();
    let url = container.url();
    let shown = told(&settings, &["import", "--from", &url]).await.done();
    assert!(
        shown.contains("partition 0: 2 events behind their position are past"),
        "{shown}"
    );
    assert!(!shown.contains("partition 1:"), "{shown}");
    tens.delivers(&settings, &Bag::default(), [8..10, 6..10])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there() {
    let tens = Tens::set().await;
    let (settings, container) = (tens.scene.settings(), theirs(&tens).await);
    let url = container.url();
    let import =
        async |arguments: &[&str]| told(&settings, &[&["import"], arguments].concat()).await;
    let other = import(&["--from", &url, "--from-group", "other"]).await;
    other.refused(
        1,
        &[
            "no position of localhost/logs",
            "group other",
            "the groups soc",
        ],
    );
    let legacy = import(&["--from", &url, "--layout", "beats-v1"]).await;
    legacy.refused(1, &["the layout beats-v1"]);
    position(
        &container,
        "localhost/logs/siem/checkpoint/0",
        &[("sequencenumber", "1"), ("offset", "1")],
    )
    .await;
    import(&["--from", &url])
        .await
        .refused(2, &["--from-group", "siem, soc"]);
    import(&["--from", "/nowhere/at/all"])
        .await
        .refused(69, &["no directory /nowhere/at/all"]);
    import(&["--from", &container.plain_url()])
        .await
        .refused(2, &["--from", "no credential is given"]);
    let unknown = [
        "--from",
        &container.plain_url(),
        "--from-credential",
        "nobody",
    ];
    import(&unknown)
        .await
        .refused(2, &["--from-credential", "`nobody`"]);
    import(&["--from", &container.url_with("r", 3600)])
        .await
        .refused(77, &["racwl"]);
    assert_eq!(tens.scene.checkpoint(0), None);
}

/// No signature is in what is said, whatever goes wrong.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_shown() {
    let tens = Tens::set().await;
    let (settings, container) = (tens.scene.settings(), theirs(&tens).await);
    let missing = TestContainer::missing();
    for url in [
        container.url(),
        container.url_with("rl", -60),
        missing.url(),
        container.url().replacen("http://", "ftp://", 1),
        container.url().replacen("/devstoreaccount1", "", 1),
    ] {
        let signature = url.split_once("sig=").unwrap().1;
        for more in [
            &[][..],
            &["--from-credential", "nobody"],
            &["--layout", "wrong"],
        ] {
            let arguments = [&["import", "--from", &url], more].concat();
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("forwarder.toml");
            std::fs::write(&file, settings.toml()).unwrap();
            let file = file.to_string_lossy();
            let all = [
                &["checkpoints"],
                &arguments[..],
                &["--log", "trace", "--config", &file],
            ]
            .concat();
            let mut command = crate::forwarder::Forwarder::start(&all, Vec::new());
            command.exit().await;
            let text = command.text();
            assert!(
                !text.contains(signature) && !text.contains("sig="),
                "{text}"
            );
        }
    }
}

/// From a directory: of this program, and of a copy of a container.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_directory() {
    let tens = Tens::set().await;
    let scene = &tens.scene;
    let copy = tempfile::tempdir().unwrap();
    let folder = copy.path().join("localhost/logs/$Default");
    std::fs::create_dir_all(&folder).unwrap();
    let written = json!({"Offset": tens.offset(0, 7), "SequenceNumber": 7, "Owner": ""});
    std::fs::write(folder.join("0"), written.to_string()).unwrap();
    let from = copy.path().to_string_lossy().into_owned();
    let import = ["import", "--from", &from, "--rewind", "0s"];
    told(&scene.settings(), &import).await.done();
    assert_eq!(scene.checkpoint(0).unwrap().0, 7);
    assert_eq!(scene.checkpoint(1), None);

    let first = scene.folder.path().join("store");
    let second = scene
        .folder
        .path()
        .join("second")
        .to_string_lossy()
        .into_owned();
    let moved = scene.settings().set("checkpoints.directory", &second);
    let from = first.to_string_lossy().into_owned();
    let import = ["import", "--from", &from, "--rewind", "0s"];
    told(&scene.settings(), &import)
        .await
        .refused(1, &["nothing is to be imported"]);
    told(&moved, &import).await.done();
    tens.delivers(&moved, &Bag::default(), [8..10, 0..10]).await;
}
