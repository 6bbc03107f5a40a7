//! The task that reads one owned partition.
//!
//! One receiver at a time, on a connection of its own, without retries below: whatever ends it,
//! the next one asks for the last event again and checks that it is the same one before anything
//! is handed on. So "it goes on where it stopped" is seen, not hoped.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::handoff::Stages;
use super::lease::Lease;
use super::order::{Follows, Last, follows};
use super::prefetch::Prefetch;
use crate::budget::Share;
use crate::checkpoint::checkpointer::Checkpointer;
use crate::checkpoint::ledger::{Backlog, Generation, LedgerError};
use crate::checkpoint::ledgers::LedgerId;
use crate::config::OnUndecodable;
use crate::deliver::retry::Backoff;
use crate::event_hub::{
    Body, EventStream, OpenAt, PartitionId, Position, ReceivedEvent, SequenceNumber, Source,
    SourceError, SourceErrorKind,
};

/// A receiver that is not read for so long is closed: it holds memory and a connection.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// First wait after the service asked to slow down
/// (<https://learn.microsoft.com/azure/event-hubs/event-hubs-messaging-exceptions>).
const THROTTLED_WAIT: Duration = Duration::from_secs(4);
/// How long a checkpoint may fail to be stored until nothing more is read.
const UNSTORED_MAX: Duration = Duration::from_secs(5 * 60);
/// Ends in a row at the same place from which a message counts as undecodable.
const UNDECODABLE_ENDS: u32 = 3;
/// Bounds of one partition.
#[derive(Clone, Debug)]
pub struct ReadLimits {
    /// Most events that are read and not settled.
    pub open_events_max: u64,
    /// Bounds the bytes of them; a single larger event is let in when nothing else is open.
    pub share: Arc<Share>,
    /// Most events that are read beyond the stored checkpoint.
    pub uncommitted_max: u64,
}

impl ReadLimits {
    fn has_room(&self, backlog: Backlog) -> bool {
        self.full(backlog).is_none()
    }

    /// Which bound is reached, and what that means; `None` when there is room.
    fn full(&self, backlog: Backlog) -> Option<&'static str> {
        if backlog.uncommitted >= self.uncommitted_max || backlog.unstored_for >= UNSTORED_MAX {
            Some(
                "reads no further beyond the stored checkpoint (limits.uncommitted_max, or 5 minutes): the checkpoint store takes none",
            )
        } else if backlog.open_events >= self.open_events_max {
            Some("reads no further than limits.open_events_max: a sink does not take what was read")
        } else if backlog.open_bytes >= self.share.open_bytes_max() && backlog.open_events > 0 {
            Some(
                "reads no further than its share of limits.memory_budget: a sink does not take what was read",
            )
        } else {
            None
        }
    }
}

/// Reads one partition until it is told to stop.
pub struct Reader {
    /// The hub.
    pub source: Arc<dyn Source>,
    /// The partition.
    pub partition: PartitionId,
    /// What comes after reading.
    pub stages: Arc<Stages>,
    /// Follows the generation when the partition begins anew.
    pub checkpointer: Arc<Checkpointer>,
    /// Its ledger.
    pub ledger: (LedgerId, Generation),
    /// Its bounds.
    pub limits: ReadLimits,
    /// What happens to a message that the decoder refuses again and again.
    pub on_undecodable: OnUndecodable,
    /// How sure it is that the partition is ours.
    pub lease: Arc<Lease>,
    /// Cancelled to stop reading; the event at hand is still handed on.
    pub stop: CancellationToken,
    /// The last position that is known to be done with or handed on.
    pub last: Position,
    /// Whether the event there was received: a message that was passed over is none.
    pub is_last_received: bool,
    /// How many events a receiver may buffer.
    pub prefetch: Prefetch,
    /// Where it stalls at a message that cannot be decoded; said once, until it goes on.
    pub stalled_at: Option<SequenceNumber>,
}

/// What the end of a reader asks of the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderEnd {
    /// Nothing: it was told to stop, or its generation has ended.
    Stopped,
    /// To leave the partition to another replica: here it brings nothing.
    GiveUp,
}

/// Why a receiver was left.
enum End {
    Stopped,
    Paused,
    Reopen,
    Failed(SourceError),
    Broken(LedgerError),
}

/// A jump that was seen once and is to be confirmed by a second look: the number that was due, and
/// the one that came.
type Suspicion = Option<(SequenceNumber, SequenceNumber)>;

