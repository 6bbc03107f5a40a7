//! From the SDK's message to [`ReceivedEvent`].

use azure_core_amqp::AmqpValue;
use azure_core_amqp::message::AmqpMessageBody;
use azure_messaging_eventhubs::models::ReceivedEventData;
use bytes::{Bytes, BytesMut};

mod value;

use super::{Body, Offset, Position, ReceivedEvent, SequenceNumber, SourceError, SourceErrorKind};

/// Takes position and body out of a message.
///
/// # Errors
/// `Protocol` when the number, the offset or the time is missing or of another type.
pub(super) fn received(event: &ReceivedEventData) -> Result<ReceivedEvent, SourceError> {
    let sequence = event.sequence_number().filter(|number| *number >= 0);
    let Some(sequence) = sequence else {
        return Err(lacking("x-opt-sequence-number", None));
    };
    let Some(offset) = event
        .offset()
        .as_deref()
        .filter(|offset| !offset.is_empty())
    else {
        return Err(lacking("x-opt-offset", Some(sequence)));
    };
    let Some(enqueued_at) = event.enqueued_time() else {
        return Err(lacking("x-opt-enqueued-time", Some(sequence)));
    };
    let position = Position {
        sequence: SequenceNumber(sequence),
        offset: Offset::new(offset),
        enqueued_at: Some(enqueued_at.into()),
    };
    Ok(ReceivedEvent {
        position,
        body: body(&event.raw_amqp_message().body),
    })
}

fn lacking(annotation: &str, sequence: Option<i64>) -> SourceError {
    let message = match sequence {
        Some(sequence) => format!("event {sequence} has no usable annotation {annotation}"),
        None => format!("an event has no usable annotation {annotation}"),
    };
    SourceError::new(SourceErrorKind::Protocol, message)
}

/// The body is copied once: to keep the message instead would keep its properties too, which may
/// be as large and which no budget counts.
fn body(body: &AmqpMessageBody) -> Body {
    match body {
        AmqpMessageBody::Binary(sections) => match sections.as_slice() {
            [section] => Body::Bytes(Bytes::copy_from_slice(section)),
            sections => {
                let mut joined = BytesMut::with_capacity(sections.iter().map(Vec::len).sum());
                for section in sections {
                    joined.extend_from_slice(section);
                }
                Body::Bytes(joined.freeze())
            }
        },
        AmqpMessageBody::Value(AmqpValue::Binary(bytes)) => {
            Body::Bytes(Bytes::copy_from_slice(bytes))
        }
        AmqpMessageBody::Value(AmqpValue::String(text)) => {
            Body::Bytes(Bytes::copy_from_slice(text.as_bytes()))
        }
        // Nothing was sent: an event without records.
        AmqpMessageBody::Empty | AmqpMessageBody::Value(AmqpValue::Null) => {
            Body::Bytes(Bytes::new())
        }
        AmqpMessageBody::Value(it) => Body::Unsupported(kind_of(it), value::text(it)),
        AmqpMessageBody::Sequence(lists) => {
            let values = lists.iter().flat_map(|list| list.0.iter());
            Body::Unsupported("sequence", value::texts(values))
        }
    }
}

