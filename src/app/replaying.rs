//! The stages of a replay: those of the forwarder, with windows of the hub in front of them in place
//! of owned partitions, and positions of their own behind them.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{App, Ended, Seams};
use crate::checkpoint::checkpointer::{Checkpointer, Holding};
use crate::checkpoint::ledgers::Ledgers;
use crate::checkpoint::{Checkpoint, CheckpointStore, Condition, ETag, GroupKey, StoreError};
use crate::config::{Config, SourceConfig};
use crate::event_hub::{PartitionId, Position, SequenceNumber, Source};
use crate::filter::Filter;
use crate::partition::handoff::{ReadStats, Stages};
use crate::partition::inquiry::Inquiry;
use crate::partition::lease::Lease;
use crate::partition::prefetch::Prefetch;
use crate::partition::reader::{Assignment, OnStale, ReadLimits, ReadPolicy, Reader, ReaderEnd};
use crate::partition::resume::{self, Resume, ResumeAt, TakeOverError};
use crate::telemetry::status::Status;
use crate::tools::{Bounded, Gone, ToolsHub, Window};

/// Longer than any replay.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// What a replay is made of.
pub struct Plan<'a> {
    /// The configuration, with the mark for records if there is one.
    pub config: &'a Config,
    /// The source, by its name.
    pub source: (&'a String, &'a SourceConfig),
    /// Its hub.
    pub hub: &'a ToolsHub,
    /// Where its positions are kept: nobody else's group.
    pub group: GroupKey,
    /// Name of this process start.
    pub owner_id: String,
    /// What is sent where.
    pub filter: Filter,
    /// Per sink, in the order of the configuration, whether something is sent to it.
    pub sinks: Vec<bool>,
}

/// A window and where reading goes on in it.
pub struct Begun {
    /// The window.
    pub window: Window,
    /// Where.
    resume: Resume,
    etag: ETag,
    /// Whether an earlier run has begun it.
    pub is_resumed: bool,
}

impl Begun {
    /// Number of the last event that an earlier run is done with, if there was one.
    pub fn done(&self) -> Option<SequenceNumber> {
        let position = self.resume.position()?;
        (position.sequence >= self.window.first).then_some(position.sequence)
    }

    /// What the hub does not hold any more of what is left, and no reader will count: one that goes
    /// on meets the gap itself.
    pub fn gone(&self) -> Gone {
        if self.is_resumed && self.left() > 0 {
            return Gone::Nothing;
        }
        let position = self.resume.position().filter(|_| self.is_resumed);
        position.map_or(self.window.gone, |position| {
            gone_behind(position.sequence, &self.window)
        })
    }

    /// How many events an earlier run is done with.
    pub fn done_events(&self) -> u64 {
        let all = self.window.events().unwrap_or_default();
        all - self.left().min(all)
    }

    /// How many events are left; the window has an end.
    pub fn left(&self) -> u64 {
        let first = self.done().map_or(self.window.first, SequenceNumber::next);
        let rest = Window {
            first,
            ..self.window.clone()
        };
        rest.events().unwrap_or_default()
    }
}

/// What is gone of a window behind an event that an earlier run is done with.
fn gone_behind(done: SequenceNumber, window: &Window) -> Gone {
    let last = window.last.unwrap_or(window.first);
    let left = window.first.min(last.next()).0 - done.next().0;
    match (window.gone, u64::try_from(left).unwrap_or(0)) {
        (Gone::Nothing, _) | (_, 0) => Gone::Nothing,
        (Gone::Events(events), left) => Gone::Events(events.min(left)),
        // With the end, the time is lost at which it was.
        (perhaps @ Gone::Perhaps(_), _) if last < window.first => perhaps,
        (Gone::Perhaps(_), left) => Gone::Events(left),
    }
}

/// Why a replay cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum BeginError {
    /// The position of a run before cannot be taken over.
    #[error(transparent)]
    TakeOver(#[from] TakeOverError),
    /// The hub was made again since.
    #[error(
        "the position of this replay belongs to another hub ({0}): begin anew with another --id"
    )]
    OtherHub(String),
}

impl From<StoreError> for BeginError {
    fn from(error: StoreError) -> Self {
        Self::TakeOver(error.into())
    }
}

/// The running stages of a replay.
pub struct Replaying {
    app: App,
    /// What was read.
    pub stats: Arc<ReadStats>,
    /// `None` when everything is read.
    stages: Option<Arc<Stages>>,
    readers: JoinSet<Result<(), ReaderEnd>>,
}

