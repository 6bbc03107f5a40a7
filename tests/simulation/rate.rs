//! Measures how much a process sends in a second, against what its user allows.

use std::time::Duration;

use tokio::time::Instant;

/// What was sent and would not have left yet, if it left at the allowed rate.
pub(crate) struct Level {
    per_second: f64,
    most: f64,
    level: f64,
    at: Instant,
}

impl Level {
    pub(crate) fn new(per_second: u64, burst: Duration) -> Self {
        let per_second = per_second as f64;
        Self {
            per_second,
            most: per_second * burst.as_secs_f64(),
            level: 0.0,
            at: Instant::now(),
        }
    }

    /// So much is sent now. Says how far it is above the bound, as a part of it; what is larger than
    /// a burst may go alone.
    pub(crate) fn sent(&mut self, amount: u64) -> f64 {
        let now = Instant::now();
        let left = (now - self.at).as_secs_f64() * self.per_second;
        self.level = (self.level - left).max(0.0) + amount as f64;
        self.at = now;
        self.level / self.most.max(amount as f64)
    }
}
