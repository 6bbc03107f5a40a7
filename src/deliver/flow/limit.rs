//! How many requests may be in flight: additive increase, multiplicative decrease
//! (Chiu and Jain, 1989: <https://doi.org/10.1016/0169-7552(89)90019-6>).

use std::time::Duration;

use tokio::time::Instant;

/// Failures of one moment are one sign: the limit falls at most once in this time.
const FALL_INTERVAL: Duration = Duration::from_secs(1);

/// The present limit, from 1 to a maximum. Starts at the maximum.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    now: usize,
    max: usize,
    /// Acceptances since the last change that count towards the next rise.
    accepted: usize,
    fell_at: Option<Instant>,
}

impl Limit {
    pub(super) fn new(max: usize) -> Self {
        let max = max.max(1);
        Self {
            now: max,
            max,
            accepted: 0,
            fell_at: None,
        }
    }

    /// Requests that may be in flight.
    pub(super) fn now(&self) -> usize {
        self.now
    }

    /// A request was accepted. As many acceptances as the limit raise it by one, if it was reached
    /// when they were sent: what was not used has proved nothing.
    pub(super) fn accepted(&mut self, was_reached: bool) {
        if !was_reached || self.now == self.max {
            return;
        }
        self.accepted += 1;
        if self.accepted >= self.now {
            self.now += 1;
            self.accepted = 0;
        }
    }

    /// The endpoint could not take a request that was sent at `began`: halves the limit, unless it
    /// fell while the request was on its way or within the last second.
    pub(super) fn overloaded(&mut self, began: Instant, now: Instant) {
        let is_known = self
            .fell_at
            .is_some_and(|fell_at| began < fell_at || now < fell_at + FALL_INTERVAL);
        if !is_known {
            self.now = (self.now / 2).max(1);
            self.accepted = 0;
            self.fell_at = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_by_one_per_round_and_only_when_it_is_used() {
        let mut limit = Limit::new(4);
        let start = Instant::now();
        limit.overloaded(start, start);
        assert_eq!(limit.now(), 2);
        for _ in 0..10 {
            limit.accepted(false);
        }
        assert_eq!(limit.now(), 2);
        limit.accepted(true);
        assert_eq!(limit.now(), 2);
        limit.accepted(true);
        assert_eq!(limit.now(), 3);
        for _ in 0..20 {
            limit.accepted(true);
        }
        assert_eq!(limit.now(), 4);
    }

    #[test]
    fn it_halves_once_per_round_trip_and_second() {
        let mut limit = Limit::new(16);
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        for _ in 0..16 {
            limit.overloaded(at(0), at(100));
        }
        assert_eq!(limit.now(), 8);
        limit.overloaded(at(200), at(1_000));
        assert_eq!(limit.now(), 8, "within a second");
        limit.overloaded(at(50), at(5_000));
        assert_eq!(limit.now(), 8, "sent before it fell");
        for (second, expected) in [(6, 4), (7, 2), (8, 1), (9, 1)] {
            limit.overloaded(at(second * 1_000), at(second * 1_000));
            assert_eq!(limit.now(), expected);
        }
    }
}
