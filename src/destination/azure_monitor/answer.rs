//! What the API's answer means.
//!
//! **Sources**: 204 alone is a success in Microsoft's own clients
//! (<https://github.com/Azure/azure-sdk-for-python/tree/main/sdk/monitor/azure-monitor-ingestion>);
//! 413 `ContentLengthLimitExceeded`, and 500 for a body without anything:
//! <https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/monitor/Azure.Monitor.Ingestion/tests/IngestionClientTest.cs>.

use serde::Deserialize;

use crate::deliver::response::{ACCEPTING, Answer, Fault, Objection, Verdict, by_status};

/// Judges an answer to a body of so many records.
pub(super) fn judge(answer: &Answer, records: usize) -> Verdict {
    let status = answer.status;
    let reason = |advice: &str| format!("status {status}{}{advice}", code(answer));
    match status {
        204 => Verdict::Accepted,
        status if ACCEPTING.contains(&status) => Verdict::Refused {
            reason: reason(", where the API says 204 (check `endpoint`)"),
        },
        // A body without anything makes it fail; address and credentials are right then.
        500 if records == 0 => Verdict::Accepted,
        400 => Verdict::Faulty(
            Fault::Content,
            Objection {
                reason: reason(" (check `stream`, and the columns that the rule declares for it)"),
                ..Objection::of(answer)
            },
        ),
        403 => Verdict::Refused {
            reason: reason(
                " (the identity needs the role Monitoring Metrics Publisher on the data \
                 collection rule; a new assignment takes up to half an hour)",
            ),
        },
        404 => Verdict::Refused {
            reason: reason(" (no such rule or stream here: check `endpoint`, `rule_id`, `stream`)"),
        },
        _ => by_status(answer),
    }
}

/// The code of an error, a word of the service's own: `, InvalidStream`.
fn code(answer: &Answer) -> String {
    #[derive(Deserialize)]
    struct Body {
        error: Error,
    }
    #[derive(Deserialize)]
    struct Error {
        code: String,
    }
    let body: Option<Body> = serde_json::from_slice(&answer.body).ok();
    let is_word = |code: &String| {
        (1..=60).contains(&code.len()) && code.chars().all(|c| c.is_ascii_alphanumeric())
    };
    let code = body.map(|it| it.error.code).filter(is_word);
    code.map_or_else(String::new, |code| format!(", {code}"))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn judged(status: u16, body: &'static str, records: usize) -> Verdict {
        let answer = Answer {
            status,
            retry_after: None,
            body: Bytes::from_static(body.as_bytes()),
        };
        judge(&answer, records)
    }

    #[test]
    fn only_204_accepts() {
        assert_eq!(judged(204, "", 1), Verdict::Accepted);
        for status in [200, 201, 202, 205, 401, 403, 404] {
            let verdict = judged(status, "<html>", 1);
            assert!(matches!(verdict, Verdict::Refused { .. }), "{status}");
        }
        for status in [429, 500, 503] {
            let verdict = judged(status, "", 1);
            assert!(matches!(verdict, Verdict::NotNow { .. }), "{status}");
        }
        let large = r#"{"error":{"code":"ContentLengthLimitExceeded","message":"..."}}"#;
        let verdict = judged(413, large, 1);
        assert!(matches!(verdict, Verdict::Faulty(Fault::Size, _)));
    }

    #[test]
    fn a_probe_without_rows_may_fail() {
        assert_eq!(judged(500, "", 0), Verdict::Accepted);
    }

    #[test]
    fn the_code_is_said_and_nothing_else() {
        for (body, said) in [
            (
                r#"{"error":{"code":"InvalidStream","message":"s"}}"#,
                "status 400, InvalidStream (",
            ),
            (
                r#"{"error":{"code":"a secret","message":"s"}}"#,
                "status 400 (",
            ),
            ("nothing", "status 400 ("),
        ] {
            let Verdict::Faulty(Fault::Content, objection) = judged(400, body, 1) else {
                panic!("{body}");
            };
            assert!(objection.reason.starts_with(said), "{}", objection.reason);
        }
    }
}
