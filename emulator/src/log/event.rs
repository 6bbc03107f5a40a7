//! An event as it is given to the broker and as the log keeps it.

use bytes::{BufMut, Bytes, BytesMut};

use crate::wire::{self, section};

/// Annotations that the broker sets itself; a producer's own are dropped.
const OURS: [&str; 4] = [
    "x-opt-sequence-number",
    "x-opt-offset",
    "x-opt-enqueued-time",
    "x-opt-partition-key",
];

/// What an event that is appended in process contains.
#[derive(Debug, Clone)]
pub enum Body {
    /// One data section.
    Data(Bytes),
    /// Several data sections (or none).
    Sections(Vec<Bytes>),
    /// An AMQP value section with a string.
    ValueText(String),
    /// An AMQP value section with a binary.
    ValueBinary(Bytes),
    /// An AMQP value section with lists nested so deep, one in the other.
    NestedList(usize),
    /// A section of application properties that contains a list, which the
    /// specification forbids and decoders refuse, and a data section.
    ListProperty(Bytes),
    /// An AMQP value section with a string that is no UTF-8.
    InvalidText,
    /// The encoded sections behind the message annotations, passed on as they are.
    Raw(Bytes),
}

/// An event to append.
#[derive(Debug, Clone)]
pub struct Event {
    /// What it contains.
    pub body: Body,
    /// The annotation `x-opt-partition-key`.
    pub partition_key: Option<String>,
    /// Application properties with text values.
    pub properties: Vec<(String, String)>,
}

impl From<Body> for Event {
    fn from(body: Body) -> Self {
        Self {
            body,
            partition_key: None,
            properties: Vec::new(),
        }
    }
}

impl From<Bytes> for Event {
    fn from(body: Bytes) -> Self {
        Body::Data(body).into()
    }
}

/// What of an event goes on the wire behind the broker's annotations.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    /// Header and delivery annotations, encoded.
    pub(crate) head: Bytes,
    /// The producer's own message annotations: encoded pairs and twice their number.
    pub(crate) annotations: Bytes,
    pub(crate) annotation_values: u32,
    /// The annotation `x-opt-partition-key`.
    pub(crate) key: Option<Box<str>>,
    /// Everything behind the annotations; `data` is the last data section's
    /// content, kept apart so that a shared body is never copied.
    pub(crate) tail: Bytes,
    pub(crate) data: Option<Bytes>,
}

impl Content {
    /// Bytes of the message, for offsets and limits.
    pub(crate) fn size(&self) -> usize {
        self.head.len()
            + self.annotations.len()
            + self.tail.len()
            + self.data.as_ref().map_or(0, Bytes::len)
    }

    /// A plain event of one data section.
    pub(crate) fn data(body: Bytes) -> Self {
        Self {
            head: Bytes::new(),
            annotations: Bytes::new(),
            annotation_values: 0,
            key: None,
            tail: Bytes::new(),
            data: Some(body),
        }
    }

    /// Takes a produced message apart without touching what passes through.
    pub(crate) fn from_message(message: &Bytes) -> Result<Self, &'static str> {
        let mut content = Self::data(Bytes::new());
        content.data = None;
        let mut head = BytesMut::new();
        let mut consumed = 0;
        for part in section::split(message)? {
            match part.code {
                section::HEADER | section::DELIVERY_ANNOTATIONS => head.put_slice(&part.whole),
                section::MESSAGE_ANNOTATIONS => content.take_annotations(&part.value)?,
                _ => break,
            }
            consumed += part.whole.len();
        }
        content.head = head.freeze();
        content.tail = message.slice(consumed..);
        Ok(content)
    }

    fn take_annotations(&mut self, map: &Bytes) -> Result<(), &'static str> {
        let (mut pairs, _) = section::map_content(map).ok_or("annotations are no map")?;
        let mut kept = BytesMut::new();
        while !pairs.is_empty() {
            let name = pairs.split_to(wire::value_len(&pairs).ok_or("an annotation is cut off")?);
            let value = pairs.split_to(wire::value_len(&pairs).ok_or("an annotation is cut off")?);
            let decoded = section::decode(&name);
            let name_text = decoded.as_ref().and_then(section::text).unwrap_or_default();
            if name_text == "x-opt-partition-key" {
                let key = section::decode(&value);
                self.key = key.as_ref().and_then(section::text).map(Into::into);
            }
            if !OURS.contains(&name_text) {
                kept.put_slice(&name);
                kept.put_slice(&value);
                self.annotation_values += 2;
            }
        }
        self.annotations = kept.freeze();
        Ok(())
    }
}

