//! An AMQP value as JSON text, so that a dead letter can hold what an event carried.
//!
//! Diagnostic settings write bytes; whoever sends a list or a map is somebody else, and no endpoint
//! is promised it. Numbers keep their digits, bytes that are no UTF-8 are written in base64, a map
//! with other keys than text as a list of pairs, decimals as their bits in hexadecimal.

use azure_core_amqp::AmqpValue;
use base64::Engine;
use base64::prelude::BASE64_STANDARD as BASE64;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::event_hub::Timestamp;

/// Lists in lists that are written; a value that is deeper is not.
const DEPTH_MAX: usize = 64;

/// The JSON text of several values as one array; empty when one of them is nested too deeply.
pub(super) fn texts<'a>(values: impl Iterator<Item = &'a AmqpValue>) -> Bytes {
    let values: Option<Vec<_>> = values.map(|value| json_of(value, DEPTH_MAX)).collect();
    values.map_or_else(Bytes::new, |values| Value::Array(values).to_string().into())
}

/// The JSON text of a value; empty when it is nested too deeply.
pub(super) fn text(value: &AmqpValue) -> Bytes {
    json_of(value, DEPTH_MAX).map_or_else(Bytes::new, |value| value.to_string().into())
}

fn json_of(value: &AmqpValue, depth: usize) -> Option<Value> {
    let depth_below = depth.checked_sub(1)?;
    let list = |values: &[AmqpValue]| -> Option<Value> {
        let values = values.iter().map(|value| json_of(value, depth_below));
        Some(Value::Array(values.collect::<Option<_>>()?))
    };
    Some(match value {
        AmqpValue::Null => Value::Null,
        AmqpValue::Boolean(value) => json!(value),
        AmqpValue::UByte(value) => json!(value),
        AmqpValue::UShort(value) => json!(value),
        AmqpValue::UInt(value) => json!(value),
        AmqpValue::ULong(value) => json!(value),
        AmqpValue::Byte(value) => json!(value),
        AmqpValue::Short(value) => json!(value),
        AmqpValue::Int(value) => json!(value),
        AmqpValue::Long(value) => json!(value),
        AmqpValue::Float(value) => float(f64::from(*value)),
        AmqpValue::Double(value) => float(*value),
        AmqpValue::Char(value) => json!(value),
        AmqpValue::TimeStamp(value) => value.0.map_or(Value::Null, |moment| {
            json!(Timestamp::from(moment).to_rfc3339())
        }),
        AmqpValue::Uuid(value) => json!(value.to_string()),
        AmqpValue::Binary(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => json!(text),
            Err(_) => json!(BASE64.encode(bytes)),
        },
        AmqpValue::String(text) => json!(text),
        AmqpValue::Symbol(symbol) => json!(symbol.0),
        AmqpValue::Decimal32(bits) => hexadecimal(bits),
        AmqpValue::Decimal64(bits) => hexadecimal(bits),
        AmqpValue::Decimal128(bits) => hexadecimal(bits),
        AmqpValue::List(values) => list(&values.0)?,
        AmqpValue::Array(values) => list(values)?,
        AmqpValue::Map(map) => {
            let pairs: Option<Vec<_>> = map
                .iter()
                .map(|(key, value)| {
                    Some((json_of(key, depth_below)?, json_of(value, depth_below)?))
                })
                .collect();
            object(pairs?)
        }
        // The descriptor's type is not exported.
        AmqpValue::Described(described) => json!({
            "descriptor": format!("{:?}", described.descriptor),
            "value": json_of(&described.value, depth_below)?,
        }),
    })
}

/// JSON has no infinities and no NaN.
fn float(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or_else(|| json!(value.to_string()), Value::Number)
}

fn hexadecimal(bits: &[u8]) -> Value {
    let digits = bits.iter().map(|byte| format!("{byte:02x}"));
    json!(format!("0x{}", digits.collect::<String>()))
}

fn object(pairs: Vec<(Value, Value)>) -> Value {
    let mut map = Map::new();
    for (key, value) in &pairs {
        match key {
            Value::String(name) if !map.contains_key(name) => {
                map.insert(name.clone(), value.clone());
            }
            _ => {
                return Value::Array(
                    pairs
                        .into_iter()
                        .map(|(key, value)| json!([key, value]))
                        .collect(),
                );
            }
        }
    }
    Value::Object(map)
}

#[cfg(test)]
mod tests {
    use azure_core_amqp::{AmqpList, AmqpOrderedMap};

    use super::*;

    fn check(value: impl Into<AmqpValue>, expected: &str) {
        assert_eq!(text(&value.into()), expected);
    }

    #[test]
    fn values_keep_what_they_say() {
        check(AmqpValue::ULong(u64::MAX), "18446744073709551615");
        check(AmqpValue::Double(f64::NAN), "\"NaN\"");
        check(AmqpValue::Binary(vec![0xff]), "\"/w==\"");
        check(AmqpValue::Decimal32([0, 1, 2, 255]), "\"0x000102ff\"");
        let mut map = AmqpOrderedMap::new();
        map.insert(AmqpValue::from("b"), AmqpValue::Boolean(true));
        map.insert(AmqpValue::from("a"), AmqpValue::Null);
        let list = AmqpList::from(vec![AmqpValue::Map(map), AmqpValue::Int(-1)]);
        check(AmqpValue::List(list), "[{\"b\":true,\"a\":null},-1]");
        let mut odd = AmqpOrderedMap::new();
        odd.insert(AmqpValue::Int(1), AmqpValue::Int(2));
        check(AmqpValue::Map(odd), "[[1,2]]");
    }

    #[test]
    fn what_is_nested_too_deeply_is_left_out() {
        let nest = |depth| {
            (0..depth).fold(AmqpValue::Null, |value, _| {
                AmqpValue::List(AmqpList::from(vec![value]))
            })
        };
        assert!(text(&nest(DEPTH_MAX)).is_empty());
        assert!(!text(&nest(DEPTH_MAX - 1)).is_empty());
    }
}
