//! One look through the members of a JSON object, without building a tree.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Puts the raw values of some members of an object into slots, and stops as soon as every slot
/// in `wanted` (bit *n* for slot *n*) is filled. Gives whether it stopped before the end.
///
/// `slot_of` names the slot of a key, and nothing for a key that is passed over. The first member
/// of a slot wins, as the scan could not stop otherwise. What is no object fills nothing; one
/// that breaks off fills what stands before the break.
pub(super) fn scan<'a>(
    object: &'a [u8],
    slots: &mut [Option<&'a str>],
    wanted: u32,
    slot_of: impl Fn(&str) -> Option<usize>,
) -> bool {
    let mut members = Members {
        slots,
        left: wanted,
        slot_of,
        stopped: wanted == 0,
    };
    if members.stopped {
        return true;
    }
    let mut deserializer = serde_json::Deserializer::from_slice(object);
    // Stopping in the middle of an object is an error to the deserializer, and none here.
    deserializer.deserialize_map(&mut members).ok();
    members.stopped
}

/// The raw values of the members of these names, the letter case of which does not matter. An
/// empty name is nobody's.
pub(super) fn lookup<'a, const N: usize>(
    object: &'a [u8],
    names: [&str; N],
) -> [Option<&'a str>; N] {
    const { assert!(N <= 32) };
    let mut slots = [None; N];
    scan(object, &mut slots, u32::MAX >> (32 - N), |key| {
        names.iter().position(|name| name.eq_ignore_ascii_case(key))
    });
    slots
}

struct Members<'s, 'a, F> {
    slots: &'s mut [Option<&'a str>],
    left: u32,
    slot_of: F,
    stopped: bool,
}

impl<'a, F: Fn(&str) -> Option<usize>> Visitor<'a> for &mut Members<'_, 'a, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(slot) = map.next_key_seed(Key(&self.slot_of))? {
            let empty = slot.and_then(|slot| {
                let empty = self.slots.get_mut(slot).filter(|it| it.is_none())?;
                Some((slot, empty))
            });
            let Some((slot, empty)) = empty else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            *empty = Some(map.next_value::<&'a RawValue>()?.get());
            self.left &= !(1 << slot);
            if self.left == 0 {
                self.stopped = true;
                break;
            }
        }
        Ok(())
    }
}

/// Reads a key as the number of its slot.
struct Key<'f, F>(&'f F);

impl<'a, F: Fn(&str) -> Option<usize>> DeserializeSeed<'a> for Key<'_, F> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        // Bytes rather than a string, which cannot hold half of a surrogate pair, as a key may.
        deserializer.deserialize_bytes(self)
    }
}

impl<F: Fn(&str) -> Option<usize>> Visitor<'_> for Key<'_, F> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_bytes<E>(self, key: &[u8]) -> Result<Option<usize>, E> {
        Ok(std::str::from_utf8(key).ok().and_then(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_name_wins_in_any_letter_case() {
        let object = br#"{"x":{"level":0},"Level": 4 ,"level":"5","LEVEL":6,"c\u0061t":"a"}"#;
        assert_eq!(
            lookup(object, ["level", "cat", "other"]),
            [Some("4"), Some("\"a\""), None]
        );
    }

    #[test]
    fn a_key_with_half_a_surrogate_pair_is_passed_over() {
        assert_eq!(lookup(br#"{"\ud800":1,"a":2}"#, ["a"]), [Some("2")]);
    }

    #[test]
    fn it_stops_when_everything_was_found() {
        let broken = br#"{"a":1,"b":[2],"c":!!!"#;
        assert_eq!(lookup(broken, ["b", "a"]), [Some("[2]"), Some("1")]);
        assert_eq!(lookup(broken, ["a", "z"]), [Some("1"), None]);
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for text in ["", "1", "[{\"a\":1}]", "\"a\"", "null", "{", "}", "{\"a\""] {
            assert_eq!(lookup(text.as_bytes(), ["a"]), [None]);
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = [
            &b"{\"a\":"[..],
            &b"[".repeat(200_000),
            &b"]".repeat(200_000),
        ]
        .concat();
        let object = [&deep[..], b",\"b\":1}"].concat();
        assert_eq!(lookup(&object, ["b"]), [Some("1")]);
    }
}
