//! The one shape that Azure documents, in one scan and without a copy.

use std::fmt;

use bytes::Bytes;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::collect::Collector;
use super::keys::{Key, KeySeed};
use super::{RecordKind, Records};

/// Records in an average message; a guess that saves the list from growing step by step.
const RECORD_BYTES: usize = 1024;

/// Splits a well-formed `{"records":[{...}, ...]}`, whatever stands beside it; `None` when it is
/// anything else.
pub(super) fn split(body: &Bytes) -> Option<Records> {
    let mut found = Found {
        body,
        is_envelope: false,
        has_own: false,
        collector: Collector::with_room(body, body.len() / RECORD_BYTES),
    };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    deserializer.deserialize_map(Envelope(&mut found)).ok()?;
    deserializer.end().ok()?;
    // A record may have such a key as well, and nothing there.
    let is_envelope = found.is_envelope && (found.collector.len() > 0 || !found.has_own);
    is_envelope.then(|| found.collector.finish())
}

struct Found<'a> {
    body: &'a Bytes,
    is_envelope: bool,
    /// A key that records have stands beside.
    has_own: bool,
    collector: Collector,
}

struct Envelope<'a, 'b>(&'a mut Found<'b>);

impl<'de> Visitor<'de> for Envelope<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an envelope")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KeySeed)? {
            if key == Key::Records {
                self.0.is_envelope = true;
                map.next_value_seed(Members(self.0))?;
            } else {
                self.0.has_own |= key == Key::Own;
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct Members<'a, 'b>(&'a mut Found<'b>);

impl<'de> DeserializeSeed<'de> for Members<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Members<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(member) = members.next_element::<&RawValue>()? {
            let text = member.get();
            if !text.starts_with('{') {
                return Err(A::Error::custom("a member that is no object"));
            }
            let start = text.as_ptr() as usize - self.0.body.as_ptr() as usize;
            let end = start + text.len();
            self.0.collector.push(start, end, RecordKind::Object);
        }
        Ok(())
    }
}
