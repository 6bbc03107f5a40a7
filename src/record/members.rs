//! The members of a JSON object as they are written.

use std::fmt;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// One member, in its own bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member<'a> {
    /// With its quotes and escapes.
    pub(super) key: &'a str,
    /// Without the white space around it.
    pub(super) value: &'a str,
}

/// All members at the top of an object, in their order, those of one name included; `None` when it
/// is no object, or breaks off.
pub(super) fn members(object: &[u8]) -> Option<Vec<Member<'_>>> {
    let mut deserializer = serde_json::Deserializer::from_slice(object);
    deserializer.deserialize_map(All).ok()
}

/// An object with one more member, as its last; `None` when it is no object.
pub(super) fn with_last(object: &str, member: &str) -> Option<String> {
    let open = object.trim_ascii_end().strip_suffix('}')?;
    let comma = match open.trim_ascii() {
        "{" => "",
        _ => ",",
    };
    Some(format!("{open}{comma}{member}}}"))
}

struct All;

impl<'a> Visitor<'a> for All {
    type Value = Vec<Member<'a>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((key, value)) = map.next_entry::<&'a RawValue, &'a RawValue>()? {
            members.push(Member {
                key: key.get(),
                value: value.get(),
            });
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_member_keeps_its_bytes() {
        let object = br#" { "a" : 1.50 ,"\u0061":[ 1 ],"\ud800":{"a":"\ud83d"},"":"" } "#;
        let expected = [
            (r#""a""#, "1.50"),
            (r#""\u0061""#, "[ 1 ]"),
            (r#""\ud800""#, r#"{"a":"\ud83d"}"#),
            (r#""""#, r#""""#),
        ];
        let expected = expected.map(|(key, value)| Member { key, value });
        assert_eq!(members(object).unwrap(), expected);
        assert_eq!(members(b"{}").unwrap(), []);
    }

    #[test]
    fn what_is_no_whole_object_has_none() {
        for text in ["", "1", "[]", "\"a\"", "{\"a\":1", "{\"a\"}"] {
            assert_eq!(members(text.as_bytes()), None, "{text}");
        }
    }
}
