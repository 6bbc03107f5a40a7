//! Several sources in one process: hubs of one namespace, of two, and one that is not there.

use std::path::PathBuf;

use bytes::Bytes;
use entra_forwarder_emulator::{Emulator, HubOptions, Options};
use serde_json::Value;
use tempfile::TempDir;

use crate::bag::Bag;
use crate::endpoint::Endpoint;
use crate::eventually::eventually;
use crate::forwarder::{Forwarder, Settings};
use crate::hub::{GROUP, record};

const PARTITIONS: u32 = 2;

/// One source: the namespace that its hub is in, by number, and the name of its hub.
type Place = (usize, String);

/// Namespaces with their hubs, one endpoint, one store.
struct World {
    namespaces: Vec<Emulator>,
    endpoint: Endpoint,
    folder: TempDir,
    produced: Bag,
    records: u64,
}

/// The namespaces' names: all of them are this machine.
const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

fn options() -> HubOptions {
    HubOptions::new(PARTITIONS).group(GROUP)
}

impl World {
    async fn start(namespaces: usize) -> Self {
        let mut started = Vec::new();
        for _ in 0..namespaces {
            started.push(Emulator::start(Options::default()).await.unwrap());
        }
        Self {
            namespaces: started,
            endpoint: Endpoint::start().await,
            folder: tempfile::tempdir().unwrap(),
            produced: Bag::default(),
            records: 0,
        }
    }

    fn create(&self, (namespace, hub): &Place) {
        self.namespaces[*namespace]
            .create_hub(hub, options())
            .unwrap();
    }

    /// A configuration with a source for each place: `source0`, `source1`, ...
    fn settings(&self, places: &[Place]) -> Settings {
        let store = self.folder.path().join("store");
        let mut settings = Settings::new("", &self.endpoint.url(), &store)
            .without("sources.logs.connection_string")
            .without("sources.logs.consumer_group");
        for (number, (namespace, hub)) in places.iter().enumerate() {
            let emulator = &self.namespaces[*namespace];
            let text = emulator.connection_string(Some(hub));
            let text = text.replace("sb://localhost:", &format!("sb://{}:", NAMES[*namespace]));
            let key = |key| format!("sources.source{number}.{key}");
            settings = settings
                .set(&key("connection_string"), &text)
                .set(&key("consumer_group"), GROUP);
        }
        settings
    }

    /// Appends events with two records each to every partition of every place.
    fn produce(&mut self, places: &[Place], events: u64) {
        for (namespace, hub) in places {
            for partition in 0..PARTITIONS {
                for _ in 0..events {
                    let texts = [self.records + 1, self.records + 2].map(record);
                    self.records += 2;
                    let body = format!("{{\"records\":[{}]}}", texts.join(","));
                    let emulator = &self.namespaces[*namespace];
                    emulator.append(hub, partition, body).unwrap();
                    self.produced.extend(texts.into_iter().map(Bytes::from));
                }
            }
        }
    }

    async fn everything_arrives(&self) {
        eventually("every record", || self.endpoint.has(&self.produced)).await;
    }

    /// What is stored of a partition.
    fn stored(&self, kind: &str, (namespace, hub): &Place, partition: u32) -> Value {
        let path: PathBuf = ["store", NAMES[*namespace], hub, GROUP, kind]
            .iter()
            .collect();
        let file = self
            .folder
            .path()
            .join(path)
            .join(format!("{partition}.json"));
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }

    /// Asserts that each source has its own checkpoints, at the end of its hub, and is released.
    fn assert_orderly(&self, places: &[Place]) {
        for place @ (namespace, hub) in places {
            for partition in 0..PARTITIONS {
                let last = self.namespaces[*namespace].last_sequence(hub, partition);
                let checkpoint = self.stored("checkpoint", place, partition);
                assert_eq!(
                    checkpoint["sequencenumber"],
                    last.unwrap().to_string(),
                    "{place:?} {partition}"
                );
                let ownership = self.stored("ownership", place, partition);
                assert_eq!(ownership["ownerid"], "", "{place:?} {partition}");
            }
        }
        let difference = self.endpoint.taken().against(&self.produced);
        assert_eq!(difference.duplicates_only(), 0);
    }
}

/// Asserts that no log line is about a partition without saying whose.
fn assert_labelled(forwarder: &Forwarder) {
    for line in forwarder.log() {
        if line.get("partition").is_some() {
            assert!(line.get("source").is_some(), "{line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_namespaces_with_hubs_of_the_same_name() {
    let mut world = World::start(2).await;
    let places = [(0, "logs".to_owned()), (1, "logs".to_owned())];
    places.iter().for_each(|place| world.create(place));
    world.produce(&places[..1], 30);
    world.produce(&places[1..], 20);
    let forwarder = world.settings(&places).start();
    world.everything_arrives().await;
    world.produce(&places, 10);
    world.everything_arrives().await;
    forwarder.health_becomes("/readyz", 200).await;
    let forwarder = forwarder.stop().await;
    world.assert_orderly(&places);
    assert_labelled(&forwarder);

    // The next start goes on behind the last record of each.
    world.produce(&places, 5);
    let forwarder = world.settings(&places).start();
    world.everything_arrives().await;
    forwarder.stop().await;
    world.assert_orderly(&places);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eleven_hubs_of_one_namespace() {
    let mut world = World::start(1).await;
    let places: Vec<_> = (0..11).map(|hub| (0, format!("insights-{hub}"))).collect();
    places.iter().for_each(|place| world.create(place));
    world.produce(&places, 20);
    let forwarder = world.settings(&places).start();
    world.everything_arrives().await;
    forwarder.health_becomes("/readyz", 200).await;
    world.produce(&places, 5);
    world.everything_arrives().await;
    let forwarder = forwarder.stop().await;
    world.assert_orderly(&places);
    assert_labelled(&forwarder);
    assert_eq!(forwarder.logged("source_found").len(), places.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_that_is_missing_disturbs_no_other() {
    let mut world = World::start(1).await;
    let places = ["audit", "missing", "sign-in"].map(|hub| (0, hub.to_owned()));
    let there = [places[0].clone(), places[2].clone()];
    there.iter().for_each(|place| world.create(place));
    world.produce(&there, 20);
    let forwarder = world.settings(&places).start();
    world.everything_arrives().await;
    world.produce(&there, 5);
    world.everything_arrives().await;
    eventually("a reason", || !forwarder.waits().is_empty()).await;
    let (status, text) = forwarder.health("/readyz").await;
    assert_eq!(status, 503, "{text}");
    assert!(text.starts_with("source source1: "), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert_eq!(forwarder.health("/livez").await.0, 200);

    world.create(&places[1]);
    world.produce(&places[1..2], 20);
    world.everything_arrives().await;
    forwarder.health_becomes("/readyz", 200).await;
    let forwarder = forwarder.stop().await;
    for (component, _) in forwarder.waits() {
        assert_eq!(component, "source source1");
    }
    world.assert_orderly(&places);
}
