//! Words without quotes: numbers, `true`, `NaN`, and text that should have had some.

use super::super::Repairs;
use super::output::Output;

/// The position behind a word in the place of a value. A line break ends it: text in quotes may go
/// on there, a word does not.
pub(super) fn end(text: &[u8], start: usize) -> usize {
    until(text, start, |byte| {
        matches!(byte, b',' | b'{' | b'}' | b'[' | b']' | b'\n' | b'\r')
    })
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
