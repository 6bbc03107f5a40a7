//! 1. The Event Hub: opens a partition after a known position.
//!
//! [`Source`] is the seam. Behind it stand the Azure SDK (`client`, `auth`) or a simulation;
//! nothing in front of it sees an SDK type.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub mod client;
mod connection;
mod control;
mod error;
mod hold;
mod message;
pub mod position;
pub mod runtime;
mod stream;
mod token;

pub use position::{Offset, OpenAt, PartitionId, Position, SequenceNumber, Timestamp};

/// One event as the hub delivered it.
#[derive(Clone, Debug)]
pub struct ReceivedEvent {
    /// Where it stands; `enqueued_at` is always known.
    pub position: Position,
    /// What it carries.
    pub body: Body,
}

/// Body of an event.
#[derive(Clone)]
pub enum Body {
    /// The bytes of its data sections, joined, or of its string or binary value.
    Bytes(Bytes),
    /// An AMQP value that carries no bytes (a list, a map, a number): the name of its kind, and the
    /// value as JSON text; no text when it is nested too deeply.
    Unsupported(&'static str, Bytes),
}

impl Body {
    /// Bytes that it takes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) | Self::Unsupported(_, bytes) => bytes.len() as u64,
        }
    }
}

impl fmt::Debug for Body {
    // Shows the size only: bodies never reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Unsupported(kind, _) => write!(f, "Unsupported({kind})"),
        }
    }
}

/// What the hub says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubProperties {
    /// When the hub was created; another time under the same name means another hub.
    pub created_at: Timestamp,
    /// Its partitions.
    pub partitions: Vec<PartitionId>,
}

/// What the hub says of one partition. The values may lag behind by seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionProperties {
    /// Number of the first retained event; -1 when never used, unusable when emptied.
    pub begin_sequence: SequenceNumber,
    /// Number of the last event; -1 when never used.
    pub last_sequence: SequenceNumber,
    /// Offset of the last event.
    pub last_offset: Offset,
    /// When the last event was taken in; `None` when never used.
    pub last_enqueued_at: Option<Timestamp>,
    /// Whether no event is retained.
    pub is_empty: bool,
}

impl PartitionProperties {
    /// Number of the first event that can be read, or will be when one arrives.
    pub fn first_readable(&self) -> SequenceNumber {
        if self.last_sequence < SequenceNumber(0) {
            SequenceNumber(0)
        } else if self.is_empty {
            self.last_sequence.next()
        } else {
            self.begin_sequence
        }
    }
}

/// A hub, seen by one consumer group.
///
/// Implementations bound every call by a timeout of their own and never retry: whoever calls
/// decides what a failure means.
#[async_trait]
pub trait Source: Send + Sync {
    /// Asks the hub for its creation time and partitions.
    ///
    /// # Errors
    /// As the service answered; a call that is dropped or times out leaves no trace in later ones.
    async fn hub_properties(&self) -> Result<HubProperties, SourceError>;

    /// Asks the hub for the state of one partition.
    ///
    /// # Errors
    /// As [`Self::hub_properties`].
    async fn partition_properties(
        &self,
        partition: &PartitionId,
    ) -> Result<PartitionProperties, SourceError>;

    /// Opens a receiver (one connection) on a partition.
    ///
    /// `prefetch` is the number of events that may be buffered unread (1 or more).
    ///
    /// # Errors
    /// As the service answered.
    async fn open(
        &self,
        partition: &PartitionId,
        at: OpenAt,
        prefetch: u32,
    ) -> Result<Box<dyn EventStream>, SourceError>;
}

/// An open receiver. After an error it is at its end: close it and open another one.
#[async_trait]
pub trait EventStream: Send {
    /// Waits for the next event, for as long as it takes.
    ///
    /// # Errors
    /// The reason why the receiver ended.
    ///
    /// # Cancel safety
    /// Safe: an event that was not returned is returned by the next call.
    async fn next(&mut self) -> Result<ReceivedEvent, SourceError>;

    /// When to leave the receiver as planned, since its token dies soon after; `None` when it
    /// lasts, or when leaving would not bring another token.
    ///
    /// Tokens are renewed while the receiver is open, so the answer changes: ask again when the
    /// moment has come, and leave only when it is not put off. It costs next to nothing.
    fn leave_at(&self) -> Option<tokio::time::Instant> {
        None
    }

    /// Closes the receiver and its connection, within a few seconds.
    async fn close(self: Box<Self>);
}

/// Why a call on the hub failed.
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct SourceError {
    /// What follows from it.
    pub kind: SourceErrorKind,
    /// What the service or the client said; never payload, never a secret.
    pub message: String,
    /// Where in the message the advice begins, if there is one.
    advice_at: Option<usize>,
}

impl SourceError {
    /// An error of this kind with the words of the service or the client.
    pub fn new(kind: SourceErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            advice_at: None,
        }
    }

    /// The same with what to do about it behind the words; no advice when that is empty.
    fn advised(kind: SourceErrorKind, words: &str, advice: &str) -> Self {
        match advice.is_empty() {
            true => Self::new(kind, words),
            false => Self {
                kind,
                message: format!("{words}; {advice}"),
                advice_at: Some(words.len()),
            },
        }
    }

    /// What was said without the advice.
    pub fn words(&self) -> &str {
        let end = self.advice_at.unwrap_or(self.message.len());
        self.message.get(..end).unwrap_or(&self.message)
    }

    /// What to do about it, where that is known.
    pub fn advice(&self) -> Option<&str> {
        let advice = self.message.get(self.advice_at?..)?;
        advice.strip_prefix("; ")
    }
}

/// Kinds of failure, by what follows from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceErrorKind {
    /// Name resolution, connection, TLS, time-out, or a link that ended: reopen with backoff.
    Unavailable,
    /// The service asks to slow down: reopen after at least four seconds.
    Throttled,
    /// From an opening or a question: credentials were refused, or permission is missing. From an
    /// open receiver: its token has expired; the next opening takes another one.
    Unauthorized,
    /// No such namespace, hub, consumer group or partition.
    NotFound,
    /// The start position lies beyond the end, or belongs to another hub.
    PositionRefused,
    /// Another consumer took the partition.
    Stolen,
    /// A message could not be decoded; the next receiver meets it again.
    Undecodable,
    /// The answer does not fit the question, or an event lacks its number, offset or time.
    Protocol,
}

impl SourceErrorKind {
    /// Shortest wait before the next try that the service asks for; every wait has jitter beyond it
    /// (<https://learn.microsoft.com/azure/event-hubs/event-hubs-messaging-exceptions>).
    pub fn shortest_wait(self) -> Duration {
        match self {
            Self::Throttled => Duration::from_secs(4),
            _ => Duration::ZERO,
        }
    }
}

impl fmt::Display for SourceErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unavailable => "event hub unavailable",
            Self::Throttled => "event hub throttles",
            Self::Unauthorized => "not authorized",
            Self::NotFound => "event hub, consumer group or partition not found",
            Self::PositionRefused => "event hub refuses the start position",
            Self::Stolen => "another consumer took the partition",
            Self::Undecodable => "a message cannot be decoded",
            Self::Protocol => "event hub answered something else",
        })
    }
}
