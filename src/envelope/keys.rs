//! The keys by which an envelope is known.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A key of an object outside of any record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// `records`, in any letter case.
    Records,
    /// `record`, in any letter case: a known misspelling.
    Record,
    /// What records have and envelopes do not.
    Own,
    Other,
}

/// Reads a key.
pub(super) struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        // Bytes rather than a string, which cannot hold half of a surrogate pair, as a key may.
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Key, E> {
        Ok(match key {
            _ if key.eq_ignore_ascii_case(b"records") => Key::Records,
            _ if key.eq_ignore_ascii_case(b"record") => Key::Record,
            _ if is_own(key) => Key::Own,
            _ => Key::Other,
        })
    }
}

/// Keys that records have, and neither envelopes nor the objects inside of records.
const OWN: [&[u8]; 6] = [
    b"time",
    b"category",
    b"operationName",
    b"resourceId",
    b"tenantId",
    b"callerIpAddress",
];

/// Whether a key is one of a record's own, in any letter case.
pub(super) fn is_own(key: &[u8]) -> bool {
    OWN.iter().any(|own| own.eq_ignore_ascii_case(key))
}

/// What an object holds at `records`, however often; or at `record`, when it has no other key.
/// Nothing, when it has a record's own keys beside, and no list with something in it there.
pub(super) fn envelope(object: &str) -> Vec<&str> {
    let mut keys = Keys::default();
    let mut deserializer = serde_json::Deserializer::from_str(object);
    if deserializer.deserialize_map(&mut keys).is_err() {
        return Vec::new();
    }
    match keys.record {
        Some(record) if keys.count == 1 && record.starts_with(['[', '{']) => vec![record],
        _ if keys.has_own && !keys.records.iter().any(|held| is_list(held)) => Vec::new(),
        _ => keys.records,
    }
}

/// Whether a value is an array that is not empty.
fn is_list(value: &str) -> bool {
    let inner = value.strip_prefix('[').map(str::trim_start);
    inner.is_some_and(|inner| !inner.starts_with(']'))
}

#[derive(Default)]
struct Keys<'de> {
    records: Vec<&'de str>,
    record: Option<&'de str>,
    has_own: bool,
    count: usize,
}

impl<'de> Visitor<'de> for &mut Keys<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KeySeed)? {
            self.count += 1;
            match key {
                Key::Records => self.records.push(map.next_value::<&'de RawValue>()?.get()),
                Key::Record => self.record = Some(map.next_value::<&'de RawValue>()?.get()),
                Key::Own => {
                    self.has_own = true;
                    map.next_value::<IgnoredAny>()?;
                }
                Key::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}
