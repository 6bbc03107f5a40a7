//! Where a record goes that no endpoint will take: never nowhere.

use async_trait::async_trait;
use bytes::Bytes;

use crate::event_hub::{PartitionId, Position};

/// One dead letter: exact bytes, and beside them what is known of their fate.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// Name of the source in the configuration.
    pub source: String,
    /// Partition of the event.
    pub partition: PartitionId,
    /// Position of the event.
    pub position: Position,
    /// Index of the record in its event; `None` when the whole event is meant.
    pub index: Option<u32>,
    /// Name of the sink that refused it; `None` when no sink was asked.
    pub sink: Option<String>,
    /// Why it is here, as a stable word (`undecodable`, `unsupported_body`, ...).
    pub reason: &'static str,
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
        let date = self.position.enqueued_at.map_or_else(
            || "unknown-date".to_owned(),
            |moment| moment.to_rfc3339().chars().take(10).collect(),
        );
        let index = self
            .index
            .map_or_else(|| "event".to_owned(), |index| index.to_string());
        format!(
            "{}/{sink}/{date}/{}-{}-{index}",
            self.source, self.partition, self.position.sequence
        )
    }
}

/// Keeps dead letters. A write is confirmed before the record counts as settled.
#[async_trait]
pub trait DeadLetterStore: Send + Sync {
    /// Writes one dead letter under its [`DeadLetter::name`]; writing it again is no error.
    ///
    /// # Errors
    /// When the store did not confirm: the caller waits and tries again, for ever.
    async fn write(&self, letter: &DeadLetter) -> Result<(), DeadLetterError>;
}

/// Why a dead letter was not confirmed.
#[derive(Debug, thiserror::Error)]
#[error("dead-letter store unavailable: {0}")]
pub struct DeadLetterError(pub String);
