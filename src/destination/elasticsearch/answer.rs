//! What an answer of `_bulk` says of each record.
//!
//! | item | verdict |
//! |---|---|
//! | 2xx | accepted |
//! | 2xx with `"result":"noop"` | not stored: an ingest pipeline dropped it |
//! | 409 | accepted: the id is there, and an id is a hash of place and bytes |
//! | 408, 429, 5xx, `es_rejected_execution_exception` | not now |
//! | 401, 403, 404, a closed index, no room for more shards | not now; refused when it is all of them, since it is the set-up that is wrong and no record |
//! | others | this record is not taken |
//!
//! **Sources**: items: <https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-bulk>;
//! what is dropped: `markItemAsDropped` in
//! <https://github.com/elastic/elasticsearch/blob/main/server/src/main/java/org/elasticsearch/action/bulk/BulkRequestModifier.java>;
//! shards: <https://github.com/elastic/elasticsearch/pull/110993>.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::deliver::response::{ACCEPTING, Answer, Objection, RecordVerdict, Verdict, by_status};

/// Decides what follows from an answer to so many records.
pub(super) fn judge(answer: &Answer, records: usize, accepts_dropped: bool) -> Verdict {
    if !ACCEPTING.contains(&answer.status) {
        return by_status(answer);
    }
    let mut found = Found {
        accepts_dropped,
        ..Found::default()
    };
    let mut json = serde_json::Deserializer::from_slice(&answer.body);
    let read = Deserializer::deserialize_map(&mut json, &mut found);
    match read {
        // Some that speak the same protocol say no more.
        Ok(()) if found.items.is_empty() && found.errors == Some(false) => Verdict::Accepted,
        Ok(()) if found.items.len() == records && records > 0 => found.verdict(answer),
        // The rest of the answer was too much: it is asked for again, as a repetition costs nothing.
        Err(error) if error.is_eof() && (1..=records).contains(&found.items.len()) => {
            found.items.resize(records, RecordVerdict::NotNow);
            Verdict::PerRecord(found.items)
        }
        Ok(()) if found.errors.is_some() => Verdict::NotNow {
            reason: format!(
                "status {}, but the answer tells of {} of {records} records",
                answer.status,
                found.items.len()
            ),
            retry_after: answer.retry_after,
            is_overload: false,
        },
        _ => Verdict::Refused {
            reason: format!(
                "status {}, but the answer is none of `_bulk`: check `endpoint`",
                answer.status
            ),
        },
    }
}

/// Characters that are quoted of what is said of a record at most.
const QUOTE_MAX: usize = 500;

/// What was read of an answer so far.
#[derive(Default)]
struct Found {
    accepts_dropped: bool,
    errors: Option<bool>,
    items: Vec<RecordVerdict>,
    /// Why the first of those that are not taken now is not.
    not_now: Option<String>,
    /// Why the set-up is wrong, by the first item that says so.
    set_up: Option<String>,
}

impl Found {
    fn verdict(self, answer: &Answer) -> Verdict {
        let are_all = |wanted: &RecordVerdict| self.items.iter().all(|item| item == wanted);
        if are_all(&RecordVerdict::Accepted) {
            return Verdict::Accepted;
        }
        if !are_all(&RecordVerdict::NotNow) {
            return Verdict::PerRecord(self.items);
        }
        match (self.not_now, self.set_up) {
            (None, Some(reason)) => Verdict::Refused { reason },
            (reason, _) => Verdict::NotNow {
                reason: reason.unwrap_or_default(),
                retry_after: answer.retry_after,
                is_overload: true,
            },
        }
    }

    fn add(&mut self, outcome: &Outcome) {
        let status = outcome.status.unwrap_or_default();
        let (kind, said) = match &outcome.error {
            Some(error) => (
                word(&error.kind),
                error.reason.as_deref().unwrap_or_default(),
            ),
            None => (String::new(), ""),
        };
        let reason = || match kind.is_empty() {
            true => format!("status {status} for a record"),
            false => format!("status {status} for a record, {kind}"),
        };
        let is_dropped = outcome.result.as_deref() == Some("noop");
        let verdict = match status {
            200..=299 if is_dropped && !self.accepts_dropped => RecordVerdict::Faulty(Objection {
                reason: "an ingest pipeline dropped it: see `elasticsearch.dropped`".to_owned(),
                quote: String::new(),
            }),
            200..=299 | 409 => RecordVerdict::Accepted,
            _ if is_set_up(status, &kind, said) => {
                self.set_up.get_or_insert_with(reason);
                RecordVerdict::NotNow
            }
            0 | 408 | 429 | 500..=599 => self.later(reason()),
            _ if kind == "es_rejected_execution_exception" => self.later(reason()),
            _ => RecordVerdict::Faulty(Objection {
                reason: reason(),
                quote: said
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(QUOTE_MAX)
                    .collect(),
            }),
        };
        self.items.push(verdict);
    }

    fn later(&mut self, reason: String) -> RecordVerdict {
        self.not_now.get_or_insert(reason);
        RecordVerdict::NotNow
    }
}

/// Whether it is not the record that is wrong, but rights, the index, or the cluster.
fn is_set_up(status: u16, kind: &str, said: &str) -> bool {
    matches!(status, 401 | 403 | 404)
        || kind == "index_closed_exception"
        || (said.contains("this action would add") && said.contains("shards open"))
}

/// The type of an error, which is a word; anything else might be payload.
fn word(kind: &str) -> String {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    match kind.len() <= 64 && kind.bytes().all(is_word) {
        true => kind.to_owned(),
        false => String::new(),
    }
}

