//! What the sample records beside the project say of themselves; where there are none, that is said.

use std::collections::BTreeMap;

use bytes::Bytes;
use entra_forwarder::envelope;
use entra_forwarder::event_hub::{PartitionId, Position, Timestamp};
use entra_forwarder::record::{EventTime, Field, HubName, Origin, Record, TimeSource};
use serde_json::Value;

use crate::bodies::shared;

const ENQUEUED: Timestamp = Timestamp(1_795_248_930_125);

/// Files whose records have no category of their own.
const NO_CATEGORY: [&str; 5] = [
    "NoCategory",
    "azure-network-watcher",
    "graphapi.signIns",
    "O365-",
    "o365.",
];

/// Sign-ins and all else that has its own id in `properties`.
const OWN_ID: [&str; 13] = [
    "ADFSSignInLogs",
    "AdvancedHunting-",
    "AuditLogs",
    "AzureADGraphActivityLogs",
    "ManagedIdentitySignInLogs",
    "MicrosoftGraphActivityLogs",
    "MicrosoftServicePrincipalSignInLogs",
    "NonInteractiveUserSignInLogs",
    "ProvisioningLogs",
    "RiskyUsers",
    "ServicePrincipalSignInLogs",
    "UserRiskEvents",
    "o365.",
];

/// The files of one kind, by name without ending.
fn files(kind: &str) -> impl Iterator<Item = (String, String)> {
    shared(kind).into_iter().map(|(name, bytes)| {
        let stem = name
            .rsplit_once('.')
            .map_or(name.as_str(), |(stem, _)| stem);
        (stem.to_owned(), String::from_utf8(bytes.to_vec()).unwrap())
    })
}

/// Looks at every record, with the file that it stands in and what a parser sees in it.
fn each(mut look: impl FnMut(&str, Record<'_>, &Value)) {
    let origin = origin();
    for (name, text) in files("records") {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let value: Value = serde_json::from_str(line).unwrap();
            let records = envelope::split(&Bytes::from(line.to_owned()), 0);
            assert_eq!(records.len(), 1, "{name}: {line}");
            let record = Record::new(records.all().next().unwrap(), &origin);
            look(&name, record, &value);
        }
    }
}

fn origin() -> Origin {
    Origin {
        hub: std::sync::Arc::new(HubName::new("contoso.servicebus.windows.net", "logs")),
        partition: PartitionId::new("0"),
        position: Position {
            enqueued_at: Some(ENQUEUED),
            ..Position::before_first()
        },
    }
}

fn starts(name: &str, with: &[&str]) -> bool {
    with.iter().any(|it| name.starts_with(it))
}

/// The member of a name in any letter case.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let mut members = value.as_object()?.iter();
    members
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value)
}

/// A placeholder that has a category and nothing else.
fn is_bare(value: &Value) -> bool {
    value.as_object().is_some_and(|members| members.len() == 1)
}

#[test]
fn every_record_has_the_category_that_a_parser_sees() {
    each(|name, record, value| {
        let expected = member(value, "category").map(|it| match it {
            Value::Object(object) => object["value"].as_str().unwrap(),
            it => it.as_str().unwrap(),
        });
        assert_eq!(record.category().as_deref(), expected, "{name}: {value}");
        assert!(
            expected.is_some() || starts(name, &NO_CATEGORY),
            "{name}: {value}"
        );
    });
}

#[test]
fn every_record_has_a_time_of_its_own() {
    let mut sources = BTreeMap::new();
    each(|name, record, value| {
        let (time, source) = record.time().unwrap();
        let TimeSource::Field(field) = source else {
            assert!(is_bare(value), "{name}: {value}");
            assert_eq!(time, EventTime(ENQUEUED.0 * 1_000_000));
            return;
        };
        *sources.entry(field).or_insert(0) += 1;
        let year = time.nanoseconds() / (365 * 86_400 * 1_000_000_000) + 1970;
        assert!((2007..2027).contains(&year), "{name}: {value}");
        // Whatever has a top-level time is read by it.
        assert!(
            member(value, "time").is_none() || field == "time",
            "{name}: {value}"
        );
    });
    if !sources.is_empty() {
        println!("{sources:?}");
        assert!(sources["time"] > 400);
        assert!(sources["creationTime"] > 50);
        assert!(sources["properties.timeGenerated"] > 0);
    }
}

#[test]
fn times_agree_with_what_the_record_says_elsewhere() {
    let mut compared = 0;
    each(|name, record, value| {
        let other = ["createdDateTime", "activityDateTime", "Timestamp"]
            .iter()
            .find_map(|key| member(value.get("properties")?, key)?.as_str());
        let Some(other) = other.and_then(EventTime::parse) else {
            return;
        };
        if starts(
            name,
            &["SignInLogs", "NonInteractive", "ServicePrincipal", "ADFS"],
        ) {
            let (time, _) = record.time().unwrap();
            let apart = (time.nanoseconds() - other.nanoseconds()) / 60_000_000_000;
            assert!(
                (-1..24 * 60).contains(&apart),
                "{name}: {apart} min: {value}"
            );
            compared += 1;
        }
    });
    assert!(compared > 20 || shared("records").is_empty(), "{compared}");
}

