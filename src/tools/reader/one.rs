//! The reading of one partition.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Read;
use crate::event_hub::{
    EventStream, OpenAt, PartitionId, PartitionProperties, Position, SequenceNumber, Source,
    SourceError, SourceErrorKind, Timestamp,
};
use crate::partition::inquiry::Inquiry;
use crate::tools::{ToolsError, Waits, may_pass};

/// After so long without an event the hub is asked whether there is one.
const QUIET: Duration = Duration::from_secs(10);
/// Ends in a row at the same place from which a message counts as undecodable.
const UNDECODABLE_AFTER: u32 = 3;

/// The reading of one partition.
pub(super) struct One {
    /// That of its hub.
    pub(super) place: usize,
    pub(super) name: String,
    pub(super) source: Arc<dyn Source>,
    pub(super) inquiry: Arc<Inquiry>,
    pub(super) created_at: Timestamp,
    pub(super) partition: PartitionId,
    /// Number of the event that is due.
    pub(super) next: SequenceNumber,
    pub(super) last: Option<SequenceNumber>,
    /// What is before the event that is due would end the receiver again.
    pub(super) is_behind_undecodable: bool,
    /// Receivers in a row that ended by a message that cannot be decoded, before the next event.
    pub(super) undecodable: u32,
    pub(super) prefetch: u32,
    pub(super) waits: Waits,
    pub(super) queue: mpsc::Sender<Result<Read, ToolsError>>,
    pub(super) passed: Arc<AtomicU64>,
}

/// Why a receiver was left.
enum End {
    /// The window is read, or nobody listens any more.
    Done,
    /// To be opened again.
    Again(SourceError),
}

impl One {
    /// Reads to the end of the window, when it is its turn.
    pub(super) async fn run(mut self, turns: Arc<Semaphore>, stop: CancellationToken) {
        let _turn = turns.acquire().await;
        let mut stream: Option<Box<dyn EventStream>> = None;
        let ended = self.read(&mut stream, &stop).await;
        if let Some(stream) = stream {
            stream.close().await;
        }
        if let Err(error) = ended {
            // It fails when nobody listens any more.
            self.queue.send(Err(error)).await.unwrap_or_default();
        }
    }

