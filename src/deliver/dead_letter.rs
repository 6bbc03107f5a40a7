//! Where a record goes that no endpoint will take: never nowhere.
//!
//! # Layout
//!
//! The same in every store; `docs/dead-letters.md` has it for operators.
//!
//! | object | name |
//! |---|---|
//! | one letter | `<folder>/<partition>-<sequence>-<index or "event">-<stable id>` |
//! | a batch | `<folder>/<partition>-<sequence>-batch-<hash of the stable ids>` |
//!
//! `<folder>` is `<source>/<sink or "-">/<enqueued date>`. The stable id ([`StableId`]) is a hash
//! of where the record was and of its bytes: writing it again finds the same object, and two
//! records never share a name. More than [`SINGLE_LETTERS_MAX`] letters of one event are written
//! as batches: lines of JSON, each with the fields of its letter ([`Facts`]) and its exact bytes as
//! `body`, or as `body_base64` where they are no text. The previous layout, without the id at the
//! end of the name and with a `digest` beside the bytes, is still read.

use std::collections::BTreeSet;

use async_trait::async_trait;
use bytes::Bytes;

use crate::checkpoint::ETag;
use crate::event_hub::Timestamp;
use crate::record::{Origin, StableId};

mod batch;
pub mod blob;
pub mod counted;
pub mod directory;
mod facts;
pub mod memory;
mod objects;
mod writer;

pub use facts::Facts;
pub use writer::write_until_confirmed;

/// Letters of one event that are written as objects of their own; more are written together.
pub const SINGLE_LETTERS_MAX: usize = 8;

/// One dead letter: exact bytes, and beside them what is known of their fate.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Name of the source in the configuration.
    pub source: String,
    /// The event.
    pub origin: Origin,
    /// Index of the record in its event; `None` when the whole event is meant.
    pub index: Option<u32>,
    /// Name of the sink that refused it; `None` when no sink was asked.
    pub sink: Option<String>,
    /// Why it is here, as a stable word (`undecodable`, `unsupported_body`, ...).
    pub reason: &'static str,
    /// What the sink answered; `None` when none was asked. It may quote the record: it belongs
    /// beside the bytes, never into a log. Cut to 1,000 bytes when it is stored.
    pub answer: Option<String>,
    /// When it was first found to be one.
    pub first_seen: Timestamp,
    /// The record's bytes as Event Hubs delivered them; empty when they could not be read.
    pub body: Bytes,
}

impl DeadLetter {
    /// The stable id of the record. Costs a hash of the body at every call.
    pub fn id(&self) -> StableId {
        StableId::new(&self.origin, self.index, &self.body)
    }

    /// The name under which it is stored alone: writing it again repeats the same object, so that
    /// a crash between this write and the checkpoint leaves one object, not two.
    pub fn name(&self) -> String {
        let index = self
            .index
            .map_or_else(|| "event".to_owned(), |index| index.to_string());
        format!("{}-{index}-{}", self.event_name(), self.id())
    }

    /// What the names of all letters of the same event and sink begin with.
    fn event_name(&self) -> String {
        let sink = self.sink.as_deref().unwrap_or("-");
        let date = self.origin.position.enqueued_at.map_or_else(
            || "unknown-date".to_owned(),
            |moment| moment.to_rfc3339().chars().take(10).collect(),
        );
        format!(
            "{}/{sink}/{date}/{}-{}",
            self.source, self.origin.partition, self.origin.position.sequence
        )
    }
}

/// A letter as a store gives it back.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredLetter {
    /// What is known of it.
    pub facts: Facts,
    /// Its exact bytes.
    pub body: Bytes,
}

impl std::fmt::Debug for StoredLetter {
    // Shows the size only: payload never reaches a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.body.len();
        write!(f, "StoredLetter({:?}, {size} bytes)", self.facts)
    }
}

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name, for [`DeadLetterArchive::read`].
    pub name: String,
    /// This version of it, for [`DeadLetterArchive::remove`].
    pub version: ETag,
    /// When it was last written, by the store's clock.
    pub modified_at: Timestamp,
    /// Bytes that it holds; of a batch with the fields of its letters.
    pub size: u64,
    /// What it is.
    pub content: Content,
}

/// What an object is, as far as it can be told without its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// One letter.
    One(Facts),
    /// Letters of one event that were written together.
    Batch {
        /// How many there are.
        letters: u64,
        /// What is known of one of them; source, sink, event and first-seen time are those of all.
        first: Facts,
    },
    /// Something else, or damaged; the text says what is wrong.
    Unreadable(String),
}

/// Some objects, in the order of their names.
#[derive(Debug, Default)]
pub struct Page {
    /// The objects.
    pub objects: Vec<Listed>,
    /// Where the next page begins; `None` behind the last one.
    pub next: Option<String>,
}

/// Everything that one object holds.
#[derive(Debug)]
pub struct Read {
    /// The version that was read.
    pub version: ETag,
    /// The letters, in the order of the object.
    pub letters: Vec<StoredLetter>,
    /// What cannot be read, one sentence each. It stays when letters are removed.
    pub damaged: Vec<String>,
}

/// Which letters of an object are meant.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// All of them, and what cannot be read.
    All,
    /// Those with these stable ids.
    These(&'a BTreeSet<String>),
}

/// Name of the store in the status table.
pub const COMPONENT: &str = "dead-letter store";

/// Keeps dead letters. A write is confirmed before the record counts as settled.
#[async_trait]
pub trait DeadLetterStore: Send + Sync {
    /// Writes all dead letters of one event; writing them again is no error, and changes nothing.
    ///
    /// # Errors
    /// When the store did not confirm all of them: the caller waits and tries again, for ever.
    async fn write(&self, letters: &[DeadLetter]) -> Result<(), DeadLetterError>;

    /// Asks the store whether it is there, without writing anything that stays.
    ///
    /// # Errors
    /// When it did not answer, or refuses.
    async fn reach(&self) -> Result<(), DeadLetterError>;
}

/// Gives dead letters back: for the commands, never for the way of a record.
///
/// Like a write, every call is bounded by a timeout and never retried.
#[async_trait]
pub trait DeadLetterArchive: DeadLetterStore {
    /// Lists the objects below `folder` (such as `entra/siem/`, or nothing for all), in the order
    /// of their names in the store and at most `most` of them, from the beginning or from where a
    /// page before ended. What is written or removed between two pages may be missed.
    ///
    /// # Errors
    /// When the store did not answer, or refuses.
    async fn list(
        &self,
        folder: &str,
        from: Option<&str>,
        most: usize,
    ) -> Result<Page, DeadLetterError>;

    /// Reads an object; `None` when there is none of this name.
    ///
    /// # Errors
    /// When the store did not answer, or refuses.
    async fn read(&self, name: &str) -> Result<Option<Read>, DeadLetterError>;

    /// Removes letters of an object, if this version of it is stored, and the object with the last
    /// of them. What is gone already is no error.
    ///
    /// # Errors
    /// [`DeadLetterError::Changed`] when the object was written meanwhile: nothing is removed.
    async fn remove(
        &self,
        name: &str,
        version: &ETag,
        which: Which<'_>,
    ) -> Result<(), DeadLetterError>;
}

/// Why a call on a dead-letter store failed.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// Not now; the text says why, without a secret.
    #[error("dead-letter store unavailable: {0}")]
    Unavailable(String),
    /// The store refuses our credentials.
    #[error("dead-letter store refuses the credentials: {0}")]
    NotPermitted(String),
    /// Another version is stored than the one that was meant.
    #[error("the dead letters were changed by somebody else meanwhile")]
    Changed,
}
