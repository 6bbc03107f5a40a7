//! `type = "azure_blob"` over Azurite: every record's bytes are there, and a repetition is written
//! over itself.

use std::collections::BTreeMap;
use std::io::Read;

use bytes::Bytes;

use crate::azurite::TestContainer;
use crate::bag::Bag;
use crate::eventually::eventually;
use crate::forwarder::{Forwarder, Settings};
use crate::scene::Scene;

/// What the sink needs of a signature, and no more.
const WRITE: &str = "cw";

fn client() -> reqwest::Client {
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .no_gzip()
        .no_zstd()
        .build()
        .unwrap()
}

/// Writes to this container, in objects that are soon closed.
fn archived(settings: Settings, url: &str) -> Settings {
    settings
        .without("sinks.main.endpoint")
        .set("sinks.main.type", "azure_blob")
        .set("sinks.main.azure_blob.container_url", url)
}

/// The objects by their names, with their versions.
async fn names(container: &TestContainer) -> BTreeMap<String, String> {
    let blobs = container.blobs("", "Content-Encoding").await;
    let versions = blobs.into_iter().map(|(name, (version, encoding))| {
        let expected = if name.ends_with(".gz") {
            "gzip"
        } else {
            "zstd"
        };
        assert_eq!(encoding, expected, "{name}");
        (name, version)
    });
    versions.collect()
}

/// The lines of one object.
async fn lines(container: &TestContainer, name: &str) -> Vec<Bytes> {
    let answer = client().get(container.blob_url(name)).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{name}");
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    let body = answer.bytes().await.unwrap();
    let mut text = Vec::new();
    if name.ends_with(".gz") {
        let mut decoder = flate2::bufread::MultiGzDecoder::new(body.as_ref());
        decoder.read_to_end(&mut text).unwrap();
    } else {
        text = zstd::decode_all(body.as_ref()).unwrap();
    }
    let text = text.strip_suffix(b"\n").unwrap();
    text.split(|byte| *byte == b'\n')
        .map(Bytes::copy_from_slice)
        .collect()
}

async fn all(container: &TestContainer) -> Bag {
    let mut bag = Bag::default();
    for name in names(container).await.keys() {
        bag.extend(lines(container, name).await);
    }
    bag
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_record_is_in_the_object_that_its_name_says() {
    let (scene, container) = (Scene::set(2).await, TestContainer::create().await);
    scene.produce(50, 4);
    let url = container.url_with(WRITE, 3600);
    let forwarder = archived(scene.settings(), &url)
        .set("sinks.main.batch.records", "70")
        .start();
    eventually("the last checkpoint", || scene.is_stored()).await;
    let forwarder = forwarder.stop().await;
    scene.assert_orderly();
    assert!(!forwarder.text().contains("sig="));
    let mut found = Bag::default();
    for name in names(&container).await.keys() {
        let folder = "no-tenant/signinlogs/2025/01/01/00/localhost/logs/";
        let file = name
            .strip_prefix(folder)
            .unwrap_or_else(|| panic!("{name}"));
        let lines = lines(&container, name).await;
        let ranges: Vec<&str> = file.split(['-', '.']).collect();
        let [_, first, from, last, to, _, "ndjson", "gz"] = ranges[..] else {
            panic!("{name}");
        };
        let place = |sequence: &str, index: &str| {
            sequence.parse::<usize>().unwrap() * 4 + index.parse::<usize>().unwrap()
        };
        assert_eq!(
            lines.len(),
            place(last, to) - place(first, from) + 1,
            "{name}"
        );
        found.extend(lines);
    }
    assert_eq!(found, scene.hub.produced());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_repeated_is_written_over_itself() {
    let (scene, container) = (Scene::set(1).await, TestContainer::create().await);
    scene.produce(40, 5);
    // Batches are closed by their records alone, and nothing is stored before the end.
    let settings = archived(scene.settings(), &container.url_with(WRITE, 3600))
        .set("sinks.main.compression", "zstd")
        .set(
            "sinks.main.azure_blob.path",
            "{{ category }}/../x//{{ time | date(\"YYYY\") }}",
        )
        .set("sinks.main.batch.records", "50")
        .set("sinks.main.batch.age", "1min");
    let unstored = settings
        .clone()
        .set("checkpoints.interval", "5min")
        .set("checkpoints.interval_max", "5min");
    let forwarder = unstored.start();
    let before = loop {
        let found = names(&container).await;
        if found.len() == 4 {
            break found;
        }
        assert!(found.len() < 4, "{found:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    forwarder.kill().await;
    assert_eq!(all(&container).await, scene.hub.produced());
    let forwarder = settings.start();
    eventually("the last checkpoint", || scene.is_stored()).await;
    forwarder.stop().await;
    let after = names(&container).await;
    assert!(before.keys().eq(after.keys()), "{before:?} {after:?}");
    for (name, version) in &before {
        assert!(
            name.starts_with("SignInLogs/__/x/2025/localhost/logs/0-"),
            "{name}"
        );
        assert_ne!(after[name], *version, "{name} was written again");
    }
    assert_eq!(all(&container).await, scene.hub.produced());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_is_missing_or_closed_is_waited_for() {
    let (scene, container) = (Scene::set(1).await, TestContainer::missing());
    scene.produce(5, 2);
    let url = container.url_with(WRITE, 3600);
    let forwarder = archived(scene.settings(), &url).start();
    says(&forwarder, "does not exist: create it").await;
    assert_eq!(scene.owner(0), None, "no partition is taken meanwhile");
    container.make().await;
    eventually("the last checkpoint", || scene.is_stored()).await;
    assert!(!forwarder.stop().await.text().contains("sig="));
    assert_eq!(all(&container).await, scene.hub.produced());

    let closed = container.url_with("r", 3600);
    let forwarder = archived(scene.settings(), &closed).start();
    says(&forwarder, "AuthorizationPermissionMismatch").await;
    forwarder.stop().await;
}

/// Waits until the sink is said to fail for this reason.
async fn says(forwarder: &Forwarder, words: &str) {
    eventually("a word on it", || {
        let failing = forwarder.logged("failing");
        let of = |it: &serde_json::Value| it["reason"].as_str().unwrap().contains(words);
        failing.iter().any(of)
    })
    .await;
}