    /// Reads to the end of the window. The receiver is left to whoever called, to be closed.
    async fn read(
        &mut self,
        stream: &mut Option<Box<dyn EventStream>>,
        stop: &CancellationToken,
    ) -> Result<(), ToolsError> {
        loop {
            if self.is_done() {
                return Ok(());
            }
            let opened = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                opened = self.open() => opened?,
            };
            let end = match opened {
                Err(error) => End::Again(error),
                Ok(opened) => {
                    let opened = stream.insert(opened);
                    let end = tokio::select! {
                        biased;
                        () = stop.cancelled() => return Ok(()),
                        end = self.drain(opened.as_mut()) => end,
                    };
                    if let Some(opened) = stream.take() {
                        opened.close().await;
                    }
                    end
                }
            };
            match end {
                End::Done => return Ok(()),
                End::Again(error) => {
                    let wait = self.wait_after(error)?;
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => return Ok(()),
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        }
    }

    /// Opens a receiver on the hub that was there at the beginning.
    ///
    /// # Errors
    /// When it cannot be opened at all; what may pass is the inner error.
    async fn open(&self) -> Result<Result<Box<dyn EventStream>, SourceError>, ToolsError> {
        // The event before is asked for, too: the service refuses to begin behind the end.
        let at = match self.is_behind_undecodable {
            true => OpenAt::FromSequence(self.next),
            false => OpenAt::last_seen(&Position {
                sequence: self.next.previous(),
                ..Position::before_first()
            }),
        };
        let opened = self.source.open(&self.partition, at, self.prefetch).await;
        let stream = match opened {
            Ok(stream) => stream,
            Err(error) if self.passes(error.kind) => return Ok(Err(error)),
            Err(error) => return Err(ToolsError::hub(&self.name, error)),
        };
        // Asked after the attach: the same hub as before has the same time.
        let created_at = self.inquiry.created_at().await;
        match created_at {
            Ok(found) if found == self.created_at => Ok(Ok(stream)),
            Ok(_) => {
                stream.close().await;
                Err(ToolsError::MadeAgain(self.name.clone()))
            }
            Err(error) => {
                stream.close().await;
                match may_pass(error.kind) {
                    true => Ok(Err(error)),
                    false => Err(ToolsError::hub(&self.name, error)),
                }
            }
        }
    }

    /// Whether an opening that failed may go well later.
    fn passes(&self, kind: SourceErrorKind) -> bool {
        // Behind a message that was passed over there may be nothing yet.
        let is_at_end = self.is_behind_undecodable && kind == SourceErrorKind::PositionRefused;
        may_pass(kind) || kind == SourceErrorKind::Undecodable || is_at_end
    }

    /// Hands the events of a receiver on until it ends, or the window does.
    async fn drain(&mut self, stream: &mut dyn EventStream) -> End {
        // Whether there was something that did not come, at the look before.
        let mut is_missed = false;
        loop {
            let event = match timeout(QUIET, stream.next()).await {
                Ok(Ok(event)) => event,
                Ok(Err(error)) => return End::Again(error),
                Err(_quiet) => {
                    let properties = match self.inquiry.look(&self.partition).await {
                        Ok(properties) => properties,
                        // Neither the receiver nor the hub says anything, for too long.
                        Err(error) if self.waits.after(&error).is_none() => {
                            return End::Again(error);
                        }
                        Err(_) => continue,
                    };
                    if self.is_over(&properties) {
                        return End::Done;
                    }
                    let was_missed = std::mem::replace(&mut is_missed, self.has_more(&properties));
                    if was_missed && is_missed {
                        let message = "events are there and do not come";
                        let kind = SourceErrorKind::Unavailable;
                        return End::Again(SourceError::new(kind, message));
                    }
                    self.waits.well();
                    continue;
                }
            };
            is_missed = false;
            let sequence = event.position.sequence;
            if sequence < self.next {
                continue;
            }
            let is_beyond = self.last.is_some_and(|last| sequence > last);
            let end = match (is_beyond, self.last) {
                (true, Some(last)) => last.next(),
                _ => sequence,
            };
            self.pass_to(end);
            if is_beyond {
                return End::Done;
            }
            self.waits.well();
            (self.undecodable, self.is_behind_undecodable) = (0, false);
            let read = Read {
                hub: self.place,
                partition: self.partition.clone(),
                event,
            };
            if self.queue.send(Ok(read)).await.is_err() {
                return End::Done;
            }
            self.next = sequence.next();
            if self.is_done() {
                return End::Done;
            }
        }
    }

    fn is_done(&self) -> bool {
        self.last.is_some_and(|last| self.next > last)
    }

    /// Whether the rest of the window has expired; counts it then.
    fn is_over(&mut self, properties: &PartitionProperties) -> bool {
        let first = properties.first_readable();
        let Some(last) = self.last.filter(|last| first > *last) else {
            return false;
        };
        self.pass_to(last.next());
        true
    }

    fn has_more(&self, properties: &PartitionProperties) -> bool {
        !properties.is_empty && properties.last_sequence >= self.next
    }

    /// Passes over the numbers before this one.
    fn pass_to(&mut self, sequence: SequenceNumber) {
        let passed = u64::try_from(sequence.0 - self.next.0).unwrap_or(0);
        self.passed.fetch_add(passed, Ordering::Relaxed);
        self.next = self.next.max(sequence);
    }

    /// The wait before the next receiver.
    ///
    /// # Errors
    /// When there is no patience any more.
    fn wait_after(&mut self, error: SourceError) -> Result<Duration, ToolsError> {
        if error.kind == SourceErrorKind::Undecodable {
            self.undecodable += 1;
            if self.undecodable >= UNDECODABLE_AFTER {
                tracing::warn!(
                    event = "undecodable",
                    source = self.name,
                    partition = %self.partition,
                    sequence = %self.next,
                    "the message cannot be decoded: passed over"
                );
                self.pass_to(self.next.next());
                (self.undecodable, self.is_behind_undecodable) = (0, true);
            }
            return Ok(Duration::ZERO);
        }
        if self.is_behind_undecodable && error.kind == SourceErrorKind::PositionRefused {
            return Ok(QUIET);
        }
        tracing::info!(
            event = "tools_reopens",
            source = self.name,
            partition = %self.partition,
            %error,
            "the receiver has ended: another one is opened"
        );
        let wait = self.waits.after(&error);
        wait.ok_or_else(|| ToolsError::hub(&self.name, error))
    }
}
