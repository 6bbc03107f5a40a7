//! Strings, with quotes of either kind, and with quotes, line breaks and backslashes inside that
//! should have been escaped.
//!
//! A string that is well-formed in a well-formed object is always taken as it is: its closing quote
//! is followed by what JSON allows there, and no guess is made.

use super::super::Repairs;
use super::boundary;
use super::output::{Mark, Output};
use super::scan;

/// What a string stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Key,
    /// A value of an object.
    Member,
    /// A value of an array.
    Element,
}

/// How a string ended.
pub(super) enum End {
    /// Behind its closing quote.
    Closed(usize),
    /// It has none, and ran into the object that begins here.
    RanInto(usize),
    /// It has none.
    Open,
}

/// Reads the string of `object` that begins with a quote at `start`, and writes it. The second value is the
/// position up to which the text was looked at.
pub(super) fn read(
    text: &[u8],
    (object, start): (usize, usize),
    place: Place,
    output: &mut Output,
) -> (End, usize) {
    let quote = text.get(start).copied().unwrap_or(b'"');
    if quote != b'"' {
        output.note(Repairs::SINGLE_QUOTES);
    }
    output.raw(b"\"");
    // The last quote that was taken for a part of the text.
    let mut inner: Option<(usize, Mark)> = None;
    let mut at = start + 1;
    loop {
        let Some(byte) = text.get(at).copied() else {
            return (End::Open, at);
        };
        if byte == quote {
            match judge(text, at, place) {
                Judgement::Closes => {
                    output.raw(b"\"");
                    return (End::Closed(at + 1), at + 1);
                }
                // A colon: this string is a key, and the value before it ended with the quote
                // that began it.
                Judgement::ClosesKey => {
                    let Some((earlier, mark)) = inner else {
                        output.raw(b"\"");
                        return (End::Closed(at + 1), at + 1);
                    };
                    output.back_to(mark);
                    output.raw(b"\"");
                    return (End::Closed(earlier), at + 1);
                }
                Judgement::Inner => {
                    if let Some(brace) = boundary::ran_into(text, object, start, at) {
                        return (End::RanInto(brace), at);
                    }
                    inner = Some((at, output.mark()));
                    output.note(match quote {
                        b'"' => Repairs::INNER_QUOTE,
                        _ => Repairs::SINGLE_QUOTES,
                    });
                    output.character(byte);
                    at += 1;
                }
            }
        } else if byte == b'\\' {
            at += escape(text, at, output);
        } else {
            match byte {
                0..0x20 => output.note(Repairs::CONTROL_CHARACTER),
                b'"' => output.note(Repairs::SINGLE_QUOTES),
                _ => {}
            }
            output.character(byte);
            at += 1;
        }
    }
}

enum Judgement {
    Closes,
    ClosesKey,
    Inner,
}

/// Whether a quote ends its string, by what follows it.
fn judge(text: &[u8], quote: usize, place: Place) -> Judgement {
    let follows = scan::white_space(text, quote + 1);
    let is_apart = follows > quote + 1;
    let closes = match (text.get(follows).copied(), place) {
        (None, _) | (Some(b'}' | b']'), _) => true,
        (Some(b':'), Place::Key) => true,
        (Some(b':'), _) => return Judgement::ClosesKey,
        (Some(b','), Place::Member) => begins_key(text, follows + 1),
        (Some(b','), _) => true,
        (Some(b'"' | b'\''), _) => is_apart,
        (Some(b'{' | b'['), _) => true,
        (Some(b'0'..=b'9' | b'-' | b't' | b'f' | b'n'), Place::Key | Place::Element) => {
            is_apart || begins_word(text, follows)
        }
        _ => false,
    };
    match closes {
        true => Judgement::Closes,
        false => Judgement::Inner,
    }
}

/// Whether one of JSON's own words stands here, and nothing but it.
fn begins_word(text: &[u8], from: usize) -> bool {
    let word = text
        .get(from..super::word::end(text, from))
        .unwrap_or_default();
    matches!(word.trim_ascii_end(), b"true" | b"false" | b"null")
}

/// Whether a key can stand behind this comma, or the end of the object.
fn begins_key(text: &[u8], from: usize) -> bool {
    let follows = scan::separators(text, from);
    let word = super::word::key_end(text, follows);
    match text.get(follows) {
        None | Some(b'"' | b'\'' | b'{' | b'}' | b']' | b'/') => true,
        Some(_) if word > follows => {
            let colon = scan::white_space(text, word);
            text.get(colon) == Some(&b':')
        }
        Some(_) => false,
    }
}

/// Writes an escape; gives its length.
fn escape(text: &[u8], at: usize, output: &mut Output) -> usize {
    let rest = text.get(at + 1..).unwrap_or_default();
    match rest {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => {
            output.raw(text.get(at..at + 2).unwrap_or_default());
            2
        }
        [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|it| it.is_ascii_hexdigit()) => {
            output.raw(text.get(at..at + 6).unwrap_or_default());
            6
        }
        [b'\'', ..] => {
            output.repaired(b"'", Repairs::ESCAPE);
            2
        }
        // A lone backslash, as in a path: it stays, and what follows is read next.
        _ => {
            output.repaired(b"\\\\", Repairs::ESCAPE);
            1
        }
    }
}

/// The position behind the next quote of the same kind that has no backslash before it.
pub(super) fn plain_end(text: &[u8], start: usize) -> Option<usize> {
    let quote = *text.get(start)?;
    let mut at = start + 1;
    loop {
        match *text.get(at)? {
            b'\\' => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}
