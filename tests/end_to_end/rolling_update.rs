//! A new replica takes over from one that is told to stop: nothing is lost, nothing repeated.

use std::time::Duration;

use crate::endpoint::Reply;
use crate::eventually::eventually;
use crate::replicas::Replicas;

const ROUNDS: u32 = 4;

/// As an orchestrator does it: the old one is told to stop when the new one is ready, which owns
/// nothing until then, as an imbalance must last before anything is stolen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_nothing_is_repeated() {
    let replicas = Replicas::set(8).await;
    let scene = &replicas.scene;
    scene.endpoint.script(|number| {
        let wait = (number as u64 * 379) % 300;
        Reply::After(Duration::from_millis(wait), 200)
    });
    // Everything else of ownership is at its default.
    let settings = replicas
        .settings()
        .set("ownership.balance_interval", "500ms")
        .without("ownership.renew_interval")
        .without("ownership.expiry")
        .set("sinks.main.batch.records", "20");
    let mut old = settings.start();
    replicas.all_belong_to(&old.owner().await).await;
    for round in 0..ROUNDS {
        let attaches = replicas.attaches();
        let new = settings.start();
        scene.under_load(new.health_becomes("/readyz", 200)).await;
        let name = new.owner().await;
        assert_eq!(replicas.attaches(), attaches, "it disturbs nobody");
        let distinct = scene.endpoint.distinct();
        let load = eventually("load", || {
            scene.endpoint.distinct() > distinct && scene.endpoint.held() > 1
        });
        scene.under_load(load).await;
        let stopped = scene.under_load(old.stop()).await;
        assert!(stopped.logged("partition_taken").is_empty());
        scene.under_load(replicas.all_belong_to(&name)).await;
        assert_eq!(replicas.attaches(), attaches + 8, "round {round}");
        old = new;
    }
    scene.everything_arrives().await;
    old.stop().await;
    assert_eq!(scene.duplicates(), 0);
}
