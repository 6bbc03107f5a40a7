//! The one place where an endpoint's answer becomes a decision.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::format::Format;

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
    /// The endpoint took it, and did not confirm in time that it is stored.
    #[error("not confirmed: {0}")]
    Unconfirmed(String),
    /// Nothing was sent: there is no token to send it with, for now.
    #[error("no token: {0}")]
    NoToken(String),
    /// Nothing was sent: whoever gives tokens, or a proxy, refuses the credentials.
    #[error("{0}")]
    Refused(String),
    /// It was not taken for a reason that somebody has to mend, and that may be this request's own.
    #[error("{0}")]
    Declined(String),
}

/// What follows from an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The endpoint has it.
    Accepted,
    /// The answer tells of every record, in wire order.
    PerRecord(Vec<RecordVerdict>),
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
    /// Something in the body is not taken: divide it until that is found.
    Faulty(Fault, Objection),
}

/// What became of one record of a request that was answered per record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordVerdict {
    /// The endpoint has it.
    Accepted,
    /// Not now: it alone is sent again.
    NotNow,
    /// It is not taken, now or ever.
    Faulty(Objection),
}

/// What is wrong with a body that an endpoint does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Some record in it: when a part of the body is accepted, that record is in the other part.
    Content,
    /// It is too large, or only together with others: of two parts, both may pass.
    Size,
}

/// Why an endpoint does not take something.
#[derive(Clone, PartialEq, Eq)]
pub struct Objection {
    /// A short text without payload.
    pub reason: String,
    /// What the endpoint said of it. It may quote the record: it belongs beside the record's own
    /// bytes, and never into a log.
    pub quote: String,
}

impl Objection {
    /// An answer's: its status, and the beginning of its body.
    pub fn of(answer: &Answer) -> Self {
        Self {
            reason: reason(answer.status),
            quote: printable(&answer.body),
        }
    }

    /// The reason and the quotation.
    pub fn in_full(&self) -> String {
        match self.quote.is_empty() {
            true => self.reason.clone(),
            false => format!("{}: {}", self.reason, self.quote),
        }
    }
}

impl fmt::Debug for Objection {
    // Without the quotation: payload never reaches a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Objection({:?})", self.reason)
    }
}

/// Bytes of an answer that are quoted at most.
const QUOTE_BYTES_MAX: usize = 500;

fn printable(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..QUOTE_BYTES_MAX).unwrap_or(body));
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// Statuses that say "taken over".
///
/// A 203 comes from a proxy that changed the answer, 206 and 226 belong to GET, 207 holds an answer
/// per item, and 260 is how one log store says that it throws everything away.
pub const ACCEPTING: [u16; 5] = [200, 201, 202, 204, 205];

/// Decides what follows from an attempt with so many records (docs/guarantees.md has the table).
pub fn judge(
    attempt: &Result<Answer, TransportError>,
    format: &dyn Format,
    records: usize,
) -> Verdict {
    match attempt {
        Ok(answer) => format.judge(answer, records),
        Err(TransportError::Refused(reason) | TransportError::Declined(reason)) => {
            Verdict::Refused {
                reason: reason.clone(),
            }
        }
        Err(error) => Verdict::NotNow {
            reason: error.to_string(),
            retry_after: None,
            // Without a token nothing has reached the endpoint.
            is_overload: !matches!(error, TransportError::NoToken(_)),
        },
    }
}

/// What an answer means by its status alone.
pub fn by_status(answer: &Answer) -> Verdict {
    let reason = reason(answer.status);
    match answer.status {
        status if ACCEPTING.contains(&status) => Verdict::Accepted,
        400 | 422 => Verdict::Faulty(Fault::Content, Objection::of(answer)),
        413 => Verdict::Faulty(Fault::Size, Objection::of(answer)),
        408 | 425 | 429 | 500..=599 => Verdict::NotNow {
            reason,
            retry_after: answer.retry_after,
            is_overload: true,
        },
        _ => Verdict::Refused { reason },
    }
}

/// Decides what follows from a request without records. An endpoint that finds fault with such a
/// body knows address and credentials all the same.
pub fn judge_probe(attempt: &Result<Answer, TransportError>, format: &dyn Format) -> Verdict {
    match judge(attempt, format, 0) {
        Verdict::Faulty(..) | Verdict::PerRecord(_) => Verdict::Accepted,
        Verdict::Refused { .. } if matches!(attempt, Ok(answer) if answer.status == 411) => {
            Verdict::Accepted
        }
        verdict => verdict,
    }
}

fn reason(status: u16) -> String {
    format!("status {status}{}", meaning(status))
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
    use crate::config::Encoding;
    use crate::format::Plain;

    fn plain() -> Plain {
        Plain::new(Encoding::Ndjson, "", "")
    }

    fn answer(status: u16) -> Result<Answer, TransportError> {
        Ok(Answer {
            status,
            retry_after: None,
            body: Bytes::from_static(b"{\"secret\":\n \"s\"}"),
        })
    }

    #[test]
    fn every_status_has_its_verdict() {
        for status in 100..=999_u16 {
            let verdict = judge(&answer(status), &plain(), 1);
            match status {
                200 | 201 | 202 | 204 | 205 => assert_eq!(verdict, Verdict::Accepted),
                400 | 422 => assert!(matches!(verdict, Verdict::Faulty(Fault::Content, _))),
                413 => assert!(matches!(verdict, Verdict::Faulty(Fault::Size, _))),
                408 | 425 | 429 | 500..=599 => {
                    assert!(matches!(verdict, Verdict::NotNow { .. }), "{status}");
                }
                _ => assert!(matches!(verdict, Verdict::Refused { .. }), "{status}"),
            }
            let probed = judge_probe(&answer(status), &plain());
            match status {
                400 | 411 | 413 | 422 => assert_eq!(probed, Verdict::Accepted),
                _ => assert_eq!(probed, verdict),
            }
        }
    }

    #[test]
    fn what_an_endpoint_says_is_not_shown_in_passing() {
        let verdict = judge(&answer(400), &plain(), 1);
        assert!(!format!("{verdict:?}").contains("secret"), "{verdict:?}");
        let Verdict::Faulty(_, objection) = verdict else {
            panic!("{verdict:?}");
        };
        let said = objection.in_full();
        assert!(said.starts_with("status 400 (") && said.ends_with(": {\"secret\": \"s\"}"));
    }

    #[test]
    fn no_answer_is_not_now() {
        for error in [
            TransportError::Connect("refused".into()),
            TransportError::Timeout,
            TransportError::Broken("reset".into()),
            TransportError::Unconfirmed("in 5m".into()),
            TransportError::NoToken("away".into()),
        ] {
            let verdict = judge(&Err(error), &plain(), 1);
            assert!(matches!(verdict, Verdict::NotNow { .. }));
        }
    }

    #[test]
    fn a_refused_client_is_refused() {
        for error in [TransportError::Refused, TransportError::Declined] {
            let refused = || Err(error("no token".into()));
            for verdict in [
                judge(&refused(), &plain(), 1),
                judge_probe(&refused(), &plain()),
            ] {
                let reason = "no token".to_owned();
                assert_eq!(verdict, Verdict::Refused { reason });
            }
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
