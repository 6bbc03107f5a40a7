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