impl Reader {
    /// Reads until stopped, or until the generation has ended.
    ///
    /// # Cancel safety
    /// Events that were entered and not handed on stay owed.
    pub async fn run(mut self) -> ReaderEnd {
        let component = self.component();
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));
        let mut suspicion: Suspicion = None;
        let mut undecodable = (self.last.sequence, 0);
        let mut skipped = false;
        loop {
            self.wait_for_room().await;
            if self.stop.is_cancelled() {
                break;
            }
            let before = self.last.sequence;
            let end = self.read(&mut suspicion, skipped, &component).await;
            if self.last.sequence != before {
                backoff.reset();
                skipped = false;
            }
            let error = match end {
                End::Stopped => break,
                End::Paused => {
                    self.say_why_paused(&component);
                    continue;
                }
                End::Reopen => {
                    self.stages.stats.reopenings.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                End::Broken(error) => {
                    tracing::debug!(source = self.stages.source, component, %error, "reading ends");
                    break;
                }
                End::Failed(error) => error,
            };
            self.stages.stats.reopenings.fetch_add(1, Ordering::Relaxed);
            if self.stalled_at.is_none() {
                self.stages.status.waits(&component, &error.to_string());
            }
            undecodable = match (error.kind, undecodable) {
                (SourceErrorKind::Undecodable, (at, ends)) if at == self.last.sequence => {
                    (at, ends + 1)
                }
                (SourceErrorKind::Undecodable, _) => (self.last.sequence, 1),
                _ => (self.last.sequence, 0),
            };
            if undecodable.1 >= UNDECODABLE_ENDS {
                // A checkpoint may stand at a message that was passed over, and then that one is
                // met again: only behind it can the next one be told to be undecodable too.
                let is_next =
                    skipped || self.is_last_received || self.last.sequence < SequenceNumber(0);
                if !is_next || self.pass_undecodable(&component).await {
                    skipped = true;
                    backoff.reset();
                }
                undecodable = (self.last.sequence, 0);
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                () = self.wait_before_reopening(error.kind, &mut backoff) => {}
            }
        }
        self.stages.status.forget(&component);
        ReaderEnd::Stopped
    }

    async fn wait_before_reopening(&self, kind: SourceErrorKind, backoff: &mut Backoff) {
        if kind == SourceErrorKind::Stolen {
            // The newest receiver wins at the hub: another one would throw off a rightful owner,
            // for as long as this process does not know of it.
            self.lease.confirm().await;
        }
        let floor = match kind {
            SourceErrorKind::Throttled => THROTTLED_WAIT,
            _ => Duration::ZERO,
        };
        let wait = backoff.next_from(floor, self.stages.rng.as_ref());
        tokio::time::sleep(wait).await;
    }

    fn say_why_paused(&self, component: &str) {
        let (id, generation) = self.ledger;
        let backlog = self.stages.ledgers.backlog(id, generation);
        if let Some(reason) = self.limits.full(backlog) {
            self.stages.status.waits(component, reason);
        }
    }

    /// Opens a receiver and hands its events on until it ends.
    async fn read(&mut self, suspicion: &mut Suspicion, skipped: bool, component: &str) -> End {
        let at = if skipped {
            OpenAt::FromSequence(self.last.sequence.next())
        } else {
            OpenAt::last_seen(&self.last)
        };
        if !self.lease.is_valid() {
            let reason = "its claim could not be renewed in time: opens no receiver, as another \
                          replica may own it by now";
            self.stages.status.waits(component, reason);
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return End::Stopped,
                () = self.lease.wait_until_valid() => {}
            }
        }
        let opening = self.source.open(&self.partition, at, self.prefetch.open());
        let opened = tokio::select! {
            biased;
            () = self.stop.cancelled() => return End::Stopped,
            opened = opening => opened,
        };
        let stream = match opened {
            Ok(stream) => stream,
            Err(error) => return End::Failed(error),
        };
        if self.stalled_at.is_none() {
            self.stages.status.is_well(component);
        }
        self.drain(stream, suspicion).await
    }

    /// Takes events until the receiver ends or is to be left, and closes it.
    async fn drain(&mut self, mut stream: Box<dyn EventStream>, suspicion: &mut Suspicion) -> End {
        // Whether this receiver has brought something new: before that, what it brings is what
        // the reopening asked for.
        let mut fresh = false;
        let end = loop {
            let room = timeout(PAUSE_MAX, self.wait_for_room()).await;
            if self.stop.is_cancelled() {
                break End::Stopped;
            }
            if room.is_err() {
                break End::Paused;
            }
            let next = tokio::select! {
                biased;
                () = self.stop.cancelled() => break End::Stopped,
                next = stream.next() => next,
            };
            let event = match next {
                Ok(event) => event,
                Err(error) => break End::Failed(error),
            };
            let (stages, component) = (Arc::clone(&self.stages), self.component());
            let mut taking = pin!(self.take(event, &mut fresh, suspicion));
            match timeout(PAUSE_MAX, &mut taking).await {
                Ok(None) => {}
                Ok(Some(end)) => break end,
                Err(_) => {
                    // The event waits for memory or for a sink's queue. It is not given up, but
                    // what the receiver has prefetched behind it is.
                    stages.status.waits(
                        &component,
                        "reads no further: a sink does not take what was read",
                    );
                    stream.close().await;
                    return taking.await.unwrap_or(End::Paused);
                }
            }
        };
        stream.close().await;
        end
    }

    /// Judges one event by its place and hands it on.
    async fn take(
        &mut self,
        event: ReceivedEvent,
        fresh: &mut bool,
        suspicion: &mut Suspicion,
    ) -> Option<End> {
        let sequence = event.position.sequence;
        let Some(enqueued_at) = event.position.enqueued_at else {
            let message = format!("event {sequence} has no enqueued time");
            return Some(End::Failed(SourceError::new(
                SourceErrorKind::Protocol,
                message,
            )));
        };
        match follows(Some(&Last::of(&self.last)), sequence, enqueued_at) {
            Follows::Next => {}
            Follows::Proof | Follows::Duplicate if *fresh => {
                // A receiver never goes back by itself; if one does, it would go on for ever.
                self.stages.stats.duplicates.fetch_add(1, Ordering::Relaxed);
                return Some(End::Reopen);
            }
            Follows::Proof => {
                self.is_last_received = true;
                return None;
            }
            Follows::Duplicate => {
                self.stages.stats.duplicates.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            Follows::Gap { expected } => {
                // It may be a loss on our side: a second look from the last event tells, if it sees
                // the same.
                if *suspicion != Some((expected, sequence)) {
                    *suspicion = Some((expected, sequence));
                    return Some(End::Reopen);
                }
                self.confirm_gap(expected, sequence);
            }
            Follows::Rewound => {
                if !self.wait_until_settled().await {
                    return Some(End::Stopped);
                }
                self.begin_anew(sequence).await;
            }
        }
        *suspicion = None;
        *fresh = true;
        let is_off = match &event.body {
            Body::Bytes(bytes) => self.prefetch.is_off_after(bytes.len() as u64),
            Body::Unsupported(_) => false,
        };
        let position = event.position.clone();
        if let Err(error) = self
            .stages
            .hand_on(&self.partition, self.ledger, event)
            .await
        {
            return Some(End::Broken(error));
        }
        self.last = position;
        self.is_last_received = true;
        self.stalled_at = None;
        is_off.then_some(End::Reopen)
    }

    fn confirm_gap(&self, expected: SequenceNumber, found: SequenceNumber) {
        let missing = u64::try_from(found.0 - expected.0).unwrap_or(0);
        self.stages.stats.gaps.fetch_add(1, Ordering::Relaxed);
        self.stages
            .stats
            .missing
            .fetch_add(missing, Ordering::Relaxed);
        tracing::warn!(
            event = "gap",
            source = self.stages.source,
            partition = %self.partition,
            %expected,
            %found,
            "{missing} sequence numbers are missing before {found}: passed by retention, or never given"
        );
    }

    /// Waits until everything that was read is settled; false when told to stop before. What stood
    /// in a partition before it began anew cannot be read again: it is only here.
    async fn wait_until_settled(&self) -> bool {
        let (id, generation) = self.ledger;
        tokio::select! {
            biased;
            () = self.stop.cancelled() => false,
            () = self.stages.ledgers.wait_for_room(id, generation, |it| it.open_events == 0) => true,
        }
    }

    async fn begin_anew(&mut self, found: SequenceNumber) {
        self.stages.stats.rewinds.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            event = "rewound",
            source = self.stages.source,
            partition = %self.partition,
            last = %self.last.sequence,
            %found,
            "the partition began anew: a fail-over, or a hub made again under its name"
        );
        let generation = self.stages.ledgers.start(self.ledger.0, None);
        self.checkpointer.renew(self.ledger.0, generation).await;
        self.ledger.1 = generation;
    }

    /// The message behind the last event cannot be decoded: says so, and passes over it when the
    /// configuration allows it. Returns whether it was passed over.
    async fn pass_undecodable(&mut self, component: &str) -> bool {
        let first = match self.source.partition_properties(&self.partition).await {
            Ok(properties) => properties.first_readable(),
            Err(_) => SequenceNumber(0),
        };
        let sequence = self.last.sequence.next().max(first);
        let partition = &self.partition;
        if self.on_undecodable == OnUndecodable::Stall {
            let reason = format!(
                "the message with sequence number {sequence} cannot be decoded; \
                 to pass over it, set on_undecodable = \"skip\" for source {}",
                self.stages.source
            );
            self.stages.status.waits(component, &reason);
            self.stalled_at = Some(sequence);
            return false;
        }
        tracing::error!(
            event = "undecodable",
            source = self.stages.source,
            %partition,
            %sequence,
            "the message cannot be decoded: passed over, with a dead letter that says where it was"
        );
        // No offset is known for it; the one before it makes other programs repeat, never skip.
        let position = Position {
            sequence,
            enqueued_at: None,
            ..self.last.clone()
        };
        let buried = self
            .stages
            .bury(
                partition,
                self.ledger,
                position.clone(),
                "undecodable",
                bytes::Bytes::new(),
            )
            .await;
        if buried.is_ok() {
            self.last = position;
            self.is_last_received = false;
        }
        buried.is_ok()
    }

    async fn wait_for_room(&self) {
        let (id, generation) = self.ledger;
        tokio::select! {
            biased;
            () = self.stop.cancelled() => {}
            () = self.stages.ledgers.wait_for_room(id, generation, |it| self.limits.has_room(it)) => {}
        }
    }

    fn component(&self) -> String {
        format!("source {} partition {}", self.stages.source, self.partition)
    }
}
