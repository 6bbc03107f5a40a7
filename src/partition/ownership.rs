//! The task that owns partitions of one source: claims them, starts and stops their readers.
//!
//! Today one process reads every partition of its hub. Claims, renewals and releases go through
//! the store all the same, with their versions, so that a process that was replaced finds out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::handoff::Stages;
use super::prefetch::Prefetch;
use super::reader::{ReadLimits, Reader};
use super::start;
use crate::checkpoint::checkpointer::{Checkpointer, Holding};
use crate::checkpoint::ledgers::LedgerId;
use crate::checkpoint::{
    Checkpoint, CheckpointStore, Condition, ETag, GroupKey, Ownership, StoreError,
};
use crate::config::{LimitsConfig, OnUndecodable, Start};
use crate::event_hub::{HubProperties, PartitionId, Position, Source, SourceError};

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
    /// Largest event that the hub allows.
    pub max_event_size: u64,
    /// What happens to a message that cannot be decoded.
    pub on_undecodable: OnUndecodable,
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

/// What is released at the end.
pub struct Released {
    store: Arc<dyn CheckpointStore>,
    group: GroupKey,
    owned: Vec<(PartitionId, ETag)>,
}

impl Released {
    /// Gives the partitions up, so that others may claim them at once. Call it after the last
    /// checkpoint.
    pub async fn release(self) {
        let Self {
            store,
            group,
            owned,
        } = self;
        let (store, group) = (&store, &group);
        let releases = owned.into_iter().map(|(partition, etag)| async move {
            if let Err(error) = store.release(group, &partition, etag).await {
                tracing::warn!(
                    event = "release_failed",
                    %partition,
                    %error,
                    "the partition is not released; it expires after {EXPIRY:?}"
                );
            }
        });
        futures::future::join_all(releases).await;
    }
}

/// Errors of a claim.
#[derive(Debug, thiserror::Error)]
enum ClaimError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// The task's state.
struct Run {
    owner: Arc<Owner>,
    component: String,
    hub: HubProperties,
    hub_read_at: Instant,
    /// Whether the group had no checkpoint at all when this process started.
    is_first_start: bool,
    /// The first round takes every partition, whoever has it.
    is_first_round: bool,
    ledgers: BTreeMap<PartitionId, LedgerId>,
    owned: BTreeMap<PartitionId, Owned>,
    readers: JoinSet<()>,
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
        let mut backoff =
            crate::deliver::retry::Backoff::new(BALANCE_INTERVAL, 5 * BALANCE_INTERVAL);
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

