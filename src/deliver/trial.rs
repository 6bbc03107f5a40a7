//! When failures are a batch's own fault, and not the endpoint's: the rule against poison.
//!
//! A firewall that dislikes a user agent, or a parser that answers 500 to one record, must not keep
//! everything behind it waiting until the hub's retention deletes it.

use std::time::Duration;

use tokio::time::Instant;

/// Failures of a whole batch in a row, and the time that they took, before it is suspected.
const FAILURES: u32 = 8;
const TIME: Duration = Duration::from_secs(5 * 60);
/// Failures before which something else was accepted since the one before: in an outage there is
/// none, whatever was accepted before it.
const BETWEEN: u32 = 3;
/// Failures in a row after which it is put aside.
const STUCK_FAILURES: u32 = 3;
/// Requests of the sink that were accepted meanwhile.
const OTHERS: u64 = 3;
/// The same for a part of a batch that is suspected already.
const PART_FAILURES: u32 = 2;
const PART_BETWEEN: u32 = 1;
/// The same for a single record of it.
const RECORD_FAILURES: u32 = 3;
const RECORD_BETWEEN: u32 = 2;
/// Attempts in a row that broke off, before a body counts as too large.
const BREAKS: u32 = 3;
/// Bytes that sockets take at once, before anybody answers: a body of so many is never cut short.
const CERTAIN_BYTES: u64 = 64 * 1024;

/// The failures of one part in a row.
#[derive(Debug, Default)]
pub(super) struct Trial {
    failures: u32,
    /// Those that may be the part's own fault.
    telling: u32,
    /// Those among them with something accepted since the one before.
    between: u32,
    /// Those among the last ones that broke off.
    breaks: u32,
    /// When the first telling one was, and how many requests had been accepted by then.
    first: Option<(Instant, u64)>,
    /// How many had been accepted at the last one.
    last: u64,
}

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// With an answer, or without any.
    Plain,
    /// It is about the sink's credentials: that is no batch's fault.
    Unauthorized,
    /// The connection ended before there was a whole answer.
    Broken,
    /// The endpoint asks to wait, or nothing was sent at all: that is nobody's fault.
    Throttled,
}

impl Trial {
    /// An attempt failed, when so many requests of the sink had been accepted.
    pub(super) fn failed(&mut self, accepted: u64, failure: Failure) {
        self.failures = self.failures.saturating_add(1);
        self.breaks = match failure {
            Failure::Broken => self.breaks.saturating_add(1),
            Failure::Plain | Failure::Unauthorized | Failure::Throttled => 0,
        };
        if matches!(failure, Failure::Throttled | Failure::Unauthorized) {
            return;
        }
        let is_passed_by = self.is_passed_by(accepted);
        self.telling = self.telling.saturating_add(1);
        self.between += u32::from(is_passed_by);
        self.last = accepted;
        self.first.get_or_insert((Instant::now(), accepted));
    }

    /// Whether there was a failure.
    pub(super) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// Whether something else was accepted since it last failed, when so many requests of the sink
    /// have been: then it tells little of the endpoint.
    pub(super) fn is_passed_by(&self, accepted: u64) -> bool {
        self.telling > 0 && accepted > self.last
    }

    /// How many requests of the sink had been accepted when it first failed.
    pub(super) fn accepted_before(&self) -> u64 {
        self.first.map_or(0, |(_, before)| before)
    }

    /// Whether it has failed so often that others should be taken in its stead: as long as it has
    /// one of few places, nobody can tell whether it fails alone.
    pub(super) fn is_stuck(&self) -> bool {
        self.failures >= STUCK_FAILURES
    }

    /// Whether it has failed for so long that only others can tell whether it is its own fault.
    pub(super) fn is_suspect(&self) -> bool {
        let began = self.first.map(|(moment, _)| moment);
        self.telling >= FAILURES && began.is_some_and(|moment| moment.elapsed() >= TIME)
    }

    /// Whether a body of so many bytes should be divided, since it may be too large: a server that
    /// answers 413 and closes, while the rest of the body is on its way, resets the connection, and
    /// its answer is lost. It is so at most until the parts are small, as all may break off while
    /// the endpoint is away. A single record is not judged by this.
    pub(super) fn may_be_too_large(&self, bytes: u64, records: usize) -> bool {
        self.breaks >= BREAKS && bytes > CERTAIN_BYTES && records > 1
    }

