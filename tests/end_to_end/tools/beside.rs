//! A forwarder that runs does not notice any of them.

use super::*;
use crate::endpoint::Endpoint;
use crate::eventually::eventually;

/// Positions and owners of the forwarder, as they are stored.
fn stored(scene: &Scene) -> Vec<String> {
    let of = |partition| {
        format!(
            "{:?} {:?}",
            scene.checkpoint(partition),
            scene.owner(partition)
        )
    };
    (0..PARTITIONS).map(of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn none_of_its_links_is_ended_and_none_of_its_positions_moves() {
    let scene = scene().await;
    let again = Endpoint::start().await;
    let settings = scene.settings();
    let with_again = settings.clone().sink("again", &again.url());
    scene.produce(120, 3);
    let forwarder = settings.start();
    scene.everything_arrives().await;
    // After a hundred events a receiver knows how large they are, and is opened a second time.
    let before = 2 * PARTITIONS as usize;
    eventually("the second receivers", || attaches(&scene) == before).await;
    let replay = [
        "replay", "--from", "0", "--to", "49", "--sink", "again", "--yes",
    ];
    // While events flow.
    scene
        .under_load(async {
            let tailed = told(&settings, &["tail", "--limit", "20"]).await.done();
            assert_eq!(tailed.lines().count(), 20);
            let estimated = told(&settings, &["estimate", "--last", "1h"]).await;
            assert!(estimated.done().contains("SignInLogs"));
            told(&with_again, &replay).await.done();
        })
        .await;
    assert_eq!(again.taken().total(), 100 * 3);
    scene.everything_arrives().await;
    eventually("the checkpoints", || scene.is_stored()).await;
    // And while nothing happens.
    let positions = stored(&scene);
    told(&settings, &["tail", "--from", "earliest", "--no-follow"])
        .await
        .done();
    told(&settings, &["estimate", "--json"]).await.done();
    let replay = [&replay[..], &["--id", "second"]].concat();
    told(&with_again, &replay).await.done();
    assert_eq!(stored(&scene), positions);
    assert_eq!(attaches(&scene), before, "{}", forwarder.text());
    for event in [
        "partition_taken",
        "receiver_ended",
        "partition_lost",
        "waiting",
    ] {
        assert_eq!(forwarder.logged(event).len(), 0, "{}", forwarder.text());
    }
    // The commands leave nothing behind, and read without epoch.
    let log = scene.hub.emulator.attach_log();
    let theirs: Vec<_> = log.iter().filter(|it| it.group != GROUP).collect();
    assert!(
        theirs
            .iter()
            .all(|it| it.group == TOOLS && it.epoch.is_none())
    );
    assert!(theirs.len() > 10, "{}", theirs.len());
    assert_eq!(scene.duplicates(), 0);
    forwarder.stop().await;
    scene.assert_orderly();
}
