//! The task that owns partitions of one source: claims them, starts and stops their readers.
//!
//! Today one process reads every partition of its hub. Claims, renewals and releases go through
//! the store all the same, with their versions, so that a process that was replaced finds out.

mod claims;
mod readers;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use self::claims::ClaimError;
pub use self::claims::Released;
use super::handoff::Stages;
use super::inquiry::Inquiry;
use super::reader::{ReadPolicy, ReaderEnd};
use super::start;
use crate::checkpoint::checkpointer::Checkpointer;
use crate::checkpoint::ledgers::LedgerId;
use crate::checkpoint::{CheckpointStore, ETag, GroupKey, StoreError};
use crate::config::{LimitsConfig, Start};
use crate::deliver::retry::Backoff;
use crate::event_hub::{HubProperties, PartitionId, Position, Source};

/// How often the owners are listed.
const BALANCE_INTERVAL: Duration = Duration::from_secs(2);
/// How often a claim is renewed: three tries before it expires.
const RENEW_INTERVAL: Duration = Duration::from_secs(20);
/// Age from which a claim counts as given up.
const EXPIRY: Duration = Duration::from_secs(60);
/// How often the hub is asked for its partitions.
const PARTITIONS_REFRESH: Duration = Duration::from_secs(60);
/// Partitions that are claimed at the same time.
const CLAIMS_MAX: usize = 8;

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
    /// Where a group without any checkpoint starts.
    pub start: Start,
    /// The same for single partitions, by their ids.
    pub start_partitions: BTreeMap<String, Start>,
    /// Largest event that the hub allows.
    pub max_event_size: u64,
    /// How partitions are read.
    pub policy: ReadPolicy,
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
    renewed_at: Instant,
    ledger: LedgerId,
    stop: CancellationToken,
    lost: CancellationToken,
}

