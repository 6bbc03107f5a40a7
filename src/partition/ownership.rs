//! The task that owns partitions of one source: claims its share of them, keeps the claims alive,
//! starts and stops their readers.
//!
//! Every `balance_interval` it lists the owners of the consumer group, renews what is due, and
//! claims what [`Balancer`] wishes. Claims run beside the rounds, so that a slow store or hub holds
//! up no renewal. What it owns is lost only when a conditional write says so: a list may be old.

mod claims;
mod first_start;
mod readers;
mod refresh;
mod releases;
mod renewals;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::claims::{ClaimError, Claimed, Race};
use self::first_start::FirstStart;
pub use self::releases::Released;
use super::balance::Balancer;
use super::handoff::Stages;
use super::inquiry::Inquiry;
use super::lease::Lease;
use super::reader::ReaderEnd;
use crate::checkpoint::checkpointer::Checkpointer;
use crate::checkpoint::ledgers::LedgerId;
use crate::checkpoint::{CheckpointStore, ETag, GroupKey, Ownership};
use crate::config::{LimitsConfig, OwnershipConfig, SourceConfig};
use crate::deliver::admission::{Admission, Admitted};
use crate::deliver::retry::Backoff;
use crate::event_hub::{HubProperties, PartitionId, Source, SourceError};
use crate::telemetry::seldom::Seldom;
use crate::telemetry::turns::Turn;

/// How often the hub is asked for its partitions.
const PARTITIONS_REFRESH: Duration = Duration::from_secs(60);
/// The same after it did not answer; one answer that does not come is no news yet.
const REFRESH_AGAIN: Duration = Duration::from_secs(5);
/// Partitions that are claimed at the same time.
const CLAIMS_MAX: usize = 8;
/// A round that lost a race is followed by another after this time.
const RACE_LOST_WAIT: Duration = Duration::from_millis(200);
/// How many times slower the owners are listed by a replica that owns everything alone.
const ALONE: u32 = 5;

/// Panics that are told of one by one, before they are only counted.
const PANICS_AT_ONCE: u32 = 5;

/// What the owner of one source needs.
pub struct Owner {
    /// The hub.
    pub source: Arc<dyn Source>,
    /// Questions to the hub, shared by its readers.
    pub inquiry: Arc<Inquiry>,
    /// Where ownerships and checkpoints are.
    pub store: Arc<dyn CheckpointStore>,
    /// The consumer group in it.
    pub group: GroupKey,
    /// Name of this process start: never used twice.
    pub owner_id: String,
    /// Writes positions.
    pub checkpointer: Arc<Checkpointer>,
    /// What comes after reading.
    pub stages: Arc<Stages>,
    /// Whether the endpoints take what would be read.
    pub admission: Arc<Admission>,
    /// What the source is configured to do.
    pub config: SourceConfig,
    /// How replicas share the partitions.
    pub ownership: OwnershipConfig,
    /// Bounds per partition.
    pub limits: LimitsConfig,
    /// Cancelled to stop reading.
    pub stop: CancellationToken,
    /// Cancelled when readers that still wait for a sink are to be left.
    pub abandon: CancellationToken,
}

/// A partition that is owned.
struct Owned {
    etag: ETag,
    /// The claim was written and not answered, or met another version: a list tells which.
    is_doubtful: bool,
    lease: Arc<Lease>,
    ledger: LedgerId,
    stop: CancellationToken,
    lost: CancellationToken,
    /// Cancelled to leave the partition to another replica at once.
    given_up: CancellationToken,
}

