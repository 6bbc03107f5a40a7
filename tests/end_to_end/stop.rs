//! SIGTERM and SIGINT: an orderly end repeats nothing.

use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use crate::endpoint::Reply;
use crate::eventually::eventually;
use crate::forwarder::Forwarder;
use crate::scene::Scene;

const RECORDS_PER_EVENT: u64 = 5;

/// Answers that take up to a second, differently each time.
fn slowly(number: usize) -> Reply {
    let wait = (number as u64 * 379) % 1_000;
    Reply::After(Duration::from_millis(wait), 200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_nothing_is_repeated() {
    let scene = Scene::set(2).await;
    scene.endpoint.script(slowly);
    for (round, signal) in [Signal::TERM, Signal::INT, Signal::TERM]
        .into_iter()
        .enumerate()
    {
        scene.produce(300, RECORDS_PER_EVENT);
        let mut forwarder = scene
            .settings()
            .set("sinks.main.batch.records", "100")
            .start();
        let distinct = scene.endpoint.distinct();
        eventually("load", || {
            // Production goes on until the signal comes.
            scene.produce(1, RECORDS_PER_EVENT);
            scene.endpoint.distinct() > distinct + 100 * round as u64 && scene.endpoint.held() > 1
        })
        .await;
        forwarder.signal(signal);
        let code = forwarder.exit().await;
        assert_eq!(code, Some(0), "{signal:?}:\n{}", forwarder.text());
        let name = match signal {
            Signal::INT => "SIGINT",
            _ => "SIGTERM",
        };
        assert_eq!(forwarder.says("stopping").await["signal"], name);
        assert_eq!(scene.endpoint.held(), 0, "nothing is left in the air");
        for partition in 0..2 {
            assert_eq!(scene.owner(partition).as_deref(), Some(""));
        }
        let produced = scene.hub.produced();
        let difference = scene.endpoint.taken().against(&produced);
        assert_eq!((difference.unexpected, difference.duplicates), (0, 0));
    }
    let forwarder = scene.settings().start();
    scene.everything_arrives().await;
    forwarder.stop().await;
    assert_eq!(scene.duplicates(), 0);
    scene.assert_orderly();
}

/// What an endpoint that never answers has taken when the process ends is sent again, no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_hangs_is_left_at_the_deadline() {
    const GRACE: Duration = Duration::from_secs(3);
    for signal in [Signal::TERM, Signal::INT] {
        let scene = Scene::set(2).await;
        scene.produce(200, RECORDS_PER_EVENT);
        let answered = 10;
        scene.endpoint.script(move |number| match number {
            number if number < answered => Reply::Status(200),
            _ => Reply::Hang,
        });
        let settings = scene
            .settings()
            .set("shutdown_grace", "3s")
            .set("sinks.main.batch.records", "40");
        let mut forwarder = settings.start();
        eventually("all slots hang", || scene.endpoint.held() == 4).await;
        let (start, open) = (Instant::now(), 4 * 40);
        forwarder.signal(signal);
        let code = forwarder.exit().await;
        let took = start.elapsed();
        assert_eq!(code, Some(75), "{}", forwarder.text());
        assert!(took <= GRACE + Duration::from_millis(500), "{took:?}");
        assert!(forwarder.says("stopped").await["records"].as_u64() >= Some(open));
        for partition in 0..2 {
            assert_eq!(scene.owner(partition).as_deref(), Some(""));
        }
        scene.endpoint.behave(Reply::Status(200));
        let forwarder = settings.start();
        scene.everything_arrives().await;
        forwarder.stop().await;
        let repeated = scene.duplicates();
        println!("{signal:?}: ended after {took:?}, {repeated} repeated");
        // Whole events are read again, so those on the edges of the open batches count too; and
        // as requests overtake each other, as many batches as there are slots may have been
        // accepted behind an open one. What was stored is less than what was accepted before.
        let edges = 2 * 4 * RECORDS_PER_EVENT;
        assert!(
            repeated >= open && repeated <= 2 * open + edges,
            "{repeated}"
        );
        scene.assert_orderly();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_it_at_once() {
    for (first, second) in [(Signal::TERM, Signal::TERM), (Signal::INT, Signal::TERM)] {
        let scene = Scene::set(1).await;
        scene.produce(10, RECORDS_PER_EVENT);
        scene.endpoint.behave(Reply::Hang);
        let mut forwarder: Forwarder = scene.settings().start();
        eventually("a request in the air", || scene.endpoint.held() > 0).await;
        forwarder.signal(first);
        forwarder.says("stopping").await;
        assert!(forwarder.is_running());
        let start = Instant::now();
        forwarder.signal(second);
        assert_eq!(forwarder.exit().await, Some(130), "{}", forwarder.text());
        assert!(
            start.elapsed() < Duration::from_secs(1),
            "{:?}",
            start.elapsed()
        );
    }
}
