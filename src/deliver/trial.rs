//! When failures are a batch's own fault, and not the endpoint's: the rule against poison.
//!
//! A firewall that dislikes a user agent, or a parser that answers 500 to one record, must not keep
//! everything behind it waiting until the hub's retention deletes it.

use std::time::Duration;

use tokio::time::Instant;

/// Failures of a whole batch in a row, and the time that they took, before it is suspected.
const FAILURES: u32 = 8;
const TIME: Duration = Duration::from_secs(5 * 60);
/// Failures in a row after which it is put aside.
const STUCK_FAILURES: u32 = 3;
/// Requests of the sink that were accepted meanwhile.
const OTHERS: u64 = 3;
/// The same for a part of a batch that is suspected already.
const PART_FAILURES: u32 = 2;
const PART_OTHERS: u64 = 1;
/// The same for a single record of it.
const RECORD_FAILURES: u32 = 3;
/// Attempts in a row that broke off, before a body counts as too large.
const BREAKS: u32 = 3;
/// Bytes that sockets take at once, before anybody answers: a body of so many is never cut short.
const CERTAIN_BYTES: u64 = 64 * 1024;

/// The failures of one part in a row.
#[derive(Debug, Default)]
pub(super) struct Trial {
    failures: u32,
    /// Those among the last ones that broke off.
    breaks: u32,
    /// When the first one was, and how many requests had been accepted by then.
    first: Option<(Instant, u64)>,
}

impl Trial {
    /// An attempt failed, when so many requests of the sink had been accepted; `broke` when the
    /// connection ended before there was a whole answer.
    pub(super) fn failed(&mut self, accepted: u64, broke: bool) {
        self.failures = self.failures.saturating_add(1);
        self.breaks = if broke {
            self.breaks.saturating_add(1)
        } else {
            0
        };
        self.first.get_or_insert((Instant::now(), accepted));
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

    fn is_suspect(&self) -> bool {
        let began = self.first.map(|(moment, _)| moment);
        self.failures >= FAILURES && began.is_some_and(|moment| moment.elapsed() >= TIME)
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
            (false, _) => self.is_suspect() && others >= OTHERS,
            (true, 1) => self.failures >= RECORD_FAILURES && others >= OTHERS,
            (true, _) => self.failures >= PART_FAILURES && others >= PART_OTHERS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_fails_for_long_while_others_pass_is_guilty() {
        let mut trial = Trial::default();
        for _ in 0..7 {
            trial.failed(10, false);
        }
        tokio::time::advance(TIME).await;
        assert!(trial.is_stuck() && !trial.is_guilty(100, 5, false));
        trial.failed(10, false);
        assert!(!trial.is_guilty(12, 5, false), "two others are too few");
        assert!(trial.is_guilty(13, 5, false));
        let mut quick = Trial::default();
        for _ in 0..100 {
            quick.failed(0, false);
        }
        assert!(!quick.is_guilty(1_000, 5, false));
    }

    #[tokio::test]
    async fn what_breaks_off_again_and_again_may_be_too_large() {
        const LARGE: u64 = CERTAIN_BYTES + 1;
        let mut trial = Trial::default();
        for broke in [true, true, false, true, true] {
            trial.failed(0, broke);
            assert!(!trial.may_be_too_large(LARGE, 2), "not in a row");
        }
        trial.failed(0, true);
        assert!(trial.may_be_too_large(LARGE, 2));
        assert!(!trial.may_be_too_large(LARGE, 1));
        assert!(!trial.may_be_too_large(CERTAIN_BYTES, 1_000));
    }

    #[tokio::test(start_paused = true)]
    async fn parts_of_a_suspected_batch_are_judged_sooner() {
        let mut part = Trial::default();
        part.failed(5, false);
        assert!(!part.is_guilty(6, 2, true));
        part.failed(5, false);
        assert!(!part.is_guilty(5, 2, true), "nothing else passes");
        assert!(part.is_guilty(6, 2, true));
        assert!(!part.is_guilty(8, 1, true), "a record gets one more");
        part.failed(6, false);
        assert!(part.is_guilty(8, 1, true) && !part.is_guilty(7, 1, true));
    }
}
