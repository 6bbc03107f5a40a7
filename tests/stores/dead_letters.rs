//! What every dead-letter store must do, and what each does in its own way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use entra_forwarder::checkpoint::blob::Container;
use entra_forwarder::config::Secret;
use entra_forwarder::deliver::dead_letter::blob::BlobDeadLetters;
use entra_forwarder::deliver::dead_letter::directory::DirectoryDeadLetters;
use entra_forwarder::deliver::dead_letter::memory::MemoryDeadLetters;
use entra_forwarder::deliver::dead_letter::{
    Content, DeadLetter, DeadLetterArchive, Listed, StoredLetter,
};
use entra_forwarder::event_hub::{SequenceNumber, Timestamp};
use entra_forwarder::record::{HubName, Origin};

use crate::azurite::TestContainer;
use crate::conformance::{checkpoint, partition};

mod blobs;
mod every_store;
mod files;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Permissions that reading and removing need beside writing.
const WITH_DELETE: &str = "racwdl";

type Archive = Arc<dyn DeadLetterArchive>;

fn letter(index: Option<u32>, body: impl Into<Bytes>) -> DeadLetter {
    DeadLetter {
        source: "entra".to_owned(),
        origin: Origin {
            hub: Arc::new(HubName::new("contoso.servicebus.windows.net", "logs")),
            partition: partition("3"),
            position: checkpoint(42).position,
        },
        answer: index.map(|_| "status 400: \"nö\"\r\n".to_owned()),
        first_seen: Timestamp(1_763_712_930_125),
        index,
        sink: index.map(|_| "siem".to_owned()),
        reason: "refused",
        body: body.into(),
    }
}

/// The same of another event.
fn of_event(sequence: i64, letter: DeadLetter) -> DeadLetter {
    let mut letter = letter;
    letter.origin.position.sequence = SequenceNumber(sequence);
    letter
}

/// Twenty letters of one event: more than are written alone.
fn many() -> Vec<DeadLetter> {
    let body = |index: u32| match index % 3 {
        0 => format!("{{\"index\": {index}.0, \"text\": \"Zürich \\\"\"}}\r\n").into(),
        1 => Bytes::from(vec![0xff, 0, index as u8]),
        _ => Bytes::from(format!("plain text {index}")),
    };
    (0..20).map(|it| letter(Some(it), body(it))).collect()
}

/// The object names of a store, from pages of this size.
async fn pages(store: &dyn DeadLetterArchive, folder: &str, most: usize) -> Vec<Listed> {
    let (mut objects, mut from) = (Vec::new(), None);
    loop {
        let page = store.list(folder, from.as_deref(), most).await.unwrap();
        assert!(page.objects.len() <= most);
        assert!(!page.objects.is_empty() || page.next.is_none() || objects.is_empty());
        objects.extend(page.objects);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    objects
}

async fn listed(store: &dyn DeadLetterArchive) -> Vec<Listed> {
    pages(store, "", 100).await
}

/// Everything that a store holds, by ids.
async fn stored(store: &dyn DeadLetterArchive) -> BTreeMap<String, StoredLetter> {
    let mut stored = BTreeMap::new();
    for object in listed(store).await {
        let read = store.read(&object.name).await.unwrap().unwrap();
        assert_eq!(read.damaged, Vec::<String>::new());
        assert_eq!(read.version, object.version);
        match object.content {
            Content::One(facts) => {
                assert_eq!([&facts], [&read.letters[0].facts]);
                assert_eq!(read.letters.len(), 1);
            }
            Content::Batch { letters, .. } => assert_eq!(letters, read.letters.len() as u64),
            Content::Unreadable(problem) => panic!("{}: {problem}", object.name),
        }
        for letter in read.letters {
            let twice = stored.insert(letter.facts.id.clone(), letter);
            assert!(twice.is_none(), "{twice:?}");
        }
    }
    stored
}

/// Asserts that a store holds exactly these letters, with all that is known of them.
async fn holds(store: &dyn DeadLetterArchive, expected: &[DeadLetter]) {
    let mut stored = stored(store).await;
    for letter in expected {
        let found = stored.remove(&letter.id().to_string()).unwrap();
        assert_eq!(found.body, letter.body);
        let facts = found.facts;
        assert_eq!(facts.origin(), letter.origin);
        assert_eq!(
            (&facts.source, &facts.sink, &facts.answer, facts.index),
            (&letter.source, &letter.sink, &letter.answer, letter.index)
        );
        assert_eq!(
            (facts.reason.as_str(), facts.first_seen, facts.size),
            (letter.reason, letter.first_seen, letter.body.len() as u64)
        );
    }
    assert!(stored.is_empty(), "{stored:?}");
}

fn ids(letters: &[DeadLetter]) -> BTreeSet<String> {
    letters.iter().map(|it| it.id().to_string()).collect()
}

fn blob(url: &str) -> BlobDeadLetters {
    BlobDeadLetters::new(Container::new(&Secret::new(url), None, TIMEOUT).unwrap())
}

#[test]
fn names_repeat_themselves() {
    let check = |letter: DeadLetter, expected: &str| {
        let id = letter.id();
        assert_eq!(letter.name(), format!("{expected}-{id}"));
    };
    check(letter(Some(7), ""), "entra/siem/2025-11-21/3-42-7");
    check(letter(None, ""), "entra/-/2025-11-21/3-42-event");
    let mut undated = letter(None, "");
    undated.origin.position.enqueued_at = None;
    check(undated, "entra/-/unknown-date/3-42-event");
    assert_ne!(letter(Some(7), "a").name(), letter(Some(7), "b").name());
}
