//! `type = "azure_blob"`. Over Azurite it is tested with the whole program.

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use entra_forwarder::checkpoint::blob::Container;
use entra_forwarder::clock::SystemClock;
use entra_forwarder::config::{FileText, Secret, SinkKind, load};
use entra_forwarder::deliver::blob::BlobTransport;
use entra_forwarder::deliver::http::{Request, Transport};
use entra_forwarder::deliver::request_id::RequestId;
use entra_forwarder::deliver::response::TransportError;
use entra_forwarder::envelope;
use entra_forwarder::event_hub::{PartitionId, Timestamp};
use entra_forwarder::format::{self, Format};
use entra_forwarder::record::{HubName, Origin, Record};
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::body::Incoming;

use crate::golden;
use crate::server::{FREE, Server};
use crate::world::{BASE, config, origin, wrong};

const SINK: &str = r#"
[sinks.archive]
type = "azure_blob"
[sinks.archive.azure_blob]
container_url = "https://contosologs.blob.core.windows.net/archive?sv=1&sig=c2VjcmV0"
"#;

fn format(more: &str) -> Arc<dyn Format> {
    format::of(
        &config(&format!("{SINK}{more}")).sinks["archive"],
        Arc::new(SystemClock),
    )
}

/// The object of all records of an event.
fn target(format: &dyn Format, event: &[u8], origin: &Origin) -> String {
    let records = envelope::split(&Bytes::copy_from_slice(event), 0);
    let mut records = records.all().map(|piece| Record::new(piece, origin));
    format.target(&mut records).unwrap()
}

#[test]
fn records_of_every_category() {
    golden::check("azure_blob.txt", SINK);
}

#[test]
fn names_of_objects() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/destinations");
    let event = Bytes::from(std::fs::read(folder.join("records.json")).unwrap());
    let (records, origin, format) = (envelope::split(&event, 0), origin(42), format(""));
    let mut names = String::new();
    for piece in records.all() {
        let record = Record::new(piece, &origin);
        let name = format.target(&mut std::iter::once(record)).unwrap();
        assert!(name.starts_with(&format.group(&record).unwrap()), "{name}");
        names.push_str(&name);
        names.push('\n');
    }
    golden::compare(&folder.join("golden/azure_blob-names.txt"), &names);
}

