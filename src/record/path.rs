//! What stands at a path of a record, found without building a tree.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::scan::scan;
use super::{Record, value};

/// Why a text is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected names with dots between them, such as properties.status.errorCode (the first one is no \
     number, and there are at most {max} of them)",
    max = Path::SEGMENTS_MAX
)]
pub struct BadPath;

/// Names with dots between them; behind the first one, a number is the element of an array.
impl std::str::FromStr for Path {
    type Err = BadPath;

    fn from_str(text: &str) -> Result<Self, BadPath> {
        let segments =
            text.split('.')
                .enumerate()
                .map(|(place, name)| match (place, name, name.parse()) {
                    (_, "", _) => Err(BadPath),
                    (1.., _, Ok(index)) => Ok(Segment::Element(index)),
                    _ => Ok(Segment::Member(name.to_owned())),
                });
        Self::new(segments.collect::<Result<_, _>>()?).ok_or(BadPath)
    }
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// A member of an object, by its name.
    Member(String),
    /// An element of an array, counted from 0.
    Element(usize),
}

/// A way into a record, from its top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<Segment>);

impl Path {
    /// The most segments of a path.
    pub const SEGMENTS_MAX: usize = 32;

    /// Joins segments; `None` when there is none, or more than [`Self::SEGMENTS_MAX`].
    pub fn new(segments: Vec<Segment>) -> Option<Self> {
        (1..=Self::SEGMENTS_MAX)
            .contains(&segments.len())
            .then_some(Self(segments))
    }
}

impl<'a> Record<'a> {
    /// What the value at a path says: the text of a string, a number or a boolean as it stands, or
    /// the `value` of `{"value":..,"localizedValue":..}`.
    ///
    /// `None` for `null`, an empty string, an array, another object, and where nothing is. Names
    /// are exact; only of the first, a member that differs in letter case alone counts when none
    /// is exact. The first of several members with one name counts. An object in a string is looked
    /// into as if it stood there itself.
    pub fn at(&self, path: &Path) -> Option<Cow<'a, str>> {
        match self.raw_at(path)? {
            Cow::Borrowed(raw) => value::text(raw),
            Cow::Owned(raw) => value::text(&raw).map(|text| Cow::Owned(text.into_owned())),
        }
    }

    /// The JSON text of the value at a path, found as [`Self::at`] does; `None` where nothing is.
    pub fn raw_at(&self, path: &Path) -> Option<Cow<'a, str>> {
        let object = self.object()?;
        let (first, rest) = path.0.split_first()?;
        let Segment::Member(name) = first else {
            return None;
        };
        let mut found = [None; 2];
        // Bit 0: the exact name ends the scan.
        scan(object, &mut found, 1, |key| {
            if key == name {
                Some(0)
            } else {
                key.eq_ignore_ascii_case(name).then_some(1)
            }
        });
        let [exact, similar] = found;
        follow(exact.or(similar)?, rest)
    }
}

/// Goes on from a raw value. No deeper than [`Path::SEGMENTS_MAX`].
fn follow<'a>(raw: &'a str, segments: &[Segment]) -> Option<Cow<'a, str>> {
    let Some((first, rest)) = segments.split_first() else {
        return Some(Cow::Borrowed(raw));
    };
    match first {
        Segment::Element(index) => follow(element(raw, *index)?, rest),
        Segment::Member(name) => match value::object(raw)? {
            Cow::Borrowed(object) => follow(member(object, name)?, rest),
            Cow::Owned(object) => {
                let raw = follow(member(&object, name)?, rest)?;
                Some(Cow::Owned(raw.into_owned()))
            }
        },
    }
}

fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let mut found = [None];
    scan(object.as_bytes(), &mut found, 1, |key| {
        (key == name).then_some(0)
    });
    let [found] = found;
    found
}

