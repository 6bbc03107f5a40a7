//! Pieces of text: where they begin and end, and what they are.

use super::super::Unparsable;

/// Cuts off what surrounds a piece; `None` when nothing but brackets and the like is left.
pub(super) fn trimmed(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let piece = text.get(start..end)?;
    let says_something = |byte: &u8| {
        !byte.is_ascii_whitespace()
            && !matches!(
                byte,
                b'{' | b'}' | b'[' | b']' | b',' | b':' | b';' | b'"' | b'\'' | 0
            )
    };
    piece.iter().find(|byte| says_something(byte))?;
    let is_separator = |byte: &u8| byte.is_ascii_whitespace() || *byte == b',';
    let before = piece.iter().take_while(|byte| is_separator(byte)).count();
    let after = piece
        .iter()
        .rev()
        .take_while(|byte| is_separator(byte))
        .count();
    Some((start + before, end - after))
}

/// What a piece is; `suspected` when its bytes say nothing else.
pub(super) fn kind(piece: &[u8], suspected: Unparsable) -> Unparsable {
    if std::str::from_utf8(piece).is_err() {
        return invalid(piece);
    }
    let is_page = suspected == Unparsable::Text
        && piece
            .trim_ascii_start()
            .get(..5)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"<html") || start.starts_with(b"<!"));
    match is_page {
        true => Unparsable::Html,
        false => suspected,
    }
}

/// Text with a few wrong bytes, or no text.
fn invalid(piece: &[u8]) -> Unparsable {
    let wrong: usize = piece.utf8_chunks().map(|chunk| chunk.invalid().len()).sum();
    let control = piece
        .iter()
        .filter(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace())
        .count();
    match (wrong + control) * 8 > piece.len() && piece.len() > 16 {
        true => Unparsable::Binary,
        false => Unparsable::InvalidUtf8,
    }
}
