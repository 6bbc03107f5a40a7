//! The clock of this machine, by those of others.

use std::time::{Duration, SystemTime};

use super::finding::{Cause, Log, Point};

/// Beyond this, tokens and signatures begin to fail for some.
const SKEW_WARNED: Duration = Duration::from_secs(30);
/// Beyond this, Microsoft's services refuse tokens.
const SKEW_MAX: Duration = Duration::from_secs(5 * 60);

const REMEDY: &str = "set this machine's clock (NTP, chrony, or the host of the container)";

/// Compares the `Date` of an answer with the moment of asking.
pub(crate) fn compare(log: &Log, date: SystemTime, asked: SystemTime) {
    let (ahead, skew) = match asked.duration_since(date) {
        Ok(skew) => (true, skew),
        Err(error) => (false, error.duration()),
    };
    let side = if ahead { "ahead of" } else { "behind" };
    let seen = format!(
        "this machine's clock is {} s {side} the peer's",
        skew.as_secs()
    );
    if skew > SKEW_MAX {
        log.failed(Point::Clock, Cause::Other, seen, REMEDY);
    } else if skew > SKEW_WARNED {
        log.warning(Point::Clock, seen, REMEDY);
    } else {
        let seen = format!("within {} s of the peer's", skew.as_secs().max(1));
        log.ok(Point::Clock, seen);
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    #[test]
    fn half_a_minute_is_a_warning_and_five_a_failure() {
        let now = SystemTime::now();
        let outcome = |date| {
            let log = Log::of("store");
            compare(&log, date, now);
            let finding = log.findings().remove(0);
            (finding.outcome, finding.seen)
        };
        let seconds = Duration::from_secs;
        assert_eq!(outcome(now).0, Outcome::Ok);
        assert_eq!(outcome(now - seconds(30)).0, Outcome::Ok);
        assert_eq!(outcome(now + seconds(30)).0, Outcome::Ok);
        let (warned, seen) = outcome(now - seconds(40));
        assert_eq!(warned, Outcome::Warning);
        assert!(seen.contains("40 s ahead"), "{seen}");
        assert_eq!(outcome(now + seconds(300)).0, Outcome::Warning);
        let (failed, seen) = outcome(now + seconds(301));
        assert_eq!(failed, Outcome::Failed(Cause::Other));
        assert!(seen.contains("301 s behind"), "{seen}");
    }
}
