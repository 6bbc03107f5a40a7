//! Checkpoints of other programs that hold an offset and no number.

use entra_forwarder::event_hub::{Offset, SourceErrorKind};
use entra_forwarder::partition::resume::ResumeAt;

use crate::bench::{Bench, load};
use crate::hub::{Hub, offset};

async fn check(emptied_up_to: i64, at: Offset, expected: i64, delivered: usize) {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    hub.produce(0, 8);
    hub.on(0, |it| {
        it.events.retain(|sequence, _| *sequence > emptied_up_to);
    });
    let stop = bench.takes.clone();
    stop.send_replace(false);
    let reader = bench.read(0, ResumeAt::Offset(at)).await;
    bench.wait(60).await;
    assert_eq!(bench.stored(0).await.0, expected, "stored before anything");
    stop.send_replace(true);
    bench.wait(2).await;
    assert_eq!(bench.delivered(), delivered);
    bench.end([reader]).await;
}

fn at(sequence: i64) -> Offset {
    offset(
        sequence,
        entra_forwarder::event_hub::Timestamp(crate::hub::BEGIN),
    )
}

#[tokio::test(start_paused = true)]
async fn the_event_at_the_offset_tells_the_number() {
    check(-1, at(3), 3, 4).await;
    check(-1, at(7), 7, 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_later_event_tells_it_when_that_one_has_expired() {
    check(5, at(3), 5, 2).await;
}

#[tokio::test(start_paused = true)]
async fn an_emptied_partition_is_at_its_end() {
    check(7, at(3), 7, 0).await;
    check(7, at(7), 7, 0).await;
}

#[tokio::test(start_paused = true)]
async fn the_beginning_is_the_first_event() {
    check(-1, Offset::beginning(), -1, 8).await;
}

#[tokio::test(start_paused = true)]
async fn an_offset_that_the_hub_does_not_know_is_stale() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    hub.produce(0, 2);
    let reader = bench.read(0, ResumeAt::Offset(at(9))).await;
    bench.wait(3).await;
    assert_eq!((load(&bench.stats.stale), bench.delivered()), (1, 2));
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_brings_nothing_is_asked_again() {
    let hub = Hub::new(1);
    let mut bench = Bench::new(&hub);
    hub.produce(0, 8);
    // Neither an event nor the properties say where the offset is.
    hub.wedge(0, 1);
    let reader = bench.read(0, ResumeAt::Offset(at(3))).await;
    bench.wait(29).await;
    assert_eq!(bench.delivered(), 0);
    hub.end_link(0, SourceErrorKind::Unavailable);
    bench.wait(40).await;
    assert_eq!((bench.stored(0).await.0, bench.delivered()), (7, 4));
    bench.end([reader]).await;
}