#[test]
fn tenants_are_guids_and_only_guids() {
    let mut found = 0;
    each(|name, record, value| {
        let named = member(value, "tenantId")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let hexadecimal = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_guid = named.split('-').map(str::len).eq([8, 4, 4, 4, 12])
            && named.split('-').all(hexadecimal);
        match record.tenant() {
            Some(tenant) => {
                found += 1;
                if is_guid {
                    assert_eq!(tenant.id.as_str(), named.to_lowercase(), "{name}: {value}");
                }
                let resource = member(value, "resourceId").and_then(Value::as_str);
                let resource = resource.unwrap_or_default().to_lowercase();
                if let Some(other) = tenant.other {
                    assert!(resource.contains(other.as_str()), "{name}: {value}");
                    assert!(!resource.contains(tenant.id.as_str()), "{name}: {value}");
                }
            }
            None => assert!(!is_guid, "{name}: {value}"),
        }
    });
    assert!(found > 300 || shared("records").is_empty(), "{found}");
}

#[test]
fn severities_are_known_but_for_one() {
    each(|name, record, value| {
        let known = match member(value, "level") {
            None | Some(Value::Null) => false,
            Some(level) => *level != "Metadata",
        };
        assert_eq!(record.severity().is_some(), known, "{name}: {value}");
    });
}

#[test]
fn operations_and_providers() {
    each(|name, record, value| {
        if let Some(Value::String(operation)) = member(value, "operationName") {
            let expected = Some(operation.as_str()).filter(|it| !it.is_empty());
            assert_eq!(
                record.operation_name().as_deref(),
                expected,
                "{name}: {value}"
            );
        }
        let resource = member(value, "resourceId").and_then(Value::as_str);
        let resource = resource.unwrap_or_default().to_lowercase();
        let provider = record.resource_provider();
        assert_eq!(
            provider.is_some(),
            resource.contains("/providers/"),
            "{name}: {value}"
        );
        if let Some(provider) = provider {
            assert!(
                resource.contains(&format!("/providers/{provider}")),
                "{name}: {value}"
            );
        }
        if resource.ends_with("/providers/microsoft.aadiam") {
            assert_eq!(record.resource_provider().unwrap(), "microsoft.aadiam");
        }
    });
}

#[test]
fn results_are_read_where_there_is_one() {
    each(|name, record, value| {
        let Some(kind) = member(value, "resultType").filter(|it| !it.is_null()) else {
            return;
        };
        let text = kind
            .as_str()
            .map_or_else(|| kind.to_string(), str::to_owned);
        if !text.is_empty() && !text.eq_ignore_ascii_case("none") {
            assert_eq!(
                record.result().as_deref(),
                Some(text.as_str()),
                "{name}: {value}"
            );
        }
    });
}

#[test]
fn own_ids_are_there_and_content_keys_tell_records_apart() {
    let mut keys = BTreeMap::new();
    let (mut with, mut all) = (0, 0);
    each(|name, record, value| {
        if starts(name, &OWN_ID) && !is_bare(value) {
            all += 1;
            with += u32::from(record.own_id().is_some());
            let inner = value
                .get("properties")
                .is_some_and(|it| member(it, "id").is_some());
            assert!(record.own_id().is_some() || !inner, "{name}: {value}");
        }
        let before = keys.insert(record.content_key(), record.original().to_vec());
        assert!(before.is_none_or(|it| it == record.original()), "{name}");
    });
    assert!(
        with * 10 > all * 8 || shared("records").is_empty(),
        "{with} of {all}"
    );
}

#[test]
fn fields_read_together_are_those_read_alone() {
    each(|name, record, _| {
        let mut together = record.read(&[
            Field::Category,
            Field::Time,
            Field::Tenant,
            Field::Severity,
            Field::Result,
        ]);
        assert_eq!(together.result(), record.result(), "{name}");
        assert_eq!(together.own_id(), record.own_id(), "{name}");
        assert_eq!(together.category(), record.category(), "{name}");
        assert_eq!(together.tenant(), record.tenant(), "{name}");
        assert_eq!(together.severity(), record.severity(), "{name}");
        assert_eq!(together.time(), record.time(), "{name}");
    });
}

#[test]
fn office_365_records_are_inside_of_defenders() {
    each(|name, record, value| {
        let inner = record.unwrap_office365();
        assert_eq!(
            inner.is_some(),
            name == "AdvancedHunting-CloudAppEvents",
            "{name}"
        );
        if let Some(inner) = inner {
            let inner: Value = serde_json::from_str(&inner).unwrap();
            assert_eq!(inner, value["properties"]["RawEventData"]);
            assert!(member(&inner, "Id").is_some(), "{value}");
        }
    });
}

#[test]
fn records_say_the_same_in_whole_messages() {
    let origin = origin();
    for (name, text) in files("messages") {
        let value: Value = serde_json::from_str(&text).unwrap();
        let expected = value["records"].as_array().unwrap();
        let records = envelope::split(&Bytes::from(text), 0);
        assert_eq!(records.len(), expected.len(), "{name}");
        for (piece, value) in records.all().zip(expected) {
            let record = Record::new(piece, &origin);
            let mut fields = record.read(&[Field::Category, Field::Time]);
            let category = member(value, "category").map(|it| match it {
                Value::Object(object) => object["value"].as_str().unwrap(),
                it => it.as_str().unwrap(),
            });
            assert_eq!(fields.category().as_deref(), category, "{name}");
            let (time, source) = fields.time().unwrap();
            assert_ne!(source, TimeSource::Enqueued, "{name}: {value}");
            let text = member(value, "time").and_then(Value::as_str);
            if let Some(text) = text {
                assert_eq!(EventTime::parse(text), Some(time), "{name}");
            }
        }
    }
}
