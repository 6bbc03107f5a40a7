//! Words without quotes: numbers, `true`, `NaN`, and text that should have had some.

use super::super::Repairs;
use super::output::Output;
use super::scan;

/// The position behind a word in the place of a value. A line break ends it: text in quotes may go
/// on there, a word does not. So does a blank between a value of JSON and what can only be the next
/// member: the comma is missing.
pub(super) fn end(text: &[u8], start: usize) -> usize {
    let ends = |byte| matches!(byte, b',' | b'{' | b'}' | b'[' | b']' | b'\n' | b'\r');
    let first = until(text, start, |byte| ends(byte) || byte.is_ascii_whitespace());
    let is_value = |from: usize, to: usize| text.get(from..to).is_some_and(super::output::is_json);
    if is_value(start, first) {
        let follows = scan::white_space(text, first);
        let second = until(text, follows, |byte| {
            ends(byte) || byte.is_ascii_whitespace()
        });
        let is_next = match text.get(follows) {
            Some(b'"' | b'\'') => true,
            _ => is_value(follows, second) || is_key(text, follows),
        };
        if is_next {
            return first;
        }
    }
    until(text, first, ends)
}

/// Whether a key without quotes stands here.
fn is_key(text: &[u8], start: usize) -> bool {
    let end = key_end(text, start);
    end > start && text.get(scan::white_space(text, end)) == Some(&b':')
}

/// The position behind a word in the place of a key.
pub(super) fn key_end(text: &[u8], start: usize) -> usize {
    until(text, start, |byte| {
        !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$' | b'@'))
            && byte < 0x80
    })
}

/// The position behind text between two members: before the next object, or the end of the array.
pub(super) fn stray_end(text: &[u8], start: usize) -> usize {
    until(text, start, |byte| {
        matches!(byte, b',' | b'{' | b']' | b'}')
    })
}

fn until(text: &[u8], start: usize, ends: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    start + rest.iter().take_while(|byte| !ends(**byte)).count()
}

/// Writes a word that stands for a value.
pub(super) fn write(word: &[u8], output: &mut Output) {
    match word {
        b"true" | b"false" | b"null" => output.raw(word),
        b"True" | b"TRUE" => output.repaired(b"true", Repairs::UNQUOTED),
        b"False" | b"FALSE" => output.repaired(b"false", Repairs::UNQUOTED),
        b"None" | b"NULL" | b"Null" | b"nil" | b"undefined" => {
            output.repaired(b"null", Repairs::UNQUOTED);
        }
        b"NaN" | b"nan" | b"-NaN" | b"Infinity" | b"+Infinity" | b"-Infinity" | b"inf"
        | b"-inf" | b"Inf" | b"-Inf" => output.repaired(b"null", Repairs::NOT_A_NUMBER),
        _ if super::output::is_json(word) => output.raw(word),
        _ => {
            let is_number = word
                .iter()
                .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'+' | b'-' | b'.' | b'x'));
            output.quoted(
                word,
                match is_number {
                    true => Repairs::NUMBER,
                    false => Repairs::UNQUOTED,
                },
            );
        }
    }
}
