//! The task that reads one owned partition.
//!
//! One receiver at a time, on a connection of its own, without retries below: whatever ends it,
//! the next one asks for the last event again and checks that it is the same one before anything
//! is handed on. So "it goes on where it stopped" is seen, not hoped.

mod ends;
mod limits;
mod receive;
mod search;
mod stale;
mod undecodable;
mod watchdog;

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::limits::ReadLimits;
use self::receive::Link;
use self::undecodable::Undecodable;
use super::handoff::Stages;
use super::inquiry::Inquiry;
use super::lease::Lease;
use super::prefetch::Prefetch;
use super::resume::{Resume, ResumeAt, Stale};
use super::stats::PartitionStats;
use crate::checkpoint::checkpointer::Checkpointer;
use crate::checkpoint::ledger::{Generation, LedgerError};
use crate::checkpoint::ledgers::LedgerId;
use crate::config::{OnStaleCheckpoint, OnUndecodable};
use crate::deliver::retry::Backoff;
use crate::event_hub::{
    OpenAt, PartitionId, Position, SequenceNumber, Source, SourceError, Timestamp,
};

/// What the configuration says about reading.
#[derive(Clone, Copy, Debug)]
pub struct ReadPolicy {
    /// What happens to a message that the decoder refuses again and again.
    pub on_undecodable: OnUndecodable,
    /// What happens when a position does not belong to the hub that is there.
    pub on_stale: OnStale,
    /// How far before the time of such a position reading goes on.
    pub stale_margin: Duration,
    /// How long events may be there, be wanted, and not come.
    pub stall_timeout: Duration,
}

/// What a reader does when a position does not belong to the hub that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStale {
    /// As `on_stale_checkpoint` says.
    Configured(OnStaleCheckpoint),
    /// It ends at once: nobody is to choose another position.
    End,
}

/// What a reader is given.
pub struct Assignment {
    /// The hub.
    pub source: Arc<dyn Source>,
    /// Questions to the hub, shared by the readers of the source.
    pub inquiry: Arc<Inquiry>,
    /// The partition.
    pub partition: PartitionId,
    /// What comes after reading.
    pub stages: Arc<Stages>,
    /// Stores where the partition begins anew.
    pub checkpointer: Arc<Checkpointer>,
    /// Its ledger.
    pub ledger: (LedgerId, Generation),
    /// Its bounds.
    pub limits: ReadLimits,
    /// What the configuration says.
    pub policy: ReadPolicy,
    /// How sure it is that the partition is ours.
    pub lease: Arc<Lease>,
    /// Cancelled to stop reading; the event at hand is still handed on.
    pub stop: CancellationToken,
    /// Where it begins.
    pub resume: Resume,
    /// How many events a receiver may buffer.
    pub prefetch: Prefetch,
}

/// Reads one partition until it is told to stop.
pub struct Reader {
    given: Assignment,
    /// Its name in the status table.
    component: String,
    stats: Arc<PartitionStats>,
    /// The last position that is known to be done with or handed on.
    last: Position,
    /// Whether the event there was received: a message that was passed over is none.
    is_last_received: bool,
    /// The latest time that is known of a position.
    known_time: Option<Timestamp>,
    /// When the hub of `last` was created.
    hub_created_at: Timestamp,
    suspicion: Suspicion,
    undecodable: Undecodable,
    /// Receivers in a row that the watchdog had opened again and that brought nothing new.
    fruitless: u32,
    /// When others took the receiver away although the partition was ours.
    thefts: Vec<Instant>,
    /// Whether the last receiver ended by its token's expiry soon after it was opened.
    has_expired_early: bool,
    backoff: Backoff,
}

/// Why a reader ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderEnd {
    /// It was told to.
    Stopped,
    /// Its generation ended, or its ledger broke.
    GenerationEnded,
    /// The position does not belong to the hub, and no other one is to be found: either somebody is
    /// to set one, and the checkpoint is to be read again, or it was to end here.
    Stale,
    /// The partition has events, and several receivers brought none: another replica should try.
    /// The status of the partition still says that it fails.
    Stalled,
}

/// Why a receiver was left, or was not there.
enum End {
    Stopped,
    Paused,
    /// It is to be opened again, at once.
    Reopen,
    /// It could not be opened, or something else that is needed did not answer.
    Failed(SourceError),
    /// It had been open since then, and ended.
    Detached(SourceError, Instant),
    /// It brings nothing although there is something, up to this number.
    Stalled(SequenceNumber),
    Stale(Stale),
    Broken(LedgerError),
}

/// A jump that was seen once and is to be confirmed by a second look: the number that was due, and
/// the one that came.
type Suspicion = Option<(SequenceNumber, SequenceNumber)>;

