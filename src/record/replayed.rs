//! Records that are delivered again on purpose, and say so.

use std::fmt;
use std::str::FromStr;

use super::members::with_last;
use super::scan::lookup;

/// Key of the mark in a replayed record; its value is the id of the replay.
pub const REPLAYED: &str = "entra_forwarder_replay";

/// At most how many bytes a record grows by.
pub(crate) const REPLAYED_BYTES_MAX: u64 = (REPLAYED.len() + ReplayId::BYTES_MAX + 6) as u64;

/// Name of a replay: 1 to 40 lower-case letters, digits and `-`, a letter or digit at both ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReplayId {
    /// ASCII; zeros behind the end.
    text: [u8; Self::BYTES_MAX],
}

impl ReplayId {
    const BYTES_MAX: usize = 40;

    /// Its text.
    pub fn as_str(&self) -> &str {
        let text = std::str::from_utf8(&self.text).unwrap_or_default();
        text.trim_end_matches('\0')
    }
}

impl FromStr for ReplayId {
    type Err = &'static str;

    fn from_str(id: &str) -> Result<Self, Self::Err> {
        let is_inner = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let is_right = (1..=Self::BYTES_MAX).contains(&id.len())
            && id.as_bytes().iter().all(is_inner)
            && !id.starts_with('-')
            && !id.ends_with('-');
        if !is_right {
            return Err("expected 1 to 40 lower-case letters, digits and dashes, none at an end");
        }
        let mut text = [0; Self::BYTES_MAX];
        for (to, from) in text.iter_mut().zip(id.as_bytes()) {
            *to = *from;
        }
        Ok(Self { text })
    }
}

impl fmt::Display for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ReplayId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A JSON object with the mark as its last member, and otherwise as it is. One that bears a mark
/// already keeps that one; `None` when it is no object.
pub(crate) fn replayed(object: &[u8], id: ReplayId) -> Option<Vec<u8>> {
    let [marked] = lookup(object, [REPLAYED]);
    if marked.is_some() {
        return Some(object.to_vec());
    }
    let object = std::str::from_utf8(object).ok()?;
    let marked = with_last(object, &format!("\"{REPLAYED}\":\"{id}\""))?;
    Some(marked.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_the_last_member() {
        let id: ReplayId = "2026-monday".parse().unwrap();
        for (object, expected) in [
            ("{}", r#"{"entra_forwarder_replay":"2026-monday"}"#),
            (
                "{\"a\":1.50, \"a\":2 }\n",
                r#"{"a":1.50, "a":2 ,"entra_forwarder_replay":"2026-monday"}"#,
            ),
            (
                r#"{"entra_forwarder_replay":"before"}"#,
                r#"{"entra_forwarder_replay":"before"}"#,
            ),
        ] {
            let marked = replayed(object.as_bytes(), id).unwrap();
            assert_eq!(String::from_utf8(marked.clone()).unwrap(), expected);
            assert!(marked.len() as u64 <= object.len() as u64 + REPLAYED_BYTES_MAX);
        }
        assert_eq!(replayed(b"[]", id), None);
    }

    #[test]
    fn ids_are_short_and_plain() {
        let longest = "x".repeat(40);
        for id in ["a", "0", "a-b-0", longest.as_str()] {
            assert_eq!(id.parse::<ReplayId>().unwrap().as_str(), id);
        }
        for id in ["", "-", "a-", "A", "a b", "a/b", &"x".repeat(41)] {
            assert!(id.parse::<ReplayId>().is_err(), "{id}");
        }
    }
}