#[test]
fn a_name_is_that_of_its_records_alone() {
    let format = format("path = \"x\"\n");
    let name = |event: &str, origin: &Origin| target(format.as_ref(), event.as_bytes(), origin);
    let usual = r#"{"records":[{"a":1},{"a":2},{"a":3}]}"#;
    let first = name(usual, &origin(7));
    assert!(
        first.starts_with("x/contoso.servicebus.windows.net/logs/3-7.0-7.2-"),
        "{first}"
    );
    assert!(first.ends_with(".ndjson.gz"), "{first}");
    assert_eq!(name(usual, &origin(7)), first);
    let mut others = vec![
        name(r#"{"records":[{"a":1},{"a":2},{"a":30}]}"#, &origin(7)),
        name(r#"{"records":[{"a":1},{"a":2}]}"#, &origin(7)),
        name(usual, &origin(8)),
    ];
    // A hub that was made anew counts from 0 again.
    let mut anew = origin(7);
    anew.position.enqueued_at = Timestamp::parse_rfc3339("2026-02-01T00:00:00Z");
    others.push(name(usual, &anew));
    for (namespace, hub, partition) in [
        ("fabrikam.servicebus.windows.net", "logs", "3"),
        ("contoso.servicebus.windows.net", "audit", "3"),
        ("contoso.servicebus.windows.net", "logs", "4"),
    ] {
        let mut other = origin(7);
        other.hub = Arc::new(HubName::new(namespace, hub));
        other.partition = PartitionId::new(partition);
        others.push(name(usual, &other));
    }
    others.push(first);
    let count = others.len();
    let distinct: std::collections::BTreeSet<_> = others.into_iter().collect();
    assert_eq!(distinct.len(), count, "{distinct:?}");
    // Of the same range, what lies between counts too.
    let records = envelope::split(&Bytes::from_static(usual.as_bytes()), 0);
    let origin = origin(7);
    let record = |place| {
        records
            .pieces(place, place + 1)
            .map(|it| Record::new(it, &origin))
    };
    let ends = format.target(&mut record(0).chain(record(2))).unwrap();
    assert!(
        !distinct.contains(&ends) && ends.contains("-7.0-7.2-"),
        "{ends}"
    );
}

#[test]
fn no_record_leads_out_of_its_folders() {
    let format = format("path = '{{ a }}/{{ b }}//c=1/{{ d }}'\n");
    for (a, b, d, expected) in [
        ("..", ".", "x", "__/_/c=1/x"),
        ("../../etc", "", "a b", "__/__/etc/c=1/a_b"),
        ("/a//b/", "..x..", "%2e%2E", "a/b/__x__/c=1/_2e_2E"),
        (
            "\\..\\",
            "?sig=1#",
            "\u{7f}\u{202e}z\u{fc}\u{65e5}",
            "_.._/_sig=1_/c=1/__z\u{fc}\u{65e5}",
        ),
    ] {
        let event = serde_json::json!({"records": [{"a": a, "b": b, "d": d}]}).to_string();
        let name = target(format.as_ref(), event.as_bytes(), &origin(1));
        let rest = name
            .strip_prefix(expected)
            .unwrap_or_else(|| panic!("{name}"));
        assert!(
            rest.starts_with("/contoso.servicebus.windows.net/logs/3-1.0-"),
            "{name}"
        );
    }
    let long = "\u{65e5}/".repeat(200);
    let event = serde_json::json!({"records": [{"a": long, "b": long, "d": long}]}).to_string();
    let name = target(format.as_ref(), event.as_bytes(), &origin(1));
    assert!(
        name.chars().count() < 1_024 && name.split('/').count() < 254,
        "{name}"
    );
}

#[test]
fn objects_are_larger_and_older_unless_it_is_said() {
    let sink = config(SINK).sinks.remove("archive").unwrap();
    assert_eq!((sink.batch.records, sink.batch.bytes), (10_000, 8 << 20));
    assert_eq!(sink.batch.age, Duration::from_secs(60));
    assert!(matches!(
        sink.kind,
        SinkKind::Blob {
            credential: None,
            ..
        }
    ));
    assert!(!format!("{sink:?}").contains("c2VjcmV0"));
    let own = SINK.replace(
        "[sinks.archive.azure",
        "compression = \"zstd\"\nbatch = { records = 5, bytes = \"64KiB\", age = \"1s\" }\n\
         [sinks.archive.azure",
    );
    let sink = config(&own).sinks.remove("archive").unwrap();
    assert_eq!((sink.batch.records, sink.batch.bytes), (5, 64 << 10));
    assert_eq!(sink.batch.age, Duration::from_secs(1));
    let name = target(
        format::of(&sink, Arc::new(SystemClock)).as_ref(),
        b"{\"a\":1}",
        &origin(1),
    );
    assert!(name.ends_with(".ndjson.zst"), "{name}");
    let small = config(&format!("{SINK}[limits]\nmemory_budget = \"16MiB\"\n"));
    assert_eq!(small.sinks["archive"].batch.bytes, 1 << 20);
}

#[test]
fn mistakes_are_told() {
    let missing = wrong("[sinks.archive]\ntype = \"azure_blob\"\n");
    assert!(missing.contains("azure_blob.container_url"), "{missing}");
    for (from, to, expected) in [
        (
            "?sv=1&sig=c2VjcmV0\"",
            "\"\ncredential = \"nobody\"",
            "nobody",
        ),
        (
            "https://contosologs.blob.core.windows.net/archive?sv=1&sig=c2VjcmV0",
            "http://contosologs.blob.core.windows.net/archive",
            "https",
        ),
        ("/archive?sv=1&sig=c2VjcmV0", "", "name of the container"),
        (
            "\n[sinks.archive.azure_blob]",
            "\n[sinks.archive.azure_blob]\npath = \"{{ time | slug \"",
            "column",
        ),
    ] {
        let problems = wrong(&SINK.replace(from, to));
        assert!(problems.contains(expected), "{expected}: {problems}");
        assert!(!problems.contains("c2VjcmV0"), "{problems}");
    }
    let unused = SINK.replace(
        "[sinks.archive.azure",
        "endpoint = \"https://siem.invalid\"\nproxy = \"none\"\nencoding = \"json_array\"\n\
         headers = { X-Key = \"1\" }\n[sinks.archive.azure",
    );
    let file = FileText {
        name: "test".into(),
        text: format!("{BASE}{unused}"),
    };
    let warnings = load(Some(file), []).unwrap().warnings;
    for key in ["endpoint", "proxy", "encoding", "headers"] {
        let key = format!("sinks.archive.{key} is not used");
        assert!(
            warnings.iter().any(|it| it.starts_with(&key)),
            "{key}: {warnings:?}"
        );
    }
}

/// A service that answers every request of a method so, and what it was asked.
struct Service {
    server: Server,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Service {
    async fn start(put: (u16, &'static str), head: (u16, &'static str)) -> Self {
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&asked);
        let serve = move |request: hyper::Request<Incoming>| {
            let kept = Arc::clone(&kept);
            async move {
                let (parts, body) = request.into_parts();
                body.collect().await.unwrap();
                let line = format!("{} {}", parts.method, parts.uri.path());
                kept.lock().unwrap().push(line);
                let (status, code) = if parts.method == "HEAD" { head } else { put };
                let mut response = Response::builder()
                    .status(status)
                    .header("etag", "\"0x1\"")
                    .header("last-modified", "Sat, 31 Jan 2026 12:00:00 GMT")
                    .header("retry-after", "7");
                if !code.is_empty() {
                    response = response.header("x-ms-error-code", code);
                }
                Ok::<_, Infallible>(response.body(Full::new(Bytes::new())).unwrap())
            }
        };
        Self {
            server: Server::http(FREE, None, serve).await,
            asked,
        }
    }

    /// What comes of one attempt.
    async fn attempt(&self, target: Option<&str>) -> Result<(u16, Option<u64>), TransportError> {
        let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let url = format!(
            "http://{}/account/box?sv=1&sig=VERYSECRET",
            self.server.address
        );
        let container = Container::new(&Secret::new(url), None, Duration::from_secs(10)).unwrap();
        let request = Request {
            body: Bytes::from_static(b"body"),
            content_type: "application/x-ndjson",
            target: target.map(str::to_owned),
            id: RequestId::of_probe(b"body"),
            content_encoding: None,
        };
        let answer = BlobTransport::new(container).send(request).await;
        answer.map(|it| (it.status, it.retry_after.map(|it| it.as_secs())))
    }
}

/// What the service answers, and what becomes of it; codes:
/// <https://learn.microsoft.com/en-us/rest/api/storageservices/blob-service-error-codes>.
#[tokio::test]
async fn answers_mean_what_they_mean_elsewhere() {
    let of = async |status, code, target| {
        let service = Service::start((status, code), (404, "BlobNotFound")).await;
        service.attempt(target).await
    };
    let name = Some("a/b.ndjson");
    assert_eq!(of(201, "", name).await, Ok((201, None)));
    assert_eq!(of(503, "ServerBusy", name).await, Ok((503, Some(7))));
    assert_eq!(of(500, "InternalError", name).await, Ok((500, Some(7))));
    assert_eq!(
        of(413, "RequestBodyTooLarge", name).await,
        Ok((413, Some(7)))
    );
    for (status, code, words) in [
        (
            403,
            "AuthorizationPermissionMismatch",
            "Storage Blob Data Contributor",
        ),
        (404, "ContainerNotFound", "does not exist: create it"),
        (409, "ContainerBeingDeleted", "409 ContainerBeingDeleted"),
        (
            409,
            "BlobImmutableDueToPolicy",
            "409 BlobImmutableDueToPolicy",
        ),
        (412, "LeaseIdMissing", "break the lease"),
    ] {
        let Err(TransportError::Declined(reason)) = of(status, code, name).await else {
            panic!("{code}");
        };
        assert!(reason.contains(words), "{reason}");
        assert!(!reason.contains("VERYSECRET"), "{reason}");
    }
    // Whether it may be written is asked with a condition that is never fulfilled.
    assert_eq!(of(412, "ConditionNotMet", None).await, Ok((201, None)));
    assert!(of(403, "AuthenticationFailed", None).await.is_err());
}

/// What a retention policy keeps was written before: its name says which records it has.
#[tokio::test]
async fn a_repetition_is_done_where_nothing_is_written_over() {
    let service = Service::start((409, "BlobImmutableDueToPolicy"), (200, "")).await;
    assert_eq!(service.attempt(Some("a/b.ndjson")).await, Ok((201, None)));
    let asked = service.asked.lock().unwrap().clone();
    assert_eq!(
        asked,
        [
            "PUT /account/box/a%2Fb.ndjson",
            "HEAD /account/box/a%2Fb.ndjson"
        ]
    );
}
