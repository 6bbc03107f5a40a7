//! Raw JSON values as the texts that they mean.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::Visitor;
use serde_json::value::RawValue;

use super::scan::lookup;

/// Strings in strings that are looked into.
const DEPTH_MAX: usize = 4;

/// The text of a value: what a string holds, the digits of a number as they stand, `true` or
/// `false`, and the `value` (else the `localizedValue`) of `{"value":..,"localizedValue":..}`.
/// `None` for `null`, an array, another object, and an empty string.
pub(super) fn text(raw: &str) -> Option<Cow<'_, str>> {
    let raw = if raw.starts_with('{') {
        let [value, localized] = lookup(raw.as_bytes(), ["value", "localizedValue"]);
        return value
            .and_then(scalar)
            .or_else(|| localized.and_then(scalar));
    } else {
        raw
    };
    scalar(raw)
}

fn scalar(raw: &str) -> Option<Cow<'_, str>> {
    let text = match raw.as_bytes().first()? {
        b'"' => string(raw)?,
        b'-' | b'0'..=b'9' | b't' | b'f' => Cow::Borrowed(raw),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// What a JSON string holds; half of a surrogate pair becomes U+FFFD.
pub(super) fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    let mut deserializer = serde_json::Deserializer::from_str(raw);
    let bytes = deserializer.deserialize_bytes(Octets).ok()?;
    Some(Cow::Owned(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }))
}

/// The object that a value is, or that a string holds, even a string in a string.
///
/// Never longer than the value. `None` when there is none, or when its text could only be had
/// with a loss (half of a surrogate pair).
pub(super) fn object(raw: &str) -> Option<Cow<'_, str>> {
    if raw.starts_with('{') {
        return Some(Cow::Borrowed(raw));
    }
    let mut held: Cow<'_, str> = Cow::Borrowed(raw);
    for _ in 0..DEPTH_MAX {
        if !held.starts_with('"') {
            return None;
        }
        held = Cow::Owned(serde_json::from_str::<String>(&held).ok()?);
        let inner: &RawValue = serde_json::from_str(&held).ok()?;
        if inner.get().starts_with('{') {
            return Some(Cow::Owned(inner.get().to_owned()));
        }
        held = Cow::Owned(inner.get().to_owned());
    }
    None
}

/// Takes a string as bytes, which also holds half of a surrogate pair.
struct Octets;

impl Visitor<'_> for Octets {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, expected: Option<&str>) {
        assert_eq!(text(raw).as_deref(), expected, "{raw}");
    }

    #[test]
    fn texts() {
        check("\"a b\"", Some("a b"));
        check(r#""a\u0062\n\"\ud83d\ude00""#, Some("ab\n\"\u{1f600}"));
        check(r#""a\ud83d""#, Some("a\u{fffd}\u{fffd}\u{fffd}"));
        check("\"MFA für Gäste\"", Some("MFA für Gäste"));
        check("638906399196346121", Some("638906399196346121"));
        check("-0.000000", Some("-0.000000"));
        check("true", Some("true"));
        for nothing in ["null", "\"\"", "[]", "[\"a\"]", "{}", "{\"a\":1}", ""] {
            check(nothing, None);
        }
    }

    #[test]
    fn values_with_a_local_form() {
        check(
            r#"{"localizedValue":"Alarm","value":"Alert"}"#,
            Some("Alert"),
        );
        check(r#"{"value":"","localizedValue":"Alarm"}"#, Some("Alarm"));
        check(r#"{"value":{"value":"a"}}"#, None);
    }

    #[test]
    fn objects_in_strings() {
        let check = |raw: &str, expected: Option<&str>| {
            assert_eq!(object(raw).as_deref(), expected, "{raw}");
        };
        check("{\"a\":1}", Some("{\"a\":1}"));
        check(r#"" {\"a\": 1.50} ""#, Some("{\"a\": 1.50}"));
        check(r#""\"{\\\"a\\\":\\\"b\\\"}\"""#, Some("{\"a\":\"b\"}"));
        check(r#""{'a':1}""#, None);
        check(r#""{\"a\":\"\ud83d\"}""#, None);
        check(r#""{\"a\":1}{}""#, None);
        check(r#""[1]""#, None);
        check("\"\"", None);
        check("null", None);
        check("[]", None);
        let mut deep = "{}".to_owned();
        for depth in 1..=6 {
            deep = serde_json::to_string(&deep).unwrap();
            assert_eq!(object(&deep).is_some(), depth <= DEPTH_MAX);
        }
    }
}
