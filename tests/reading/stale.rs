//! Positions that do not belong to the hub that is there.

use std::time::Duration;

use entra_forwarder::config::OnStaleCheckpoint;
use entra_forwarder::event_hub::{Offset, Position, SequenceNumber, SourceErrorKind, Timestamp};
use entra_forwarder::partition::reader::{OnStale, ReaderEnd};
use entra_forwarder::partition::resume::{ResumeAt, Stale};

use crate::bench::{Bench, MARGIN, load};
use crate::hub::{Hub, offset};

/// The position of an event that is there.
fn behind(hub: &Hub, sequence: i64) -> ResumeAt {
    let time = hub.on(0, |it| it.events[&sequence]);
    ResumeAt::Behind(Position {
        sequence: SequenceNumber(sequence),
        offset: offset(sequence, time),
        enqueued_at: Some(time),
    })
}

fn without_time(sequence: i64) -> ResumeAt {
    ResumeAt::Behind(Position {
        sequence: SequenceNumber(sequence),
        offset: Offset::beginning(),
        enqueued_at: None,
    })
}

async fn aged(events: usize) -> (std::sync::Arc<Hub>, Bench) {
    let hub = Hub::new(1);
    let bench = Bench::new(&hub);
    hub.produce(0, events);
    tokio::time::sleep(Duration::from_secs(100)).await;
    (hub, bench)
}

