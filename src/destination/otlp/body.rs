//! Records become the body of an export request.
//!
//! Names of attributes are those of the semantic conventions (`event_name`, `cloud.provider`,
//! `cloud.resource_id`, `client.address`, `enduser.id`, `service.name`) and, where these have none
//! for a field of Azure's schema, those that the OpenTelemetry collector gives it (`azure.*`).
//!
//! **Sources**: <https://opentelemetry.io/docs/specs/semconv/azure/events/>,
//! <https://opentelemetry.io/docs/specs/semconv/registry/attributes/cloud/>, `client` and `enduser`
//! beside it; the collector's
//! <https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/extension/encoding/azureencodingextension>,
//! whose severities these are, too.

use std::net::IpAddr;

use prost::Message;

use super::Otlp;
use super::message::LogRecord;
use crate::destination::members;
use crate::event_hub::Timestamp;
use crate::otlp::{AnyValue, KeyValue, Resource, Scope};
use crate::record::{EventTime, Field, Path, Record, Segment, Severity, TenantId};

/// The name of every event.
const EVENT_NAME: &str = "azure.resource.log";

/// Keys of fields that hold a message: the field's number, and that a length follows.
const FIELD_1: u8 = 1 << 3 | 2;
const FIELD_2: u8 = 2 << 3 | 2;

/// Where a record says what no field of it is.
#[derive(Debug)]
pub(super) struct Paths {
    caller: Option<Path>,
    users: [Option<Path>; 2],
}

impl Paths {
    pub(super) fn new() -> Self {
        let path = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned());
            Path::new(names.map(Segment::Member).collect())
        };
        Self {
            caller: path(&["callerIpAddress"]),
            users: [
                path(&["properties", "userPrincipalName"]),
                path(&["properties", "userId"]),
            ],
        }
    }
}

