//! The JSON text that is made of a record.

use serde_json::value::RawValue;

use super::super::Repairs;

/// JSON text that grows, and what was repaired in it.
#[derive(Debug, Default)]
pub(super) struct Output {
    json: Vec<u8>,
    repairs: Repairs,
}

/// A place to go back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    length: usize,
    repairs: Repairs,
}

impl Output {
    pub(super) fn json(&self) -> &[u8] {
        &self.json
    }

    pub(super) fn repairs(&self) -> Repairs {
        self.repairs
    }

    /// Writes what is right as it is.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.json.extend_from_slice(bytes);
    }

    /// Writes what was meant.
    pub(super) fn repaired(&mut self, bytes: &[u8], repair: Repairs) {
        self.repairs.add(repair);
        self.raw(bytes);
    }

    /// Notes a repair that writes nothing.
    pub(super) fn note(&mut self, repair: Repairs) {
        self.repairs.add(repair);
    }

    /// Writes text as a string.
    pub(super) fn quoted(&mut self, text: &[u8], repair: Repairs) {
        self.repairs.add(repair);
        self.raw(b"\"");
        for byte in text {
            self.character(*byte);
        }
        self.raw(b"\"");
    }

    /// Writes one byte of a string's content, escaped where it must be.
    pub(super) fn character(&mut self, byte: u8) {
        match byte {
            b'"' | b'\\' => self.raw(&[b'\\', byte]),
            b'\n' => self.raw(b"\\n"),
            b'\r' => self.raw(b"\\r"),
            b'\t' => self.raw(b"\\t"),
            0..0x20 => self.raw(format!("\\u{byte:04x}").as_bytes()),
            _ => self.json.push(byte),
        }
    }

    /// Takes a comma back that turned out to stand before a closing bracket.
    pub(super) fn drop_comma(&mut self) {
        if self.json.last() == Some(&b',') {
            self.json.pop();
            self.repairs.add(Repairs::EXTRA_COMMA);
        }
    }

    /// Takes a comma back that belongs to what is around the object.
    pub(super) fn drop_separator(&mut self) {
        if self.json.last() == Some(&b',') {
            self.json.pop();
        }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            length: self.json.len(),
            repairs: self.repairs,
        }
    }

    pub(super) fn back_to(&mut self, mark: Mark) {
        self.json.truncate(mark.length);
        self.repairs = mark.repairs;
    }
}

/// Whether this is one JSON text.
pub(super) fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(text).is_ok()
}
