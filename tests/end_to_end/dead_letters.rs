//! The `dead-letters` commands as processes, over a directory and over Azurite.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use entra_forwarder::checkpoint::blob::Container;
use entra_forwarder::config::Secret;
use entra_forwarder::deliver::dead_letter::blob::BlobDeadLetters;
use entra_forwarder::deliver::dead_letter::directory::DirectoryDeadLetters;
use entra_forwarder::deliver::dead_letter::{DeadLetter, DeadLetterArchive};
use entra_forwarder::event_hub::{Offset, PartitionId, Position, SequenceNumber, Timestamp};
use entra_forwarder::record::{HubName, Origin};
use tempfile::TempDir;

use crate::azurite::TestContainer;
use crate::bag::Bag;
use crate::endpoint::Endpoint;
use crate::forwarder::{Forwarder, Settings};
use crate::told::Told;

mod burying;
mod interrupted;
mod looking;
mod replaying;

const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECTION: &str = "Endpoint=sb://contoso.servicebus.windows.net/;\
                          SharedAccessKeyName=k;SharedAccessKey=YWJj;EntityPath=logs";

/// A store, an endpoint, and a configuration that joins them.
struct Desk {
    store: Arc<dyn DeadLetterArchive>,
    endpoint: Endpoint,
    settings: Settings,
    folder: TempDir,
    container: Option<TestContainer>,
}

impl Desk {
    async fn with_directory() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let endpoint = Endpoint::start().await;
        let path = folder.path().join("store");
        let settings = Settings::new(CONNECTION, &endpoint.url(), &path);
        let store = DirectoryDeadLetters::new(path.join("dead-letters"), TIMEOUT);
        Self {
            store: Arc::new(store),
            endpoint,
            settings,
            folder,
            container: None,
        }
    }

    /// The same over a container of its own.
    async fn with_container() -> Self {
        let mut desk = Self::with_directory().await;
        let container = TestContainer::create().await;
        let url = container.url_with("racwdl", 3600);
        desk.store = Arc::new(BlobDeadLetters::new(
            Container::new(&Secret::new(url.as_str()), None, TIMEOUT).unwrap(),
        ));
        desk.settings = desk
            .settings
            .set("dead_letters.store", "blob")
            .set("dead_letters.container_url", &url)
            .set("checkpoints.timeout", "30s");
        desk.container = Some(container);
        desk
    }

    async fn told(&self, arguments: &[&str]) -> Told {
        crate::told::told(&self.settings, &[&["dead-letters"], arguments].concat()).await
    }

    /// A command that goes on while the test does something else.
    fn start(&self, arguments: &[&str]) -> Forwarder {
        let file = self.folder.path().join("forwarder.toml");
        std::fs::write(&file, self.settings.toml()).unwrap();
        let file = file.to_string_lossy();
        let arguments = [&["dead-letters"], arguments, &["--config", &file]].concat();
        Forwarder::start(&arguments, Vec::new())
    }

    async fn write(&self, letters: &[DeadLetter]) {
        self.store.write(letters).await.unwrap();
    }

    /// The bodies that are stored.
    async fn stored(&self) -> Bag {
        let mut bag = Bag::default();
        let page = self.store.list("", None, 5_000).await.unwrap();
        assert_eq!(page.next, None);
        for object in page.objects {
            // What is removed meanwhile is not stored.
            let Some(read) = self.store.read(&object.name).await.unwrap() else {
                continue;
            };
            bag.extend(read.letters.into_iter().map(|letter| letter.body));
        }
        bag
    }
}

/// A dead letter of the sink `main`.
fn letter(sequence: i64, index: u32, body: impl Into<Bytes>) -> DeadLetter {
    DeadLetter {
        source: "logs".to_owned(),
        origin: Origin {
            hub: Arc::new(HubName::new("contoso.servicebus.windows.net", "logs")),
            partition: PartitionId::new("0"),
            position: Position {
                sequence: SequenceNumber(sequence),
                offset: Offset::new(sequence.to_string()),
                enqueued_at: Some(Timestamp(1_763_712_930_125)),
            },
        },
        index: Some(index),
        sink: Some("main".to_owned()),
        reason: "refused",
        answer: Some("status 400".to_owned()),
        first_seen: days_ago(0),
        body: body.into(),
    }
}

/// One that no sink was asked about.
fn unasked(sequence: i64, reason: &'static str, body: impl Into<Bytes>) -> DeadLetter {
    DeadLetter {
        sink: None,
        answer: None,
        reason,
        ..letter(sequence, 0, body)
    }
}

fn days_ago(days: u64) -> Timestamp {
    (SystemTime::now() - Duration::from_secs(days * 86_400)).into()
}

fn record(number: usize) -> String {
    format!("{{\"category\": \"SignInLogs\", \"number\": {number}.50}}")
}

/// Letters of so many events with one record each.
fn singles(count: usize) -> Vec<DeadLetter> {
    let number = |number: usize| letter(number as i64, 0, record(number));
    (0..count).map(number).collect()
}

/// As many letters of one event, which are one object.
fn batch(count: usize) -> Vec<DeadLetter> {
    let number = |number: usize| letter(1_000_000, number as u32, record(1_000_000 + number));
    (0..count).map(number).collect()
}

fn bodies(letters: &[DeadLetter]) -> Bag {
    let mut bag = Bag::default();
    bag.extend(letters.iter().map(|letter| letter.body.clone()));
    bag
}
