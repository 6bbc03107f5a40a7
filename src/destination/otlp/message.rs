//! The messages of OTLP's logs, as far as they are written or read here. One definition makes
//! both encodings, Protobuf and JSON.
//!
//! **Source**: <https://github.com/open-telemetry/opentelemetry-proto/tree/v1.9.0/opentelemetry/proto>,
//! `logs/v1` and `collector/logs/v1`. In JSON names are in camel case,
//! 64-bit numbers are strings and enumerations are numbers
//! (<https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>).

use serde::{Deserialize, Serialize, Serializer};

use crate::otlp::{AnyValue, KeyValue};

/// A log record.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogRecord {
    /// Nanoseconds since 1970; 0 is unknown.
    #[prost(fixed64, tag = "1")]
    #[serde(serialize_with = "digits", skip_serializing_if = "is_zero")]
    pub(super) time_unix_nano: u64,
    /// 1 to 24; 0 is unknown.
    #[prost(int32, tag = "2")]
    #[serde(skip_serializing_if = "is_unspecified")]
    pub(super) severity_number: i32,
    #[prost(string, tag = "3")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) severity_text: String,
    #[prost(message, optional, tag = "5")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<AnyValue>,
    #[prost(message, repeated, tag = "6")]
    pub(super) attributes: Vec<KeyValue>,
    /// Nanoseconds since 1970; 0 is unknown.
    #[prost(fixed64, tag = "11")]
    #[serde(serialize_with = "digits", skip_serializing_if = "is_zero")]
    pub(super) observed_time_unix_nano: u64,
    #[prost(string, tag = "12")]
    pub(super) event_name: String,
}

/// `ExportLogsServiceResponse`.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Response {
    #[prost(message, optional, tag = "1")]
    pub(super) partial_success: Option<PartialSuccess>,
}

/// `ExportLogsPartialSuccess`.
#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PartialSuccess {
    #[prost(int64, tag = "1")]
    #[serde(deserialize_with = "number")]
    pub(super) rejected_log_records: i64,
    #[prost(string, tag = "2")]
    pub(super) error_message: String,
}

fn digits<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_unspecified(number: &i32) -> bool {
    *number == 0
}

/// A 64-bit number, which receivers write as a number or as a string.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(i64),
        Text(String),
    }
    match Written::deserialize(deserializer)? {
        Written::Number(number) => Ok(number),
        Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}
