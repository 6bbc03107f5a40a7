//! What stands between values.

use super::super::keys;
use super::{string, word};

/// The position behind white space, and control characters, which mean nothing else.
pub(super) fn white_space(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| **byte <= b' ').count()
}

/// Whether JSON allows this as white space.
pub(super) fn is_json_white_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The position behind what may stand between texts: white space, commas, byte order marks, the
/// record separator of JSON text sequences (<https://www.rfc-editor.org/rfc/rfc7464>), and zeros.
pub(super) fn separators(text: &[u8], mut from: usize) -> usize {
    loop {
        from = match text.get(from) {
            Some(b',' | b';' | 0x1e | 0) => from + 1,
            Some(byte) if byte.is_ascii_whitespace() => from + 1,
            Some(0xef) if text.get(from..).is_some_and(is_marked) => from + 3,
            _ => return from,
        };
    }
}

fn is_marked(text: &[u8]) -> bool {
    text.starts_with(&[0xef, 0xbb, 0xbf])
}

/// Whether what stands behind this bracket is an array's, not a time stamp's.
pub(super) fn begins_array(text: &[u8], bracket: usize) -> bool {
    let first = separators(text, bracket + 1);
    matches!(text.get(first), None | Some(b'{' | b'[' | b'"' | b']'))
}

/// Whether an array begins here that is not empty.
pub(super) fn begins_list(text: &[u8], at: usize) -> bool {
    text.get(at) == Some(&b'[') && text.get(white_space(text, at + 1)) != Some(&b']')
}

/// A key outside of any record.
pub(super) struct Key<'a> {
    name: &'a [u8],
    /// Where its value begins.
    pub(super) value: usize,
}

impl Key<'_> {
    pub(super) fn is_own(&self) -> bool {
        keys::is_own(self.name)
    }

    pub(super) fn is(&self, name: &str) -> bool {
        match self.name.contains(&b'\\') {
            false => self.name.eq_ignore_ascii_case(name.as_bytes()),
            true => serde_json::from_slice::<String>(&[b"\"", self.name, b"\""].concat())
                .is_ok_and(|key| key.eq_ignore_ascii_case(name)),
        }
    }
}

/// The keys of an object, one after the other.
pub(super) struct Keys<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Keys<'a> {
    /// From the opening brace.
    pub(super) fn new(text: &'a [u8], brace: usize) -> Self {
        Self::inside(text, brace + 1)
    }

    /// From a place between two members.
    pub(super) fn inside(text: &'a [u8], from: usize) -> Self {
        Self { text, at: from }
    }

    /// The next key; `None` where none stands.
    pub(super) fn next_key(&mut self) -> Option<Key<'a>> {
        self.at = separators(self.text, self.at);
        let (start, end, after) = match self.text.get(self.at)? {
            b'"' | b'\'' => {
                let after = string::plain_end(self.text, self.at)?;
                (self.at + 1, after - 1, after)
            }
            _ => {
                let end = word::key_end(self.text, self.at);
                (self.at, end, end)
            }
        };
        let colon = white_space(self.text, after);
        let value = match self.text.get(colon)? {
            b':' => white_space(self.text, colon + 1),
            // The colon is missing.
            b'[' | b'{' if after > end => colon,
            _ => return None,
        };
        let name = self.text.get(start..end).filter(|name| !name.is_empty())?;
        Some(Key { name, value })
    }

    /// Goes on behind a value.
    pub(super) fn go_on(&mut self, end: usize) {
        self.at = end;
    }

    pub(super) fn position(&self) -> usize {
        self.at
    }
}
