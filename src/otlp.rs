//! What the messages of OTLP have in common, whether they carry logs or metrics.
//!
//! **Source**: <https://github.com/open-telemetry/opentelemetry-proto/tree/v1.9.0/opentelemetry/proto>,
//! `common/v1` and `resource/v1`.
//!
//! The crate `opentelemetry-proto` has these types, too, and needs the whole SDK of OpenTelemetry
//! for them; these few fields need `prost` alone.

use percent_encoding::percent_decode_str;
use serde::Serialize;

/// A value; of all kinds only text is used.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AnyValue {
    // One of several fields, of which an empty one is written, too: just as an optional one is.
    #[prost(string, optional, tag = "1")]
    pub(crate) string_value: Option<String>,
}

impl AnyValue {
    pub(crate) fn text(&self) -> &str {
        self.string_value.as_deref().unwrap_or_default()
    }
}

/// An attribute.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(crate) struct KeyValue {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) value: Option<AnyValue>,
}

impl KeyValue {
    pub(crate) fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            value: Some(AnyValue {
                string_value: Some(value.into()),
            }),
        }
    }
}

/// Where records come from.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(crate) struct Resource {
    #[prost(message, repeated, tag = "1")]
    pub(crate) attributes: Vec<KeyValue>,
}

/// Who writes them.
#[derive(Clone, PartialEq, prost::Message, Serialize)]
pub(crate) struct Scope {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) version: String,
}

impl Scope {
    /// This program.
    pub(crate) fn of_this() -> Self {
        Self {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// Pairs as in `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_EXPORTER_OTLP_HEADERS`: `key=value`, with commas
/// between them, and values percent-encoded
/// (<https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable>).
pub(crate) fn pairs(text: &str) -> impl Iterator<Item = (&str, String)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| {
        let value = percent_decode_str(value.trim()).decode_utf8_lossy();
        (key.trim(), value.into_owned())
    })
}
