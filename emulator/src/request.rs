//! Requests to `$cbs` and `$management`, and their answers.

use bytes::{BufMut, Bytes, BytesMut};
use serde_amqp::Value;

use crate::wire::{self, performative, section};

/// What the broker needs to know of a request.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// Encoded message id of whatever type, repeated as the correlation id.
    pub(crate) message_id: Bytes,
    pub(crate) reply_to: Option<String>,
    properties: Vec<(String, Value)>,
    /// A text in an AMQP value body.
    pub(crate) body: Option<String>,
}

impl Request {
    /// Reads a message.
    ///
    /// # Errors
    /// A sentence when it is no message.
    pub(crate) fn parse(message: &Bytes) -> Result<Self, &'static str> {
        let mut request = Self::default();
        for part in section::split(message)? {
            match part.code {
                section::PROPERTIES => request.take_properties(&part.whole),
                section::APPLICATION_PROPERTIES => request.take_application(&part.value)?,
                section::AMQP_VALUE => {
                    let body = section::decode(&part.value);
                    request.body = body.as_ref().and_then(section::text).map(str::to_owned);
                }
                _ => {}
            }
        }
        Ok(request)
    }

    fn take_properties(&mut self, whole: &Bytes) {
        let mut fields = performative::fields(whole).unwrap_or_default().into_iter();
        self.message_id = fields.next().unwrap_or_default();
        // user-id, to and subject lie between.
        let reply_to = fields.nth(3).and_then(|field| section::decode(&field));
        self.reply_to = reply_to.as_ref().and_then(section::text).map(str::to_owned);
    }

    fn take_application(&mut self, map: &Bytes) -> Result<(), &'static str> {
        const CUT: &str = "a property is cut off";
        let (mut pairs, _) = section::map_content(map).ok_or("properties are no map")?;
        while !pairs.is_empty() {
            let name = pairs.split_to(wire::value_len(&pairs).ok_or(CUT)?);
            let value = pairs.split_to(wire::value_len(&pairs).ok_or(CUT)?);
            if let (Some(Value::String(name)), Some(value)) =
                (section::decode(&name), section::decode(&value))
            {
                self.properties.push((name, value));
            }
        }
        Ok(())
    }

    /// An application property that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.properties
            .iter()
            .find(|(one, _)| one == name)
            .and_then(|(_, value)| section::text(value))
    }
}

/// The answer to a request: status, and an encoded value as its body.
pub(crate) fn answer(message_id: &Bytes, status: u16, description: &str, body: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(512);
    let mut list = BytesMut::new();
    list.put_bytes(wire::NULL, 5);
    match message_id.is_empty() {
        true => list.put_u8(wire::NULL),
        false => list.put_slice(message_id),
    }
    wire::put_descriptor(&mut out, section::PROPERTIES);
    out.put_u8(0xd0);
    out.put_u32(wire::len32(4 + list.len()));
    out.put_u32(6);
    out.put_slice(&list);

    let mut pairs = BytesMut::new();
    wire::put_string(&mut pairs, "status-code");
    pairs.put_u8(0x71);
    pairs.put_i32(i32::from(status));
    wire::put_string(&mut pairs, "status-description");
    wire::put_string(&mut pairs, description);
    wire::put_descriptor(&mut out, section::APPLICATION_PROPERTIES);
    out.put_u8(0xd1);
    out.put_u32(wire::len32(4 + pairs.len()));
    out.put_u32(4);
    out.put_slice(&pairs);

    wire::put_descriptor(&mut out, section::AMQP_VALUE);
    match body.is_empty() {
        true => out.put_u8(wire::NULL),
        false => out.put_slice(body),
    }
    out.freeze()
}
