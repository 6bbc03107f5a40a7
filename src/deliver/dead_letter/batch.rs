//! Several letters as one object: lines of JSON, each a letter with its fields and its bytes.
//!
//! `{"body":"not json","id":"936f...","index":"3","partition":"0","reason":"text",...}`

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use bytes::Bytes;
use serde_json::Value;

use super::{Facts, StoredLetter};
use crate::event_hub::Timestamp;

/// Name of the field that says how many letters there are.
pub(super) const COUNT: &str = "batch";

/// Key of a body that is text.
const BODY: &str = "body";
/// Key of any other body.
const BODY_BASE64: &str = "body_base64";

/// Writes a letter as a line. It is at most about twice as long as the body: text of which more
/// would have to be escaped is written as base64.
pub(super) fn line(facts: &Facts, body: &[u8], out: &mut Vec<u8>) {
    let text = std::str::from_utf8(body)
        .ok()
        .filter(|text| escapes(text) <= text.len() / 4);
    let body = match text {
        Some(text) => (BODY, text.to_owned()),
        None => (BODY_BASE64, BASE64.encode(body)),
    };
    let fields = facts.pairs().into_iter().chain([body]);
    let object: serde_json::Map<String, Value> = fields
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    out.extend_from_slice(Value::Object(object).to_string().as_bytes());
    out.push(b'\n');
}

/// Control characters, which take six bytes each; what else is escaped takes two.
fn escapes(text: &str) -> usize {
    text.bytes().filter(|byte| *byte < b' ').count()
}

/// Reads a line; `modified_at` is the time of the object.
fn letter(line: &[u8], modified_at: Timestamp) -> Result<StoredLetter, String> {
    let mut fields: BTreeMap<String, String> =
        serde_json::from_slice(line).map_err(|_| "it is no JSON object of texts".to_owned())?;
    let body = match (fields.remove(BODY), fields.remove(BODY_BASE64)) {
        (Some(text), None) => Bytes::from(text),
        (None, Some(text)) => BASE64
            .decode(text)
            .map_err(|_| format!("its `{BODY_BASE64}` is no base64"))?
            .into(),
        _ => return Err(format!("it has neither `{BODY}` nor `{BODY_BASE64}`")),
    };
    let facts = Facts::read(&fields, modified_at, Some(body.len() as u64))?;
    facts.check(&body)?;
    Ok(StoredLetter { facts, body })
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
}

/// Reads the lines of an object: its letters, and what is wrong with the others.
pub(super) fn read(text: &[u8], modified_at: Timestamp) -> (Vec<StoredLetter>, Vec<String>) {
    let (mut letters, mut damaged) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(lines(text)) {
        match letter(line, modified_at) {
            Ok(letter) => letters.push(letter),
            Err(problem) => damaged.push(format!("line {number}: {problem}")),
        }
    }
    (letters, damaged)
}

/// How many letters there are, and what is known of the first.
pub(super) fn summary(text: &[u8], modified_at: Timestamp) -> Result<(u64, Facts), String> {
    let mut problem = "it is empty".to_owned();
    for line in lines(text) {
        match letter(line, modified_at) {
            Ok(letter) => return Ok((lines(text).count() as u64, letter.facts)),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

/// The lines of an object without the letters of these ids; what cannot be read stays.
pub(super) fn without(text: &[u8], ids: &BTreeSet<String>) -> (Vec<u8>, u64) {
    let (mut rest, mut count) = (Vec::with_capacity(text.len()), 0);
    for line in lines(text) {
        let removed = letter(line, Timestamp(0)).is_ok_and(|letter| ids.contains(&letter.facts.id));
        if !removed {
            rest.extend_from_slice(line);
            rest.push(b'\n');
            count += 1;
        }
    }
    (rest, count)
}

#[cfg(test)]
mod tests {
    use super::super::DeadLetter;
    use super::*;
    use crate::record::Origin;

    fn lines_of(bodies: &[&[u8]]) -> (Vec<u8>, Vec<Facts>) {
        let mut text = Vec::new();
        let facts = (0..).zip(bodies).map(|(index, body)| {
            let letter = DeadLetter {
                source: "entra".to_owned(),
                origin: Origin::any(),
                index: Some(index),
                sink: None,
                reason: "text",
                answer: None,
                first_seen: Timestamp(7),
                body: Bytes::copy_from_slice(body),
            };
            let facts = Facts::of(&letter);
            line(&facts, body, &mut text);
            facts
        });
        let facts = facts.collect();
        (text, facts)
    }

    #[test]
    fn bytes_are_exact_whatever_they_are() {
        let all: Vec<u8> = (0..=255).collect();
        let controls = vec![1; 5_000];
        let bodies: [&[u8]; 6] = [
            b"{\"a\": 1.50}",
            b"",
            "Z\u{fc}rich\n\"\\\u{2028}\u{10ffff}".as_bytes(),
            &all,
            &controls,
            b"\xed\xa0\x80",
        ];
        let (text, facts) = lines_of(&bodies);
        assert!(text.len() < 2 * (256 + 5_000) + 6 * 600, "{}", text.len());
        let (letters, damaged) = read(&text, Timestamp(0));
        assert_eq!(damaged, Vec::<String>::new());
        let read: Vec<&[u8]> = letters.iter().map(|letter| &letter.body[..]).collect();
        assert_eq!(read, bodies);
        let read: Vec<_> = letters.into_iter().map(|letter| letter.facts).collect();
        assert_eq!(read, facts);
        assert_eq!(summary(&text, Timestamp(0)).unwrap(), (6, facts[0].clone()));
    }

    #[test]
    fn what_is_damaged_is_told_and_stays() {
        let (text, facts) = lines_of(&[b"one", b"two", b"three"]);
        let text = String::from_utf8(text).unwrap().replacen("two", "twö", 1);
        let text = format!("{{}}\n{text}cut");
        let (letters, damaged) = read(text.as_bytes(), Timestamp(0));
        assert_eq!(letters.len(), 2);
        assert_eq!(damaged.len(), 3, "{damaged:?}");
        let ids = facts.into_iter().map(|facts| facts.id).collect();
        let (rest, count) = without(text.as_bytes(), &ids);
        assert_eq!(count, 3);
        assert_eq!(read_again(&rest), (0, 3));
    }

    fn read_again(text: &[u8]) -> (usize, usize) {
        let (letters, damaged) = read(text, Timestamp(0));
        (letters.len(), damaged.len())
    }
}
