//! Receivers that end for reasons that are normal life.

use std::time::Duration;

use entra_forwarder::event_hub::SourceErrorKind;
use tokio::time::Instant;

use crate::bench::{Bench, from_the_start, load};
use crate::hub::Hub;

#[tokio::test(start_paused = true)]
async fn a_receiver_is_left_before_its_token_dies() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    hub.on(0, |it| it.leave_after = Some(Duration::from_secs(20)));
    let reader = bench.read(0, from_the_start()).await;
    for _ in 0..205 {
        hub.produce(0, 1);
        bench.wait(1).await;
        assert!(bench.status.waiting().is_empty());
    }
    assert_eq!(bench.delivered(), 205);
    assert_eq!(load(&bench.stats.reopenings), 10, "one per lifetime");
    assert_eq!(load(&bench.stats.duplicates), 0);
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn a_receiver_whose_token_was_renewed_is_kept() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    hub.on(0, |it| {
        it.leave_after = Some(Duration::from_secs(20));
        it.leave_moves = 4;
    });
    let reader = bench.read(0, from_the_start()).await;
    bench.wait(99).await;
    assert_eq!(hub.opens(0).len(), 1);
    bench.wait(2).await;
    assert_eq!(hub.opens(0).len(), 2);
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn tokens_that_are_always_near_their_end_do_not_stop_reading() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    hub.on(0, |it| it.leave_after = Some(Duration::ZERO));
    let reader = bench.read(0, from_the_start()).await;
    for _ in 0..60 {
        hub.produce(0, 1);
        bench.wait(1).await;
    }
    assert!(bench.delivered() >= 59);
    assert!(hub.opens(0).len() <= 13, "{:?}", hub.opens(0).len());
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_no_missing_role() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    let reader = bench.read(0, from_the_start()).await;
    hub.produce(0, 1);
    for round in 1..=10 {
        bench.wait(20).await;
        hub.end_link(0, SourceErrorKind::Unauthorized);
        // At once: there is no time for a backoff.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(hub.opens(0).len(), 1 + round);
        assert!(bench.status.waiting().is_empty());
    }
    assert_eq!(load(&bench.stats.expiries), 10);
    // Twice within seconds is something else.
    hub.end_link(0, SourceErrorKind::Unauthorized);
    tokio::time::sleep(Duration::from_millis(50)).await;
    hub.end_link(0, SourceErrorKind::Unauthorized);
    tokio::time::sleep(Duration::from_millis(7)).await;
    assert_eq!(bench.status.waiting().len(), 1);
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_link_that_the_service_closes_is_no_fault() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    let reader = bench.read(0, from_the_start()).await;
    for _ in 0..5 {
        bench.wait(600).await;
        hub.end_link(0, SourceErrorKind::Unavailable);
        tokio::time::sleep(Duration::from_millis(7)).await;
        assert!(bench.status.waiting().is_empty());
    }
    hub.produce(0, 3);
    bench.wait(35).await;
    assert_eq!((bench.delivered(), hub.opens(0).len()), (3, 6));
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn a_stolen_partition_is_not_taken_back_at_once() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    let reader = bench.read(0, from_the_start()).await;
    for round in 1..=20 {
        bench.wait(30).await;
        let stolen_at = Instant::now();
        hub.end_link(0, SourceErrorKind::Stolen);
        bench.wait(6).await;
        let opened_at = hub.on(0, |it| it.opens.last().unwrap().1);
        let after = opened_at - stolen_at;
        assert!((1_000..5_100).contains(&after.as_millis()), "{after:?}");
        assert_eq!(load(&bench.stats.stolen), round);
    }
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn who_takes_it_again_and_again_is_named_and_not_fought() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    let reader = bench.read(0, from_the_start()).await;
    bench.wait(1).await;
    let begun = Instant::now();
    while begun.elapsed().as_secs() < 600 {
        hub.end_link(0, SourceErrorKind::Stolen);
        bench.wait(6).await;
    }
    let opens = hub.opens(0).len();
    assert!((15..=40).contains(&opens), "{opens}");
    let waits = bench.status.waiting();
    assert!(
        waits[0].1.contains("consumer group of its own"),
        "{waits:?}"
    );
    bench.wait(70).await;
    assert!(bench.status.waiting().is_empty());
    bench.end([reader]).await;
}
