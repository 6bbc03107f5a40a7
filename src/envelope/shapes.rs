//! Well-formed JSON that is no plain envelope.
//!
//! | text | records |
//! |---|---|
//! | `{"records": ...}`, the key in any letter case | what stands there |
//! | `{"record": ...}` and nothing else | the same: a known misspelling |
//! | any other object, also with `null`, `[]` or an object at `records` beside a record's keys | itself |
//! | an array | its members, each taken as if it stood alone |
//! | an array in an array | the same when it holds objects; else itself, as a value |
//! | several texts one behind the other (NDJSON) | the records of each |
//! | a string that holds JSON | what stands in it |
//! | `null` | none |
//! | any other string, number, `true`, `false` | itself, as a value |

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::collect::Collector;
use super::{RecordKind, Records, keys, members};

/// Arrays in arrays and strings in strings that are looked into; what is deeper is a value.
const DEPTH_MAX: u8 = 4;

/// Splits a text that is a sequence of JSON texts; `None` when it is not.
pub(super) fn split(text: &Bytes) -> Option<Records> {
    let mut collector = Collector::new(text);
    split_into(&mut collector, text, 0)?;
    Some(collector.finish())
}

/// The same for a part of a text that begins at the position `base`; `None`, and nothing is added,
/// when it is no sequence of JSON texts.
pub(super) fn split_into(collector: &mut Collector, text: &[u8], base: usize) -> Option<()> {
    // Twice over the text rather than a list of what may be millions of values.
    let texts = || serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    if !texts().all(|text| text.is_ok()) {
        return None;
    }
    let mut walk = Walk {
        collector,
        text,
        base,
        depth: 0,
        in_array: false,
    };
    for text in texts().flatten() {
        walk.value(text.get());
    }
    Some(())
}

/// A look through one text, whose first byte has the position `base`.
struct Walk<'a, 'b> {
    collector: &'a mut Collector,
    text: &'b [u8],
    base: usize,
    depth: u8,
    in_array: bool,
}

impl<'b> Walk<'_, 'b> {
    fn value(&mut self, value: &'b str) {
        match value.as_bytes().first() {
            Some(b'{') => self.object(value),
            Some(b'[') if !self.in_array => {
                self.in_array = true;
                self.array(value, Self::value);
                self.in_array = false;
            }
            _ => self.member(value),
        }
    }

    /// An object outside of any envelope: one, or a record.
    fn object(&mut self, object: &'b str) {
        let held = keys::envelope(object);
        let is_envelope = !held.is_empty() && held.iter().all(|value| self.holds_records(value));
        if !is_envelope {
            return self.push(object, RecordKind::Object);
        }
        for value in held {
            match value.as_bytes().first() {
                Some(b'[') => self.array(value, Self::member),
                _ => self.member(value),
            }
        }
    }

    /// Whether what stands at `records` is what an envelope has there; a plain string or a number
    /// belongs to a record that has a key of this name.
    fn holds_records(&self, value: &str) -> bool {
        match value.as_bytes().first() {
            Some(b'[' | b'{' | b'n') => true,
            Some(b'"') => self.depth < DEPTH_MAX && content(value).is_some(),
            _ => false,
        }
    }

    /// What stands in an envelope, or anything but an object.
    fn member(&mut self, value: &'b str) {
        match value.as_bytes().first() {
            Some(b'{') => self.push(value, RecordKind::Object),
            Some(b'n') => {}
            Some(b'[') if holds_objects(value, self.depth) => {
                self.depth += 1;
                self.array(value, Self::value);
                self.depth -= 1;
            }
            Some(b'"') if self.depth < DEPTH_MAX => match content(value) {
                Some(content) => self.inside(&content),
                None => self.push(value, RecordKind::Value),
            },
            _ => self.push(value, RecordKind::Value),
        }
    }

    fn array(&mut self, array: &'b str, take: fn(&mut Self, &'b str)) {
        let is_taken = members::each(array, |member| {
            take(self, member);
            true
        });
        debug_assert!(is_taken, "it is well-formed");
    }

    /// The content of a string, which is JSON.
    fn inside(&mut self, content: &str) {
        let base = self.collector.extend(content.as_bytes());
        let mut walk = Walk {
            collector: self.collector,
            text: content.as_bytes(),
            base,
            depth: self.depth + 1,
            in_array: false,
        };
        let texts = serde_json::Deserializer::from_str(content).into_iter::<&RawValue>();
        // Seen before to be JSON.
        for text in texts.flatten() {
            walk.value(text.get());
        }
    }

    fn push(&mut self, value: &str, kind: RecordKind) {
        let start = value.as_ptr() as usize - self.text.as_ptr() as usize + self.base;
        self.collector.push(start, start + value.len(), kind);
    }
}

/// Whether nothing but objects stands in an array, be it in further arrays.
fn holds_objects(array: &str, depth: u8) -> bool {
    depth < DEPTH_MAX
        && members::each(array, |member| match member.as_bytes().first() {
            Some(b'{' | b'n') => true,
            Some(b'[') => holds_objects(member, depth + 1),
            _ => false,
        })
}

/// The content of a JSON string, when that is JSON again and more than a plain value.
fn content(string: &str) -> Option<String> {
    let content: String = serde_json::from_str(string).ok()?;
    if !content.trim_start().starts_with(['{', '[', '"']) {
        return None;
    }
    let texts = serde_json::Deserializer::from_str(&content).into_iter::<IgnoredAny>();
    let mut count = 0;
    for text in texts {
        text.ok()?;
        count += 1;
    }
    (count > 0).then_some(content)
}
