//! When a partition's checkpoint is due.
//!
//! | partition | is stored |
//! |---|---|
//! | many events settled ([`BUSY_EVENTS`]) | `interval` after the write before |
//! | drained: nothing open, and no event for a moment | at once, but `interval_max` after the last write for few events |
//! | few events settled, and others still open or coming | when its watermark has been ahead for `interval_max` |
//! | the last write failed | `interval` after it |
//! | nothing settled | not at all |
//!
//! **Bound** on the writes of one partition, whatever comes: any two are `interval` apart; those
//! for few events are `interval_max` apart, and each other one covers [`BUSY_EVENTS`]. So in an
//! hour with `n` events there are at most `min(1 h / interval, 1 h / interval_max +
//! n / BUSY_EVENTS)` of them, and one more. `docs/cost.md` says what that costs.
//!
//! A position that has moved is stored within `interval_max` and one look, while the store works.

use std::time::Duration;

use tokio::time::Instant;

use super::ledger::Unstored;

/// Settled events from which a partition counts as busy: fewer are cheap to repeat after a crash.
pub const BUSY_EVENTS: u64 = 100;
/// Longest time between two looks, and longest moment without an event after which a partition
/// counts as drained.
const MOMENT_MAX: Duration = Duration::from_secs(1);

/// How often checkpoints are stored.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    interval: Duration,
    interval_max: Duration,
    busy_events: u64,
}

/// For which reason a checkpoint is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Many events are settled, or the last write failed.
    Busy,
    /// Few events are, but they have waited long enough, or are the last ones for now.
    Few,
}

/// What was written for one partition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writes {
    tried_at: Instant,
    failed: bool,
    few_at: Option<Instant>,
}

impl Writes {
    /// The checkpoint was written just now, by taking the partition over.
    pub(super) fn begin() -> Self {
        Self {
            tried_at: Instant::now(),
            failed: false,
            few_at: None,
        }
    }

    /// Notes a write that begins now; it has failed until [`Self::succeeded`].
    pub(super) fn begun(&mut self, now: Instant) {
        self.tried_at = now;
        self.failed = true;
    }

    /// Notes that the write which began last is done.
    pub(super) fn succeeded(&mut self, due: Due) {
        self.failed = false;
        if due == Due::Few {
            self.few_at = Some(self.tried_at);
        }
    }
}

impl Pace {
    /// `interval` is the shortest time between two writes of a partition, `interval_max` the
    /// longest until a position that moved is stored. A partition whose reader waits at
    /// `uncommitted_max` waits for a write: half of that is many, too.
    pub fn new(interval: Duration, interval_max: Duration, uncommitted_max: u64) -> Self {
        Self {
            interval,
            interval_max,
            busy_events: (uncommitted_max / 2).clamp(1, BUSY_EVENTS),
        }
    }

    /// How often to look for what is due.
    pub(super) fn look(&self) -> Duration {
        (self.interval / 5).min(MOMENT_MAX)
    }

    /// Whether the checkpoint of a partition is due at the look of this moment.
    pub(super) fn due(&self, now: Instant, writes: &Writes, unstored: &Unstored) -> Option<Due> {
        let since = |moment| now.saturating_duration_since(moment);
        if since(writes.tried_at) < self.interval {
            return None;
        }
        if writes.failed || unstored.events >= self.busy_events {
            return Some(Due::Busy);
        }
        let may = writes
            .few_at
            .is_none_or(|at| since(at) >= self.interval_max);
        let is_drained = unstored.quiet_for.is_some_and(|quiet| quiet >= self.look());
        let is_old = unstored.unstored_for >= self.interval_max;
        (may && (is_drained || is_old)).then_some(Due::Few)
    }
}
