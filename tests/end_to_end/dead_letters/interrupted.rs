//! A replay that does not come to its end.

use rustix::process::Signal;

use super::*;
use crate::endpoint::Reply;
use crate::eventually::eventually;

/// Ten records per request: of five requests, three are accepted and one waits for its answer.
async fn half_way(mut desk: Desk, letters: Vec<DeadLetter>) -> (Desk, Forwarder) {
    desk.settings = desk.settings.set("sinks.main.batch.records", "10");
    for event in letters
        .chunk_by(|one, other| one.origin.position.sequence == other.origin.position.sequence)
    {
        desk.write(event).await;
    }
    desk.endpoint.script(|number| match number {
        0..3 => Reply::Status(200),
        _ => Reply::Hang,
    });
    let replay = desk.start(&["replay"]);
    // The fourth is sent when what was accepted before it is removed.
    eventually("a fourth batch", || desk.endpoint.count() == 4).await;
    (desk, replay)
}

/// It was killed: exactly what was not accepted is stored, and the next run delivers it.
async fn goes_on(desk: &Desk, all: &[DeadLetter], is_removed_at_once: bool) {
    let accepted = desk.endpoint.accepted();
    assert_eq!(accepted.total(), 30);
    let mut everything = desk.stored().await;
    if is_removed_at_once {
        assert_eq!(everything.total(), 20);
        everything.extend(
            desk.endpoint.arrivals()[..3]
                .iter()
                .flat_map(|it| it.records.clone()),
        );
        assert_eq!(everything, bodies(all));
    } else {
        assert_eq!(everything, bodies(all));
    }
    desk.endpoint.behave(Reply::Status(200));
    let left = desk.stored().await;
    desk.told(&["replay"]).await.done();
    assert_eq!(desk.stored().await, Bag::default());
    let arrived = desk.endpoint.accepted();
    assert!(arrived.contains(&bodies(all)));
    assert_eq!(arrived.total(), 30 + left.total());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_half_way_over_a_directory() {
    let all = singles(50);
    let (desk, replay) = half_way(Desk::with_directory().await, all.clone()).await;
    replay.kill().await;
    goes_on(&desk, &all, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_half_way_over_a_container() {
    let all = singles(50);
    let (desk, replay) = half_way(Desk::with_container().await, all.clone()).await;
    replay.kill().await;
    goes_on(&desk, &all, true).await;
}

/// An object of many is rewritten when everything is known of it: killed before, all of it is sent
/// again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_within_an_object_of_many() {
    let all = batch(50);
    let (desk, replay) = half_way(Desk::with_directory().await, all.clone()).await;
    replay.kill().await;
    goes_on(&desk, &all, false).await;
}

/// A signal lets it end what it has begun, and remove what was accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_it_in_order() {
    let mut desk = Desk::with_directory().await;
    desk.settings = desk.settings.set("sinks.main.batch.records", "10");
    let all = batch(50);
    desk.write(&all).await;
    desk.endpoint.script(|number| match number {
        0..3 => Reply::Status(200),
        _ => Reply::Status(503),
    });
    let mut replay = desk.start(&["replay"]);
    eventually("a fourth batch", || desk.endpoint.count() >= 4).await;
    replay.signal(Signal::INT);
    assert_eq!(replay.exit().await, Some(1));
    let text = replay.text();
    assert!(text.contains("30 dead letters removed"), "{text}");
    assert!(text.contains("stopped by a signal"), "{text}");
    assert_eq!(desk.stored().await, bodies(&all[30..]));
    desk.endpoint.behave(Reply::Status(200));
    desk.told(&["replay"]).await.done();
    assert_eq!(desk.endpoint.accepted(), bodies(&all));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_it_at_once() {
    let (desk, mut replay) = half_way(Desk::with_directory().await, singles(50)).await;
    replay.signal(Signal::TERM);
    replay.signal(Signal::INT);
    assert_eq!(replay.exit().await, Some(130));
    goes_on(&desk, &singles(50), true).await;
}