#[tokio::test(start_paused = true)]
async fn a_hub_made_again_while_running_is_read_from_its_start() {
    for events in [0, 3, 5, 50] {
        let (hub, mut bench) = aged(5).await;
        let reader = bench.read(0, without_time(-1)).await;
        bench.wait(2).await;
        hub.recreate(events);
        let created = hub.lock().created_at;
        bench.wait(90).await;
        hub.produce(0, 2);
        bench.wait(5).await;
        assert_eq!(bench.delivered(), 5 + events + 2, "{events}");
        let last = i64::try_from(events).unwrap() + 1;
        assert_eq!(bench.stored(0).await, (last, Some(created)), "{events}");
        assert_eq!(load(&bench.stats.stale), 1, "{events}");
        assert_eq!(load(&bench.stats.gaps), 0, "{events}");
        bench.end([reader]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_hub_made_again_whose_first_events_have_expired_is_not_taken_for_a_gap() {
    let (hub, mut bench) = aged(5).await;
    let reader = bench.read(0, behind(&hub, 4)).await;
    bench.wait(2).await;
    hub.recreate(50);
    // Also the number of the last event is gone, so that no event tells.
    hub.on(0, |it| it.events.retain(|sequence, _| *sequence >= 20));
    bench.wait(40).await;
    assert_eq!((bench.delivered(), load(&bench.stats.stale)), (30, 1));
    assert_eq!(load(&bench.stats.gaps), 0);
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn a_position_without_a_time_is_proved_by_the_hub() {
    let (hub, mut bench) = aged(8).await;
    let reader = bench.read(0, without_time(4)).await;
    bench.wait(2).await;
    assert_eq!((bench.delivered(), hub.lock().hub_questions), (3, 1));
    // From now on the events are their own proof.
    hub.end_link(0, SourceErrorKind::Unavailable);
    hub.produce(0, 1);
    bench.wait(2).await;
    assert_eq!((bench.delivered(), hub.lock().hub_questions), (4, 1));
    bench.end([reader]).await;

    // The same on another hub, which has grown past the number.
    let (hub, mut bench) = aged(8).await;
    let old = Timestamp(hub.lock().created_at.0 - 5);
    let reader = bench.read_as(0, without_time(4), old).await;
    bench.wait(2).await;
    assert_eq!((bench.delivered(), load(&bench.stats.stale)), (8, 1));
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_does_not_answer_delays_what_is_not_proved() {
    let (hub, mut bench) = aged(8).await;
    hub.lock().is_dead = true;
    let reader = bench.read(0, without_time(4)).await;
    bench.wait(120).await;
    assert_eq!(bench.delivered(), 0);
    assert_eq!(bench.status.waiting().len(), 1);
    hub.lock().is_dead = false;
    bench.wait(40).await;
    assert_eq!(bench.delivered(), 3);
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn a_fail_over_that_loses_the_last_events_skips_none_of_the_new() {
    for new in [0, 1, 2, 3, 9] {
        let (hub, mut bench) = aged(5).await;
        hub.produce(0, 5);
        bench.wait(50).await;
        let reader = bench.read(0, behind(&hub, 9)).await;
        bench.wait(2).await;
        hub.on(0, |it| {
            it.events.split_off(&8);
            it.last = it
                .events
                .last_key_value()
                .map(|(last, time)| (*last, *time));
        });
        hub.end_link(0, SourceErrorKind::Unavailable);
        hub.produce(0, new);
        bench.wait(40).await;
        hub.produce(0, 3);
        bench.wait(40).await;
        // Those of the last ten seconds before the position are repeated, and not the others.
        assert_eq!(MARGIN, Duration::from_secs(10));
        let repeated = 3;
        assert_eq!(bench.delivered(), repeated + new + 3, "{new}");
        assert_eq!(load(&bench.stats.stale), 1, "{new}");
        bench.end([reader]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_read_is_delivered_before_the_partition_begins_anew() {
    let (hub, mut bench) = aged(5).await;
    let reader = bench.read(0, without_time(-1)).await;
    bench.takes.send_replace(false);
    bench.wait(2).await;
    let before = bench.stored(0).await;
    hub.recreate(3);
    bench.wait(300).await;
    assert_eq!((bench.delivered(), bench.stored(0).await), (0, before));
    assert_eq!(bench.status.waiting().len(), 1);
    bench.takes.send_replace(true);
    bench.wait(40).await;
    assert_eq!(bench.delivered(), 8);
    let mut once = bench.delivered.lock().unwrap().clone();
    once.dedup();
    assert_eq!(once.len(), 8, "the old ones first, then the new ones");
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn earliest_and_latest_do_as_they_say() {
    for (policy, expected) in [
        (OnStaleCheckpoint::Earliest, 7 + 1),
        (OnStaleCheckpoint::Latest, 1),
    ] {
        let (hub, mut bench) = aged(7).await;
        bench.policy.on_stale = OnStale::Configured(policy);
        let stale = Stale::Refused("it is".into());
        let reader = bench.read(0, ResumeAt::Stale(None, stale)).await;
        bench.wait(2).await;
        hub.produce(0, 1);
        bench.wait(2).await;
        assert_eq!(bench.delivered(), expected, "{policy:?}");
        bench.end([reader]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn fail_says_what_to_do_and_comes_back_after_a_minute() {
    let (hub, mut bench) = aged(7).await;
    bench.policy.on_stale = OnStale::Configured(OnStaleCheckpoint::Fail);
    let mut reader = bench.read(0, behind(&hub, 6)).await;
    bench.wait(2).await;
    hub.recreate(3);
    let before = bench.stored(0).await;
    bench.wait(50).await;
    assert!(!reader.has_ended());
    let reasons = bench.failing();
    let command = "entra-forwarder checkpoints set --force --source hub --partition 0 --to ";
    assert!(reasons[0].contains(command), "{reasons:?}");
    bench.wait(15).await;
    assert_eq!(reader.end().await, ReaderEnd::Stale);
    assert_eq!((bench.delivered(), bench.stored(0).await), (0, before));
    bench.end([reader]).await;
}

/// Nobody is to set a position of a replay.
#[tokio::test(start_paused = true)]
async fn end_ends_at_once_and_asks_for_no_position() {
    let (hub, mut bench) = aged(7).await;
    bench.policy.on_stale = OnStale::End;
    let mut reader = bench.read(0, behind(&hub, 6)).await;
    bench.wait(2).await;
    hub.recreate(3);
    let before = bench.stored(0).await;
    // A position for a person to choose would be waited for by the minute.
    let ended = tokio::time::timeout(Duration::from_secs(20), reader.end()).await;
    assert_eq!(ended, Ok(ReaderEnd::Stale));
    assert!(bench.failing().is_empty(), "{:?}", bench.failing());
    assert_eq!((bench.delivered(), bench.stored(0).await), (0, before));
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn an_owner_with_an_outdated_look_does_not_make_a_position_stale() {
    let (hub, mut bench) = aged(7).await;
    let there = hub.lock().created_at;
    let stale = Stale::OtherHub {
        known: Some(there),
        written_at: None,
        found: Timestamp(there.0 - 77),
    };
    let ResumeAt::Behind(position) = behind(&hub, 4) else {
        unreachable!()
    };
    let at = ResumeAt::Stale(Some(position), stale);
    let reader = bench.read_as(0, at, Timestamp(there.0 - 77)).await;
    bench.wait(3).await;
    assert_eq!((bench.delivered(), load(&bench.stats.stale)), (2, 0));
    assert_eq!(bench.stored(0).await, (6, Some(there)));
    bench.end([reader]).await;
}

#[tokio::test(start_paused = true)]
async fn one_question_serves_all_that_asked_before_it() {
    let hub = Hub::new(1);
    let bench = Bench::new(&hub);
    let all = (0..50).map(|_| bench.inquiry.created_at());
    let answers = futures::future::join_all(all).await;
    assert!(answers.into_iter().all(|answer| answer.is_ok()));
    // The first one asks for itself; the others wait, and one asks for all of them.
    assert!(hub.lock().hub_questions <= 2);
    let asked = hub.lock().hub_questions;
    bench.inquiry.created_at().await.unwrap();
    assert_eq!(
        hub.lock().hub_questions,
        asked + 1,
        "an older answer proves nothing"
    );
    bench.end([]).await;
}

/// A hub that was made again makes every position stale at once.
#[tokio::test(start_paused = true)]
async fn many_that_begin_anew_ask_ten_times_a_second_at_most() {
    const PARTITIONS: usize = 30;
    let hub = Hub::new(PARTITIONS);
    let mut bench = Bench::new(&hub);
    let mut readers = Vec::new();
    for partition in 0..PARTITIONS {
        readers.push(bench.read(partition, without_time(-1)).await);
    }
    bench.wait(2).await;
    hub.recreate(3);
    bench.wait(30).await;
    assert_eq!(bench.delivered(), 3 * PARTITIONS);
    let looked_at = hub.lock().looked_at.clone();
    assert_eq!(looked_at.len(), PARTITIONS);
    let took = looked_at[PARTITIONS - 1] - looked_at[0];
    assert!(took >= Duration::from_millis(2_890), "{took:?}");
    bench.end(readers).await;
}
