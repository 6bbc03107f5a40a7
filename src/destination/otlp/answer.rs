//! What an OTLP receiver's answer means.
//!
//! A 200 may say that some of the records were rejected, and how many, but never which
//! (<https://opentelemetry.io/docs/specs/otlp/#partial-success-1>). By the specification nothing of
//! the request is sent again: the rejected records would be lost without a trace, and nobody could
//! say which they were. So such a request counts as refused, and the search for the bad records
//! begins: the request is halved until a part is taken whole, or is one record, of which the answer
//! then tells for certain. What was taken already comes twice, with the same `entra_forwarder.id`.
//! Nothing is lost, and every acceptance is proven; a 200 that rejects nothing, whatever it warns
//! of, is an acceptance.

use bytes::Bytes;
use prost::Message;

use super::message::{PartialSuccess, Response};
use crate::deliver::response::{ACCEPTING, Answer, Fault, Objection, Verdict, by_status};

/// Only 429, 502, 503 and 504 are to be repeated by the specification. 500 and its like are here,
/// too: what is not repeated is lost.
pub(super) fn judge(answer: &Answer, records: usize) -> Verdict {
    if !ACCEPTING.contains(&answer.status) {
        return by_status(answer);
    }
    let Some(response) = read(&answer.body) else {
        return Verdict::Refused {
            reason: format!(
                "status {} with a body that no OTLP receiver writes (check `endpoint`)",
                answer.status
            ),
        };
    };
    match response.partial_success {
        Some(partial) if partial.rejected_log_records != 0 => {
            Verdict::Faulty(Fault::Content, objection(answer, &partial, records))
        }
        _ => Verdict::Accepted,
    }
}

/// Reads an answer in either encoding, whatever the request's was: some receivers answer every
/// request with `{}`. An empty body is an answer without anything set.
fn read(body: &Bytes) -> Option<Response> {
    match body.trim_ascii_start().first() {
        Some(b'{') => serde_json::from_slice(body).ok(),
        _ => Response::decode(body.as_ref()).ok(),
    }
}

fn objection(answer: &Answer, partial: &PartialSuccess, records: usize) -> Objection {
    let message = Answer {
        body: Bytes::from(partial.error_message.clone()),
        ..answer.clone()
    };
    Objection {
        reason: format!(
            "status {}, and {} of {records} records rejected",
            answer.status, partial.rejected_log_records
        ),
        ..Objection::of(&message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &[u8]) -> Answer {
        Answer {
            status,
            retry_after: None,
            body: Bytes::copy_from_slice(body),
        }
    }

    #[test]
    fn a_warning_is_an_acceptance() {
        for body in [
            b"".as_slice(),
            b"{}",
            b"\x0a\x00",
            b"\x0a\x06\x12\x04slow",
            br#"{"partialSuccess":{}}"#,
            br#"{"partialSuccess":{"errorMessage":"slow"}}"#,
            br#"{"partialSuccess":{"rejectedLogRecords":"0","unknown":1}}"#,
            br#"{"partialSuccess":null}"#,
        ] {
            assert_eq!(judge(&answer(200, body), 3), Verdict::Accepted, "{body:?}");
        }
    }

    #[test]
    fn a_rejection_is_none() {
        for body in [
            b"\x0a\x07\x08\x02\x12\x03bad".as_slice(),
            br#"{"partialSuccess":{"rejectedLogRecords":2,"errorMessage":"bad"}}"#,
            br#" {"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"bad"}}"#,
        ] {
            let Verdict::Faulty(Fault::Content, objection) = judge(&answer(200, body), 3) else {
                panic!("{body:?}");
            };
            let said = "status 200, and 2 of 3 records rejected: bad";
            assert_eq!(objection.in_full(), said);
        }
    }

    #[test]
    fn another_body_is_no_acceptance() {
        for body in [
            b"<html>Sign in</html>".as_slice(),
            b"ok",
            b"{\"partialSuccess\":1}",
            b"\x0a\x07\x08",
        ] {
            let verdict = judge(&answer(200, body), 3);
            assert!(matches!(verdict, Verdict::Refused { .. }), "{body:?}");
        }
    }

    #[test]
    fn other_statuses_are_as_usual() {
        for status in [302, 400, 401, 413, 429, 500, 501, 502, 503, 504] {
            let answer = answer(status, b"");
            assert_eq!(judge(&answer, 1), by_status(&answer));
        }
    }
}
