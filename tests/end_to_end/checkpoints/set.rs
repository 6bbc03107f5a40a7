//! `checkpoints set`.

use super::{MIDNIGHT_MS, Tens, record, told};
use crate::azurite::TestContainer;
use crate::bag::Bag;
use crate::eventually::eventually;
use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_it_is_set_the_forwarder_goes_on() {
    let tens = Tens::set().await;
    let (scene, settings) = (&tens.scene, tens.scene.settings());
    tens.delivers(&settings, &Bag::default(), [0..10, 0..10])
        .await;
    let second = "2025-06-01T00:00:06.500Z";
    assert_eq!(MIDNIGHT_MS % 86_400_000, 0);
    for (to, first, offset) in [
        ("4", 4, Some(3)),
        ("0", 0, None),
        ("earliest", 0, None),
        (second, 7, Some(6)),
        ("latest", 10, Some(9)),
        ("10", 10, Some(9)),
        ("2100-01-01T00:00:00Z", 10, Some(9)),
    ] {
        let before = scene.checkpoint(0);
        let set = ["set", "--to", to, "--partition", "0"];
        let dry = [&set[..], &["--dry-run"]].concat();
        let shown = told(&settings, &dry).await.done();
        assert!(shown.ends_with("nothing was written"), "{shown}");
        assert_eq!(scene.checkpoint(0), before);
        let shown = told(&settings, &set).await.done();
        assert!(shown.ends_with("1 checkpoint written"), "{shown}");
        // The offset is the event's own; there is none before the first.
        let offset = offset
            .map_or("-1", |number| tens.offset(0, number))
            .to_owned();
        assert_eq!(
            scene.checkpoint(0),
            Some((i64::from(first) - 1, offset)),
            "{to}"
        );
        let taken = scene.endpoint.taken();
        tens.delivers(&settings, &taken, [first..10, 0..0]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_is_written_under_conditions() {
    let tens = Tens::set().await;
    let container = TestContainer::create().await;
    let settings = super::on_blobs(&tens.scene, &container);
    // Nothing is there yet: both are created.
    let shown = told(&settings, &["set", "--to", "5"]).await.done();
    assert!(shown.ends_with("2 checkpoints written"), "{shown}");
    tens.delivers(&settings, &Bag::default(), [5..10, 5..10])
        .await;
    told(&settings, &["set", "--to", "8"]).await.done();
    let taken = tens.scene.endpoint.taken();
    tens.delivers(&settings, &taken, [8..10, 8..10]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_owner_keeps_its_partition() {
    let tens = Tens::set().await;
    let (scene, settings) = (&tens.scene, tens.scene.settings());
    let forwarder = settings.start();
    eventually("the checkpoints", || scene.is_stored()).await;
    let attached = || scene.hub.emulator.attach_log().len();
    let before = attached();
    let set = ["set", "--to", "3", "--partition", "1"];
    told(&settings, &set)
        .await
        .refused(1, &["partition 1 is owned by", "--force"]);
    let timed = ["set", "--to", "2025-06-01T00:00:02Z", "--force"];
    let said = told(&settings, &timed).await;
    assert_eq!(
        (said.code, said.sentences.len()),
        (Some(1), 2),
        "{:?}",
        said.sentences
    );
    assert!(scene.is_stored(), "something was written");

    // By force: at the next write the forwarder finds out, and goes on there.
    let forced = [&set[..], &["--force"]].concat();
    told(&settings, &forced).await.done();
    assert_eq!(attached(), before, "a reader was attached");
    assert_eq!(scene.checkpoint(1), Some((2, "-1".to_owned())));
    scene
        .hub
        .append(1, format!("{{\"records\":[{}]}}", record(1, 10)));
    forwarder.says("partition_lost").await;
    let repeated: Bag = (3..11)
        .chain(0..11)
        .map(|number| record(1, number).into())
        .collect();
    eventually("what was set back", || {
        scene.endpoint.taken().contains(&repeated)
    })
    .await;
    eventually("the checkpoints", || scene.is_stored()).await;
    forwarder.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_set() {
    let tens = Tens::set().await;
    let settings = tens.scene.settings();
    let set = async |arguments: &[&str]| told(&settings, &[&["set"], arguments].concat()).await;
    let unknown = set(&["--to", "latest", "--partition", "0", "--partition", "7"]).await;
    unknown.refused(2, &["\"7\"", "partitions 0 and 1"]);
    let beyond = set(&["--to", "11", "--partition", "1"]).await;
    beyond.refused(1, &["partition 1 ends at 9", "no event 11"]);
    let bad = set(&["--to", "yesterday"]).await;
    assert_eq!(bad.code, Some(2), "{:?}", bad.sentences);
    assert_eq!(tens.scene.checkpoint(0), None);
    let two = settings
        .clone()
        .set("sources.more.consumer_group", "other")
        .set(
            "sources.more.connection_string",
            &tens.scene.hub.connection_string(),
        );
    told(&two, &["set", "--to", "latest"])
        .await
        .refused(2, &["--source", "logs, more"]);
    let nobody = Scene::set(1).await;
    let port = format!(":{};", nobody.hub.emulator.address().port());
    let unused = format!(":{};", crate::ports::unused().port());
    let away = nobody.hub.connection_string().replace(&port, &unused);
    let away = nobody
        .settings()
        .set("sources.logs.connection_string", &away);
    told(&away, &["set", "--to", "latest"])
        .await
        .refused(69, &["sources.logs"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_past_retention_means_the_first_event() {
    let tens = Tens::set().await;
    let hub = &tens.scene.hub.emulator;
    hub.trim_before(crate::hub::HUB, 0, 6).unwrap();
    let settings = tens.scene.settings();
    told(&settings, &["set", "--to", "2"]).await.done();
    assert_eq!(tens.scene.checkpoint(0), Some((5, "-1".to_owned())));
    assert_eq!(tens.scene.checkpoint(1).unwrap().0, 1);
    tens.delivers(&settings, &Bag::default(), [6..10, 2..10])
        .await;
}
