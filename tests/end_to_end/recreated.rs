//! The hub is no longer the one that the positions belong to: nothing new is skipped, and it is
//! said.

use entra_forwarder_emulator::{Action, Fault};

use crate::eventually::eventually;
use crate::forwarder::Forwarder;
use crate::hub::HUB;
use crate::scene::Scene;

const PARTITIONS: u32 = 2;
const EVENTS: u64 = 20;

/// A scene in which everything has arrived and is stored.
async fn settled() -> (Scene, Forwarder) {
    let scene = Scene::set(PARTITIONS).await;
    scene.produce(EVENTS, 3);
    let forwarder = settings(&scene);
    scene.everything_arrives().await;
    eventually("the checkpoints", || scene.is_stored()).await;
    (scene, forwarder)
}

fn settings(scene: &Scene) -> Forwarder {
    let settings = scene.settings().set("sources.logs.max_event_size", "64KiB");
    settings.start()
}

/// Asserts that it was said for these partitions, each time with a number.
fn assert_said(forwarder: &Forwarder, partitions: &[&str]) {
    let said = forwarder.logged("stale_position");
    for partition in partitions {
        let of_it = said.iter().filter(|line| line["partition"] == *partition);
        assert!(of_it.clone().count() >= 1, "{}", forwarder.text());
        assert!(of_it.clone().all(|line| line["sequence"].is_i64()));
    }
}

/// What comes after it is stored as usual.
async fn goes_on(scene: &Scene, forwarder: Forwarder) -> Forwarder {
    scene.everything_arrives().await;
    eventually("the checkpoints", || scene.is_stored()).await;
    scene.produce(5, 3);
    scene.everything_arrives().await;
    let forwarder = forwarder.stop().await;
    scene.assert_orderly();
    let difference = scene.endpoint.taken().against(&scene.hub.produced());
    difference.duplicates_only();
    forwarder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_runs() {
    let (scene, forwarder) = settled().await;
    scene.hub.emulator.recreate_hub(HUB).unwrap();
    scene.produce(EVENTS / 2, 3);
    let forwarder = goes_on(&scene, forwarder).await;
    assert_said(&forwarder, &["0", "1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_runs_and_past_the_old_number() {
    let (scene, forwarder) = settled().await;
    scene.hub.emulator.recreate_hub(HUB).unwrap();
    scene.produce(2 * EVENTS, 3);
    let forwarder = goes_on(&scene, forwarder).await;
    assert_said(&forwarder, &["0", "1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_is_stopped() {
    let (scene, forwarder) = settled().await;
    forwarder.stop().await;
    scene.hub.emulator.recreate_hub(HUB).unwrap();
    scene.produce(EVENTS / 2, 3);
    let forwarder = goes_on(&scene, settings(&scene)).await;
    assert_said(&forwarder, &["0", "1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_is_stopped_and_past_the_old_number() {
    let (scene, forwarder) = settled().await;
    forwarder.stop().await;
    scene.hub.emulator.recreate_hub(HUB).unwrap();
    scene.produce(2 * EVENTS, 3);
    let forwarder = goes_on(&scene, settings(&scene)).await;
    assert_said(&forwarder, &["0", "1"]);
}

/// Their numbers are used again, by others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fail_over_loses_the_last_events() {
    let (scene, forwarder) = settled().await;
    scene.hub.emulator.lose_last(HUB, 1, 5).unwrap();
    scene.produce(8, 3);
    let forwarder = goes_on(&scene, forwarder).await;
    assert_said(&forwarder, &["1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_events_are_repeated_at_attach() {
    let (scene, forwarder) = settled().await;
    let faults = scene.hub.emulator.faults();
    let rewound = faults.inject(Fault::always(Action::RewindAttach { events: 5 }));
    let detached = faults.inject(Fault::always(Action::detach()).every(20));
    scene.produce(100, 3);
    scene.everything_arrives().await;
    assert!(faults.fired(detached) >= 3);
    assert!(faults.fired(rewound) >= 3);
    faults.remove(detached);
    goes_on(&scene, forwarder).await;
    assert_eq!(scene.duplicates(), 0);
}
