//! When credentials end.

use std::time::{Duration, SystemTime};

use super::finding::{Cause, Log, Point};
use crate::event_hub::Timestamp;
use crate::trust::certificate::Certificate;

/// What ends sooner is a warning: somebody has to make a new one in time.
pub(crate) const NOTICE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// What is left of something that ends at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It has ended.
    Nothing,
    /// It ends within [`NOTICE`].
    Little,
    /// It lasts.
    Enough,
}

pub(crate) fn left(ends: Timestamp, now: Timestamp) -> Left {
    if ends <= now {
        Left::Nothing
    } else if ends.since(now) < NOTICE {
        Left::Little
    } else {
        Left::Enough
    }
}

/// Says when something ends that nobody renews. `place` is where in the configuration it is.
/// Gives whether it still holds.
pub(crate) fn report(log: &Log, what: &str, place: &str, ends: Timestamp) -> bool {
    let now = Timestamp::from(SystemTime::now());
    let remedy = format!("put a new one into {place}");
    match left(ends, now) {
        Left::Nothing => {
            let seen = format!("{what} ended at {ends}");
            log.failed(Point::Credential, Cause::NotPermitted, seen, remedy);
            return false;
        }
        Left::Little => {
            let seen = format!("{what} ends at {ends}");
            log.warning(Point::Credential, seen, format!("{remedy} before"));
        }
        Left::Enough => log.ok(Point::Credential, format!("{what} holds until {ends}")),
    }
    true
}

/// The same for a certificate, which may not hold yet either.
pub(crate) fn report_certificate(log: &Log, place: &str, certificate: &Certificate) -> bool {
    let what = format!("the certificate {}", certificate.subject);
    let begins = certificate.begins;
    if begins > Timestamp::from(SystemTime::now()) {
        let seen = format!("{what} does not hold before {begins}");
        let remedy = format!("put another one into {place}, or set this machine's clock");
        log.failed(Point::Credential, Cause::NotPermitted, seen, remedy);
        return false;
    }
    report(log, &what, place, certificate.ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_weeks_are_little() {
        let day = 24 * 60 * 60 * 1000;
        let now = Timestamp(100 * day);
        let after = |days: i64| left(Timestamp((100 + days) * day), now);
        assert_eq!(after(-1), Left::Nothing);
        assert_eq!(after(0), Left::Nothing);
        assert_eq!(after(13), Left::Little);
        assert_eq!(after(14), Left::Enough);
    }
}
