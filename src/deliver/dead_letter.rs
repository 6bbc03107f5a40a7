//! Where a record goes that no endpoint will take: never nowhere.

use async_trait::async_trait;
use bytes::Bytes;

use crate::event_hub::Timestamp;
use crate::record::Origin;

pub mod blob;
pub mod directory;
pub mod memory;

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
    /// What the sink answered, in words without payload; `None` when none was asked.
    pub answer: Option<String>,
    /// When it was first found to be one.
    pub first_seen: Timestamp,
    /// The record's bytes as Event Hubs delivered them; empty when they could not be read.
    pub body: Bytes,
}

impl DeadLetter {
    /// The name under which it is stored: writing it again repeats the same object, so that a
    /// crash between this write and the checkpoint leaves one object, not two.
    ///
    /// `<source>/<sink or "-">/<enqueued date>/<partition>-<sequence>-<index or "event">`.
    pub fn name(&self) -> String {
        let sink = self.sink.as_deref().unwrap_or("-");
        let date = self.origin.position.enqueued_at.map_or_else(
            || "unknown-date".to_owned(),
            |moment| moment.to_rfc3339().chars().take(10).collect(),
        );
        let index = self
            .index
            .map_or_else(|| "event".to_owned(), |index| index.to_string());
        format!(
            "{}/{sink}/{date}/{}-{}-{index}",
            self.source, self.origin.partition, self.origin.position.sequence
        )
    }

    /// The name when another body already stands under [`Self::name`], as after a hub was made
    /// anew on the same day: its own, and the same at every repetition.
    fn second_name(&self) -> String {
        format!("{}-{}", self.name(), self.digest())
    }

    /// Tells bodies apart, not against an attacker.
    fn digest(&self) -> String {
        format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&self.body))
    }

    /// What is known of the fate of the body, as names and values; what is not known is left out.
    fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("reason", self.reason.to_owned()),
            ("source", self.source.clone()),
            ("partition", self.origin.partition.as_str().to_owned()),
            ("sequence", self.origin.position.sequence.to_string()),
            ("offset", self.origin.position.offset.as_str().to_owned()),
            ("digest", self.digest()),
        ];
        fields.extend(self.sink.iter().map(|sink| ("sink", sink.clone())));
        fields.extend(self.index.map(|index| ("index", index.to_string())));
        let enqueued_at = self.origin.position.enqueued_at;
        fields.extend(enqueued_at.map(|moment| ("enqueuedtime", moment.to_rfc3339())));
        fields
    }
}

/// Name of the store in the status table.
pub const COMPONENT: &str = "dead-letter store";

/// Keeps dead letters. A write is confirmed before the record counts as settled.
#[async_trait]
pub trait DeadLetterStore: Send + Sync {
    /// Writes dead letters of one event, each under its [`DeadLetter::name`]; writing them again
    /// is no error.
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

/// Why a dead letter was not confirmed.
#[derive(Debug, thiserror::Error)]
#[error("dead-letter store unavailable: {0}")]
pub struct DeadLetterError(pub String);
