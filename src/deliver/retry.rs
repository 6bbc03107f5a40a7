//! How long to wait before the next attempt: exponential backoff with full jitter.

use std::time::Duration;

use crate::clock::Rng;

/// Waits that double from `initial` to `max`; each is drawn evenly between nothing and that
/// bound, so that many clients do not come back in step
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    initial: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    /// The first wait is at most `initial`, every wait at most `max`.
    pub fn new(initial: Duration, max: Duration) -> Self {
        Self {
            initial,
            max,
            failures: 0,
        }
    }

    /// The next wait.
    pub fn next(&mut self, rng: &dyn Rng) -> Duration {
        let bound = self
            .initial
            .saturating_mul(1_u32 << self.failures.min(20))
            .min(self.max);
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(rng.fraction())
    }

    /// The next wait, at least `floor`.
    pub fn next_from(&mut self, floor: Duration, rng: &dyn Rng) -> Duration {
        self.next(rng).max(floor)
    }

    /// Starts again from `initial`, after a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last success.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SharedRng;

    #[test]
    fn waits_double_up_to_the_bound_and_spread_evenly() {
        let rng = SharedRng::seeded(1);
        let bounds = [1_000, 2_000, 4_000, 8_000, 10_000, 10_000];
        let mut sums = [0.0; 6];
        for _ in 0..2_000 {
            let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(10));
            for (bound, sum) in bounds.iter().zip(&mut sums) {
                let wait = backoff.next(&rng).as_millis();
                assert!(wait <= *bound);
                *sum += wait as f64;
            }
        }
        for (bound, sum) in bounds.iter().zip(sums) {
            let mean = sum / 2_000.0 / *bound as f64;
            assert!((0.45..0.55).contains(&mean), "{bound}: {mean}");
        }
    }

    #[test]
    fn many_failures_do_not_overflow() {
        let rng = SharedRng::seeded(1);
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        for _ in 0..100 {
            assert!(backoff.next(&rng) <= Duration::from_secs(60));
        }
        backoff.reset();
        assert!(backoff.next(&rng) <= Duration::from_secs(1));
    }
}