/// The raw value of an array's element.
fn element(raw: &str, index: usize) -> Option<&str> {
    let mut found = None;
    let element = Element {
        index,
        found: &mut found,
    };
    // Stopping in the middle of an array is an error to the deserializer, and none here.
    serde_json::Deserializer::from_str(raw)
        .deserialize_seq(element)
        .ok();
    found
}

struct Element<'f, 'a> {
    index: usize,
    found: &'f mut Option<&'a str>,
}

impl<'a> Visitor<'a> for Element<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut elements: A) -> Result<(), A::Error> {
        for _ in 0..self.index {
            if elements.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        *self.found = elements.next_element::<&'a RawValue>()?.map(RawValue::get);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::with;
    use super::*;

    fn check(body: &str, path: &[&str], expected: Option<&str>) {
        let segments = path.iter().map(|it| match it.parse() {
            Ok(index) => Segment::Element(index),
            Err(_) => Segment::Member((*it).to_owned()),
        });
        let path = Path::new(segments.collect()).unwrap();
        with(body, |record| {
            assert_eq!(record.at(&path).as_deref(), expected, "{body} {path:?}");
        });
    }

    #[test]
    fn members_and_elements() {
        let body = r#"{"a":{"b":[1.50,{"c":"d\u0065"},[],true]},"e":null,"":7}"#;
        check(body, &["a", "b", "0"], Some("1.50"));
        check(body, &["a", "b", "1", "c"], Some("de"));
        check(body, &["a", "b", "3"], Some("true"));
        check(body, &[""], Some("7"));
        for nothing in [
            &["a"][..],
            &["a", "b"],
            &["a", "b", "2"],
            &["a", "b", "4"],
            &["a", "b", "18446744073709551615"],
            &["a", "0"],
            &["a", "b", "c"],
            &["a", "b", "0", "c"],
            &["e"],
            &["e", "f"],
            &["0"],
        ] {
            check(body, nothing, None);
        }
    }

    #[test]
    fn the_exact_name_comes_first_at_the_top_and_alone_below() {
        check(r#"{"App":1,"app":2,"app":3}"#, &["app"], Some("2"));
        check(r#"{"App":1,"APP":2}"#, &["app"], Some("1"));
        check(r#"{"App":{"Id":1}}"#, &["app", "Id"], Some("1"));
        check(r#"{"App":{"Id":1}}"#, &["app", "id"], None);
    }

    #[test]
    fn objects_in_strings_and_values_with_a_local_form() {
        let body = r#"{"properties":"{\"a\":\"{\\\"b\\\":\\\"c\\\"}\"}"}"#;
        check(body, &["properties", "a", "b"], Some("c"));
        let body = r#"{"status":{"value":"Started","localizedValue":"Begonnen"}}"#;
        check(body, &["status"], Some("Started"));
        check(body, &["status", "localizedValue"], Some("Begonnen"));
    }

    #[test]
    fn raw_values_are_as_they_stand() {
        let body = r#"{"a":{"b":[1.50,null,"\u0065"]},"c":"{\"d\":{\"e\":1}}"}"#;
        for (path, expected) in [
            ("a.b", Some(r#"[1.50,null,"\u0065"]"#)),
            ("a.b.0", Some("1.50")),
            ("a.b.1", Some("null")),
            ("a.b.2", Some(r#""\u0065""#)),
            ("c.d", Some(r#"{"e":1}"#)),
            ("c.x", None),
        ] {
            let path = path.parse().unwrap();
            with(body, |record| {
                assert_eq!(record.raw_at(&path).as_deref(), expected);
            });
        }
        for wrong in ["", ".", "a.", ".a", "a..b"] {
            assert_eq!(wrong.parse::<Path>(), Err(BadPath), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_object_has_nothing_at_any_path() {
        check("\"a\"", &["a"], None);
        check("plain text", &["a"], None);
        assert_eq!(Path::new(Vec::new()), None);
        assert_eq!(Path::new(vec![Segment::Element(0); 33]), None);
    }
}
