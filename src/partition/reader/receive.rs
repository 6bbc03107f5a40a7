//! The events of one receiver: each is judged by its place before it is handed on.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::watchdog::{self, Alarm};
use super::{End, Reader};
use crate::event_hub::{
    Body, EventStream, ReceivedEvent, SequenceNumber, SourceError, SourceErrorKind,
};
use crate::partition::order::{Follows, Last, follows};
use crate::partition::resume::Stale;

/// A receiver that is not read for so long is closed: it holds memory and a connection.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A receiver is not left as planned before it has been open for so long: with a token that is
/// always near its end, nothing would be read.
pub(super) const LASTED: Duration = Duration::from_secs(5);

/// What is known of the receiver that is open.
pub(super) struct Link {
    pub(super) opened_at: Instant,
    /// Whether it is certain that it reads the hub of the last event.
    is_proven: bool,
    /// Whether it has brought something new: before that, what it brings is what the reopening
    /// asked for.
    is_fresh: bool,
    /// Whether it was said that it brings what came before.
    is_repetition_said: bool,
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            opened_at: Instant::now(),
            is_proven: false,
            is_fresh: false,
            is_repetition_said: false,
        }
    }
}

/// What a wait for an event gives.
enum Next {
    Event(ReceivedEvent),
    End(End),
    /// The time to leave the receiver as planned.
    Leave,
    Alarm(Alarm),
}

