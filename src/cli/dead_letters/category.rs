//! The category of a record.

use std::borrow::Cow;

use serde::Deserialize;

use crate::deliver::dead_letter::StoredLetter;
use crate::envelope;

/// Largest size to which a compressed event is unpacked to look for a category.
const EXPANSION_MAX: u64 = 64 << 20;

/// Whether a letter's record, or one of its event's records, has this category, in any case.
pub(super) fn has_category(letter: &StoredLetter, category: &str) -> bool {
    let is_it =
        |bytes: &[u8]| category_of(bytes).is_some_and(|it| it.eq_ignore_ascii_case(category));
    if letter.facts.index.is_some() {
        return is_it(&letter.body);
    }
    let split = || envelope::split(&letter.body, EXPANSION_MAX);
    // What ends here as a whole event may be what splitting fails on.
    let records = std::panic::catch_unwind(std::panic::AssertUnwindSafe(split));
    records.is_ok_and(|records| records.all().any(|piece| is_it(piece.original)))
}

/// The `category` of a record that is a JSON object with one.
fn category_of(record: &[u8]) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Categorized<'a> {
        #[serde(borrow, default)]
        category: Option<Cow<'a, str>>,
    }
    let categorized: Categorized<'_> = serde_json::from_slice(record).ok()?;
    categorized.category
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_have_one() {
        let check = |record: &str, expected: Option<&str>| {
            assert_eq!(category_of(record.as_bytes()).as_deref(), expected);
        };
        check(r#"{"a":1,"category":"SignInLogs"}"#, Some("SignInLogs"));
        check(r#"{"category":"a\u0062"}"#, Some("ab"));
        check(r#"{"category":null}"#, None);
        check(r#"{"category":7}"#, None);
        check(r#"{"b":{"category":"x"}}"#, None);
        check("category", None);
        check("", None);
    }
}