/// Makes a window's position this process's own: claims it, so that a run of the same replay that
/// still lives notices, and takes over what is stored or stores the beginning. `None` when there is
/// neither: nothing was begun, and the window has no events.
///
/// # Errors
/// When hub or store do not answer, or what is stored is of another hub.
pub async fn begin(
    plan: &Plan<'_>,
    seams: &Seams,
    checkpointer: &Checkpointer,
    window: Window,
) -> Result<Option<Begun>, BeginError> {
    let store = seams.store.as_ref();
    let partition = window.partition.clone();
    claim(plan, store, &partition).await?;
    let (hub, group) = (plan.hub, &plan.group);
    let created_at = hub.properties.created_at;
    let taken =
        resume::take_over(checkpointer, &hub.inquiry, group, &partition, created_at).await?;
    let is_resumed = taken.is_some();
    let (resume, etag) = match taken {
        Some((resume, etag)) => (resume, etag),
        None if window.events() == Some(0) => return Ok(None),
        None => {
            let position = Position {
                sequence: window.first.previous(),
                ..Position::before_first()
            };
            let checkpoint = Checkpoint {
                position: position.clone(),
                hub_created_at: Some(created_at),
            };
            let etag = checkpointer.create(group, &partition, &checkpoint).await?;
            let at = ResumeAt::Behind(position);
            let resume = Resume {
                at,
                hub_created_at: created_at,
            };
            (resume, etag)
        }
    };
    if let ResumeAt::Stale(_, stale) = &resume.at {
        return Err(BeginError::OtherHub(stale.to_string()));
    }
    Ok(Some(Begun {
        window,
        resume,
        etag,
        is_resumed,
    }))
}

/// Claims a partition of the replay's own group, whoever has it.
async fn claim(
    plan: &Plan<'_>,
    store: &dyn CheckpointStore,
    partition: &PartitionId,
) -> Result<(), StoreError> {
    let owners = store.list_owners(&plan.group).await?;
    let present = owners.into_iter().find(|it| it.partition == *partition);
    let condition = match present {
        Some(present) => Condition::Matches(present.etag),
        None => Condition::Absent,
    };
    let claimed = store.claim(&plan.group, partition, &plan.owner_id, condition);
    claimed.await.map(|_etag| ())
}

impl App {
    /// Starts the sinks that are meant, and what stores positions. Nothing is read yet.
    pub fn start_for_replay(plan: &Plan<'_>, seams: &Seams, status: Arc<Status>) -> Replaying {
        let mut app = Self::idle(plan.config, seams, &plan.owner_id, status);
        let names = plan.config.sinks.keys().zip(&plan.sinks);
        let wanted: Vec<_> = names.filter(|it| *it.1).map(|it| it.0.clone()).collect();
        let is_wanted = |name: &str| wanted.iter().any(|wanted| wanted == name);
        let queues = app.start_sinks(plan.config, seams, is_wanted);
        app.start_probes(seams);
        let filter = plan.filter.clone();
        let stages = app.stages(plan.config, seams, plan.source, filter, &queues);
        app.start_storing(plan.config);
        Replaying {
            stats: Arc::clone(&stages.stats),
            stages: Some(stages),
            readers: JoinSet::new(),
            app,
        }
    }
}

impl Replaying {
    /// What stores positions.
    pub fn checkpointer(&self) -> &Arc<Checkpointer> {
        &self.app.checkpointer
    }

    /// The ledgers, for whoever only looks.
    pub fn ledgers(&self) -> &Arc<Ledgers> {
        &self.app.observer.ledgers
    }

    /// Starts to read a window; nothing happens when it is read already.
    pub fn read(&mut self, plan: &Plan<'_>, begun: Begun) {
        let (Some(stages), Some(last)) = (&self.stages, begun.window.last) else {
            return;
        };
        if begun.left() == 0 {
            return;
        }
        let (config, partition) = (plan.source.1, begun.window.partition);
        let id = self.app.observer.ledgers.add(plan.source.0, &partition);
        let generation = (self.app.observer.ledgers).start(id, begun.resume.position().cloned());
        let lost = CancellationToken::new();
        self.app.checkpointer.hold(Holding {
            source: plan.source.0.clone(),
            group: plan.group.clone(),
            partition: partition.clone(),
            ledger: (id, generation),
            hub_created_at: begun.resume.hub_created_at,
            owner_id: plan.owner_id.clone(),
            etag: begun.etag,
            lost: lost.clone(),
        });
        let share = Arc::new(self.app.observer.budget.share());
        let ended = CancellationToken::new();
        let hub = Arc::clone(&plan.hub.source);
        let stats = stages.stats.of(&partition);
        let source: Arc<dyn Source> = Arc::new(Bounded::new(hub, last, stats, ended.clone()));
        let stop = self.app.stop_reading.child_token();
        let reader = Reader::new(Assignment {
            inquiry: Arc::new(Inquiry::new(Arc::clone(&source))),
            source,
            partition,
            stages: Arc::clone(stages),
            checkpointer: Arc::clone(&self.app.checkpointer),
            ledger: (id, generation),
            limits: ReadLimits {
                open_events_max: plan.config.limits.open_events_max,
                share: Arc::clone(&share),
                uncommitted_max: plan.config.limits.uncommitted_max,
            },
            policy: ReadPolicy {
                on_undecodable: config.on_undecodable,
                on_stale: OnStale::End,
                stale_margin: config.stale_margin,
                stall_timeout: config.stall_timeout,
            },
            // It is not a partition that others wait for: nobody takes it over by its age.
            lease: Arc::new(Lease::new(Instant::now(), FOR_EVER)),
            stop: stop.clone(),
            resume: begun.resume,
            prefetch: Prefetch::new(share, config.max_event_size),
        });
        self.readers.spawn(async move {
            let mut reading = std::pin::pin!(reader.run());
            tokio::select! {
                biased;
                () = lost.cancelled() => return Err(ReaderEnd::GenerationEnded),
                end = &mut reading => return Err(end),
                () = ended.cancelled() => stop.cancel(),
            }
            match reading.await {
                ReaderEnd::Stopped => Ok(()),
                end => Err(end),
            }
        });
    }