impl Reader {
    /// Takes events until the receiver ends or is to be left, and closes it.
    pub(super) async fn drain(&mut self, mut stream: Box<dyn EventStream>, mut link: Link) -> End {
        let end = loop {
            let room = timeout(PAUSE_MAX, self.wait_for_room()).await;
            if self.given.stop.is_cancelled() {
                break End::Stopped;
            }
            if room.is_err() {
                break End::Paused;
            }
            let event = match self.next(stream.as_mut(), &link).await {
                Next::Event(event) => event,
                Next::End(end) => break end,
                Next::Leave => {
                    tracing::debug!(
                        event = "left_as_planned",
                        source = self.given.stages.source,
                        partition = %self.given.partition,
                        "the receiver's token is near its end: it is opened again"
                    );
                    break End::Reopen;
                }
                Next::Alarm(alarm) => match self.alarmed(alarm, &mut link).await {
                    None => continue,
                    Some(end) => break end,
                },
            };
            if let Some(end) = self.prove(&event, &mut link).await {
                break end;
            }
            let (stages, component) = (Arc::clone(&self.given.stages), self.component.clone());
            let mut taking = pin!(self.take(event, &mut link));
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

    /// Waits for an event, and for what may come instead.
    async fn next(&self, stream: &mut dyn EventStream, link: &Link) -> Next {
        loop {
            let leave_at = stream
                .leave_at()
                .map(|leave_at| leave_at.max(link.opened_at + LASTED));
            let leave = async {
                match leave_at {
                    Some(leave_at) => tokio::time::sleep_until(leave_at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.given.stop.cancelled() => return Next::End(End::Stopped),
                // Before the events: they may never cease.
                () = leave => {
                    // The token may have been renewed meanwhile.
                    if stream.leave_at().is_some_and(|moment| moment <= Instant::now()) {
                        return Next::Leave;
                    }
                }
                next = stream.next() => return match next {
                    Ok(event) => Next::Event(event),
                    Err(error) => Next::End(End::Detached(error, link.opened_at)),
                },
                alarm = watchdog::watch(&self.given, self.last.sequence) => {
                    return Next::Alarm(alarm);
                }
            }
        }
    }

    /// Makes sure that the receiver reads the hub of the last event, unless this event proves it or
    /// needs no proof.
    async fn prove(&mut self, event: &ReceivedEvent, link: &mut Link) -> Option<End> {
        let enqueued_at = event.position.enqueued_at?;
        if link.is_proven {
            return None;
        }
        match follows(
            Some(&Last::of(&self.last)),
            event.position.sequence,
            enqueued_at,
        ) {
            Follows::Proof => {
                link.is_proven = true;
                None
            }
            // A proof of the contrary.
            Follows::Rewound => None,
            // Older than what was handed on, in number and in time.
            Follows::Duplicate if self.last.enqueued_at.is_some() => None,
            Follows::SameNumber | Follows::Duplicate | Follows::Next | Follows::Gap { .. } => {
                self.make_sure(link).await
            }
        }
    }

    /// Asks, after the attach, when the hub was created: the same hub as before has the same time.
    pub(super) async fn make_sure(&self, link: &mut Link) -> Option<End> {
        let answer = tokio::select! {
            biased;
            () = self.given.stop.cancelled() => return Some(End::Stopped),
            answer = self.given.inquiry.created_at() => answer,
        };
        match answer {
            Ok(found) if found == self.hub_created_at => {
                link.is_proven = true;
                None
            }
            Ok(found) => Some(End::Stale(self.other_hub(found))),
            Err(error) => Some(End::Failed(error)),
        }
    }

    fn say_it_repeats(&self, from: SequenceNumber, link: &mut Link) {
        if std::mem::replace(&mut link.is_repetition_said, true) {
            return;
        }
        let Some(receivers) = self.stats.unsaid.repetitions.once_more() else {
            return;
        };
        tracing::info!(
            event = "duplicates_skipped",
            source = self.given.stages.source,
            partition = %self.given.partition,
            sequence = from.0,
            last_received = self.last.sequence.0,
            receivers,
            "the hub begins with events that were handed on before: they are skipped"
        );
    }

    /// Judges one event by its place and hands it on.
    async fn take(&mut self, event: ReceivedEvent, link: &mut Link) -> Option<End> {
        let sequence = event.position.sequence;
        let Some(enqueued_at) = event.position.enqueued_at else {
            let message = format!("event {sequence} has no enqueued time");
            return Some(End::Failed(SourceError::new(
                SourceErrorKind::Protocol,
                message,
            )));
        };
        let stats = Arc::clone(&self.stats);
        match follows(Some(&Last::of(&self.last)), sequence, enqueued_at) {
            Follows::Next => {}
            Follows::Proof | Follows::SameNumber | Follows::Duplicate if link.is_fresh => {
                // A receiver never goes back by itself; if one does, it would go on for ever.
                stats.duplicates.fetch_add(1, Ordering::Relaxed);
                return Some(End::Reopen);
            }
            Follows::Proof => {
                self.is_last_received = true;
                return None;
            }
            Follows::SameNumber => {
                // From now on its time is known, and the next reopening has its proof.
                self.arrived_at(event.position.clone());
                return None;
            }
            Follows::Duplicate => {
                stats.duplicates.fetch_add(1, Ordering::Relaxed);
                self.say_it_repeats(sequence, link);
                return None;
            }
            Follows::Gap { expected } => {
                // It may be a loss on our side: a second look from the last event tells, if it sees
                // the same.
                if self.suspicion != Some((expected, sequence)) {
                    self.suspicion = Some((expected, sequence));
                    return Some(End::Reopen);
                }
                self.confirm_gap(expected, sequence);
            }
            Follows::Rewound => return Some(End::Stale(Stale::Rewound { found: sequence })),
        }
        self.suspicion = None;
        // Nothing fails while a receiver is open; and also a sink that takes nothing is waited for
        // below.
        if !std::mem::replace(&mut link.is_fresh, true) {
            self.went_on();
        }
        let is_off = match &event.body {
            Body::Bytes(bytes) => self.given.prefetch.is_off_after(bytes.len() as u64),
            Body::Unsupported(..) => false,
        };
        let (position, bytes) = (event.position.clone(), event.body.size());
        let given = &self.given;
        let handed_on = given
            .stages
            .hand_on(&given.partition, given.ledger, event)
            .await;
        if let Err(error) = handed_on {
            return Some(End::Broken(error));
        }
        self.stats.handed_on(&position, bytes);
        self.arrived_at(position);
        is_off.then_some(End::Reopen)
    }

    /// The event there was received, and is handed on or was before.
    fn arrived_at(&mut self, position: crate::event_hub::Position) {
        self.known_time = position.enqueued_at.or(self.known_time);
        self.last = position;
        self.is_last_received = true;
    }

    /// Counts numbers that are missing from `expected` to before `found`.
    pub(super) fn confirm_gap(&self, expected: SequenceNumber, found: SequenceNumber) {
        let missing = u64::try_from(found.0 - expected.0).unwrap_or(0);
        let stats = &self.stats;
        stats.gaps.fetch_add(1, Ordering::Relaxed);
        stats.missing.fetch_add(missing, Ordering::Relaxed);
        let unsaid = stats.unsaid.gaps.note(|unsaid| {
            unsaid.gaps += 1;
            unsaid.missing += missing;
        });
        let Some(unsaid) = unsaid else {
            return;
        };
        tracing::warn!(
            event = "gap",
            source = self.given.stages.source,
            partition = %self.given.partition,
            sequence = found.0,
            expected = expected.0,
            gaps = unsaid.gaps,
            missing = unsaid.missing,
            "{missing} sequence numbers are missing before {found}: passed by retention, or never given"
        );
    }
}