impl From<Event> for Content {
    fn from(event: Event) -> Self {
        let mut tail = BytesMut::new();
        if !event.properties.is_empty() {
            put_properties(&mut tail, &event.properties);
        }
        let mut data = None;
        match event.body {
            Body::Data(body) => data = Some(body),
            Body::Sections(sections) => {
                for body in sections {
                    wire::put_descriptor(&mut tail, section::DATA);
                    wire::put_binary_head(&mut tail, body.len());
                    tail.put_slice(&body);
                }
            }
            Body::ValueText(text) => {
                wire::put_descriptor(&mut tail, section::AMQP_VALUE);
                wire::put_string(&mut tail, &text);
            }
            Body::ValueBinary(body) => {
                wire::put_descriptor(&mut tail, section::AMQP_VALUE);
                wire::put_binary_head(&mut tail, body.len());
                tail.put_slice(&body);
            }
            Body::NestedList(depth) => put_nested(&mut tail, depth),
            Body::ListProperty(body) => {
                wire::put_descriptor(&mut tail, section::APPLICATION_PROPERTIES);
                // map8 {"k": list0}
                tail.put_slice(&[0xc1, 5, 2, 0xa1, 1, b'k', 0x45]);
                data = Some(body);
            }
            Body::InvalidText => {
                wire::put_descriptor(&mut tail, section::AMQP_VALUE);
                tail.put_slice(&[0xa1, 3, 0xff, 0xfe, 0xc0]);
            }
            Body::Raw(raw) => {
                tail.put_slice(&raw);
            }
        }
        Self {
            head: Bytes::new(),
            annotations: Bytes::new(),
            annotation_values: 0,
            key: event.partition_key.map(Into::into),
            tail: tail.freeze(),
            data,
        }
    }
}

fn put_properties(out: &mut BytesMut, properties: &[(String, String)]) {
    let mut pairs = BytesMut::new();
    for (name, value) in properties {
        wire::put_string(&mut pairs, name);
        wire::put_string(&mut pairs, value);
    }
    wire::put_descriptor(out, section::APPLICATION_PROPERTIES);
    out.put_u8(0xd1);
    out.put_u32(wire::len32(pairs.len() + 4));
    out.put_u32(wire::len32(properties.len() * 2));
    out.put_slice(&pairs);
}

/// Lists of one element each, `depth` of them; the innermost is empty.
fn put_nested(out: &mut BytesMut, depth: usize) {
    wire::put_descriptor(out, section::AMQP_VALUE);
    for level in 1..depth {
        out.put_u8(0xd0);
        // Size counts the four bytes of the count and everything inside.
        out.put_u32(wire::len32(4 + (depth - level - 1) * 9 + 1));
        out.put_u32(1);
    }
    out.put_u8(0x45);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_lists_are_whole() {
        for depth in [1, 2, 3, 100] {
            let content = Content::from(Event::from(Body::NestedList(depth)));
            assert_eq!(wire::value_len(&content.tail), Some(content.tail.len()));
        }
        let content = Content::from(Event::from(Body::NestedList(3)));
        assert!(section::decode(&content.tail.slice(3..)).is_some());
    }

    #[test]
    fn a_produced_message_passes_through() {
        let mut message = BytesMut::new();
        wire::put_descriptor(&mut message, section::HEADER);
        message.put_slice(&[0x45]);
        wire::put_descriptor(&mut message, section::MESSAGE_ANNOTATIONS);
        let mut pairs = BytesMut::new();
        wire::put_symbol(&mut pairs, "x-opt-partition-key");
        wire::put_string(&mut pairs, "k");
        wire::put_symbol(&mut pairs, "mine");
        wire::put_long(&mut pairs, 5);
        message.put_u8(0xc1);
        message.put_u8(u8::try_from(pairs.len()).unwrap() + 1);
        message.put_u8(4);
        message.put_slice(&pairs);
        let behind = [0x00, 0x53, 0x75, 0xa0, 1, 9];
        message.put_slice(&behind);
        let content = Content::from_message(&message.freeze()).unwrap();
        assert_eq!(content.key.as_deref(), Some("k"));
        assert_eq!(content.annotation_values, 2);
        assert_eq!(content.head.len(), 4);
        assert_eq!(&content.tail[..], &behind);
    }
}
