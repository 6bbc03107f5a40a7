//! SIGKILL at chosen moments: everything arrives, and no more is repeated than the configuration
//! allows.

use crate::endpoint::Reply;
use crate::eventually::eventually;
use crate::forwarder::{Forwarder, Settings};
use crate::scene::Scene;

pub(super) const PARTITIONS: u32 = 2;
const OPEN_EVENTS_MAX: u64 = 50;
const UNCOMMITTED_MAX: u64 = 100;
pub(super) const RECORDS_PER_EVENT: u64 = 5;
/// What one kill may repeat.
pub(super) const REPEATED_MAX: u64 =
    (OPEN_EVENTS_MAX + UNCOMMITTED_MAX) * RECORDS_PER_EVENT * PARTITIONS as u64;
const KILLS: u32 = 3;

pub(super) fn settings(scene: &Scene) -> Settings {
    scene
        .settings()
        .set("limits.open_events_max", &OPEN_EVENTS_MAX.to_string())
        .set("limits.uncommitted_max", &UNCOMMITTED_MAX.to_string())
        .set("sinks.main.batch.records", "40")
}

/// Kills, starts again, and waits until everything has arrived; gives what was repeated.
async fn kill_and_recover(scene: &Scene, forwarder: Forwarder, before: u64) -> u64 {
    forwarder.kill().await;
    eventually("the end of its connections", || scene.endpoint.held() == 0).await;
    scene.endpoint.behave(Reply::Status(200));
    let forwarder = settings(scene).start();
    scene.everything_arrives().await;
    forwarder.stop().await;
    let repeated = scene.duplicates() - before;
    assert!(repeated <= REPEATED_MAX, "{repeated} > {REPEATED_MAX}");
    scene.assert_orderly();
    repeated
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_endpoint_has_a_body_and_has_not_answered() {
    let scene = Scene::set(PARTITIONS).await;
    for round in 0..KILLS {
        let (before, count) = (scene.duplicates(), scene.endpoint.count());
        scene.produce(400, RECORDS_PER_EVENT);
        // Some are answered, so that the checkpoint moves; then none is.
        scene.endpoint.script(move |number| match number - count {
            0..=20 => Reply::Status(200),
            _ => Reply::Hang,
        });
        let forwarder = settings(&scene).start();
        eventually("a request in the air", || scene.endpoint.held() > 0).await;
        let repeated = kill_and_recover(&scene, forwarder, before).await;
        println!("round {round}: {repeated} repeated");
        assert!(repeated > 0, "the request in the air is sent again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_nothing_of_what_was_accepted_is_stored() {
    let scene = Scene::set(PARTITIONS).await;
    for round in 0..KILLS {
        let (before, distinct) = (scene.duplicates(), scene.endpoint.distinct());
        scene.produce(400, RECORDS_PER_EVENT);
        let forwarder = settings(&scene)
            .set("checkpoints.interval", "5min")
            .set("checkpoints.interval_max", "5min")
            .start();
        eventually("accepted requests", || {
            scene.endpoint.distinct() >= distinct + 40 * RECORDS_PER_EVENT
        })
        .await;
        let repeated = kill_and_recover(&scene, forwarder, before).await;
        println!("round {round}: {repeated} repeated");
        assert!(repeated >= 40 * RECORDS_PER_EVENT, "{repeated}");
    }
}

/// With nothing stored the reader pauses, so that a kill at any later time repeats no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_reading_as_far_as_an_old_checkpoint_lets_it() {
    let scene = Scene::set(PARTITIONS).await;
    scene.produce(400, RECORDS_PER_EVENT);
    let forwarder = settings(&scene)
        .set("checkpoints.interval", "5min")
        .set("checkpoints.interval_max", "5min")
        .start();
    let allowed = UNCOMMITTED_MAX * RECORDS_PER_EVENT * u64::from(PARTITIONS);
    eventually("all that may be read", || {
        scene.endpoint.distinct() >= allowed
    })
    .await;
    assert_eq!(scene.endpoint.distinct(), allowed);
    let repeated = kill_and_recover(&scene, forwarder, 0).await;
    assert_eq!(repeated, allowed);
}
