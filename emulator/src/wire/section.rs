//! The sections of a message, found without decoding them
//! (<https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-messaging-v1.0-os.html>).

use bytes::Bytes;
use serde_amqp::Value;

use super::value_len;

/// Section codes.
pub(crate) const HEADER: u8 = 0x70;
pub(crate) const DELIVERY_ANNOTATIONS: u8 = 0x71;
pub(crate) const MESSAGE_ANNOTATIONS: u8 = 0x72;
pub(crate) const PROPERTIES: u8 = 0x73;
pub(crate) const APPLICATION_PROPERTIES: u8 = 0x74;
pub(crate) const DATA: u8 = 0x75;
pub(crate) const AMQP_VALUE: u8 = 0x77;

/// One section: its code, all its bytes, and the bytes of its value.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) code: u8,
    pub(crate) whole: Bytes,
    pub(crate) value: Bytes,
}

/// Cuts a message into its sections.
///
/// # Errors
/// A sentence when the bytes are no sequence of described sections.
pub(crate) fn split(message: &Bytes) -> Result<Vec<Section>, &'static str> {
    let mut sections = Vec::new();
    let mut rest = message.clone();
    while !rest.is_empty() {
        let len = value_len(&rest).ok_or("a section is cut off")?;
        let whole = rest.split_to(len);
        let (code, head) = descriptor(&whole).ok_or("a section has no known descriptor")?;
        let value = whole.slice(head..);
        sections.push(Section { code, whole, value });
    }
    Ok(sections)
}

/// The code of a described value and where its value begins.
pub(crate) fn descriptor(bytes: &[u8]) -> Option<(u8, usize)> {
    match bytes {
        [0x00, 0x53, code, ..] => Some((*code, 3)),
        [0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, code, ..] => Some((*code, 10)),
        [0x00, 0xa3, len, rest @ ..] => {
            let name = rest.get(..usize::from(*len))?;
            let code = match name {
                b"amqp:header:list" => HEADER,
                b"amqp:delivery-annotations:map" => DELIVERY_ANNOTATIONS,
                b"amqp:message-annotations:map" => MESSAGE_ANNOTATIONS,
                b"amqp:properties:list" => PROPERTIES,
                b"amqp:application-properties:map" => APPLICATION_PROPERTIES,
                b"amqp:data:binary" => DATA,
                b"amqp:amqp-sequence:list" => 0x76,
                b"amqp:amqp-value:*" => AMQP_VALUE,
                b"amqp:footer:map" => 0x78,
                _ => return None,
            };
            Some((code, 3 + usize::from(*len)))
        }
        _ => None,
    }
}

/// The bytes inside an encoded binary value.
pub(crate) fn binary_content(value: &Bytes) -> Option<Bytes> {
    match value.first()? {
        0xa0 => Some(value.slice(2..)),
        0xb0 => Some(value.slice(5..)),
        _ => None,
    }
}

/// The key and value pairs of an encoded map, still encoded, and how many values
/// there are (twice the pairs).
pub(crate) fn map_content(value: &Bytes) -> Option<(Bytes, u32)> {
    match value.first()? {
        0xc1 => Some((value.slice(3..), u32::from(*value.get(2)?))),
        0xd1 => {
            let count = u32::try_from(super::read_u32(value.get(5..)?)?).ok()?;
            Some((value.slice(9..), count))
        }
        _ => None,
    }
}

/// Decodes one value, for the few sections the broker must understand.
pub(crate) fn decode(value: &[u8]) -> Option<Value> {
    serde_amqp::from_slice(value).ok()
}

/// A string or symbol as text.
pub(crate) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Symbol(symbol) => Some(symbol.as_str()),
        _ => None,
    }
}