/// The task's state.
struct Run {
    owner: Arc<Owner>,
    component: String,
    hub: HubProperties,
    /// When the hub is to be asked again, and how often in a row it did not answer.
    refresh_at: Instant,
    refresh_failures: u32,
    hub_problem: Option<String>,
    refreshing: JoinSet<Result<HubProperties, SourceError>>,
    balancer: Balancer,
    claims: Arc<Semaphore>,
    claiming: JoinSet<Result<Claimed, ClaimError>>,
    claiming_of: BTreeMap<Id, PartitionId>,
    owned: BTreeMap<PartitionId, Owned>,
    ledgers: BTreeMap<PartitionId, LedgerId>,
    readers: JoinSet<ReaderEnd>,
    reader_of: BTreeMap<Id, PartitionId>,
    closing: JoinSet<()>,
    closing_of: BTreeMap<Id, PartitionId>,
    /// Partitions that this replica gave up, and until when it leaves them to others.
    left: BTreeMap<PartitionId, Instant>,
    /// A reader was thrown off, and wants to know whether the partition is still ours.
    questions: Arc<Notify>,
    /// Claims that failed, and until when they are not tried again.
    failed: BTreeMap<PartitionId, (Instant, Backoff)>,
    /// Slow foreign owners that were warned of.
    warned_of: Vec<String>,
    /// Tasks that panicked: what comes back each round is not said each round.
    panics: Seldom,
}

