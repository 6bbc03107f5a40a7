//! What is silent, and what is only slow: a link on which nothing comes is opened again, a reader
//! whose endpoint is dead waits.

use std::time::Duration;

use tokio::time::Instant;

use crate::endpoint::Reply;
use crate::eventually::eventually;
use crate::proxy::Proxy;
use crate::scene::Scene;

/// Receivers opened so far for one partition.
fn attaches(scene: &Scene, partition: u32) -> usize {
    let log = scene.hub.emulator.attach_log();
    let id = partition.to_string();
    log.iter().filter(|attach| attach.partition == id).count()
}

/// 75 seconds for the default of 60: closing a silent connection and the first wait of the backoff
/// take the same time whatever `stall_timeout` is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_black_holed_connection_is_left_and_the_others_are_not() {
    const PARTITIONS: u32 = 4;
    const HOLE: u32 = 2;
    let stall_timeout = Duration::from_secs(4);
    let scene = Scene::set(PARTITIONS).await;
    let proxy = Proxy::start(scene.hub.emulator.address()).await;
    let endpoint = format!("amqp://{}", proxy.address);
    let settings = scene
        .settings()
        .set("sources.logs.custom_endpoint", &endpoint)
        .set("sources.logs.max_event_size", "64KiB")
        .set("sources.logs.stall_timeout", "4s");
    let forwarder = settings.start();
    scene.produce(10, 3);
    scene.everything_arrives().await;
    let before: Vec<_> = (0..PARTITIONS).map(|it| attaches(&scene, it)).collect();

    // The address of the receiver's link is in the attach, and in the token that came before.
    proxy.lose(&format!("/Partitions/{HOLE}"));
    let begun = Instant::now();
    let others = scene.endpoint.distinct() + u64::from(PARTITIONS - 1) * 10 * 3;
    scene.produce(10, 3);
    eventually("the others", || scene.endpoint.distinct() >= others).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(scene.endpoint.distinct(), others, "nothing comes through");
    let reopened = || attaches(&scene, HOLE) > before[HOLE as usize];
    eventually("a new receiver", reopened).await;
    let took = begun.elapsed();
    println!("opened again after {took:?}");
    assert!(took <= stall_timeout + Duration::from_secs(15), "{took:?}");
    scene.everything_arrives().await;
    for partition in (0..PARTITIONS).filter(|it| *it != HOLE) {
        let count = attaches(&scene, partition);
        assert_eq!(count, before[partition as usize], "{partition}");
    }
    assert_eq!(forwarder.health("/livez").await.0, 200);
    assert_eq!(forwarder.health("/readyz").await.0, 200);
    forwarder.stop().await;
    assert_eq!(scene.duplicates(), 0);
}

/// Ten minutes for the default `stall_timeout` of a minute. A receiver that is not read for 30
/// seconds is closed as planned; that is no reopening, and takes longer than this test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_endpoint_is_waited_for() {
    const PARTITIONS: u32 = 2;
    let scene = Scene::set(PARTITIONS).await;
    let settings = scene
        .settings()
        .set("sources.logs.max_event_size", "64KiB")
        .set("sources.logs.stall_timeout", "1s")
        .set("limits.open_events_max", "20");
    let forwarder = settings.start();
    scene.produce(5, 3);
    scene.everything_arrives().await;
    let before = [attaches(&scene, 0), attaches(&scene, 1)];

    scene.endpoint.behave(Reply::Status(503));
    scene.produce(100, 3);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(10) {
        assert_eq!(forwarder.health("/livez").await.0, 200);
        assert_eq!(forwarder.health("/readyz").await.0, 200);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let reason = |(component, reason): &(String, String)| {
        component == "sink main" && reason.contains("status 503")
    };
    assert!(forwarder.waits().iter().any(reason));
    assert!(scene.endpoint.taken().distinct() < 2 * 100 * 3, "it paused");
    scene.endpoint.behave(Reply::Status(200));
    scene.everything_arrives().await;
    assert_eq!([attaches(&scene, 0), attaches(&scene, 1)], before);
    forwarder.stop().await;
    let accepted = scene.endpoint.accepted();
    let difference = accepted.against(&scene.hub.produced());
    assert_eq!(difference.duplicates_only(), 0);
}
