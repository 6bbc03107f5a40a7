//! What every dead-letter store must do.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use entra_forwarder::checkpoint::blob::Container;
use entra_forwarder::config::Secret;
use entra_forwarder::deliver::dead_letter::blob::BlobDeadLetters;
use entra_forwarder::deliver::dead_letter::directory::DirectoryDeadLetters;
use entra_forwarder::deliver::dead_letter::memory::MemoryDeadLetters;
use entra_forwarder::deliver::dead_letter::{DeadLetter, DeadLetterStore};
use entra_forwarder::event_hub::Timestamp;
use entra_forwarder::record::{HubName, Origin};

use crate::azurite::TestContainer;
use crate::conformance::{checkpoint, partition};
use crate::directory::files;
use crate::stub::Stub;

const TIMEOUT: Duration = Duration::from_secs(30);

fn letter(index: Option<u32>, body: &'static [u8]) -> DeadLetter {
    DeadLetter {
        source: "entra".to_owned(),
        origin: Origin {
            hub: Arc::new(HubName::new("contoso.servicebus.windows.net", "logs")),
            partition: partition("3"),
            position: checkpoint(42).position,
        },
        answer: None,
        first_seen: Timestamp(1_763_712_930_125),
        index,
        sink: index.map(|_| "siem".to_owned()),
        reason: "refused",
        body: Bytes::from_static(body),
    }
}

/// Two letters, one of them twice, one beside another of its name; the bodies that must remain.
async fn write_all(store: &dyn DeadLetterStore) -> Vec<&'static [u8]> {
    let bodies: [&[u8]; 3] = [b"\x00\xff not text \r\n", b"", b"another hub's"];
    for _ in 0..3 {
        store.write(&[letter(Some(7), bodies[0])]).await.unwrap();
        store.write(&[letter(None, bodies[1])]).await.unwrap();
        store.write(&[letter(Some(7), bodies[2])]).await.unwrap();
    }
    bodies.to_vec()
}

#[test]
fn names_repeat_themselves() {
    assert_eq!(letter(Some(7), b"").name(), "entra/siem/2025-11-21/3-42-7");
    assert_eq!(letter(None, b"").name(), "entra/-/2025-11-21/3-42-event");
}

#[tokio::test]
async fn memory_keeps_each_once() {
    let store = MemoryDeadLetters::new();
    let mut expected = write_all(&store).await;
    let mut bodies: Vec<_> = store
        .all()
        .into_iter()
        .map(|(_, letter)| letter.body)
        .collect();
    expected.sort_unstable();
    bodies.sort_unstable();
    assert_eq!(bodies, expected);
}

#[tokio::test]
async fn a_directory_keeps_each_once_with_its_exact_bytes() {
    let root = tempfile::tempdir().unwrap();
    let store = DirectoryDeadLetters::new(root.path(), TIMEOUT);
    let mut expected = write_all(&store).await;
    let paths = files(root.path());
    assert_eq!(paths.len(), 6, "{paths:?}");
    let bodies = paths
        .iter()
        .filter(|path| path.extension().unwrap() == "bin");
    let mut bodies: Vec<_> = bodies
        .map(|path| fs::read(root.path().join(path)).unwrap())
        .collect();
    bodies.sort_unstable();
    expected.sort_unstable();
    assert_eq!(bodies, expected);
    let sidecar = fs::read(root.path().join("entra/siem/2025-11-21/3-42-7.json")).unwrap();
    let fields: BTreeMap<String, String> = serde_json::from_slice(&sidecar).unwrap();
    assert_fields(&fields);
}

fn assert_fields(fields: &BTreeMap<String, String>) {
    for (name, value) in [
        ("reason", "refused"),
        ("sink", "siem"),
        ("source", "entra"),
        ("partition", "3"),
        ("sequence", "42"),
        ("offset", "4200"),
        ("index", "7"),
        ("enqueuedtime", "2025-11-21T08:15:30.167Z"),
    ] {
        assert_eq!(fields.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_sidecar_lost_in_a_crash_is_written_again() {
    let root = tempfile::tempdir().unwrap();
    let store = DirectoryDeadLetters::new(root.path(), TIMEOUT);
    store.write(&[letter(Some(7), b"body")]).await.unwrap();
    let sidecar = root.path().join("entra/siem/2025-11-21/3-42-7.json");
    fs::remove_file(&sidecar).unwrap();
    store.write(&[letter(Some(7), b"body")]).await.unwrap();
    assert!(sidecar.exists());
    assert_eq!(files(root.path()).len(), 2);
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("entra"), "in the way").unwrap();
    let store = DirectoryDeadLetters::new(root.path(), TIMEOUT);
    let error = store.write(&[letter(Some(7), b"body")]).await.unwrap_err();
    assert!(error.to_string().contains("entra"), "{error}");
}

fn blob(url: &str) -> BlobDeadLetters {
    BlobDeadLetters::new(Container::new(&Secret::new(url), None, TIMEOUT).unwrap())
}

async fn get(container: &TestContainer, path: &str) -> (BTreeMap<String, String>, Bytes) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(container.blob_url(path)).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    let fields = answer.headers().iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("x-ms-meta-")?;
        Some((name.to_owned(), value.to_str().unwrap().to_owned()))
    });
    (fields.collect(), answer.bytes().await.unwrap())
}

#[tokio::test]
async fn a_container_keeps_each_once_with_its_exact_bytes() {
    let container = TestContainer::create().await;
    let expected = write_all(&blob(&container.url())).await;
    let path = "dead-letters/entra/siem/2025-11-21/3-42-7";
    let (fields, body) = get(&container, path).await;
    assert_eq!(body, expected[0]);
    assert_fields(&fields);
    let (_, body) = get(&container, "dead-letters/entra/-/2025-11-21/3-42-event").await;
    assert_eq!(body, expected[1]);
    let digest = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(expected[2]));
    let (_, body) = get(&container, &format!("{path}-{digest}")).await;
    assert_eq!(body, expected[2]);
}

#[tokio::test]
async fn the_largest_event_fits_and_odd_names_are_carried() {
    let container = TestContainer::create().await;
    let large: Bytes = (0..20_usize << 20)
        .map(|index| (index % 251) as u8)
        .collect();
    let mut odd = letter(Some(0), b"");
    odd.source = "../Zürich\n".to_owned();
    odd.body = large.clone();
    blob(&container.url()).write(&[odd]).await.unwrap();
    let path = "dead-letters/%252E./Z%25C3%25BCrich%250A/siem/2025-11-21/3-42-0";
    let (fields, body) = get(&container, path).await;
    assert!(body == large, "{} bytes came back", body.len());
    assert_eq!(fields["source"], "../Z%C3%BCrich%0A");
}

#[tokio::test]
async fn an_unconfirmed_write_is_an_error_that_hides_the_signature() {
    let container = TestContainer::create().await;
    let stub = Stub::start(Stub::answer("503 Busy", "", "")).await;
    for url in [
        container.url_with("racwl", -60),
        TestContainer::missing().url(),
        stub.url.clone(),
    ] {
        let error = blob(&url)
            .write(&[letter(None, b"body")])
            .await
            .unwrap_err();
        let (_, signature) = url.split_once("sig=").unwrap();
        assert!(!format!("{error:?}").contains(signature), "{error:?}");
        assert!(!error.to_string().contains("checkpoint"), "{error}");
    }
}
