//! A token bucket, kept as the moment at which it will be full (the "generic cell rate algorithm",
//! ITU-T I.371): nothing has to fill it, and no fraction of a token is lost.

use std::time::Duration;

use tokio::time::Instant;

/// Lets `per_second` tokens pass on average, and as many as `burst` is worth at once.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    per_second: u64,
    /// The bucket's size, as the time in which it fills.
    burst: Duration,
    /// When it is full, if nothing is taken until then.
    full_at: Option<Instant>,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(per_second: u64, burst: Duration) -> Self {
        Self {
            per_second: per_second.max(1),
            burst,
            full_at: None,
        }
    }

    /// When so many tokens can be taken. What is larger than the bucket goes when that is full.
    pub(super) fn ready_at(&self, tokens: u64) -> Option<Instant> {
        // What is missing then is what will have been taken out of a full one.
        let room = self.burst.saturating_sub(self.worth(tokens));
        self.full_at
            .map(|full_at| full_at.checked_sub(room).unwrap_or(full_at))
    }

    /// Takes them; more than there are leave a debt.
    pub(super) fn take(&mut self, tokens: u64, now: Instant) {
        let from = self.full_at.map_or(now, |full_at| full_at.max(now));
        self.full_at = Some(from + self.worth(tokens));
    }

    /// The time in which so many tokens come, rounded up.
    fn worth(&self, tokens: u64) -> Duration {
        let nanos = (u128::from(tokens) * 1_000_000_000).div_ceil(u128::from(self.per_second));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When each of these is let through, in milliseconds, if all are there at the start.
    fn times(bucket: &mut Bucket, sizes: &[u64]) -> Vec<u128> {
        let start = Instant::now();
        let mut now = start;
        let mut times = Vec::new();
        for size in sizes {
            now = bucket.ready_at(*size).map_or(now, |ready| ready.max(now));
            bucket.take(*size, now);
            times.push((now - start).as_millis());
        }
        times
    }

    #[test]
    fn a_burst_passes_at_once_and_the_rest_at_the_rate() {
        let mut bucket = Bucket::new(10, Duration::from_millis(300));
        assert_eq!(times(&mut bucket, &[1; 6]), [0, 0, 0, 100, 200, 300]);
    }

    #[test]
    fn what_is_larger_than_the_bucket_waits_until_it_is_full_and_is_paid_for() {
        let mut bucket = Bucket::new(1_000, Duration::from_secs(1));
        let sizes = [500, 3_000, 1, 1_000, 500];
        // 500 leave half; the large one goes when the bucket is full again at 0.5 s, and takes it
        // 2 s into debt; so the first token is there at 2.501 s.
        assert_eq!(times(&mut bucket, &sizes), [0, 500, 2_501, 3_501, 4_001]);
    }

    #[test]
    fn a_bucket_smaller_than_one_token_still_keeps_the_rate() {
        let mut bucket = Bucket::new(1, Duration::from_millis(100));
        assert_eq!(times(&mut bucket, &[1; 4]), [0, 1_000, 2_000, 3_000]);
    }

    #[test]
    fn a_pause_earns_no_more_than_one_burst() {
        let mut bucket = Bucket::new(10, Duration::from_millis(200));
        bucket.take(1, Instant::now() - Duration::from_secs(60));
        assert_eq!(times(&mut bucket, &[1; 4]), [0, 0, 100, 200]);
    }
}
