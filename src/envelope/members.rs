//! The members of an array, one after the other.

use std::fmt;

use serde::Deserializer;
use serde::de::{Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Gives each member to `take` until that says no; whether it never did. Keeps nothing.
pub(super) fn each<'a>(array: &'a str, take: impl FnMut(&'a str) -> bool) -> bool {
    serde_json::Deserializer::from_str(array)
        .deserialize_seq(Each(take))
        .is_ok()
}

struct Each<F>(F);

impl<'de, F: FnMut(&'de str) -> bool> Visitor<'de> for Each<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some(member) = members.next_element::<&'de RawValue>()? {
            if !(self.0)(member.get()) {
                return Err(A::Error::custom("no more"));
            }
        }
        Ok(())
    }
}