impl Owner {
    /// Owns partitions until told to stop; then ends the readers and gives back what is to be
    /// released after the last checkpoint.
    ///
    /// # Cancel safety
    /// Dropping it ends its readers at once; the claims expire by themselves.
    pub async fn run(self) -> Released {
        let stop = self.stop.clone();
        let component = format!("source {}", self.stages.source);
        let owner = Arc::new(self);
        let interval = owner.ownership.balance_interval;
        let mut backoff = Backoff::new(interval, 5 * interval);
        let mut first_start = FirstStart::default();
        let turns = owner.stages.status.turns();
        let turn = turns.watch(format!("the owner of {component}"));
        let run = loop {
            turn.goes_on();
            let begun = tokio::select! {
                biased;
                () = stop.cancelled() => return owner.released(Vec::new()),
                begun = Run::begin(&owner, &component, &mut first_start, &turn) => begun,
            };
            match begun {
                Ok(run) => break run,
                Err(error) => {
                    owner.stages.status.waits(&component, &error.to_string());
                    let wait = error.shortest_wait() + backoff.next(owner.stages.rng.as_ref());
                    turn.back_within(wait);
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        };
        run.until(stop, turn).await
    }

    fn released(&self, owned: Vec<(PartitionId, ETag)>) -> Released {
        Released::new(self, owned)
    }

    fn note_partitions(&self, hub: &HubProperties) {
        let count = &self.stages.stats.partitions_of_hub;
        count.store(hub.partitions.len() as u64, Ordering::Relaxed);
    }

    fn is_me(&self, present: &Ownership) -> bool {
        present.owner.as_deref() == Some(self.owner_id.as_str())
    }

    fn is_live(&self, present: &Ownership) -> bool {
        present.owner.is_some() && present.age < self.ownership.expiry
    }
}

impl Run {
    async fn begin(
        owner: &Arc<Owner>,
        component: &str,
        first_start: &mut FirstStart,
        turn: &Turn,
    ) -> Result<Self, ClaimError> {
        let hub = owner.source.hub_properties().await?;
        owner.note_partitions(&hub);
        turn.goes_on();
        first_start.prepare(owner, &hub, turn).await?;
        owner.warn_of_unseen_owners().await?;
        tracing::info!(
            event = "source_found",
            source = owner.stages.source,
            partitions = hub.partitions.len(),
            hub_created_at = %hub.created_at,
            "{component}: {} partitions",
            hub.partitions.len()
        );
        for id in owner.config.start_partitions.keys() {
            if !hub.partitions.iter().any(|known| known.as_str() == id) {
                tracing::warn!(
                    event = "configuration",
                    source = owner.stages.source,
                    partition = id,
                    "sources.{}.start_partitions names partition {id}, which the hub does not have",
                    owner.stages.source
                );
            }
        }
        let needed = owner.stages.budget.needed_for(
            &owner.stages.source,
            hub.partitions.len(),
            owner.config.max_event_size,
        );
        if let Some(needed) = needed {
            tracing::warn!(
                event = "budget_small",
                source = owner.stages.source,
                partitions = hub.partitions.len(),
                needed = %needed,
                "with {} partitions whose events have up to {} bytes, all sources known so far need \
                 limits.memory_budget = \"{needed}\"; with less, prefetched events may go beyond it",
                hub.partitions.len(),
                owner.config.max_event_size
            );
        }
        Ok(Self {
            component: component.to_owned(),
            hub,
            refresh_at: Instant::now() + PARTITIONS_REFRESH,
            refresh_failures: 0,
            hub_problem: None,
            refreshing: JoinSet::new(),
            balancer: Balancer::new(&owner.owner_id, owner.ownership.steal_after)
                .looking_every(owner.ownership.balance_interval),
            claiming: JoinSet::new(),
            claiming_of: BTreeMap::new(),
            owned: BTreeMap::new(),
            ledgers: BTreeMap::new(),
            readers: JoinSet::new(),
            reader_of: BTreeMap::new(),
            closing: JoinSet::new(),
            closing_of: BTreeMap::new(),
            claims: Arc::new(Semaphore::new(CLAIMS_MAX)),
            left: BTreeMap::new(),
            questions: Arc::default(),
            failed: BTreeMap::new(),
            warned_of: Vec::new(),
            panics: Seldom::of(PANICS_AT_ONCE),
            owner: Arc::clone(owner),
        })
    }

    async fn until(mut self, stop: CancellationToken, turn: Turn) -> Released {
        let abandon = self.owner.abandon.clone();
        let mut next_round = Instant::now();
        loop {
            turn.back_within(next_round.duration_since(Instant::now()));
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = self.readers.join_next_with_id() => self.reader_ended(ended),
                Some(ended) = self.closing.join_next_with_id() => self.closed(ended),
                Some(claimed) = self.claiming.join_next_with_id() => {
                    if self.claimed(claimed) == Race::Lost {
                        next_round = next_round.min(Instant::now() + RACE_LOST_WAIT);
                    }
                }
                Some(refreshed) = self.refreshing.join_next() => self.refreshed(refreshed),
                () = self.questions.notified() => next_round = Instant::now(),
                () = sleep_until(next_round) => {
                    // A round is cut off only at the very end: a renewal whose answer is dropped
                    // is not known, and so its claim is not released.
                    let pause = tokio::select! {
                        biased;
                        pause = self.round(&turn) => pause,
                        () = abandon.cancelled() => break,
                    };
                    next_round = Instant::now() + pause;
                }
            }
        }
        // Readers may wait for sinks as long as they are let.
        drop(turn);
        self.end().await
    }

    /// One look at the owners and what follows from it; gives the time until the next.
    async fn round(&mut self, turn: &Turn) -> Duration {
        turn.goes_on();
        self.refresh();
        let asked_at = Instant::now();
        let listed = self.owner.store.list_owners(&self.owner.group).await;
        let owners: Option<BTreeMap<_, _>> = match listed {
            Ok(owners) => {
                let by_partition = |it: Ownership| (it.partition.clone(), it);
                Some(owners.into_iter().map(by_partition).collect())
            }
            Err(error) => {
                let (status, reason) = (&self.owner.stages.status, error.to_string());
                status.waits(&self.component, &reason);
                None
            }
        };
        // Renewals do not wait for a list: a store that lists badly may still take them.
        turn.goes_on();
        self.renew(owners.as_ref(), asked_at, turn).await;
        let interval = self.owner.ownership.balance_interval;
        let Some(owners) = owners else {
            return interval;
        };
        match &self.hub_problem {
            Some(problem) => self.owner.stages.status.waits(&self.component, problem),
            None => self.owner.stages.status.is_well(&self.component),
        }
        self.warn_of_slow_owners(&owners);
        self.forget_what_others_took(&owners);
        let others = owners
            .values()
            .any(|present| self.owner.is_live(present) && !self.owner.is_me(present));
        match self.owner.admission.state() {
            Admitted::Open => self.claim(&owners),
            Admitted::NotYet => {}
            Admitted::Refused { since } => {
                if others && since.elapsed() >= self.owner.ownership.give_up_after {
                    self.give_up_all();
                }
            }
        }
        let owns_all = self
            .hub
            .partitions
            .iter()
            .all(|partition| self.owned.contains_key(partition));
        let is_doubtful = self.owned.values().any(|owned| owned.is_doubtful);
        if owns_all && !others && !is_doubtful {
            // Nobody is there whose partitions could become free; a thief is told by the renewals.
            let slower = interval * ALONE;
            return slower
                .min(self.owner.ownership.renew_interval / 2)
                .max(interval);
        }
        interval
    }
}
