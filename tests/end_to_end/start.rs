//! Where a first start begins, and that only a first start looks at that.

use entra_forwarder_emulator::{ManualClock, Options};
use rustix::process::Signal;

use crate::bag::Bag;
use crate::eventually::eventually;
use crate::forwarder::Settings;
use crate::hub::Hub;
use crate::scene::Scene;

/// 2025-06-01T00:00:00Z.
const MIDNIGHT_MS: i64 = 1_748_736_000_000;

/// A partition with ten old events, one per second from midnight on, and one that is empty.
async fn set() -> Scene {
    let clock = ManualClock::new(MIDNIGHT_MS);
    let options = Options {
        clock: std::sync::Arc::new(clock.clone()),
        ..Options::default()
    };
    let scene = Scene::with(Hub::start_with(2, options).await, 2).await;
    for number in 0..10 {
        let body = format!("{{\"records\":[{{\"old\":{number}}}]}}");
        scene.hub.append(0, body);
        clock.advance_ms(1_000);
    }
    // The tokens that clients make are of today.
    clock.set_ms(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as i64);
    scene
}

fn old(numbers: std::ops::Range<u32>) -> Bag {
    let record = |number| format!("{{\"old\":{number}}}").into();
    numbers.map(record).collect()
}

fn starting(scene: &Scene, start: &str) -> Settings {
    scene.settings().set("sources.logs.start", start)
}

/// Runs until everything that is due has arrived and is stored, and checks that nothing else has.
async fn run(scene: &Scene, settings: &Settings, due: &Bag) {
    let forwarder = settings.start();
    eventually("what is due", || scene.endpoint.has(due)).await;
    eventually("the checkpoints", || scene.is_stored()).await;
    forwarder.stop().await;
    let difference = scene.endpoint.taken().against(due);
    assert_eq!(difference.duplicates_only(), 0);
}

async fn starts(start: &str, due: std::ops::Range<u32>) {
    let scene = set().await;
    let mut due = old(due);
    run(&scene, &starting(&scene, start), &due).await;
    assert_eq!(scene.checkpoint(0).unwrap().0, 9);
    assert_eq!(scene.checkpoint(1), Some((-1, "-1".to_owned())));

    // From now on the checkpoint counts, whatever is set.
    for (round, later) in ["earliest", "3", "latest"].into_iter().enumerate() {
        for partition in 0..2 {
            let record = format!("{{\"new\":{round},\"in\":{partition}}}");
            scene
                .hub
                .append(partition, format!("{{\"records\":[{record}]}}"));
            due.add(record.into());
        }
        run(&scene, &starting(&scene, later), &due).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn earliest() {
    starts("earliest", 0..10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sequence_number() {
    starts("4", 4..10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time() {
    starts("2025-06-01T00:00:06.500Z", 7..10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latest() {
    starts("latest", 0..0).await;
}

/// What comes after the first start belongs to it, also when the process is killed before any of
/// it was read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn latest_holds_from_the_first_start_on() {
    let scene = set().await;
    let settings = starting(&scene, "latest");
    let forwarder = settings.start();
    eventually("the first checkpoints", || {
        (0..2).all(|partition| scene.checkpoint(partition).is_some())
    })
    .await;
    forwarder.signal(Signal::KILL);
    forwarder.kill().await;
    assert_eq!(scene.checkpoint(0).unwrap().0, 9);
    assert_eq!(scene.checkpoint(1), Some((-1, "-1".to_owned())));
    scene.produce(3, 2);
    run(&scene, &settings, &scene.hub.produced()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_that_cannot_be_read_stops_its_partition_alone() {
    let scene = Scene::set(2).await;
    let forwarder = scene.settings().start();
    eventually("first checkpoints", || scene.is_stored()).await;
    forwarder.stop().await;
    let checkpoint = scene.checkpoint_file(0);
    std::fs::write(&checkpoint, "not what it was").unwrap();
    scene.produce(20, 2);
    let forwarder = scene.settings().start();
    eventually("the other partition", || {
        scene.checkpoint(1).map(|(sequence, _)| sequence) == Some(scene.hub.last(1))
    })
    .await;
    let component = "source logs partition 0";
    eventually("a reason", || {
        forwarder.waits().iter().any(|(name, reason)| {
            name == component && reason.starts_with("unreadable checkpoint at")
        })
    })
    .await;
    let said = forwarder.waits();
    assert_eq!(
        said.iter().filter(|(name, _)| name == component).count(),
        1,
        "{said:?}"
    );
    std::fs::remove_file(&checkpoint).unwrap();
    scene.everything_arrives().await;
    forwarder.stop().await;
    assert_eq!(scene.duplicates(), 0);
    scene.assert_orderly();
}