    fn released(&self, owned: Vec<(PartitionId, ETag)>) -> Released {
        Released {
            store: Arc::clone(&self.store),
            group: self.group.clone(),
            owned,
        }
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
                is_first_start &= stored?.is_none();
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
        if self.hub_read_at.elapsed() >= PARTITIONS_REFRESH {
            self.hub_read_at = Instant::now();
            self.hub = self.owner.source.hub_properties().await?;
        }
        let owners = self.owner.store.list_owners(&self.owner.group).await?;
        let owners: BTreeMap<_, _> = owners
            .into_iter()
            .map(|owner| (owner.partition.clone(), owner))
            .collect();
        self.renew(&owners).await?;
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
        for chunk in wanted.chunks(CLAIMS_MAX) {
            let claims = chunk
                .iter()
                .map(|(partition, condition)| self.claim(partition.clone(), condition.clone()));
            for claimed in futures::future::join_all(claims).await {
                match claimed {
                    Ok((partition, taken)) => self.read(partition, taken),
                    // Somebody else was faster; the next round sees who.
                    Err(ClaimError::Store(StoreError::Conflict)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        self.is_first_round = false;
        Ok(())
    }

    /// Under which condition a partition may be claimed; `None` when it may not.
    fn condition(&self, present: Option<&Ownership>) -> Option<Condition> {
        let Some(present) = present else {
            return Some(Condition::Absent);
        };
        let is_free = match &present.owner {
            None => true,
            // A claim of ours whose answer was lost.
            Some(owner) if *owner == self.owner.owner_id => true,
            Some(_) => present.age >= EXPIRY || self.is_first_round,
        };
        is_free.then(|| Condition::Matches(present.etag.clone()))
    }

    /// Renews what is due, and finds out what was taken by somebody else.
    async fn renew(&mut self, owners: &BTreeMap<PartitionId, Ownership>) -> Result<(), StoreError> {
        let owner = Arc::clone(&self.owner);
        for (partition, owned) in &mut self.owned {
            let present = owners.get(partition);
            let is_ours = present
                .is_some_and(|present| present.owner.as_deref() == Some(owner.owner_id.as_str()));
            if let Some(present) = present.filter(|_| is_ours) {
                // Also repairs a renewal whose answer was lost.
                owned.etag = present.etag.clone();
            }
            if present.is_some() && !is_ours {
                tracing::warn!(
                    event = "partition_taken",
                    source = owner.stages.source,
                    %partition,
                    "another replica took the partition"
                );
                owned.lost.cancel();
                continue;
            }
            if owned.renewed_at.elapsed() < RENEW_INTERVAL {
                continue;
            }
            let condition = match present {
                Some(_) => Condition::Matches(owned.etag.clone()),
                None => Condition::Absent,
            };
            match owner
                .store
                .claim(&owner.group, partition, &owner.owner_id, condition)
                .await
            {
                Ok(etag) => {
                    owned.etag = etag;
                    owned.renewed_at = Instant::now();
                }
                // Seen in the next list, and decided there.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Claims a partition and takes its checkpoint over, or writes the first one.
    async fn claim(
        &self,
        partition: PartitionId,
        condition: Condition,
    ) -> Result<(PartitionId, Taken), ClaimError> {
        let owner = &self.owner;
        let etag = owner
            .store
            .claim(&owner.group, &partition, &owner.owner_id, condition)
            .await?;
        let renewed_at = Instant::now();
        let (position, checkpoint_etag) = match owner
            .checkpointer
            .take_over(&owner.group, &partition)
            .await?
        {
            Some(stored) => (stored.checkpoint.position, stored.etag),
            None => self.first_checkpoint(&partition).await?,
        };
        Ok((
            partition,
            Taken {
                etag,
                renewed_at,
                position,
                checkpoint_etag,
            },
        ))
    }

    async fn first_checkpoint(
        &self,
        partition: &PartitionId,
    ) -> Result<(Position, ETag), ClaimError> {
        let owner = &self.owner;
        // A partition that comes later, or whose checkpoint was deleted, must not skip anything.
        let start = if self.is_first_start {
            owner.start
        } else {
            Start::Earliest
        };
        let source = owner.source.as_ref();
        let position = start::first_position(source, partition, start).await?;
        let properties = source.partition_properties(partition).await?;
        tracing::info!(
            event = "first_start",
            source = owner.stages.source,
            %partition,
            backlog = start::backlog(&properties, &position),
            "no checkpoint: starts behind sequence number {}", position.sequence
        );
        let hub_created_at = Some(self.hub.created_at);
        let checkpoint = Checkpoint {
            position: position.clone(),
            hub_created_at,
        };
        let etag = owner
            .checkpointer
            .create(&owner.group, partition, &checkpoint)
            .await?;
        Ok((position, etag))
    }

    /// Starts the reader of a partition.
    fn read(&mut self, partition: PartitionId, taken: Taken) {
        let owner = &self.owner;
        let ledgers = &owner.stages.ledgers;
        let ledger = *self
            .ledgers
            .entry(partition.clone())
            .or_insert_with(|| ledgers.add());
        let generation = ledgers.start(ledger, Some(taken.position.clone()));
        let (stop, lost) = (CancellationToken::new(), CancellationToken::new());
        owner.checkpointer.hold(Holding {
            group: owner.group.clone(),
            partition: partition.clone(),
            ledger: (ledger, generation),
            hub_created_at: Some(self.hub.created_at),
            etag: taken.checkpoint_etag,
            lost: lost.clone(),
        });
        let reader = Reader {
            source: Arc::clone(&owner.source),
            partition: partition.clone(),
            stages: Arc::clone(&owner.stages),
            checkpointer: Arc::clone(&owner.checkpointer),
            ledger: (ledger, generation),
            limits: self.read_limits(),
            on_undecodable: owner.on_undecodable,
            stop: stop.clone(),
            last: taken.position,
            prefetch: Prefetch::new(
                owner.stages.budget.clone(),
                self.hub.partitions.len(),
                owner.max_event_size,
            ),
        };
        let is_lost = lost.clone();
        let task = self.readers.spawn(async move {
            tokio::select! {
                biased;
                () = is_lost.cancelled() => {}
                () = reader.run() => {}
            }
        });
        self.reader_of.insert(task.id(), partition.clone());
        let (etag, renewed_at) = (taken.etag, taken.renewed_at);
        self.owned.insert(
            partition,
            Owned {
                etag,
                renewed_at,
                ledger,
                stop,
                lost,
            },
        );
    }

    fn read_limits(&self) -> ReadLimits {
        let (owner, partitions) = (&self.owner, self.hub.partitions.len());
        ReadLimits {
            open_events_max: owner.limits.open_events_max,
            open_bytes_max: owner.stages.budget.partition_share(partitions),
            uncommitted_max: owner.limits.uncommitted_max,
        }
    }

    /// A reader ended although nobody asked: the partition was lost, or its reader broke. Either
    /// way its generation ends, and the next round decides whose the partition is.
    async fn reader_ended(&mut self, ended: Result<(tokio::task::Id, ()), tokio::task::JoinError>) {
        let task = match ended {
            Ok((task, ())) => task,
            Err(error) => {
                tracing::error!(event = "reader_died", %error, "bug: a reader panicked");
                error.id()
            }
        };
        let Some(partition) = self.reader_of.remove(&task) else {
            return;
        };
        let Some(owned) = self.owned.remove(&partition) else {
            return;
        };
        self.owner.checkpointer.let_go(owned.ledger).await;
        self.owner.stages.ledgers.end(owned.ledger);
    }
}

/// What a claim brought.
struct Taken {
    etag: ETag,
    renewed_at: Instant,
    position: Position,
    checkpoint_etag: ETag,
}
