//! The one place where an endpoint's answer becomes a decision.

use std::time::Duration;

use bytes::Bytes;

/// What an endpoint answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Retry-After`, when there was one that could be read.
    pub retry_after: Option<Duration>,
    /// The answer's body, cut at [`BODY_BYTES_MAX`]. It may quote what was sent: never log it.
    pub body: Bytes,
}

/// Bytes of an answer's body that are read at most.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Why there was no whole answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The name could not be resolved, or nothing listens there.
    #[error("cannot connect: {0}")]
    Connect(String),
    /// No answer within the time allowed.
    #[error("no answer in time")]
    Timeout,
    /// The answer was cut off or was no HTTP.
    #[error("broken answer: {0}")]
    Broken(String),
    /// Nothing was sent: there is no token to send it with, for now.
    #[error("no token: {0}")]
    NoToken(String),
    /// Nothing was sent: whoever gives tokens refuses to give one.
    #[error("{0}")]
    Refused(String),
}

/// What follows from an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The endpoint has it.
    Accepted,
    /// Not now: the same bytes again after a backoff, for ever.
    NotNow {
        /// Why, as a short text without payload.
        reason: String,
        /// How long the endpoint asks to wait.
        retry_after: Option<Duration>,
        /// Whether it says that the endpoint has too much to do, or is not there.
        is_overload: bool,
    },
    /// Wrong address or credentials: the same bytes again, slowly, until somebody mends it.
    Refused {
        /// Why, as a short text without payload.
        reason: String,
    },
}

/// Decides what follows from an attempt (docs/guarantees.md has the table).
///
/// Only statuses that say "taken over" count as acceptance. A 203 comes from a proxy that changed
/// the answer, 206 and 226 belong to GET, 207 holds an answer per item, and 260 is how one log
/// store says that it throws everything away.
pub fn judge(attempt: &Result<Answer, TransportError>) -> Verdict {
    let answer = match attempt {
        Ok(answer) => answer,
        Err(TransportError::Refused(reason)) => {
            return Verdict::Refused {
                reason: reason.clone(),
            };
        }
        Err(error) => {
            return Verdict::NotNow {
                reason: error.to_string(),
                retry_after: None,
                is_overload: true,
            };
        }
    };
    let reason = || format!("status {}{}", answer.status, meaning(answer.status));
    match answer.status {
        200 | 201 | 202 | 204 | 205 => Verdict::Accepted,
        // 400, 413 and 422 concern the data. Until batches are divided to find the record that is
        // meant, nothing may be given up: they are retried and reported.
        400 | 408 | 413 | 422 | 425 | 429 | 500..=599 => Verdict::NotNow {
            reason: reason(),
            retry_after: answer.retry_after,
            is_overload: !matches!(answer.status, 400 | 413 | 422),
        },
        _ => Verdict::Refused { reason: reason() },
    }
}

/// Decides what follows from a request without records. An endpoint that finds fault with such a
/// body knows address and credentials all the same.
pub fn judge_probe(attempt: &Result<Answer, TransportError>) -> Verdict {
    match attempt {
        Ok(answer) if matches!(answer.status, 400 | 411 | 413 | 422) => Verdict::Accepted,
        _ => judge(attempt),
    }
}

fn meaning(status: u16) -> &'static str {
    match status {
        300..=399 => " (a redirect: set `endpoint` to the address it leads to)",
        400 => " (the endpoint finds a mistake in the body: check `encoding`, `prefix`, `suffix`)",
        401 => " (credentials missing or wrong: check `auth` and `headers`)",
        403 => " (not allowed with these credentials: check `auth` and `headers`)",
        404 => " (no such address: check `endpoint`)",
        405 => " (this address takes no POST: check `endpoint`)",
        407 => " (a proxy asks for credentials)",
        413 => " (too large: lower `batch.bytes`)",
        422 => " (the endpoint finds a mistake in a record)",
        429 => " (the endpoint asks to slow down)",
        _ => "",
    }
}

/// Reads a `Retry-After` header: seconds, or a date. Anything else counts as absent.
///
/// **Source**: RFC 9110, section 10.2.3.
pub fn retry_after(value: &str, now: std::time::SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = httpdate::parse_http_date(value).ok()?;
    Some(moment.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16) -> Verdict {
        judge(&Ok(Answer {
            status,
            retry_after: None,
            body: Bytes::new(),
        }))
    }

    #[test]
    fn every_status_has_its_verdict() {
        for status in 100..=999_u16 {
            let verdict = verdict(status);
            match status {
                200 | 201 | 202 | 204 | 205 => assert_eq!(verdict, Verdict::Accepted),
                400 | 408 | 413 | 422 | 425 | 429 | 500..=599 => {
                    assert!(matches!(verdict, Verdict::NotNow { .. }), "{status}");
                }
                _ => assert!(matches!(verdict, Verdict::Refused { .. }), "{status}"),
            }
        }
    }

    #[test]
    fn no_answer_is_not_now() {
        for error in [
            TransportError::Connect("refused".into()),
            TransportError::Timeout,
            TransportError::Broken("reset".into()),
            TransportError::NoToken("away".into()),
        ] {
            assert!(matches!(judge(&Err(error)), Verdict::NotNow { .. }));
        }
    }

    #[test]
    fn a_refused_client_is_refused() {
        let refused = || Err(TransportError::Refused("no token".into()));
        for verdict in [judge(&refused()), judge_probe(&refused())] {
            let reason = "no token".to_owned();
            assert_eq!(verdict, Verdict::Refused { reason });
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = std::time::UNIX_EPOCH + Duration::from_secs(1_445_412_480);
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(
            retry_after("Wed, 21 Oct 2015 07:28:30 GMT", now),
            Some(Duration::from_secs(30))
        );
        assert_eq!(
            retry_after("Wed, 21 Oct 2015 07:00:00 GMT", now),
            Some(Duration::ZERO)
        );
        assert_eq!(retry_after("soon", now), None);
        assert_eq!(retry_after("-5", now), None);
    }
}
