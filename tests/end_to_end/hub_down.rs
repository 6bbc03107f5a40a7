//! The hub is away for a while: it is not stormed, and nothing is lost.

use std::time::Duration;

use crate::proxy::Proxy;
use crate::scene::Scene;

const PARTITIONS: u32 = 8;
/// Long enough for a handful of waits, which double from at most one second.
const AWAY: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reconnecting_backs_off() {
    let scene = Scene::set(PARTITIONS).await;
    let proxy = Proxy::start(scene.hub.emulator.address()).await;
    let endpoint = format!("amqp://{}", proxy.address);
    let settings = scene
        .settings()
        .set("sources.logs.custom_endpoint", &endpoint)
        .set("sources.logs.max_event_size", "64KiB");
    let forwarder = settings.start();
    scene.produce(10, 3);
    scene.everything_arrives().await;
    let before = proxy.connections();

    proxy.go_down();
    scene.under_load(tokio::time::sleep(AWAY)).await;
    let tried = proxy.connections() - before;
    println!("{tried} connections for {PARTITIONS} partitions in {AWAY:?}");
    // Full jitter: waits below 1, 2, 4, 8 s. On average three to four in this time.
    assert!((8..=8 * 8).contains(&tried), "{tried}");
    assert_eq!(forwarder.health("/livez").await.0, 200);
    proxy.come_up();
    scene.produce(10, 3);
    scene.everything_arrives().await;
    forwarder.stop().await;
    assert_eq!(scene.duplicates(), 0);
    scene.assert_orderly();
}
