use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::SharedRng;

const SETBACK: Setback = Setback {
    is_overload: false,
    retry_after: Duration::ZERO,
    wait_min: Duration::from_secs(50),
};

fn flow() -> Arc<Flow> {
    let config = SinkConfig {
        concurrency: 2,
        retry: RetryConfig {
            initial: Duration::from_secs(50),
            max: Duration::from_secs(60),
            retry_after_max: Duration::from_secs(60),
        },
        ..SinkConfig::default()
    };
    Arc::new(Flow::new(&config, Arc::new(SharedRng::from_entropy())))
}

/// How long it takes from now until the place has had a slot, in which it fails again.
async fn attempt(place: &mut Place) -> Duration {
    let (began, stop) = (Instant::now(), CancellationToken::new());
    place.ready(&stop).await;
    place.slot(1, &stop).await.failed(SETBACK);
    began.elapsed()
}

/// Both waits are of some 50 s: a place's own, and that of a sink that fails as a whole.
#[tokio::test(start_paused = true)]
async fn a_change_lets_everybody_who_waits_try_now() {
    for failures in [1, 3] {
        let flow = flow();
        let mut place = flow.place();
        for _ in 0..failures {
            attempt(&mut place).await;
        }
        assert!(flow.is_failing());
        let changed = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            flow.try_now();
        };
        let (waited, ()) = tokio::join!(attempt(&mut place), changed);
        assert_eq!(waited, Duration::from_secs(3));
        // Once: what fails with it waits as before.
        assert!(attempt(&mut place).await >= Duration::from_secs(50));
    }
}

/// An attempt from before a change says nothing about what is after it.
#[tokio::test(start_paused = true)]
async fn a_change_counts_for_attempts_in_flight() {
    let (flow, stop) = (flow(), CancellationToken::new());
    let mut place = flow.place();
    for _ in 0..3 {
        let slot = place.slot(1, &stop).await;
        flow.try_now();
        slot.failed(SETBACK);
        assert_eq!(attempt(&mut place).await, Duration::ZERO);
        attempt(&mut place).await;
    }
}

/// Two that wait for each other would wait for ever: whoever is not first for now looks again when
/// its own time has come.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_one_that_waits_for_it() {
    let now = Instant::now();
    let at = |ms| now + Duration::from_millis(ms);
    for takes_turns in [false, true] {
        let flow = Flow::new(&SinkConfig::default(), Arc::new(SharedRng::seeded(1)));
        let mut state = flow.lock();
        if takes_turns {
            state.outage = Some(Outage {
                since: now,
                backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(1)),
                next_probe: now,
            });
        }
        for (number, ready_at) in [(1, at(12)), (2, at(10))] {
            let waiter = Waiter {
                ready_at,
                attempted: number,
                bytes: 1,
                is_urgent: false,
            };
            state.waiting.insert(number, waiter);
        }
        // The first looks while only the second may go, which comes too late itself.
        assert_eq!(state.give(1, at(11)).err(), Some(Some(at(12))));
        assert_eq!(state.give(2, at(13)).err(), Some(None));
        assert!(state.give(1, at(13)).is_ok());
        assert!(state.give(2, at(13)).is_err() == takes_turns);
    }
}

/// Places on several threads that fail, pass, are told to try now and are put aside: whatever the
/// order, each of them gets a slot again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_forgotten() {
    for concurrency in 1..=4 {
        let config = SinkConfig {
            concurrency,
            retry: RetryConfig {
                initial: Duration::from_millis(1),
                max: Duration::from_millis(4),
                retry_after_max: Duration::from_millis(4),
            },
            ..SinkConfig::default()
        };
        let flow = Arc::new(Flow::new(&config, Arc::new(SharedRng::from_entropy())));
        let mut deliveries = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let flow = Arc::clone(&flow);
            deliveries.spawn(async move {
                for _ in 0..4 {
                    deliver(flow.place(), &flow).await;
                }
            });
        }
        let told = Arc::clone(&flow);
        let telling = async {
            for _ in 0..20 {
                tokio::time::sleep(Duration::from_millis(3)).await;
                told.try_now();
            }
            // It wakes everybody: whoever is forgotten later stays so.
            std::future::pending::<()>().await;
        };
        let ended = async {
            while let Some(ended) = deliveries.join_next().await {
                ended.unwrap();
            }
        };
        let ended = tokio::select! {
            ended = tokio::time::timeout(Duration::from_secs(30), ended) => ended,
            () = telling => unreachable!("it is pending"),
        };
        let state = flow.lock();
        let (waiting, in_flight) = (state.waiting.len(), state.in_flight);
        assert!(ended.is_ok(), "{waiting} wait, {in_flight} in flight");
        assert_eq!(
            (state.places, state.parked, waiting, in_flight),
            (0, 0, 0, 0)
        );
    }
}

/// A batch that fails for a while.
async fn deliver(mut place: Place, flow: &Flow) {
    let stop = CancellationToken::new();
    let failures = flow.rng.next_u64() % 12;
    for attempt in 0..=failures {
        place.ready(&stop).await;
        let slot = place.slot(1, &stop).await;
        if flow.rng.next_u64().is_multiple_of(3) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let setback = Setback {
            is_overload: flow.rng.next_u64().is_multiple_of(2),
            retry_after: Duration::from_millis(flow.rng.next_u64() % 3),
            wait_min: Duration::ZERO,
        };
        match attempt == failures {
            true => slot.accepted(),
            false => slot.failed(setback),
        }
        if attempt == 3 {
            place.park(STUCK_MAX);
        }
    }
}