/// Name of a partition in the status table.
pub fn component(source: &str, partition: &PartitionId) -> String {
    format!("source {source} partition {partition}")
}

/// What follows: an end, or going on after a wait.
type Then = ControlFlow<ReaderEnd, Duration>;

impl Reader {
    /// A reader that has not begun.
    pub fn new(given: Assignment) -> Self {
        let last = match &given.resume.at {
            ResumeAt::Behind(position) | ResumeAt::Stale(Some(position), _) => position.clone(),
            ResumeAt::Stale(None, _) | ResumeAt::Offset(_) => Position::before_first(),
        };
        let stats = given.stages.stats.of(&given.partition);
        stats.begins(&last);
        Self {
            component: component(&given.stages.source, &given.partition),
            stats,
            is_last_received: false,
            known_time: last.enqueued_at,
            hub_created_at: given.resume.hub_created_at,
            suspicion: None,
            undecodable: Undecodable::default(),
            fruitless: 0,
            thefts: Vec::new(),
            has_expired_early: false,
            backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(30)),
            last,
            given,
        }
    }

    /// Reads until stopped, or until there is a reason to end.
    ///
    /// # Cancel safety
    /// Events that were entered and not handed on stay owed.
    pub async fn run(mut self) -> ReaderEnd {
        let end = self.read_on().await;
        if matches!(end, ReaderEnd::Stopped | ReaderEnd::GenerationEnded) {
            self.given.stages.status.forget(&self.component);
        }
        end
    }

    async fn read_on(&mut self) -> ReaderEnd {
        if let Break(end) = self.begin().await {
            return end;
        }
        loop {
            self.wait_for_room().await;
            if self.given.stop.is_cancelled() {
                return ReaderEnd::Stopped;
            }
            let end = self.read().await;
            let wait = match self.after(end).await {
                Continue(wait) => wait,
                Break(end) => return end,
            };
            if !self.sleep(wait).await {
                return ReaderEnd::Stopped;
            }
        }
    }

    /// Finds out where to begin, when the checkpoint alone does not say so.
    async fn begin(&mut self) -> ControlFlow<ReaderEnd> {
        match self.given.resume.at.clone() {
            ResumeAt::Behind(_) => Continue(()),
            ResumeAt::Stale(_, stale) => self.begin_anew(stale).await,
            ResumeAt::Offset(offset) => self.begin_behind(&offset).await,
        }
    }

    /// Opens a receiver and hands its events on until it ends.
    async fn read(&mut self) -> End {
        let at = if self.undecodable.is_passed {
            OpenAt::FromSequence(self.last.sequence.next())
        } else {
            OpenAt::last_seen(&self.last)
        };
        if !self.waits_for_lease().await {
            return End::Stopped;
        }
        let prefetch = self.given.prefetch.open();
        let given = &self.given;
        let opening = given.source.open(&given.partition, at, prefetch);
        let opened = tokio::select! {
            biased;
            () = given.stop.cancelled() => return End::Stopped,
            opened = opening => opened,
        };
        match opened {
            Ok(stream) => {
                let status = &given.stages.status;
                // What failed is well when something has come.
                if self.undecodable.stalled_at.is_none() && !status.is_failing(&self.component) {
                    status.is_well(&self.component);
                }
                self.drain(stream, Link::new()).await
            }
            Err(error) => End::Failed(error),
        }
    }

    /// Waits until a receiver may be opened; false when told to stop.
    async fn waits_for_lease(&self) -> bool {
        let given = &self.given;
        if given.lease.is_valid() {
            return true;
        }
        let reason = "its claim could not be renewed in time: opens no receiver, as another replica \
                      may own it by now";
        given.stages.status.waits(&self.component, reason);
        tokio::select! {
            biased;
            () = given.stop.cancelled() => false,
            () = given.lease.wait_until_valid() => true,
        }
    }

    /// The receiver brought something new, or what was behind the last event has expired: whatever
    /// failed before does not fail now.
    fn went_on(&mut self) {
        self.backoff.reset();
        self.undecodable = Undecodable::default();
        self.fruitless = 0;
        self.given.stages.status.is_well(&self.component);
    }

    /// Waits; false when told to stop.
    async fn sleep(&self, wait: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.given.stop.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }

    async fn wait_for_room(&self) {
        let ((id, generation), limits) = (self.given.ledger, &self.given.limits);
        let ledgers = &self.given.stages.ledgers;
        tokio::select! {
            biased;
            () = self.given.stop.cancelled() => {}
            () = ledgers.wait_for_room(id, generation, |it| limits.has_room(it)) => {}
        }
    }
}
