//! Lists of globs over categories.

use super::Mistake;
use crate::config::node::{Value, shown_text};
use crate::config::text::read_list;

/// What is accepted.
pub(super) const EXPECTED: &str = "a list of at least one pattern, such as \
                                   [\"*SignInLogs\", \"<none>\"]";

/// Most patterns in a list, and characters in a pattern.
const PATTERNS_MAX: usize = 200;
const CHARACTERS_MAX: usize = 100;

/// Reads a list. In a variable of the environment it is TOML or JSON.
pub(super) fn check(value: &Value) -> Result<Vec<String>, Mistake> {
    let mistaken =
        || Mistake::new(value.shown()).hint("write it as in [\"*SignInLogs\", \"AuditLogs\"]");
    let read;
    let items = match value {
        Value::List(items) => items,
        Value::Plain(text) => match read_list(text) {
            Some(items) => {
                read = items;
                &read
            }
            None => return Err(mistaken()),
        },
        _ => return Err(mistaken()),
    };
    if items.is_empty() || items.len() > PATTERNS_MAX {
        return Err(Mistake::new(format!("a list of {} patterns", items.len())));
    }
    items.iter().map(pattern).collect()
}

fn pattern(item: &Value) -> Result<String, Mistake> {
    let Value::Text(text) = item else {
        return Err(Mistake::new(format!("a list with {}", item.shown())));
    };
    let fits = |c: char| c.is_alphanumeric() || " ._-/:()*?".contains(c);
    let is_right = text == crate::filter::NO_CATEGORY
        || (!text.is_empty()
            && text.trim() == text
            && text.chars().count() <= CHARACTERS_MAX
            && text.chars().all(fits));
    match is_right {
        true => Ok(text.clone()),
        false => Err(
            Mistake::new(format!("a list with {}", shown_text(text))).hint(
                "beside letters and digits a pattern may hold blanks inside of it and ._-/:()*?, of \
                 which * is any text and ? one character",
            ),
        ),
    }
}
