//! The task that owns partitions of one source: claims its share of them, keeps the claims alive,
//! starts and stops their readers.
//!
//! Every `balance_interval` it lists the owners of the consumer group, renews what is due, and
//! claims what [`Balancer`] wishes. Claims run beside the rounds, so that a slow store or hub holds
//! up no renewal. What it owns is lost only when a conditional write says so: a list may be old.

mod claims;
mod first_start;
mod readers;
mod releases;
mod renewals;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::claims::{ClaimError, Claimed};
use self::first_start::FirstStart;
pub use self::releases::Released;
use super::balance::{Balancer, Seen};
use super::handoff::Stages;
use super::lease::Lease;
use super::reader::ReaderEnd;
use crate::checkpoint::checkpointer::Checkpointer;
use crate::checkpoint::ledgers::LedgerId;
use crate::checkpoint::{CheckpointStore, Condition, ETag, GroupKey, Ownership};
use crate::config::{LimitsConfig, OwnershipConfig, SourceConfig};
use crate::deliver::admission::{Admission, Admitted};
use crate::deliver::retry::Backoff;
use crate::event_hub::{HubProperties, PartitionId, Source, SourceError};

/// How often the hub is asked for its partitions.
const PARTITIONS_REFRESH: Duration = Duration::from_secs(60);
/// Partitions that are claimed at the same time.
const CLAIMS_MAX: usize = 8;
/// A round that lost a race is followed by another after this time.
const RACE_LOST_WAIT: Duration = Duration::from_millis(200);
/// How many times slower the owners are listed by a replica that owns everything alone.
const ALONE: u32 = 5;

