//! AMQP 1.0 encoding, as far as the broker writes or measures it itself.
//!
//! Decoding of performatives is `fe2o3-amqp-types`; what is written here is what
//! must be cheap (transfers, annotations), must carry explicit nulls
//! (performatives) or must not be decoded at all (sections that pass through).
//! Format codes: <https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-types-v1.0-os.html>.

pub(crate) mod performative;
pub(crate) mod section;

use bytes::{BufMut, BytesMut};

/// The null value.
pub(crate) const NULL: u8 = 0x40;

/// Writes a symbol of less than 256 bytes (longer ones are cut; ours are constants).
pub(crate) fn put_symbol(out: &mut BytesMut, text: &str) {
    let bytes = text.as_bytes();
    match u8::try_from(bytes.len()) {
        Ok(len) => {
            out.put_u8(0xa3);
            out.put_u8(len);
        }
        Err(_) => {
            out.put_u8(0xb3);
            out.put_u32(len32(bytes.len()));
        }
    }
    out.put_slice(bytes);
}

/// Writes a string.
pub(crate) fn put_string(out: &mut BytesMut, text: &str) {
    let bytes = text.as_bytes();
    match u8::try_from(bytes.len()) {
        Ok(len) => {
            out.put_u8(0xa1);
            out.put_u8(len);
        }
        Err(_) => {
            out.put_u8(0xb1);
            out.put_u32(len32(bytes.len()));
        }
    }
    out.put_slice(bytes);
}

/// Writes the head of a binary value; its bytes follow.
pub(crate) fn put_binary_head(out: &mut BytesMut, len: usize) {
    match u8::try_from(len) {
        Ok(len) => {
            out.put_u8(0xa0);
            out.put_u8(len);
        }
        Err(_) => {
            out.put_u8(0xb0);
            out.put_u32(len32(len));
        }
    }
}

/// Writes the descriptor of a described type with a small code.
pub(crate) fn put_descriptor(out: &mut BytesMut, code: u8) {
    out.put_slice(&[0x00, 0x53, code]);
}

/// Writes an unsigned integer in its full width.
pub(crate) fn put_uint(out: &mut BytesMut, value: u32) {
    out.put_u8(0x70);
    out.put_u32(value);
}

/// Writes a long in its full width.
pub(crate) fn put_long(out: &mut BytesMut, value: i64) {
    out.put_u8(0x81);
    out.put_i64(value);
}

/// Writes a timestamp (milliseconds since 1970).
pub(crate) fn put_timestamp(out: &mut BytesMut, value: i64) {
    out.put_u8(0x83);
    out.put_i64(value);
}

/// Writes a boolean.
pub(crate) fn put_bool(out: &mut BytesMut, value: bool) {
    out.put_u8(if value { 0x41 } else { 0x42 });
}

/// A length as it stands on the wire. Messages are limited to megabytes.
pub(crate) fn len32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// How many bytes the value at the start of `bytes` takes, without decoding it.
///
/// `None` when it is cut off or has an unknown format code. Does not recurse
/// into compound values, so that nested lists cost no stack.
pub(crate) fn value_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 0usize;
    // A described value is a constructor, a descriptor and a value; descriptors
    // may be described themselves, so count how many values are still to come.
    let mut pending = 1usize;
    while pending > 0 {
        let code = *bytes.get(at)?;
        at += 1;
        if code == 0 {
            pending += 1;
            continue;
        }
        let len = match code >> 4 {
            0x4 => 0,
            0x5 => 1,
            0x6 => 2,
            0x7 => 4,
            0x8 => 8,
            0x9 => 16,
            0xa | 0xc | 0xe => 1 + usize::from(*bytes.get(at)?),
            0xb | 0xd | 0xf => 4 + read_u32(bytes.get(at..)?)?,
            _ => return None,
        };
        at = at.checked_add(len)?;
        if at > bytes.len() {
            return None;
        }
        pending -= 1;
    }
    Some(at)
}

/// Reads a big-endian length.
pub(crate) fn read_u32(bytes: &[u8]) -> Option<usize> {
    let four: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(four)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        assert_eq!(value_len(&[0x40, 1, 2]), Some(1));
        assert_eq!(value_len(&[0x53, 7]), Some(2));
        assert_eq!(value_len(&[0xa1, 2, b'a', b'b', 9]), Some(4));
        assert_eq!(value_len(&[0, 0x53, 0x75, 0xa0, 1, 5]), Some(6));
        assert_eq!(value_len(&[0, 0xa3, 1, b'x', 0x45]), Some(5));
        assert_eq!(value_len(&[0xb0, 0, 0, 0, 1, 9]), Some(6));
        assert_eq!(value_len(&[0xa1, 3, b'a']), None);
        assert_eq!(value_len(&[0x30]), None);
        assert_eq!(value_len(&[]), None);
        assert_eq!(value_len(&[0xb0, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