/// What an item says, below the name of its action.
#[derive(Deserialize)]
struct Outcome {
    status: Option<u16>,
    result: Option<String>,
    error: Option<ItemError>,
}

#[derive(Deserialize)]
struct ItemError {
    #[serde(rename = "type", default)]
    kind: String,
    reason: Option<String>,
}

impl<'de> Visitor<'de> for &mut Found {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of _bulk")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key::<String>()? {
            match key.as_str() {
                "errors" => self.errors = Some(members.next_value()?),
                "items" => members.next_value_seed(Items(&mut *self))?,
                _ => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The list of items: what was read of it before a mistake is kept.
struct Items<'f>(&'f mut Found);

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, list: D) -> Result<(), D::Error> {
        list.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element::<BTreeMap<String, Outcome>>()? {
            match item.values().next() {
                Some(outcome) => self.0.add(outcome),
                // An item that says nothing is one of a record all the same.
                None => self.0.items.push(RecordVerdict::NotNow),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn judged(status: u16, body: &str, records: usize) -> Verdict {
        let answer = Answer {
            status,
            retry_after: None,
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        judge(&answer, records, false)
    }

    fn items(items: &[&str]) -> String {
        let all: Vec<_> = items
            .iter()
            .map(|it| format!("{{\"create\":{it}}}"))
            .collect();
        format!("{{\"errors\":true,\"items\":[{}]}}", all.join(","))
    }

    const STORED: &str = r#"{"result":"created","status":201}"#;
    const THERE: &str = r#"{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"[1]: version conflict"}}"#;
    const BUSY: &str =
        r#"{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"queue"}}"#;
    const BAD: &str =
        r#"{"status":400,"error":{"type":"document_parsing_exception","reason":"secret"}}"#;
    const FORBIDDEN: &str = r#"{"status":403,"error":{"type":"security_exception","reason":"no"}}"#;
    const DROPPED: &str = r#"{"result":"noop","status":200}"#;

    #[test]
    fn every_item_has_its_verdict() {
        let verdict = judged(
            200,
            &items(&[STORED, THERE, BUSY, BAD, FORBIDDEN, DROPPED]),
            6,
        );
        let Verdict::PerRecord(verdicts) = verdict else {
            panic!("{verdict:?}");
        };
        assert_eq!(
            verdicts[..2],
            [RecordVerdict::Accepted, RecordVerdict::Accepted]
        );
        assert_eq!(verdicts[2], RecordVerdict::NotNow);
        assert_eq!(verdicts[4], RecordVerdict::NotNow);
        let objection = |at: usize| match &verdicts[at] {
            RecordVerdict::Faulty(objection) => (objection.reason.clone(), objection.quote.clone()),
            other => panic!("{other:?}"),
        };
        let reason = "status 400 for a record, document_parsing_exception".to_owned();
        assert_eq!(objection(3), (reason, "secret".to_owned()));
        assert!(objection(5).0.contains("dropped"));
    }

    #[test]
    fn all_of_one_kind_is_the_verdict_of_the_request() {
        assert_eq!(judged(200, &items(&[STORED, THERE]), 2), Verdict::Accepted);
        let verdict = judged(200, &items(&[BUSY, FORBIDDEN]), 2);
        assert!(matches!(verdict, Verdict::NotNow { reason, .. } if reason.contains("429")));
        let verdict = judged(200, &items(&[FORBIDDEN, FORBIDDEN]), 2);
        assert!(matches!(verdict, Verdict::Refused { reason } if reason.contains("security")));
        let full = r#"{"status":400,"error":{"type":"validation_exception","reason":"Validation Failed: 1: this action would add [2] shards, but this cluster currently has [1000]/[1000] maximum normal shards open;"}}"#;
        let verdict = judged(200, &items(&[full]), 1);
        assert!(matches!(verdict, Verdict::Refused { .. }), "{verdict:?}");
    }

    #[test]
    fn an_answer_that_is_cut_tells_of_the_first_records() {
        let whole = items(&[STORED, BAD, STORED]);
        for end in 0..whole.len() {
            match judged(200, whole.get(..end).unwrap(), 3) {
                Verdict::PerRecord(verdicts) => {
                    assert_eq!(verdicts.len(), 3);
                    assert_eq!(verdicts[0], RecordVerdict::Accepted);
                }
                Verdict::Refused { .. } => assert!(end < whole.find("},{").unwrap() + 1, "{end}"),
                verdict => panic!("{end}: {verdict:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_answer_of_bulk_is_no_acceptance() {
        for body in ["", "<html>", "[]", "{}", "null", r#"{"took":1}"#] {
            assert!(
                matches!(judged(200, body, 1), Verdict::Refused { .. }),
                "{body}"
            );
        }
        let none = r#"{"errors":true}"#;
        assert!(matches!(judged(200, none, 1), Verdict::NotNow { .. }));
        assert!(matches!(
            judged(200, &items(&[STORED]), 2),
            Verdict::NotNow { .. }
        ));
        assert!(matches!(
            judged(200, &items(&[STORED, STORED]), 1),
            Verdict::NotNow { .. }
        ));
        let verdict = judged(200, r#"{"took":1,"errors":false}"#, 2);
        assert_eq!(verdict, Verdict::Accepted);
        assert!(matches!(judged(503, "", 1), Verdict::NotNow { .. }));
        assert!(matches!(judged(401, "", 1), Verdict::Refused { .. }));
    }
}