    /// Waits until everything is read and delivered, or kept as a dead letter.
    ///
    /// # Errors
    /// Why not everything will be.
    ///
    /// # Cancel safety
    /// Safe; call it again, or [`Self::stop`].
    pub async fn done(&mut self) -> Result<(), ReplayError> {
        while let Some(ended) = self.readers.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(ReaderEnd::Stopped)) => return Err(ReplayError::Stopped),
                Ok(Err(ReaderEnd::Stale)) => return Err(ReplayError::OtherHub),
                Ok(Err(ReaderEnd::GenerationEnded)) => return Err(ReplayError::Taken),
                Ok(Err(ReaderEnd::Stalled)) => return Err(ReplayError::Stalled),
                Err(_panic) => return Err(ReplayError::Bug),
            }
        }
        // With the last sender of their queues the sinks send what they have collected.
        self.stages = None;
        let ledgers = Arc::clone(&self.app.observer.ledgers);
        tokio::select! {
            biased;
            _ = ledgers.wait_until_broken() => Err(ReplayError::Bug),
            () = ledgers.wait_until_settled() => Ok(()),
        }
    }

    /// Stops within `grace`: delivers what was read, and stores the positions.
    pub async fn stop(mut self, grace: Duration) -> Ended {
        self.app.stop_reading.cancel();
        let deadline = Instant::now() + grace / 2;
        let readers = async { while self.readers.join_next().await.is_some() {} };
        if tokio::time::timeout_at(deadline, readers).await.is_err() {
            self.readers.shutdown().await;
        }
        self.stages = None;
        self.app.stop(grace).await
    }
}

/// Why a replay ended before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// It was told to.
    #[error("stopped")]
    Stopped,
    /// The numbers mean other events now.
    #[error("the hub was made again under its name: begin anew with another --id")]
    OtherHub,
    /// The same replay runs a second time, and goes on where this one was.
    #[error("another run of the same replay has taken over")]
    Taken,
    /// A partition has events that do not come.
    #[error("a partition has events that do not come")]
    Stalled,
    /// A stage broke.
    #[error("bug: a stage has ended, see the log")]
    Bug,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_run_has_done_is_not_gone() {
        let check = |done, (first, last), gone, expected| {
            let window = Window {
                partition: PartitionId::new("0"),
                first: SequenceNumber(first),
                last: Some(SequenceNumber(last)),
                gone,
                not_yet: 0,
            };
            let found = gone_behind(SequenceNumber(done), &window);
            assert_eq!(found, expected, "{done} {window:?}");
        };
        // From 10 to 20.
        check(12, (10, 20), Gone::Nothing, Gone::Nothing);
        check(12, (15, 20), Gone::Events(5), Gone::Events(2));
        check(14, (15, 20), Gone::Events(5), Gone::Nothing);
        check(18, (15, 20), Gone::Events(5), Gone::Nothing);
        check(12, (50, 20), Gone::Events(11), Gone::Events(8));
        check(20, (50, 20), Gone::Events(11), Gone::Nothing);
        // From some time on.
        let perhaps = |first| Gone::Perhaps(SequenceNumber(first));
        check(12, (15, 20), perhaps(15), Gone::Events(2));
        check(16, (15, 20), perhaps(15), Gone::Nothing);
        // The number before the first that is retained is all that is known of the end.
        check(12, (50, 49), perhaps(50), perhaps(50));
    }
}
