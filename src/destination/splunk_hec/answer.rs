//! What HEC answers: a code in the body beside the status.
//!
//! | code | status | means | here |
//! |---|---|---|---|
//! | 0 | 200 | success | accepted |
//! | 24, 25 | 200 | success, and a queue fills | accepted |
//! | 1, 2, 3, 4, 16, 21, 22 | 400, 401, 403 | the token | refused |
//! | 5 | 400 | no data | the answer to a probe; else refused |
//! | 6, 12, 13, 15 | 400 | an event is wrong | divided |
//! | 7 | 400 | an index that the token may not use | refused |
//! | 8, 9, 18, 19, 20, 23, 26, 27 | 429, 500, 503 | busy | not now |
//! | 10, 11, 14 | 400 | channel missing, wrong, or no acknowledgement | refused |
//!
//! `invalid-event-number` says at which event HEC stopped, counted from 0. What stands before it was
//! seen to be indexed (<https://github.com/moby/moby/issues/35862>; for a busy server
//! <https://github.com/open-telemetry/opentelemetry-collector-contrib/issues/36113>), which Splunk does
//! not document: so nothing is taken for delivered, and the search for the wrong event may make
//! duplicates of what stands before it.
//!
//! **Source**: <https://help.splunk.com/en/splunk-enterprise/get-data-in/collect-http-event-data/troubleshoot-http-event-collector>,
//! with reasons in <https://github.com/gjanders/SplunkAdmins> (lookups). 24 to 27 are newer and were
//! not seen in Splunk's own pages; for them, their status alone would decide alike.

use serde::Deserialize;

use crate::deliver::response::{Answer, Fault, Objection, Verdict, by_status};

/// What the body of an answer says.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Said {
    pub(super) code: Option<u64>,
    /// Written as a number or as text, depending on the version.
    #[serde(alias = "ackID")]
    #[serde(rename = "ackId")]
    ack_id: Option<serde_json::Value>,
}

impl Said {
    pub(super) fn of(answer: &Answer) -> Self {
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// The number to ask for an acknowledgement with.
    pub(super) fn ack_id(&self) -> Option<u64> {
        match self.ack_id.as_ref()? {
            serde_json::Value::String(digits) => digits.parse().ok(),
            number => number.as_u64(),
        }
    }
}

/// Codes of an acceptance.
const ACCEPTING: [u64; 3] = [0, 24, 25];

/// Decides by status and code.
pub(super) fn judge(answer: &Answer, records: usize, acknowledge: bool) -> Verdict {
    let said = Said::of(answer);
    let is_acceptance = said.code.is_some_and(|code| ACCEPTING.contains(&code));
    match (answer.status, said.code) {
        (200, _) if is_acceptance => {
            if acknowledge && records > 0 && said.ack_id().is_none() {
                return Verdict::Refused {
                    reason: "status 200 without an ackId (this token has no indexer \
                             acknowledgement: enable it, or leave out `acknowledge`)"
                        .to_owned(),
                };
            }
            Verdict::Accepted
        }
        (200..=299, code) => Verdict::NotNow {
            reason: match code {
                Some(code) => format!("status {}, code {code}: no acceptance", answer.status),
                None => format!("status {} without a code of HEC", answer.status),
            },
            retry_after: answer.retry_after,
            is_overload: false,
        },
        // A probe holds nothing, and HEC looks at the token first.
        (400, Some(5)) if records == 0 => Verdict::Accepted,
        (400, Some(code)) => match configured_wrong(code) {
            Some(meaning) => Verdict::Refused {
                reason: format!("status 400, code {code} ({meaning})"),
            },
            None => Verdict::Faulty(
                Fault::Content,
                Objection {
                    reason: format!("status 400, code {code}{}", wrong_event(code)),
                    ..Objection::of(answer)
                },
            ),
        },
        _ => by_status(answer),
    }
}

/// What a code of a wrong configuration means.
fn configured_wrong(code: u64) -> Option<&'static str> {
    Some(match code {
        5 => "no data: something on the way takes the body away",
        7 => "an index that this token may not use: check `splunk_hec.index`, and the token",
        10 => "data channel is missing: this token wants `splunk_hec.acknowledge = true`",
        11 => "invalid data channel",
        14 => "this token has no indexer acknowledgement: enable it, or leave out `acknowledge`",
        16 => "the token stands in the query, and may not",
        21 => "invalid token: check `splunk_hec.token`",
        22 => "the token is disabled",
        _ => return None,
    })
}

fn wrong_event(code: u64) -> &'static str {
    match code {
        6 => " (invalid data format)",
        12 => " (an event is missing)",
        13 => " (an event is blank)",
        15 => " (an indexed field is wrong)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, body: &str, records: usize, acknowledge: bool) -> Verdict {
        let answer = Answer {
            status,
            retry_after: None,
            body: body.to_owned().into(),
        };
        judge(&answer, records, acknowledge)
    }

    #[test]
    fn only_a_success_is_an_acceptance() {
        for body in [
            r#"{"text":"Success","code":0}"#,
            r#"{"text":"Success","code":0,"ackId":0}"#,
            r#"{"text":"filling","code":24}"#,
        ] {
            assert_eq!(judged(200, body, 1, false), Verdict::Accepted, "{body}");
        }
        for body in ["", "{}", "<html>", r#"{"code":17}"#, r#"{"code":9}"#, "[0]"] {
            let verdict = judged(200, body, 1, false);
            assert!(matches!(verdict, Verdict::NotNow { .. }), "{body}");
        }
        for body in [r#"{"code":0,"ackId":7}"#, r#"{"code":0,"ackID":"7"}"#] {
            assert_eq!(judged(200, body, 1, true), Verdict::Accepted, "{body}");
        }
        for body in [r#"{"code":0}"#, r#"{"code":0,"ackId":"x"}"#] {
            let verdict = judged(200, body, 1, true);
            assert!(matches!(verdict, Verdict::Refused { .. }), "{body}");
        }
    }

    #[test]
    fn every_code_has_its_verdict() {
        let at = |status: u16, code: u64| {
            judged(
                status,
                &format!("{{\"text\":\"x\",\"code\":{code}}}"),
                1,
                false,
            )
        };
        for code in [5, 7, 10, 11, 14, 16, 21, 22] {
            assert!(matches!(at(400, code), Verdict::Refused { .. }), "{code}");
        }
        for code in [6, 12, 13, 15, 99] {
            assert!(
                matches!(at(400, code), Verdict::Faulty(Fault::Content, _)),
                "{code}"
            );
        }
        for (status, code) in [(401, 2), (401, 3), (403, 1), (403, 4), (404, 21)] {
            assert!(
                matches!(at(status, code), Verdict::Refused { .. }),
                "{code}"
            );
        }
        for (status, code) in [(500, 8), (503, 9), (503, 18), (503, 23), (429, 26)] {
            assert!(matches!(at(status, code), Verdict::NotNow { .. }), "{code}");
        }
        assert!(matches!(
            judged(413, "", 1, false),
            Verdict::Faulty(Fault::Size, _)
        ));
        assert!(matches!(
            judged(400, "", 1, false),
            Verdict::Faulty(Fault::Content, _)
        ));
    }

    #[test]
    fn a_probe_is_answered_with_no_data() {
        let body = r#"{"text":"No data","code":5}"#;
        assert_eq!(judged(400, body, 0, false), Verdict::Accepted);
        assert_eq!(judged(400, body, 0, true), Verdict::Accepted);
    }
}
