//! Writes of one partition by the clock: how many, and how late.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::*;
use crate::checkpoint::pace::BUSY_EVENTS;
use crate::clock::{Rng, SharedRng};

const INTERVAL: Duration = Duration::from_secs(5);
const INTERVAL_MAX: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3_600);
/// The moment without an event, and the time between two looks.
const PROMPTLY: Duration = Duration::from_secs(2);

fn usual() -> Pace {
    Pace::new(INTERVAL, INTERVAL_MAX, 100_000)
}

/// Lives beside the checkpointer, which is stopped at the end.
async fn beside(case: &Case, pace: Pace, living: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = living => {}
        () = case.checkpointer.run(pace) => {}
    }
}

/// What an hour brought.
#[derive(Debug)]
struct Hour {
    events: u64,
    writes: u64,
    /// The longest that a settled event waited until it was stored.
    latest: Duration,
}

impl Hour {
    fn bound(&self) -> u64 {
        let few = 3_600 / INTERVAL_MAX.as_secs() + self.events / BUSY_EVENTS;
        few.min(3_600 / INTERVAL.as_secs()) + 1
    }
}

/// Lives an hour in which `arrivals` says how many events come and are settled after which wait.
async fn hour(mut arrivals: impl FnMut() -> (Duration, u64)) -> Hour {
    let case = Case::held().await;
    let before = case.store.writes.load(Ordering::Relaxed);
    let end = Instant::now() + HOUR;
    let (mut events, mut latest) = (0, Duration::ZERO);
    let (id, generation) = case.ledger;
    let living = async {
        loop {
            let (wait, count) = arrivals();
            let next = Instant::now() + wait;
            while Instant::now() < next.min(end) {
                let step = Instant::now() + Duration::from_millis(250);
                sleep_until(step.min(next)).await;
                let unstored = case.ledgers.unstored(id, generation);
                latest = latest.max(unstored.map_or(Duration::ZERO, |it| it.unstored_for));
            }
            if Instant::now() >= end {
                return;
            }
            for _ in 0..count {
                case.settle(i64::try_from(events).unwrap());
                events += 1;
            }
        }
    };
    beside(&case, usual(), living).await;
    let writes = case.store.writes.load(Ordering::Relaxed) - before;
    let hour = Hour {
        events,
        writes: writes as u64,
        latest,
    };
    assert!(hour.writes <= hour.bound(), "{hour:?}");
    assert!(
        hour.latest <= INTERVAL_MAX + Duration::from_secs(1),
        "{hour:?}"
    );
    hour
}

#[tokio::test(start_paused = true)]
async fn an_idle_partition_is_not_written() {
    assert_eq!(hour(|| (HOUR, 0)).await.writes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_trickle_is_written_by_the_long_interval() {
    for every in [1, 2, 10] {
        let hour = hour(|| (Duration::from_secs(every), 1)).await;
        assert!((115..=120).contains(&hour.writes), "{every}: {hour:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_a_minute_is_written_promptly() {
    let hour = hour(|| (Duration::from_secs(60), 1)).await;
    assert_eq!(hour.writes, hour.events);
    assert!(hour.latest <= PROMPTLY, "{hour:?}");
}

#[tokio::test(start_paused = true)]
async fn a_busy_partition_is_written_by_the_short_interval() {
    let hour = hour(|| (Duration::from_millis(100), 5)).await;
    assert!((700..=720).contains(&hour.writes), "{hour:?}");
    assert!(hour.latest <= INTERVAL + PROMPTLY, "{hour:?}");
}

#[tokio::test(start_paused = true)]
async fn no_arrivals_break_the_bound() {
    for seed in 0..8 {
        let rng = SharedRng::seeded(seed);
        let between = |from: u64, to: u64| from + rng.next_u64() % (to - from + 1);
        let (longest, most) = (between(200, 40_000), between(1, 300));
        let hour = hour(|| {
            let wait = Duration::from_millis(between(1, longest));
            (wait, between(1, most))
        })
        .await;
        assert!(hour.writes > 0, "{seed}: {hour:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_when_a_partition_drains_is_stored_promptly() {
    let case = Case::held().await;
    let living = async {
        sleep(INTERVAL_MAX).await;
        for sequence in 0..250 {
            case.settle(sequence);
            sleep(Duration::from_millis(50)).await;
        }
        sleep(PROMPTLY + INTERVAL).await;
        assert_eq!(case.stored().await, 249);
    };
    beside(&case, usual(), living).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_stays_open_holds_back_only_what_comes_behind_it() {
    let case = Case::held().await;
    let living = async {
        sleep(INTERVAL_MAX).await;
        case.settle(0);
        let _open = case.open(1);
        sleep(INTERVAL_MAX - Duration::from_millis(500)).await;
        assert_eq!(case.stored().await, -1, "the partition has not drained");
        sleep(PROMPTLY).await;
        assert_eq!(case.stored().await, 0);
    };
    beside(&case, usual(), living).await;
}

#[tokio::test(start_paused = true)]
async fn a_write_that_failed_is_tried_again_soon() {
    for how in [NOT_DONE, DONE_AND_NOT_ANSWERED] {
        let case = Case::held().await;
        let living = async {
            sleep(INTERVAL).await;
            case.settle(0);
            case.fail_next(how);
            sleep(PROMPTLY).await;
            assert_eq!(case.store.next.load(Ordering::Relaxed), AS_USUAL);
            // A trickle has begun: by itself it would wait for the long interval.
            for sequence in 1..=5 {
                case.settle(sequence);
                sleep(Duration::from_millis(900)).await;
            }
            sleep(Duration::from_secs(1)).await;
            let stored = case.stored().await;
            assert!(stored >= 4, "{stored}");
        };
        beside(&case, usual(), living).await;
        assert!(!case.lost.is_cancelled());
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_is_asked_by_the_short_interval() {
    let case = Case::held().await;
    let before = case.store.writes.load(Ordering::Relaxed);
    let living = async {
        case.settle(0);
        for _ in 0..600 {
            case.fail_next(NOT_DONE);
            sleep(Duration::from_secs(1)).await;
        }
        let tries = case.store.writes.load(Ordering::Relaxed) - before;
        assert!((100..=120).contains(&tries), "{tries}");
        sleep(INTERVAL + PROMPTLY).await;
        assert_eq!(case.stored().await, 0);
    };
    beside(&case, usual(), living).await;
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_waits_for_a_checkpoint_gets_it_soon() {
    for uncommitted_max in [1, 2, 7, 40] {
        let case = Case::held().await;
        let (id, generation) = case.ledger;
        let most = u64::try_from(uncommitted_max).unwrap();
        let pace = Pace::new(INTERVAL, INTERVAL_MAX, most);
        let living = async {
            for round in 0..10 {
                for event in 0..uncommitted_max {
                    case.settle(round * uncommitted_max + event);
                }
                let has_room = case
                    .ledgers
                    .wait_for_room(id, generation, |it| it.uncommitted < most);
                timeout(INTERVAL + PROMPTLY, has_room).await.unwrap();
            }
        };
        beside(&case, pace, living).await;
    }
}