fn kind_of(value: &AmqpValue) -> &'static str {
    match value {
        AmqpValue::Null => "null",
        AmqpValue::Boolean(_) => "boolean",
        AmqpValue::UByte(_)
        | AmqpValue::UShort(_)
        | AmqpValue::UInt(_)
        | AmqpValue::ULong(_)
        | AmqpValue::Byte(_)
        | AmqpValue::Short(_)
        | AmqpValue::Int(_)
        | AmqpValue::Long(_)
        | AmqpValue::Float(_)
        | AmqpValue::Double(_)
        | AmqpValue::Decimal32(_)
        | AmqpValue::Decimal64(_)
        | AmqpValue::Decimal128(_) => "number",
        AmqpValue::Char(_) => "char",
        AmqpValue::TimeStamp(_) => "timestamp",
        AmqpValue::Uuid(_) => "uuid",
        AmqpValue::Binary(_) => "binary",
        AmqpValue::String(_) => "string",
        AmqpValue::Symbol(_) => "symbol",
        AmqpValue::List(_) => "list",
        AmqpValue::Map(_) => "map",
        AmqpValue::Array(_) => "array",
        AmqpValue::Described(_) => "described",
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use azure_core_amqp::message::{AmqpAnnotationKey, AmqpAnnotations};
    use azure_core_amqp::{AmqpList, AmqpMessage, AmqpSymbol, AmqpTimestamp};

    use super::*;
    use crate::event_hub::Timestamp;

    type Annotations = Vec<(&'static str, AmqpValue)>;

    fn message(
        body: impl Into<AmqpMessageBody>,
        alter: impl FnOnce(&mut Annotations),
    ) -> ReceivedEventData {
        let enqueued = UNIX_EPOCH + Duration::from_millis(1_763_712_930_125);
        let mut annotations = vec![
            ("x-opt-sequence-number", AmqpValue::Long(7)),
            ("x-opt-offset", AmqpValue::from("4711")),
            (
                "x-opt-enqueued-time",
                AmqpValue::TimeStamp(AmqpTimestamp(Some(enqueued))),
            ),
        ];
        alter(&mut annotations);
        let mut message_annotations = AmqpAnnotations::new();
        for (name, value) in annotations {
            message_annotations.insert(AmqpAnnotationKey::Symbol(AmqpSymbol::from(name)), value);
        }
        let message = AmqpMessage {
            body: body.into(),
            message_annotations: Some(message_annotations),
            ..AmqpMessage::default()
        };
        ReceivedEventData::from(message)
    }

    fn bytes_of(body: impl Into<AmqpMessageBody>) -> Vec<u8> {
        match received(&message(body, |_| {})).unwrap().body {
            Body::Bytes(bytes) => bytes.to_vec(),
            Body::Unsupported(kind, _) => panic!("{kind}"),
        }
    }

    #[test]
    fn position_is_taken_from_the_annotations() {
        let event = received(&message(b"x".to_vec(), |_| {})).unwrap();
        assert_eq!(event.position.sequence, SequenceNumber(7));
        assert_eq!(event.position.offset.as_str(), "4711");
        assert_eq!(
            event.position.enqueued_at,
            Some(Timestamp(1_763_712_930_125))
        );
    }

    #[test]
    fn bodies_that_carry_bytes() {
        assert_eq!(bytes_of(b"one".to_vec()), b"one");
        assert_eq!(
            bytes_of(vec![b"one".to_vec(), vec![], b"two".to_vec()]),
            b"onetwo"
        );
        assert_eq!(bytes_of(AmqpMessageBody::Empty), b"");
        assert_eq!(bytes_of(AmqpValue::Null), b"");
        assert_eq!(bytes_of(AmqpValue::String("text".to_owned())), b"text");
        assert_eq!(bytes_of(AmqpValue::Binary(vec![0, 1])), [0, 1]);
    }

    #[test]
    fn bodies_that_carry_none() {
        for (body, expected) in [
            (
                AmqpMessageBody::from(AmqpList::from(vec![AmqpValue::Null])),
                ("sequence", "[null]"),
            ),
            (
                AmqpMessageBody::Value(AmqpValue::List(AmqpList::default())),
                ("list", "[]"),
            ),
            (AmqpMessageBody::Value(AmqpValue::Long(1)), ("number", "1")),
        ] {
            match received(&message(body, |_| {})).unwrap().body {
                Body::Unsupported(kind, text) => {
                    assert_eq!((kind, &text[..]), (expected.0, expected.1.as_bytes()))
                }
                Body::Bytes(_) => panic!("{expected:?}"),
            }
        }
    }

    #[test]
    fn a_missing_or_mistyped_annotation_is_an_error() {
        for (name, value) in [
            ("x-opt-sequence-number", AmqpValue::Int(7)),
            ("x-opt-sequence-number", AmqpValue::Long(-1)),
            ("x-opt-offset", AmqpValue::Long(4711)),
            ("x-opt-offset", AmqpValue::String(String::new())),
            ("x-opt-enqueued-time", AmqpValue::Long(1)),
            (
                "x-opt-enqueued-time",
                AmqpValue::TimeStamp(AmqpTimestamp(None)),
            ),
        ] {
            let event = message(b"x".to_vec(), |all| {
                all.retain(|(other, _)| *other != name);
                all.push((name, value));
            });
            let error = received(&event).unwrap_err();
            assert_eq!(error.kind, SourceErrorKind::Protocol);
            assert!(error.message.contains(name), "{error}");
        }
        let error = received(&message(b"x".to_vec(), Vec::clear)).unwrap_err();
        assert_eq!(error.kind, SourceErrorKind::Protocol);
    }

    #[test]
    fn times_before_1970_stay_times() {
        assert_eq!(
            Timestamp::from(UNIX_EPOCH - Duration::from_millis(5)),
            Timestamp(-5)
        );
    }
}
