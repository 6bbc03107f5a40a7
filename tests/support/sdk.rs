//! Microsoft's own clients: consumers with checkpoints in a blob container, as other processes.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Child, Command};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::eventually::{PATIENCE, eventually_some};
use crate::forwarder::Output;
use crate::hub::{GROUP, Hub};
use crate::{python, tied};

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sdk {
    JavaScript,
    Python,
}

impl Sdk {
    /// Whether its packages are installed; Python's may be missing ([`python::interpreter`]).
    ///
    /// # Panics
    /// When they must be there and are not.
    pub(crate) fn is_installed(self) -> bool {
        let root = tied::repository();
        if self == Self::JavaScript {
            let package = root.join("node_modules/@azure/eventhubs-checkpointstore-blob");
            assert!(
                package.exists(),
                "{} is missing: run `make test`",
                package.display()
            );
            return true;
        }
        python::interpreter().is_some()
    }

    fn start(self, options: &Value) -> Child {
        let options = options.to_string();
        match self {
            Self::JavaScript => tied::start("tests/js/process.mjs", &[&options]),
            Self::Python => {
                let root = tied::repository();
                let mut python = Command::new(python::interpreter().unwrap());
                python
                    .arg(root.join("tests/python/process.py"))
                    .arg(options);
                tied::spawn(&mut python).unwrap()
            }
        }
    }
}

/// An event that a client has processed.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Its partition.
    pub(crate) partition: u32,
    /// Its number.
    pub(crate) sequence: i64,
    /// Its body.
    pub(crate) body: Bytes,
}

/// A running client; it ends when this is dropped.
pub(crate) struct Consumer {
    child: Child,
    out: Output,
}

impl Consumer {
    /// Starts one that stores a checkpoint after every `checkpoint_every` events of a partition,
    /// and takes no more than `limit` of each.
    pub(crate) fn start(
        sdk: Sdk,
        hub: &Hub,
        container: &str,
        checkpoint_every: u32,
        limit: Option<u32>,
    ) -> Self {
        let mut options = json!({
            "connectionString": hub.connection_string(),
            "group": GROUP,
            "container": container,
            "checkpointEvery": checkpoint_every,
            "strategy": "greedy",
            "intervalMs": 1_000,
            "expiryMs": 10_000,
        });
        if let Some(limit) = limit {
            options["limit"] = limit.into();
        }
        let mut child = sdk.start(&options);
        let out = Output::of(child.stdout.take().unwrap());
        Self { child, out }
    }

    fn said(&self, what: &str) -> Vec<Value> {
        let lines = self.out.lines();
        let values = lines.iter().map(|line| serde_json::from_str(line).unwrap());
        values
            .filter_map(|mut line: Value| line.get_mut(what).map(Value::take))
            .collect()
    }

    /// The checkpoints that it has found at its start: number and offset by partition.
    pub(crate) async fn found(&self) -> BTreeMap<u32, (i64, String)> {
        let look = || self.said("found").pop();
        let found = eventually_some("the checkpoints that a client finds", look).await;
        let found = found.as_array().unwrap().iter().map(|one| {
            let offset = one["offset"].as_str().unwrap().to_owned();
            (partition(one), (sequence(one), offset))
        });
        found.collect()
    }

    /// The events that it has processed so far, in its order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let body = |event: &Value| BASE64.decode(event["body"].as_str().unwrap()).unwrap();
        let events = self.said("event");
        events
            .iter()
            .map(|event| Seen {
                partition: partition(event),
                sequence: sequence(event),
                body: body(event).into(),
            })
            .collect()
    }

    /// Numbers of the last checkpoints that it has stored, by partition.
    pub(crate) fn stored(&self) -> BTreeMap<u32, i64> {
        let stored = self.said("stored");
        stored
            .iter()
            .map(|one| (partition(one), sequence(one)))
            .collect()
    }

    /// What went wrong.
    pub(crate) fn errors(&self) -> Vec<Value> {
        self.said("error")
    }

    /// Has it close, and waits for its end.
    pub(crate) async fn stop(&mut self) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(b"stop\n").unwrap();
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "no end: {:?}", self.out.lines());
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        self.out.whole();
        assert!(status.success(), "{status}: {:?}", self.out.lines());
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _gone = self.child.kill();
        let _status = self.child.wait();
        if std::thread::panicking() {
            eprintln!("the client's errors: {:?}", self.errors());
        }
    }
}

fn partition(value: &Value) -> u32 {
    value["partitionId"].as_str().unwrap().parse().unwrap()
}

fn sequence(value: &Value) -> i64 {
    value["sequenceNumber"].as_i64().unwrap()
}