/// The task's state.
struct Run {
    owner: Arc<Owner>,
    component: String,
    hub: HubProperties,
    hub_read_at: Instant,
    /// Whether the group had no checkpoint at all when this process started, and not every
    /// partition has been claimed yet.
    is_first_start: bool,
    /// Where a first start with `start = "latest"` begins.
    latest: BTreeMap<PartitionId, Position>,
    /// The first round takes every partition, whoever has it.
    is_first_round: bool,
    ledgers: BTreeMap<PartitionId, LedgerId>,
    owned: BTreeMap<PartitionId, Owned>,
    readers: JoinSet<ReaderEnd>,
    reader_of: HashMap<tokio::task::Id, PartitionId>,
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
        let mut backoff = Backoff::new(BALANCE_INTERVAL, 5 * BALANCE_INTERVAL);
        let run = loop {
            let begun = tokio::select! {
                biased;
                () = stop.cancelled() => return owner.released(Vec::new()),
                begun = Run::begin(Arc::clone(&owner), component.clone()) => begun,
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

    /// Where a partition starts when the group has no checkpoint at all.
    fn start_of(&self, partition: &PartitionId) -> Start {
        self.start_partitions
            .get(partition.as_str())
            .copied()
            .unwrap_or(self.start)
    }

    fn released(&self, owned: Vec<(PartitionId, ETag)>) -> Released {
        Released::new(Arc::clone(&self.store), self.group.clone(), owned)
    }
}

impl Run {
    async fn begin(owner: Arc<Owner>, component: String) -> Result<Self, ClaimError> {
        let hub = owner.source.hub_properties().await?;
        let (store, group) = (&owner.store, &owner.group);
        let mut is_first_start = true;
        for chunk in hub.partitions.chunks(CLAIMS_MAX) {
            let reads = chunk.iter().map(|partition| store.read(group, partition));
            for stored in futures::future::join_all(reads).await {
                is_first_start &= match stored {
                    Ok(stored) => stored.is_none(),
                    // It is there, whatever is wrong with it; its own partition will say so.
                    Err(StoreError::Unreadable { .. }) => false,
                    Err(error) => return Err(error.into()),
                };
            }
        }
        let mut latest = BTreeMap::new();
        let is_latest = |id: &&PartitionId| owner.start_of(id) == Start::Latest;
        if is_first_start {
            // All at once, before any claim can fail: what comes from now on is wanted.
            for partition in hub.partitions.iter().filter(is_latest) {
                let source = owner.source.as_ref();
                let position = start::first_position(source, partition, Start::Latest).await?;
                latest.insert(partition.clone(), position);
            }
        }
        tracing::info!(
            event = "source_found",
            source = owner.stages.source,
            partitions = hub.partitions.len(),
            hub_created_at = %hub.created_at,
            first_start = is_first_start,
            "{component}: {} partitions",
            hub.partitions.len()
        );
        for id in owner.start_partitions.keys() {
            if !hub.partitions.iter().any(|known| known.as_str() == id) {
                tracing::warn!(
                    event = "configuration",
                    "sources.{}.start_partitions names partition {id}, which the hub does not have",
                    owner.stages.source
                );
            }
        }
        let needed = owner
            .stages
            .budget
            .needed_for(hub.partitions.len(), owner.max_event_size);
        if let Some(needed) = needed {
            tracing::warn!(
                event = "budget_small",
                source = owner.stages.source,
                "{} partitions with events of up to {} bytes need limits.memory_budget = \"{needed}\"; \
                 with less, prefetched events may go beyond it",
                hub.partitions.len(),
                owner.max_event_size
            );
        }
        Ok(Self {
            owner,
            component,
            hub,
            hub_read_at: Instant::now(),
            is_first_start,
            latest,
            is_first_round: true,
            ledgers: BTreeMap::new(),
            owned: BTreeMap::new(),
            readers: JoinSet::new(),
            reader_of: HashMap::new(),
        })
    }

    async fn until(mut self, stop: CancellationToken) -> Released {
        let mut ticks = tokio::time::interval(BALANCE_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = self.readers.join_next_with_id() => self.reader_ended(ended).await,
                _ = ticks.tick() => {
                    // A round is cut off only at the very end: a claim whose answer is dropped is
                    // not known, and so not released.
                    let (abandon, owner) = (self.owner.abandon.clone(), Arc::clone(&self.owner));
                    let ended = tokio::select! {
                        // The round first: what it has claimed is then known, and released.
                        biased;
                        ended = self.round() => ended,
                        () = abandon.cancelled() => break,
                    };
                    match ended {
                        Ok(()) => owner.stages.status.is_well(&self.component),
                        Err(error) => owner.stages.status.waits(&self.component, &error.to_string()),
                    }
                }
            }
        }
        for owned in self.owned.values() {
            owned.stop.cancel();
        }
        let ended = async { while self.readers.join_next().await.is_some() {} };
        tokio::select! {
            // The readers first: those that have ended need not be cut off.
            biased;
            () = ended => {}
            () = self.owner.abandon.cancelled() => {}
        }
        self.readers.shutdown().await;
        let owned = std::mem::take(&mut self.owned);
        let held = owned
            .into_iter()
            .filter(|(_, owned)| !owned.lost.is_cancelled());
        self.owner.released(
            held.map(|(partition, owned)| (partition, owned.etag))
                .collect(),
        )
    }

    async fn round(&mut self) -> Result<(), ClaimError> {
        let owners = self.owner.store.list_owners(&self.owner.group).await?;
        let owners: BTreeMap<_, _> = owners
            .into_iter()
            .map(|owner| (owner.partition.clone(), owner))
            .collect();
        // Renewals first: a hub that does not answer must not let the claims expire.
        self.renew(&owners).await?;
        if self.hub_read_at.elapsed() >= PARTITIONS_REFRESH {
            self.hub_read_at = Instant::now();
            self.hub = self.owner.source.hub_properties().await?;
        }
        let wanted: Vec<_> = self
            .hub
            .partitions
            .iter()
            .filter(|partition| !self.owned.contains_key(*partition))
            .filter_map(|partition| {
                self.condition(owners.get(partition))
                    .map(|condition| (partition.clone(), condition))
            })
            .collect();
        let mut failure = None;
        for chunk in wanted.chunks(CLAIMS_MAX) {
            let claims = chunk
                .iter()
                .map(|(partition, condition)| self.claim(partition, condition.clone()));
            let claimed = futures::future::join_all(claims).await;
            for ((partition, _), claimed) in chunk.iter().zip(claimed) {
                match claimed {
                    Ok(taken) => self.read(partition.clone(), taken),
                    // Somebody else was faster; the next round sees who.
                    Err(ClaimError::Store(StoreError::Conflict)) => {}
                    // One partition that cannot be had must not keep the others from being read.
                    Err(error) => {
                        let component = format!("{} partition {partition}", self.component);
                        self.owner
                            .stages
                            .status
                            .waits(&component, &error.to_string());
                        failure = Some(error);
                    }
                }
            }
        }
        self.is_first_round = false;
        // A partition that comes later must not skip what came before it was seen.
        self.is_first_start &= !self
            .hub
            .partitions
            .iter()
            .all(|partition| self.ledgers.contains_key(partition));
        match failure {
            Some(error) if self.owned.is_empty() => Err(error),
            _ => Ok(()),
        }
    }
}