impl Otlp {
    /// Records of one tenant after another, in the order in which the tenants come.
    pub(super) fn by_tenant<'a>(
        records: &mut dyn Iterator<Item = Record<'a>>,
    ) -> Vec<(Option<TenantId>, Vec<Record<'a>>)> {
        let mut tenants: Vec<(Option<TenantId>, Vec<Record<'a>>)> = Vec::new();
        for record in records {
            let tenant = record.tenant().map(|it| it.id);
            match tenants.iter_mut().find(|(known, _)| *known == tenant) {
                Some((_, records)) => records.push(record),
                None => tenants.push((tenant, vec![record])),
            }
        }
        tenants
    }

    /// `ExportLogsServiceRequest` in Protobuf.
    pub(super) fn write_protobuf(
        &self,
        records: &mut dyn Iterator<Item = Record<'_>>,
        out: &mut Vec<u8>,
    ) {
        let now = self.shaped.now();
        for (tenant, records) in Self::by_tenant(records) {
            // What stands before the records holds their length: it is put there afterwards.
            let start = out.len();
            for record in records {
                let log = self.log_record(&record, now);
                field(FIELD_2, &log.encode_to_vec(), out);
            }
            let mut scope = Vec::new();
            field(FIELD_1, &Scope::of_this().encode_to_vec(), &mut scope);
            let mut head = Vec::new();
            field(FIELD_1, &self.resource(tenant).encode_to_vec(), &mut head);
            head.push(FIELD_2);
            length(scope.len() + out.len() - start, &mut head);
            head.extend_from_slice(&scope);
            let mut outer = vec![FIELD_1];
            length(head.len() + out.len() - start, &mut outer);
            outer.extend_from_slice(&head);
            out.splice(start..start, outer);
        }
    }

    /// `ExportLogsServiceRequest` in JSON.
    pub(super) fn write_json(
        &self,
        records: &mut dyn Iterator<Item = Record<'_>>,
        out: &mut Vec<u8>,
    ) {
        let now = self.shaped.now();
        out.extend_from_slice(b"{\"resourceLogs\":[");
        for (number, (tenant, records)) in Self::by_tenant(records).into_iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"resource\":");
            members::write(&self.resource(tenant), out);
            out.extend_from_slice(b",\"scopeLogs\":[{\"scope\":");
            members::write(&Scope::of_this(), out);
            out.extend_from_slice(b",\"logRecords\":[");
            for (number, record) in records.iter().enumerate() {
                if number > 0 {
                    out.push(b',');
                }
                members::write(&self.log_record(record, now), out);
            }
            out.extend_from_slice(b"]}]}");
        }
        out.extend_from_slice(b"]}");
    }

    fn resource(&self, tenant: Option<TenantId>) -> Resource {
        let mut attributes = vec![KeyValue::new("cloud.provider", "azure")];
        attributes.extend(tenant.map(|it| KeyValue::new("azure.tenant.id", it.as_str())));
        attributes.extend(self.resource.iter().cloned());
        Resource { attributes }
    }

    fn log_record(&self, record: &Record<'_>, now: Timestamp) -> LogRecord {
        let mut fields = record.read(&[
            Field::Time,
            Field::Severity,
            Field::Category,
            Field::OperationName,
            Field::CorrelationId,
            Field::Result,
            Field::ResourceId,
        ]);
        let at = |path: &Option<Path>| record.at(path.as_ref()?);
        let caller = at(&self.paths.caller).filter(|it| it.parse::<IpAddr>().is_ok());
        let user = self.paths.users.iter().find_map(at);
        let texts = [
            ("azure.category", fields.category()),
            ("azure.operation.name", fields.operation_name()),
            ("azure.correlation_id", fields.correlation_id()),
            ("azure.result.type", fields.result()),
            ("cloud.resource_id", fields.resource_id()),
            ("client.address", caller),
            ("enduser.id", user),
        ];
        let mut attributes = vec![KeyValue::new(
            "entra_forwarder.id",
            record.stable_id().to_string(),
        )];
        let texts = texts.into_iter();
        attributes.extend(texts.filter_map(|(key, it)| Some(KeyValue::new(key, it?))));
        let severity = fields.severity().map(severity);
        let (severity_number, severity_text) = severity.unwrap_or_default();
        let shape = self.shaped.shape(record, now);
        let time = shape.time(record, &mut fields);
        let time = time.map(EventTime::nanoseconds);
        // Not the moment of sending: a repetition has the same bytes.
        let enqueued_at = record.origin().position.enqueued_at;
        let observed = enqueued_at.map(|it| it.0.saturating_mul(1_000_000));
        let mut body = Vec::new();
        shape.of(record).write_json(&mut body);
        let body = String::from_utf8(body)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        LogRecord {
            time_unix_nano: nanoseconds(time),
            severity_number,
            severity_text: severity_text.to_owned(),
            body: Some(AnyValue {
                string_value: Some(body),
            }),
            attributes,
            observed_time_unix_nano: nanoseconds(observed),
            event_name: EVENT_NAME.to_owned(),
        }
    }
}

/// Number and text; the text is Azure's word.
fn severity(severity: Severity) -> (i32, &'static str) {
    match severity {
        Severity::Critical => (21, "Critical"),
        Severity::Error => (17, "Error"),
        Severity::Warning => (13, "Warning"),
        Severity::Informational => (9, "Informational"),
        Severity::Verbose => (5, "Verbose"),
    }
}

fn nanoseconds(time: Option<i64>) -> u64 {
    time.and_then(|it| u64::try_from(it).ok())
        .unwrap_or_default()
}

fn field(key: u8, message: &[u8], out: &mut Vec<u8>) {
    out.push(key);
    length(message.len(), out);
    out.extend_from_slice(message);
}

/// Seven bits to a byte, the lowest first; all but the last byte have the eighth bit set
/// (<https://protobuf.dev/programming-guides/encoding/#varints>).
fn length(length: usize, out: &mut Vec<u8>) {
    let mut rest = length;
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}
