//! Messages of all kinds arrive as the exact bytes of their records, in both encodings.

use std::io::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::bag::Bag;
use crate::scanner;
use crate::scene::Scene;

/// Largest event that the hub takes, with its properties.
const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// How the endpoint wants records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Ndjson,
    JsonArray,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines() {
    arrives(Encoding::Ndjson).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arrays() {
    arrives(Encoding::JsonArray).await;
}

async fn arrives(encoding: Encoding) {
    let scene = Scene::set(4).await;
    let (name, content_type, compression) = match encoding {
        Encoding::Ndjson => ("ndjson", "application/x-ndjson", "gzip"),
        Encoding::JsonArray => ("json_array", "application/json", "zstd"),
    };
    let settings = scene
        .settings()
        .set("sinks.main.encoding", name)
        .set("sinks.main.compression", compression)
        .set("sinks.main.headers.X-Api-Key", "abc 123");
    // By file and by environment alone, for both of which this is the test.
    let forwarder = match encoding {
        Encoding::Ndjson => settings.start_by_file(&scene.folder.path().join("config.toml")),
        Encoding::JsonArray => settings.start(),
    };
    let mut produced = Bag::default();
    for (index, (file, body)) in bodies().into_iter().enumerate() {
        let expected = expected(&file, &body, encoding);
        assert!(
            !expected.is_empty() || file.contains("empty"),
            "{file} has no record"
        );
        produced.extend(expected);
        let partition = u32::try_from(index % 4).unwrap();
        scene.hub.append(partition, body);
    }
    crate::eventually::eventually("every record", || scene.endpoint.has(&produced)).await;
    forwarder.stop().await;
    let difference = scene.endpoint.taken().against(&produced);
    assert_eq!(difference.duplicates_only(), 0);
    scene.assert_orderly();
    for arrival in scene.endpoint.arrivals() {
        assert_eq!(arrival.line, "POST /ingest");
        let header = |name| arrival.headers.get(name).unwrap().to_str().unwrap();
        assert_eq!(header("content-type"), content_type);
        assert_eq!(header("content-encoding"), compression);
        assert_eq!(header("x-api-key"), "abc 123");
        assert_eq!(header("content-length"), arrival.wire.len().to_string());
        assert!(header("user-agent").starts_with("entra-forwarder/"));
        assert!(!arrival.records.is_empty(), "an empty request");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn office_365_records_are_taken_out_on_request() {
    const INNER: &str = r#"{"Id":"1b4e28ba","Operation":"Send","ExternalAccess":false,"n":1.50}"#;
    const OTHER: &str = r#"{"category":"AuditLogs","properties":{"RawEventData":{"Id":"x"}}}"#;
    let scene = Scene::set(1).await;
    let settings = scene.settings();
    let forwarder = settings.set("sinks.main.unwrap_office365", "true").start();
    let outer = format!(
        r#"{{"category":"AdvancedHunting-CloudAppEvents","properties":{{"RawEventData":{INNER}}}}}"#
    );
    let body = format!(r#"{{"records":[{outer},{OTHER}]}}"#);
    scene.hub.append(0, Bytes::from(body));
    let mut expected = Bag::default();
    expected.extend([INNER, OTHER].map(|it| Bytes::from_static(it.as_bytes())));
    crate::eventually::eventually("both records", || scene.endpoint.has(&expected)).await;
    forwarder.stop().await;
    let difference = scene.endpoint.taken().against(&expected);
    assert_eq!(difference.duplicates_only(), 0);
}

/// The records that must arrive for a body, found without the forwarder's code.
fn expected(file: &str, body: &Bytes, encoding: Encoding) -> Vec<Bytes> {
    let records: Vec<&[u8]> = match (file, scanner::records(body)) {
        (_, Some(records)) => records,
        ("records-is-an-object.json", None) => vec![b"{\"a\":1}"],
        ("top-level-array.json", None) => vec![b"1", b"{\"b\":2.0}"],
        // No envelope: the whole body is one record.
        (_, None) => vec![body],
    };
    let wanted = records.into_iter().filter(|record| *record != b"null");
    let one = |record: &[u8]| -> Bytes {
        let object = match record {
            [b'{', ..] => record.to_vec(),
            // docs/records.md: another value is forwarded in an object, and so is text.
            _ if serde_json::from_slice::<serde::de::IgnoredAny>(record).is_ok() => {
                [b"{\"message\":", record, b"}"].concat()
            }
            _ => {
                let text = serde_json::Value::from(std::str::from_utf8(record).unwrap());
                format!("{{\"message\":{text}}}").into()
            }
        };
        match encoding {
            // A line break between tokens becomes a blank; docs/guarantees.md says so.
            Encoding::Ndjson => object
                .iter()
                .map(|byte| match byte {
                    b'\n' | b'\r' => b' ',
                    other => *other,
                })
                .collect(),
            Encoding::JsonArray => object.into(),
        }
    };
    wanted.map(one).collect()
}

/// Names and bodies of all messages.
fn bodies() -> Vec<(String, Bytes)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = files(&root.join("tests/data/messages"));
    assert!(own.len() >= 12, "the fixtures are there: {}", own.len());
    let shared = match std::env::var_os("ENTRA_FORWARDER_SHARED_DATA") {
        Some(path) => PathBuf::from(path),
        None => root.join("../shared/data"),
    };
    let shared = shared.join("messages");
    let more = files(&shared);
    assert!(
        more.is_empty() != shared.exists(),
        "messages are there or not"
    );
    // Not through a macro, whose output a passing test swallows.
    let said = match more.len() {
        0 => format!("{} is not there: without its messages\n", shared.display()),
        count => format!("with {count} messages of {}\n", shared.display()),
    };
    std::io::stderr().write_all(said.as_bytes()).unwrap();
    let mut bodies: Vec<_> = own.into_iter().chain(more).collect();
    bodies.push(("near the limit".to_owned(), near_the_limit()));
    bodies.push(("one large record".to_owned(), one_large_record()));
    bodies.push(("deeply nested".to_owned(), deeply_nested()));
    bodies.push(("plain text".to_owned(), "no JSON \"at all\" \u{1}".into()));
    bodies.push((
        "another object".to_owned(),
        r#"{"alone":1.10,"alone":-0.0}"#.into(),
    ));
    bodies
}

fn files(folder: &Path) -> Vec<(String, Bytes)> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "json"));
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(&path).unwrap().into())
    };
    paths.into_iter().map(read).collect()
}

/// As many records as the hub takes in one event.
fn near_the_limit() -> Bytes {
    let mut body = String::from("{\"records\":[");
    for number in 0.. {
        let record = crate::hub::record(900_000_000 + number);
        if body.len() + record.len() > EVENT_BYTES_MAX - 64 {
            break;
        }
        if number > 0 {
            body.push(',');
        }
        body.push_str(&record);
    }
    body.push_str("]}");
    assert!(body.len() > EVENT_BYTES_MAX - 1024);
    body.into()
}

/// One record that is nearly as large as an event may be, and does not compress well.
fn one_large_record() -> Bytes {
    let mut state = 88_172_645_463_325_252_u64;
    let text: String = (0..EVENT_BYTES_MAX / 16 - 32)
        .map(|_| {
            // Xorshift: cheap and without a pattern that gzip would find.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            format!("{state:016x}")
        })
        .collect();
    format!("{{\"records\":[{{\"large\":\"{text}\"}}]}}").into()
}

fn deeply_nested() -> Bytes {
    let (open, close) = ("[".repeat(50_000), "]".repeat(50_000));
    format!("{{\"records\":[{{\"deep\":{open}{close}}}]}}").into()
}
