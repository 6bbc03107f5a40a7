//! Bodies that are text in another encoding, or compressed.

use std::io::Read;

use bytes::Bytes;
use flate2::bufread::GzDecoder;

use super::Unparsable;

/// How a body was encoded; the outermost layer when there are several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEncoding {
    /// UTF-8, or bytes that are no text.
    Utf8,
    /// UTF-8 behind a byte order mark.
    Utf8Marked,
    /// UTF-16 of either byte order, with or without a mark.
    Utf16,
    /// gzip.
    Gzip,
}

/// A body without its encoding.
pub(super) struct Decoded {
    pub(super) text: Bytes,
    pub(super) encoding: BodyEncoding,
    /// Something was written as an escape, which is the same in JSON and nowhere else.
    pub(super) has_escapes: bool,
}

/// Layers of encoding that are taken off.
const LAYERS_MAX: usize = 3;
const GZIP: &[u8] = &[0x1f, 0x8b, 0x08];
const UTF8_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

/// Takes the encoding off.
///
/// # Errors
/// When the body is compressed and cannot be unpacked: it is one piece.
pub(super) fn decode(body: &Bytes, expansion_max: u64) -> Result<Decoded, Unparsable> {
    let mut text = body.clone();
    let (mut outermost, mut has_escapes) = (None, false);
    for _ in 0..LAYERS_MAX {
        let (decoded, encoding) = if is_packed(&text) {
            (unpack(&text, expansion_max)?, BodyEncoding::Gzip)
        } else if text.starts_with(UTF8_MARK) {
            (text.slice(UTF8_MARK.len()..), BodyEncoding::Utf8Marked)
        } else if let Some(order) = utf16_order(&text) {
            let (decoded, escaped) = from_utf16(&text, order).ok_or(Unparsable::Binary)?;
            has_escapes |= escaped;
            (decoded, BodyEncoding::Utf16)
        } else {
            break;
        };
        outermost.get_or_insert(encoding);
        text = decoded;
    }
    if is_packed(&text) {
        return Err(Unparsable::Binary);
    }
    Ok(Decoded {
        text,
        encoding: outermost.unwrap_or(BodyEncoding::Utf8),
        has_escapes,
    })
}

/// Whether a body is compressed.
pub(super) fn is_packed(body: &[u8]) -> bool {
    body.starts_with(GZIP)
}

fn unpack(packed: &[u8], expansion_max: u64) -> Result<Bytes, Unparsable> {
    let (mut text, mut rest) = (Vec::new(), packed);
    // Several members may follow each other, and zeros and white space the last one.
    while rest
        .iter()
        .any(|byte| *byte != 0 && !byte.is_ascii_whitespace())
    {
        let left = expansion_max.saturating_add(1) - text.len() as u64;
        let mut member = GzDecoder::new(rest).take(left);
        member
            .read_to_end(&mut text)
            .map_err(|_| Unparsable::Binary)?;
        if text.len() as u64 > expansion_max {
            return Err(Unparsable::TooLarge);
        }
        rest = member.into_inner().into_inner();
    }
    Ok(text.into())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Big,
    Little,
}

/// A mark, or two characters with a zero byte beside each, the first one as JSON has it.
fn utf16_order(text: &[u8]) -> Option<Order> {
    match text {
        [0xfe, 0xff, ..] => Some(Order::Big),
        [0xff, 0xfe, ..] => Some(Order::Little),
        [0, first, ..] if begins_json(*first) && are_units(text, 1) => Some(Order::Big),
        [first, 0, ..] if begins_json(*first) && are_units(text, 0) => Some(Order::Little),
        _ => None,
    }
}

/// Whether the first units are all a byte at this place and a zero at the other.
fn are_units(text: &[u8], place: usize) -> bool {
    /// JSON begins with two of them, whatever is in its strings.
    const UNITS: usize = 2;
    text.chunks_exact(2).take(UNITS).all(|unit| {
        let (byte, other) = (unit.get(place), unit.get(1 - place));
        byte.is_some_and(|byte| *byte != 0) && other == Some(&0)
    })
}

fn begins_json(byte: u8) -> bool {
    matches!(byte, b'{' | b'[' | b'"') || byte.is_ascii_whitespace()
}

/// A half of a pair that stands alone becomes its JSON escape: in a string, where alone it can be
/// meant, that is the same character; the second value says whether there was one. `None` when a
/// byte is left over: it is something else.
fn from_utf16(bytes: &[u8], order: Order) -> Option<(Bytes, bool)> {
    if bytes.len() % 2 == 1 {
        return None;
    }
    let units = bytes.chunks_exact(2).map(|pair| {
        let pair = [pair.first(), pair.last()].map(|byte| byte.copied().unwrap_or_default());
        match order {
            Order::Big => u16::from_be_bytes(pair),
            Order::Little => u16::from_le_bytes(pair),
        }
    });
    let mut text = String::with_capacity(bytes.len() / 2);
    let mut has_escapes = false;
    for (place, unit) in char::decode_utf16(units).enumerate() {
        match unit {
            Ok('\u{feff}') if place == 0 => {}
            Ok(character) => text.push(character),
            Err(lone) => {
                has_escapes = true;
                text.push_str(&format!("\\u{:04x}", lone.unpaired_surrogate()));
            }
        }
    }
    Some((text.into(), has_escapes))
}
