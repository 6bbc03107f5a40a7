//! Hub, endpoint and store of one test, and the configuration that joins them.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::endpoint::Endpoint;
use crate::eventually::eventually;
use crate::forwarder::Settings;
use crate::hub::{GROUP, HUB, Hub};

/// Everything outside the forwarder.
pub(crate) struct Scene {
    /// Where events come from.
    pub(crate) hub: Hub,
    /// Where records go.
    pub(crate) endpoint: Endpoint,
    /// Holds the checkpoints.
    pub(crate) folder: TempDir,
    partitions: u32,
    namespace: &'static str,
}

impl Scene {
    /// A hub with empty partitions, an endpoint that accepts, an empty store.
    pub(crate) async fn set(partitions: u32) -> Self {
        Self::with(Hub::start(partitions).await, partitions).await
    }

    /// The same with a hub of one's own.
    pub(crate) async fn with(hub: Hub, partitions: u32) -> Self {
        Self {
            hub,
            endpoint: Endpoint::start().await,
            folder: tempfile::tempdir().unwrap(),
            partitions,
            namespace: "localhost",
        }
    }

    /// The same, when the configuration gives the namespace another name than `localhost`.
    pub(crate) fn in_namespace(self, namespace: &'static str) -> Self {
        Self { namespace, ..self }
    }

    /// A configuration for all of it.
    pub(crate) fn settings(&self) -> Settings {
        Settings::new(
            &self.hub.connection_string(),
            &self.endpoint.url(),
            &self.folder.path().join("store"),
        )
    }

    /// Appends to every partition.
    pub(crate) fn produce(&self, events: u64, records: u64) {
        for partition in 0..self.partitions {
            self.hub.produce(partition, events, records);
        }
    }

    /// Does something while events flow into every partition, about a hundred a second in all.
    pub(crate) async fn under_load<T>(&self, work: impl Future<Output = T>) -> T {
        let flow = async {
            for partition in (0..self.partitions).cycle() {
                self.hub.produce(partition, 1, 3);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            done = work => done,
            () = flow => unreachable!("it goes round and round"),
        }
    }

    /// Waits until the endpoint has accepted everything that was produced.
    pub(crate) async fn everything_arrives(&self) {
        let produced = self.hub.produced();
        eventually("the arrival of every record", || {
            self.endpoint.has(&produced)
        })
        .await;
    }

    /// Asserts that what the endpoint has taken is what was produced; gives the duplicates.
    pub(crate) fn duplicates(&self) -> u64 {
        self.endpoint
            .taken()
            .against(&self.hub.produced())
            .duplicates_only()
    }

    fn file(&self, kind: &str, partition: u32) -> PathBuf {
        let path: PathBuf = ["store", self.namespace, HUB, GROUP, kind].iter().collect();
        self.folder
            .path()
            .join(path)
            .join(format!("{partition}.json"))
    }

    /// The file that holds the checkpoint of a partition.
    pub(crate) fn checkpoint_file(&self, partition: u32) -> PathBuf {
        self.file("checkpoint", partition)
    }

    fn stored(&self, kind: &str, partition: u32) -> Option<Value> {
        let text = std::fs::read_to_string(self.file(kind, partition)).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    }

    /// The checkpoint of a partition: sequence number and offset.
    pub(crate) fn checkpoint(&self, partition: u32) -> Option<(i64, String)> {
        let stored = self.stored("checkpoint", partition)?;
        let text = |key: &str| stored[key].as_str().unwrap().to_owned();
        Some((text("sequencenumber").parse().unwrap(), text("offset")))
    }

    /// Who owns a partition; empty when it was released, `None` when nobody ever claimed it.
    pub(crate) fn owner(&self, partition: u32) -> Option<String> {
        let stored = self.stored("ownership", partition)?;
        Some(stored["ownerid"].as_str().unwrap().to_owned())
    }

    /// Makes somebody the owner of a partition, as if by a claim.
    pub(crate) fn own(&self, partition: u32, owner: &str) {
        let mut stored = self.stored("ownership", partition).unwrap();
        stored["ownerid"] = owner.into();
        stored["etag"] = format!("by {owner}").into();
        // Renamed, so that nobody finds half of it.
        let (file, new) = (
            self.file("ownership", partition),
            self.folder.path().join("new"),
        );
        std::fs::write(&new, stored.to_string()).unwrap();
        std::fs::rename(new, file).unwrap();
    }

    /// Whether every checkpoint stands at the end of its partition.
    pub(crate) fn is_stored(&self) -> bool {
        (0..self.partitions).all(|partition| {
            let stored = self.checkpoint(partition);
            stored.is_some_and(|(sequence, _)| sequence == self.hub.last(partition))
        })
    }

    /// Asserts that every partition is released and stored to its end.
    pub(crate) fn assert_orderly(&self) {
        for partition in 0..self.partitions {
            assert_eq!(self.owner(partition).as_deref(), Some(""), "{partition}");
        }
        assert!(self.is_stored());
    }

    /// The dead letters: what is known of each, and its body.
    pub(crate) fn dead_letters(&self) -> Vec<(Value, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().join("store/dead-letters")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|it| it == "ndjson") {
                    found.extend(batch(&std::fs::read_to_string(&path).unwrap()));
                } else if path.extension().is_some_and(|it| it == "json") {
                    let text = std::fs::read_to_string(&path).unwrap();
                    let body = std::fs::read(path.with_extension("bin")).unwrap();
                    found.push((serde_json::from_str(&text).unwrap(), body));
                }
            }
        }
        found
    }
}

/// The letters of a batch.
fn batch(text: &str) -> Vec<(Value, Vec<u8>)> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD as BASE64;
    let letter = |line| {
        let mut fields: Value = serde_json::from_str(line).unwrap();
        let fields_of = fields.as_object_mut().unwrap();
        let body = match (fields_of.remove("body"), fields_of.remove("body_base64")) {
            (Some(text), None) => text.as_str().unwrap().as_bytes().to_vec(),
            (None, Some(text)) => BASE64.decode(text.as_str().unwrap()).unwrap(),
            both => panic!("{both:?}"),
        };
        (fields, body)
    };
    text.lines().map(letter).collect()
}
