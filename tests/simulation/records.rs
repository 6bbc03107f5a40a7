//! What is produced: bodies of every kind, and the bytes that each sink must receive for them.

use bytes::Bytes;
use entra_forwarder::event_hub::Body;

use super::selection::CATEGORIES;

/// What an event carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `{"records":[...]}` with so many records, possibly none.
    Envelope(u8),
    /// One record of so many kilobytes: beyond the memory share of a small budget.
    Large(u8),
    /// White space only: no record.
    Blank,
    /// A JSON text that is no envelope: one record.
    Json,
    /// Text with line breaks: one record.
    Text,
    /// An envelope that was cut off: a record, and the beginning of another.
    Broken,
    /// An AMQP value without bytes: a dead letter.
    Unsupported,
    /// A message that the decoder refuses: the receiver ends.
    Undecodable,
}

/// The two encodings of an `http` sink, as indices.
pub(crate) const NDJSON: usize = 0;
pub(crate) const JSON_ARRAY: usize = 1;

/// An event's content together with what must become of it.
pub(crate) struct Made {
    /// `None` when it cannot be decoded.
    pub(crate) body: Option<Body>,
    /// Per record, its bytes in each encoding.
    pub(crate) wires: Vec<[Vec<u8>; 2]>,
    /// Per record, its bytes.
    pub(crate) originals: Vec<Vec<u8>>,
    /// Per record, its category.
    pub(crate) categories: Vec<Option<&'static str>>,
    /// The reason of the dead letter that the whole event must become.
    pub(crate) letter: Option<&'static str>,
    /// Why the last record is no JSON: the reason of its dead letter, where text becomes one.
    pub(crate) text: Option<&'static str>,
}

/// Where an event stands.
struct Stand {
    partition: usize,
    timeline: u32,
    sequence: i64,
}

impl Stand {
    fn id(&self, index: usize) -> String {
        let (partition, timeline, sequence) = (self.partition, self.timeline, self.sequence);
        format!("{partition}-{timeline}-{sequence}-{index}")
    }

    fn category(&self, index: usize) -> Option<&'static str> {
        CATEGORIES[(self.sequence.unsigned_abs() as usize * 3 + index) % CATEGORIES.len()]
    }

    /// One record as JSON.
    fn json(&self, index: usize, pad: usize) -> String {
        let field = match (self.category(index), index.is_multiple_of(2)) {
            (Some(name), true) => format!("\"category\" : \"{name}\","),
            (Some(name), false) => format!("\"Category\":\"{name}\","),
            (None, true) => "\"category\":null,".to_owned(),
            (None, false) => String::new(),
        };
        // Numbers that no double holds, a repeated key, escapes, and white space between tokens.
        let gap = if (self.sequence + index as i64) % 3 == 0 {
            "\r\n "
        } else {
            ""
        };
        format!(
            "{{\"id\":\"{}\",{field}{gap}\"n\":1.50,\"big\":18446744073709551616,\"n\":2,\
             \"t\":\"\u{fc}\\u00e9\\\"\",\"pad\":\"{}\"}}",
            self.id(index),
            "x".repeat(pad)
        )
    }

    /// An event that is one record.
    fn one(&self, text: String, is_json: bool) -> Made {
        Made {
            wires: vec![wires(&text, is_json)],
            originals: vec![text.clone().into_bytes()],
            categories: vec![self.category(0).filter(|_| is_json)],
            body: Some(Body::Bytes(text.into())),
            letter: None,
            text: (!is_json).then_some("text"),
        }
    }
}

/// Makes the event that stands at this place.
pub(crate) fn make(kind: Kind, partition: usize, timeline: u32, sequence: i64) -> Made {
    let stand = Stand {
        partition,
        timeline,
        sequence,
    };
    let json = |index, pad| stand.json(index, pad);
    let one = |text, is_json| stand.one(text, is_json);
    match kind {
        Kind::Envelope(count) => {
            let records: Vec<_> = (0..usize::from(count))
                .map(|index| {
                    json(
                        index,
                        (sequence.unsigned_abs() as usize * 7 + index * 13) % 90,
                    )
                })
                .collect();
            Made {
                body: Some(Body::Bytes(
                    format!("{{\"x\":1, \"records\" : [ {} ]}}", records.join(" ,\n")).into(),
                )),
                wires: records.iter().map(|record| wires(record, true)).collect(),
                originals: records.iter().map(|it| it.clone().into_bytes()).collect(),
                categories: (0..records.len()).map(|it| stand.category(it)).collect(),
                letter: None,
                text: None,
            }
        }
        Kind::Large(kilobytes) => one(json(0, usize::from(kilobytes) << 10), true),
        Kind::Blank => Made {
            body: Some(Body::Bytes(Bytes::from_static(b" \r\n\t"))),
            wires: Vec::new(),
            originals: Vec::new(),
            categories: Vec::new(),
            letter: None,
            text: None,
        },
        Kind::Json => one(json(0, 5), true),
        Kind::Text => one(
            format!("{} \u{e9}\u{1} \"quoted\"\r\nsecond", stand.id(0)),
            false,
        ),
        Kind::Broken => {
            let (whole, cut) = (json(0, 1), format!("{{\"cut\":\"{}", stand.id(1)));
            Made {
                wires: vec![wires(&whole, true), wires(&cut, false)],
                originals: vec![whole.clone().into_bytes(), cut.clone().into_bytes()],
                categories: vec![stand.category(0), None],
                body: Some(Body::Bytes(format!("{{\"records\":[{whole},{cut}").into())),
                letter: None,
                text: Some("truncated"),
            }
        }
        Kind::Unsupported => Made {
            body: Some(Body::Unsupported("list", Bytes::from_static(b"[]"))),
            wires: Vec::new(),
            originals: Vec::new(),
            categories: Vec::new(),
            letter: Some("unsupported_body"),
            text: None,
        },
        Kind::Undecodable => Made {
            body: None,
            wires: Vec::new(),
            originals: Vec::new(),
            categories: Vec::new(),
            letter: Some("undecodable"),
            text: None,
        },
    }
}

/// What the documentation of the encodings promises, written down a second time.
fn wires(text: &str, is_json: bool) -> [Vec<u8>; 2] {
    let element = if is_json {
        text.to_owned()
    } else {
        serde_json::json!({ "message": text }).to_string()
    };
    let line = element.replace(['\r', '\n'], " ");
    [line.into_bytes(), element.into_bytes()]
}
