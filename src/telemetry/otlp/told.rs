//! How often failures to push are told.

use std::time::Duration;

use tokio::time::Instant;

/// Time between two warnings.
const WARN_EVERY: Duration = Duration::from_secs(60 * 60);

/// What has been told of pushes that fail.
#[derive(Debug, Default)]
pub(super) struct Told {
    warned_at: Option<Instant>,
    /// Failures since the last warning.
    failures: u64,
    /// Whether the last that was told is a failure.
    is_down: bool,
}

/// What is to be told now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Nothing.
    Nothing,
    /// So many failures since the last time.
    Failed(u64),
    /// It works again.
    Recovered,
}

impl Told {
    /// Counts a push, and gives what to say: a warning at the first failure and then once an hour
    /// while there are failures, and that it works again after a warning.
    pub(super) fn note(&mut self, is_success: bool, now: Instant) -> Said {
        if is_success {
            return match std::mem::take(&mut self.is_down) {
                true => Said::Recovered,
                false => Said::Nothing,
            };
        }
        self.failures += 1;
        let is_recent = |at: Instant| now.duration_since(at) < WARN_EVERY;
        if self.warned_at.is_some_and(is_recent) {
            return Said::Nothing;
        }
        self.warned_at = Some(now);
        self.is_down = true;
        Said::Failed(std::mem::take(&mut self.failures))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_warning_an_hour() {
        let start = Instant::now();
        let at = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let mut told = Told::default();
        assert_eq!(told.note(true, at(0)), Said::Nothing);
        assert_eq!(told.note(false, at(1)), Said::Failed(1));
        for minute in 2..61 {
            assert_eq!(told.note(false, at(minute)), Said::Nothing);
        }
        assert_eq!(told.note(false, at(61)), Said::Failed(60));
        assert_eq!(told.note(true, at(62)), Said::Recovered);
        // One that comes and goes is told as often as one that stays away.
        for minute in 63..120 {
            assert_eq!(told.note(minute % 2 == 0, at(minute)), Said::Nothing);
        }
        assert_eq!(told.note(false, at(122)), Said::Failed(30));
    }
}
