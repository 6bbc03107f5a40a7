//! Where another record seems to begin.

use super::super::keys;
use super::{scan, string, word};

/// The next object behind `start` that may be a record, when the one that begins there has no end:
/// it stands behind another object or at the beginning of a line, and begins with the same key, or
/// with a key of records.
pub(super) fn alike(text: &[u8], start: usize) -> Option<usize> {
    let own = first_key(text, start);
    starts(text, start + 1).find(|at| is_alike(text, *at, own))
}

/// The same at or behind `from`, where a string begins that has no end; if there is none, then the
/// next object of any kind.
pub(super) fn any(text: &[u8], start: usize, from: usize) -> Option<usize> {
    let own = first_key(text, start);
    let mut found = starts(text, from);
    let alike = found.find(|at| is_alike(text, *at, own));
    alike.or_else(|| starts(text, from).find(|at| first_key(text, *at).is_some()))
}

fn is_alike(text: &[u8], at: usize, own: Option<&[u8]>) -> bool {
    first_key(text, at).is_some_and(|key| {
        own == Some(key) || keys::is_own(key) || key.eq_ignore_ascii_case(b"records")
    })
}

/// Where the next line begins with an object that has the same first key, when the object at
/// `start` begins a line, too.
pub(super) fn next_line(text: &[u8], start: usize) -> Option<usize> {
    let is_first = |at: usize| at == 0 || matches!(text.get(at - 1), Some(b'\n' | b'\r'));
    if !is_first(start) {
        return None;
    }
    let key = first_key(text, start)?;
    let rest = text.get(start..)?;
    // The next such line, and no further: another key is another kind of text.
    let next = rest
        .windows(2)
        .position(|pair| matches!(pair, [b'\n' | b'\r', b'{']))?;
    let next = start + next + 1;
    (first_key(text, next) == Some(key)).then_some(next)
}

/// The next place in plain text where JSON may begin: an object or an array at the beginning of a
/// line, or an envelope anywhere; behind records, also an object behind another one.
pub(super) fn in_text(text: &[u8], from: usize, is_behind_records: bool) -> Option<usize> {
    let rest = text.get(from..)?;
    let mut places = rest.iter().zip(from..);
    places
        .find(|(byte, at)| {
            **byte == b'{'
                && first_key(text, *at).is_some_and(|key| {
                    key.eq_ignore_ascii_case(b"records")
                        || begins_line(text, *at)
                        || is_behind_records && follows_object(text, *at)
                })
        })
        .map(|(_, at)| at)
}

/// Whether a string of the object at `start` that begins at `string` ran into another object: this
/// quote begins the first key of it. Gives where that object begins.
pub(super) fn ran_into(text: &[u8], start: usize, string: usize, quote: usize) -> Option<usize> {
    let brace = before(text, quote)?;
    if brace <= string || text.get(brace) != Some(&b'{') {
        return None;
    }
    let follows_comma = || before(text, brace).is_some_and(|at| text.get(at) == Some(&b','));
    let is_alike = || {
        first_key(text, brace).is_some_and(|key| {
            first_key(text, start) == Some(key) || keys::is_own(key) && follows_comma()
        })
    };
    (follows_object(text, brace) || begins_line(text, brace) || is_alike()).then_some(brace)
}

/// Whether an envelope begins here, at the very beginning of a line.
pub(super) fn envelope_on_line(text: &[u8], brace: usize) -> bool {
    let is_first = brace > 0 && matches!(text.get(brace - 1), Some(b'\n' | b'\r'));
    is_first && first_key(text, brace).is_some_and(|key| key.eq_ignore_ascii_case(b"records"))
}

fn starts(text: &[u8], from: usize) -> impl Iterator<Item = usize> {
    let rest = text.get(from..).unwrap_or_default();
    rest.iter()
        .zip(from..)
        .filter(|(byte, _)| **byte == b'{')
        .map(|(_, at)| at)
        .filter(|at| follows_object(text, *at) || begins_line(text, *at))
}

/// Whether the brace stands behind an object, with a comma between or without.
fn follows_object(text: &[u8], brace: usize) -> bool {
    let Some(mut at) = before(text, brace) else {
        return false;
    };
    if text.get(at) == Some(&b',') {
        match before(text, at) {
            Some(behind) => at = behind,
            None => return false,
        }
    }
    text.get(at) == Some(&b'}')
}

fn begins_line(text: &[u8], at: usize) -> bool {
    let line = text.get(..at).unwrap_or_default();
    line.iter()
        .rev()
        .take(WHITE_SPACE_MAX)
        .find(|byte| !matches!(byte, b' ' | b'\t'))
        .is_none_or(|byte| matches!(byte, b'\n' | b'\r'))
}

/// White space that is looked behind; more than that stands nowhere between records.
const WHITE_SPACE_MAX: usize = 256;

/// The last position before this one that holds no white space.
fn before(text: &[u8], at: usize) -> Option<usize> {
    let head = text.get(..at)?;
    head.iter()
        .enumerate()
        .rev()
        .take(WHITE_SPACE_MAX)
        .find(|(_, byte)| !byte.is_ascii_whitespace())
        .map(|(place, _)| place)
}

/// The name of the first key of an object, when it has one that stands as it should.
fn first_key(text: &[u8], brace: usize) -> Option<&[u8]> {
    /// Longer names stand in no record.
    const NAME_MAX: usize = 128;
    let start = scan::white_space(text, brace + 1);
    let window = text.get(..text.len().min(start + NAME_MAX))?;
    let (from, to, after) = match text.get(start)? {
        b'"' | b'\'' => {
            let after = string::plain_end(window, start)?;
            (start + 1, after - 1, after)
        }
        _ => {
            let end = word::key_end(window, start);
            (start, end, end)
        }
    };
    let colon = scan::white_space(text, after);
    (from < to && text.get(colon) == Some(&b':')).then(|| text.get(from..to))?
}