    /// Whether the fault is in this part of so many records: others pass and it does not. A part of
    /// a batch that is suspected (`is_part`) gets no long trial.
    pub(super) fn is_guilty(&self, accepted: u64, records: usize, is_part: bool) -> bool {
        let others = self.first.map_or(0, |(_, before)| accepted - before);
        match (is_part, records) {
            (false, _) => self.is_suspect() && others >= OTHERS && self.between >= BETWEEN,
            (true, 1) => {
                self.telling >= RECORD_FAILURES
                    && others >= OTHERS
                    && self.between >= RECORD_BETWEEN
            }
            (true, _) => self.telling >= PART_FAILURES && self.between >= PART_BETWEEN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_fails_for_long_while_others_pass_is_guilty() {
        let mut trial = Trial::default();
        for accepted in [10, 10, 10, 10, 10, 11, 12] {
            trial.failed(accepted, Failure::Plain);
        }
        tokio::time::advance(TIME).await;
        assert!(trial.is_stuck() && !trial.is_guilty(100, 5, false));
        trial.failed(12, Failure::Plain);
        assert!(!trial.is_guilty(12, 5, false), "two others are too few");
        assert!(!trial.is_guilty(13, 5, false), "it has not failed since");
        trial.failed(13, Failure::Plain);
        assert!(trial.is_guilty(13, 5, false));
        let mut quick = Trial::default();
        for accepted in 0..100 {
            quick.failed(accepted, Failure::Plain);
        }
        assert!(!quick.is_guilty(1_000, 5, false));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_accepted_before_an_outage_proves_nothing() {
        let (mut trial, mut record) = (Trial::default(), Trial::default());
        trial.failed(10, Failure::Plain);
        record.failed(10, Failure::Plain);
        // Others pass, and then nothing any more.
        for _ in 0..20 {
            tokio::time::advance(TIME).await;
            trial.failed(20, Failure::Plain);
            record.failed(20, Failure::Plain);
        }
        assert!(!trial.is_guilty(20, 5, false) && !record.is_guilty(20, 1, true));
        assert!(!trial.is_guilty(30, 5, false), "it is tried again first");
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_and_credentials_are_nobodys_fault() {
        for failure in [Failure::Throttled, Failure::Unauthorized] {
            let mut trial = Trial::default();
            for accepted in 0..100 {
                tokio::time::advance(TIME).await;
                trial.failed(accepted, failure);
            }
            assert!(trial.is_stuck(), "{failure:?}");
            assert!(!trial.is_guilty(1_000, 5, false), "{failure:?}");
            assert!(!trial.is_guilty(1_000, 1, true), "{failure:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn parts_of_a_suspected_batch_are_judged_sooner() {
        let mut part = Trial::default();
        part.failed(5, Failure::Plain);
        assert!(!part.is_guilty(6, 2, true));
        part.failed(5, Failure::Plain);
        assert!(!part.is_guilty(6, 2, true), "nothing else passes");
        part.failed(6, Failure::Plain);
        assert!(part.is_guilty(6, 2, true));
        assert!(!part.is_guilty(8, 1, true), "a record gets more");
        part.failed(8, Failure::Plain);
        assert!(part.is_guilty(8, 1, true) && !part.is_guilty(7, 1, true));
    }

    #[tokio::test]
    async fn what_breaks_off_again_and_again_may_be_too_large() {
        const LARGE: u64 = CERTAIN_BYTES + 1;
        let mut trial = Trial::default();
        use Failure::{Broken, Plain};
        for failure in [Broken, Broken, Plain, Broken, Broken] {
            trial.failed(0, failure);
            assert!(!trial.may_be_too_large(LARGE, 2), "not in a row");
        }
        trial.failed(0, Broken);
        assert!(trial.may_be_too_large(LARGE, 2));
        assert!(!trial.may_be_too_large(LARGE, 1));
        assert!(!trial.may_be_too_large(CERTAIN_BYTES, 1_000));
    }
}