/// What the owner of one source needs.
pub struct Owner {
    /// The hub.
    pub source: Arc<dyn Source>,
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
    hub_read_at: Instant,
    hub_problem: Option<String>,
    refreshing: JoinSet<Result<HubProperties, SourceError>>,
    balancer: Balancer,
    claiming: JoinSet<Result<Claimed, ClaimError>>,
    claiming_of: HashMap<Id, PartitionId>,
    owned: BTreeMap<PartitionId, Owned>,
    ledgers: BTreeMap<PartitionId, LedgerId>,
    readers: JoinSet<ReaderEnd>,
    reader_of: HashMap<Id, PartitionId>,
    /// Partitions that this replica gave up, and until when it leaves them to others.
    left: BTreeMap<PartitionId, Instant>,
    /// Slow foreign owners that were warned of.
    warned_of: Vec<String>,
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
        let run = loop {
            let begun = tokio::select! {
                biased;
                () = stop.cancelled() => return owner.released(Vec::new()),
                begun = Run::begin(Arc::clone(&owner), &component, &mut first_start) => begun,
            };
            match begun {
                Ok(run) => break run,
                Err(error) => {
                    owner.stages.status.waits(&component, &error.to_string());
                    let wait = backoff.next(owner.stages.rng.as_ref());
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(wait) => {}
                    }
                }
            }
        };
        run.until(stop).await
    }

    fn released(&self, owned: Vec<(PartitionId, ETag)>) -> Released {
        Released::new(self, owned)
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
        owner: Arc<Owner>,
        component: &str,
        first_start: &mut FirstStart,
    ) -> Result<Self, ClaimError> {
        let hub = owner.source.hub_properties().await?;
        first_start.prepare(&owner, &hub).await?;
        tracing::info!(
            event = "source_found",
            source = owner.stages.source,
            partitions = hub.partitions.len(),
            hub_created_at = %hub.created_at,
            "{component}: {} partitions",
            hub.partitions.len()
        );
        let event_bytes = owner.config.max_event_size;
        let needed = owner
            .stages
            .budget
            .needed_for(hub.partitions.len(), event_bytes);
        if let Some(needed) = needed {
            tracing::warn!(
                event = "budget_small",
                source = owner.stages.source,
                "{} partitions with events of up to {event_bytes} bytes need \
                 limits.memory_budget = \"{needed}\"; with less, prefetched events may go beyond it",
                hub.partitions.len(),
            );
        }
        Ok(Self {
            component: component.to_owned(),
            hub,
            hub_read_at: Instant::now(),
            hub_problem: None,
            refreshing: JoinSet::new(),
            balancer: Balancer::new(&owner.owner_id, owner.ownership.steal_after),
            claiming: JoinSet::new(),
            claiming_of: HashMap::new(),
            owned: BTreeMap::new(),
            ledgers: BTreeMap::new(),
            readers: JoinSet::new(),
            reader_of: HashMap::new(),
            left: BTreeMap::new(),
            warned_of: Vec::new(),
            owner,
        })
    }

    async fn until(mut self, stop: CancellationToken) -> Released {
        let abandon = self.owner.abandon.clone();
        let mut next_round = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = self.readers.join_next_with_id() => self.reader_ended(ended).await,
                Some(claimed) = self.claiming.join_next_with_id() => {
                    if self.claimed(claimed) == Race::Lost {
                        next_round = next_round.min(Instant::now() + RACE_LOST_WAIT);
                    }
                }
                Some(refreshed) = self.refreshing.join_next() => self.refreshed(refreshed),
                () = sleep_until(next_round) => {
                    // A round is cut off only at the very end: a renewal whose answer is dropped
                    // is not known, and so its claim is not released.
                    let pause = tokio::select! {
                        biased;
                        pause = self.round() => pause,
                        () = abandon.cancelled() => break,
                    };
                    next_round = Instant::now() + pause;
                }
            }
        }
        self.end().await
    }

    /// One look at the owners and what follows from it; gives the time until the next.
    async fn round(&mut self) -> Duration {
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
        self.renew(owners.as_ref(), asked_at).await;
        let interval = self.owner.ownership.balance_interval;
        let Some(owners) = owners else {
            return interval;
        };
        match &self.hub_problem {
            Some(problem) => self.owner.stages.status.waits(&self.component, problem),
            None => self.owner.stages.status.is_well(&self.component),
        }
        self.warn_of_slow_owners(&owners);
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
        if owns_all && !others {
            // Nobody is there whose partitions could become free; a thief is told by the renewals.
            let slower = interval * ALONE;
            return slower
                .min(self.owner.ownership.renew_interval / 2)
                .max(interval);
        }
        interval
    }

    /// Claims what is wished for, as many as may be claimed at the same time.
    fn claim(&mut self, owners: &BTreeMap<PartitionId, Ownership>) {
        let now = Instant::now();
        self.left.retain(|_, until| *until > now);
        let seen: Vec<_> = self
            .hub
            .partitions
            .iter()
            .filter(|partition| !self.left.contains_key(*partition))
            .map(|partition| Seen {
                partition: partition.clone(),
                owner: self.owner_of(partition, owners.get(partition)),
            })
            .collect();
        let rng = Arc::clone(&self.owner.stages.rng);
        for partition in self.balancer.wishes(&seen, now, rng.as_ref()) {
            if self.claiming.len() >= CLAIMS_MAX {
                break;
            }
            let condition = match owners.get(&partition) {
                Some(present) => Condition::Matches(present.etag.clone()),
                None => Condition::Absent,
            };
            self.start_claim(partition, condition, owners);
        }
    }

    fn owner_of(&self, partition: &PartitionId, present: Option<&Ownership>) -> Option<String> {
        let is_mine = self.owned.contains_key(partition)
            || self
                .claiming_of
                .values()
                .any(|claimed| claimed == partition);
        if is_mine {
            return Some(self.owner.owner_id.clone());
        }
        // What is listed as ours and not known here is a claim that failed half-way: to be taken.
        present
            .filter(|present| self.owner.is_live(present) && !self.owner.is_me(present))
            .and_then(|present| present.owner.clone())
    }

    /// Asks the hub for its partitions, beside the rounds.
    fn refresh(&mut self) {
        if self.hub_read_at.elapsed() < PARTITIONS_REFRESH || !self.refreshing.is_empty() {
            return;
        }
        self.hub_read_at = Instant::now();
        let source = Arc::clone(&self.owner.source);
        self.refreshing
            .spawn(async move { source.hub_properties().await });
    }

    fn refreshed(
        &mut self,
        refreshed: Result<Result<HubProperties, SourceError>, tokio::task::JoinError>,
    ) {
        match refreshed {
            Ok(Ok(hub)) => {
                if hub.created_at != self.hub.created_at {
                    tracing::error!(
                        event = "hub_recreated",
                        source = self.owner.stages.source,
                        before = %self.hub.created_at,
                        now = %hub.created_at,
                        "the hub was made again under its name"
                    );
                }
                if hub.partitions.len() != self.hub.partitions.len() {
                    tracing::info!(
                        event = "partitions_changed",
                        source = self.owner.stages.source,
                        partitions = hub.partitions.len(),
                        "the hub has {} partitions now",
                        hub.partitions.len()
                    );
                }
                self.hub = hub;
                self.hub_problem = None;
            }
            Ok(Err(error)) => self.hub_problem = Some(error.to_string()),
            Err(error) => self.hub_problem = Some(format!("bug: asking the hub failed: {error}")),
        }
    }

    /// Other programs on an Azure SDK renew every 10 to 30 s; when one is slower than half of our
    /// expiry, it loses partitions to us while it is alive.
    fn warn_of_slow_owners(&mut self, owners: &BTreeMap<PartitionId, Ownership>) {
        let expiry = self.owner.ownership.expiry;
        for present in owners.values() {
            let Some(owner) = present
                .owner
                .as_ref()
                .filter(|_| !self.owner.is_me(present))
            else {
                continue;
            };
            if present.age < expiry / 2 || present.age >= expiry || self.warned_of.contains(owner) {
                continue;
            }
            tracing::warn!(
                event = "slow_owner",
                source = self.owner.stages.source,
                partition = %present.partition,
                owner,
                age_s = present.age.as_secs(),
                "this owner renews slowly: if it is another program, set ownership.expiry = \"2m\" \
                 for as long as both run"
            );
            self.warned_of.push(owner.clone());
        }
    }
}

/// Whether a claim met another replica's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Race {
    None,
    Lost,
}
