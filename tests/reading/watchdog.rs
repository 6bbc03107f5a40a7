//! The watchdog: a link that keeps silent is opened again, and nothing else is.

use std::time::Duration;

use entra_forwarder::event_hub::{PartitionId, SequenceNumber};
use entra_forwarder::partition::reader::ReaderEnd;
use tokio::time::Instant;

use crate::bench::{Bench, from_the_start, load};
use crate::hub::Hub;

const HALF_AN_HOUR: u64 = 30 * 60;

#[tokio::test(start_paused = true)]
async fn half_an_hour_of_a_dead_endpoint_is_no_stall() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    let reader = bench.read(0, from_the_start()).await;
    bench.takes.send_replace(false);
    for _ in 0..HALF_AN_HOUR {
        hub.produce(0, 1);
        bench.wait(1).await;
    }
    assert_eq!(load(&bench.stats.stalls), 0);
    assert!(bench.failing().is_empty());
    let opens = hub.opens(0).len();
    assert!(
        opens <= 2,
        "a paused receiver is closed once, not again and again: {opens}"
    );
    bench.takes.send_replace(true);
    bench.wait(30).await;
    assert_eq!(bench.delivered(), 1_800);
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn half_an_hour_of_a_dead_hub_is_no_stall() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    let reader = bench.read(0, from_the_start()).await;
    hub.produce(0, 3);
    // One look is answered, and names what is missing.
    bench.wait(1).await;
    hub.wedge(0, 0);
    hub.produce(0, 3);
    bench.wait(50).await;
    hub.lock().is_dead = true;
    bench.wait(HALF_AN_HOUR).await;
    assert_eq!(load(&bench.stats.stalls), 0);
    assert_eq!(hub.opens(0).len(), 1);
    // The link was dead indeed: with the hub back, that is found.
    hub.lock().is_dead = false;
    bench.wait(75).await;
    assert_eq!((load(&bench.stats.stalls), bench.delivered()), (1, 6));
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn a_wedged_link_is_opened_again_and_the_others_are_left_alone() {
    let hub = Hub::new(3);
    let mut bench = Bench::new(&hub);
    let mut readers = Vec::new();
    for partition in 0..3 {
        readers.push(bench.read(partition, from_the_start()).await);
    }
    for round in 0..98 {
        if round == 20 {
            hub.wedge(1, 0);
        }
        hub.produce(0, 1);
        hub.produce(1, 1);
        bench.wait(1).await;
    }
    let stalls = [0, 1, 2].map(|partition| load(&bench.stats_of(partition).stalls));
    assert_eq!(stalls, [0, 1, 0]);
    let opened = hub.on(1, |it| {
        it.opens.iter().map(|(_, at)| *at).collect::<Vec<_>>()
    });
    let reopened_after = opened[1] - opened[0];
    assert!(
        reopened_after <= Duration::from_secs(20 + 75),
        "{reopened_after:?}"
    );
    assert_eq!((hub.opens(0).len(), hub.opens(2).len()), (1, 1));
    assert_eq!(bench.delivered(), 196);
    bench.end(readers).await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_partition_is_looked_at_and_left_open() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    let reader = bench.read(0, from_the_start()).await;
    hub.produce(0, 2);
    bench.wait(HALF_AN_HOUR - 60).await;
    assert_eq!(load(&bench.stats.stalls), 0);
    assert_eq!(hub.opens(0).len(), 1);
    let looks = hub.on(0, |it| it.looks);
    assert!((100..=120).contains(&looks), "{looks} looks");
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn answers_that_lag_behind_or_run_ahead_alarm_nobody() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    let reader = bench.read(0, from_the_start()).await;
    hub.produce(0, 5);
    // Twice the answers are those of a moment ago, then they are right.
    let mut lagging = hub.on(0, |it| it.properties());
    lagging.last_sequence = SequenceNumber(2);
    hub.on(0, |it| it.answers.extend([lagging.clone(), lagging]));
    bench.wait(200).await;
    assert_eq!(load(&bench.stats.stale), 0);
    // Once an answer names what comes a moment later.
    let mut ahead = hub.on(0, |it| it.properties());
    ahead.last_sequence = SequenceNumber(5);
    hub.on(0, |it| it.answers.push_back(ahead));
    bench.wait(200).await;
    assert_eq!(load(&bench.stats.stalls), 0);
    assert_eq!(hub.opens(0).len(), 1);
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_ends_before_the_position_is_another_one() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    let reader = bench.read(0, from_the_start()).await;
    hub.produce(0, 5);
    bench.wait(1).await;
    // The link stays open, as if nothing had been.
    hub.on(0, |it| {
        it.events.clear();
        it.last = None;
    });
    bench.wait(72).await;
    assert_eq!(load(&bench.stats.stale), 0, "the answers may lag behind");
    bench.wait(10).await;
    assert_eq!(load(&bench.stats.stale), 1);
    assert_eq!(bench.stored(0).await.0, -1);
    hub.produce(0, 2);
    bench.wait(5).await;
    assert_eq!(bench.delivered(), 7);
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn three_fruitless_reopenings_leave_the_partition_to_another() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    let mut reader = bench.read(0, from_the_start()).await;
    hub.produce(0, 2);
    bench.wait(1).await;
    hub.wedge(0, 100);
    hub.produce(0, 2);
    let begun = Instant::now();
    assert_eq!(reader.end().await, ReaderEnd::Stalled);
    let after = begun.elapsed();
    assert!(
        (240..320).contains(&after.as_secs()),
        "four times a minute: {after:?}"
    );
    assert_eq!(load(&bench.stats.stalls), 4);
    assert_eq!(hub.opens(0).len(), 4);
    assert!(bench.failing()[0].contains("left to another replica"));
    assert_eq!((bench.delivered(), bench.stored(0).await.0), (2, 1));
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn a_wedge_that_ends_is_forgotten() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    let reader = bench.read(0, from_the_start()).await;
    hub.produce(0, 2);
    bench.wait(1).await;
    for _ in 0..3 {
        hub.wedge(0, 2);
        hub.produce(0, 2);
        bench.wait(300).await;
        assert!(bench.status.waiting().is_empty(), "{:?}", bench.status);
    }
    assert_eq!((load(&bench.stats.stalls), bench.delivered()), (9, 8));
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn what_expired_in_an_emptied_partition_is_passed_and_counted() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    let reader = bench.read(0, from_the_start()).await;
    hub.produce(0, 5);
    bench.wait(2).await;
    hub.wedge(0, 0);
    hub.produce(0, 7);
    hub.on(0, |it| it.events.clear());
    bench.wait(HALF_AN_HOUR - 60).await;
    assert_eq!(bench.stored(0).await.0, 4);
    bench.wait(120).await;
    assert_eq!(bench.stored(0).await.0, 11, "KEDA counts no backlog");
    assert_eq!(
        (load(&bench.stats.gaps), load(&bench.stats.missing)),
        (1, 7)
    );
    assert_eq!(load(&bench.stats.stalls), 0);
    hub.end_link(0, entra_forwarder::event_hub::SourceErrorKind::Unavailable);
    hub.produce(0, 1);
    bench.wait(5).await;
    assert_eq!((bench.delivered(), bench.stored(0).await.0), (6, 12));
    assert_eq!(load(&bench.stats.gaps), 1);
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn many_partitions_are_looked_at_ten_times_a_second_at_most() {
    let hub = Hub::new(1);
    let bench = Bench::new(&hub);
    let id = PartitionId::new("0");
    let begun = Instant::now();
    let looks = (0..300).map(|_| bench.inquiry.look(&id));
    futures::future::join_all(looks).await;
    let took = begun.elapsed().as_secs_f64();
    assert!((29.8..30.2).contains(&took), "{took}");
    bench.end([]).await;
}
