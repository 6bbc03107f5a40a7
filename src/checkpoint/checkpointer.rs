//! The only place that writes positions.
//!
//! Every write carries the version that this process wrote last (`If-Match`). A new owner rewrites
//! the checkpoint when it takes a partition over, so from then on the writes of the former owner
//! go nowhere, however late they come.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::ledger::Generation;
use super::ledgers::{LedgerId, Ledgers};
use super::pace::{Due, Pace, Writes};
use super::{Checkpoint, CheckpointStore, Condition, ETag, GroupKey, StoreError, StoredCheckpoint};
use crate::event_hub::{PartitionId, Position, Timestamp};
use crate::telemetry::status::Status;

/// Writes in flight at the same time.
const WRITES_MAX: usize = 16;

/// Stores the watermarks of all owned partitions.
pub struct Checkpointer {
    store: Arc<dyn CheckpointStore>,
    ledgers: Arc<Ledgers>,
    status: Arc<Status>,
    held: Mutex<BTreeMap<LedgerId, Arc<Held>>>,
}

/// A partition whose checkpoint this process may write.
struct Held {
    source: String,
    group: GroupKey,
    partition: PartitionId,
    ledger: LedgerId,
    owner_id: String,
    /// One write at a time.
    version: tokio::sync::Mutex<Version>,
    /// Cancelled when somebody else writes this checkpoint.
    lost: CancellationToken,
}

impl Held {
    /// Its name in the status table.
    fn component(&self) -> String {
        format!(
            "source {} checkpoint {}",
            self.source,
            self.group.checkpoint(&self.partition)
        )
    }
}

/// What may be stored, and what is known of the stored object.
struct Version {
    generation: Generation,
    hub_created_at: Timestamp,
    etag: ETag,
    /// Positions whose write was not answered: one of them may be stored.
    unanswered: Vec<Position>,
    writes: Writes,
}

/// What became of a watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It is stored, or need not be yet.
    Stored,
    /// Somebody else owns the partition, whose watermark counts.
    Lost,
    /// The store did not take it.
    Failed,
}

/// A partition to hold: whose checkpoint it is, and what is known of it.
pub struct Holding {
    /// Name of its source in the configuration.
    pub source: String,
    /// The consumer group.
    pub group: GroupKey,
    /// The partition.
    pub partition: PartitionId,
    /// Its ledger and the generation that may be stored.
    pub ledger: (LedgerId, Generation),
    /// When the hub of its positions was created.
    pub hub_created_at: Timestamp,
    /// Name of this process start in the partition's ownership.
    pub owner_id: String,
    /// Version that [`Checkpointer::take_over`] or [`Checkpointer::create`] gave, or the one that
    /// was read when the position is found out and stored later.
    pub etag: ETag,
    /// Cancelled when somebody else writes this checkpoint: the partition is lost.
    pub lost: CancellationToken,
}

impl Checkpointer {
    /// Writes to `store` what `ledgers` have settled.
    pub fn new(
        store: Arc<dyn CheckpointStore>,
        ledgers: Arc<Ledgers>,
        status: Arc<Status>,
    ) -> Self {
        Self {
            store,
            ledgers,
            status,
            held: Mutex::default(),
        }
    }

    /// Reads what is stored for a partition; `None` when nothing is.
    ///
    /// # Errors
    /// As the store answered.
    pub async fn read(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
    ) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.store.read(group, partition).await
    }

    /// Writes a checkpoint back that was read under the version `etag`, so that no former owner can
    /// write any more.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody else wrote meanwhile.
    pub async fn take_over(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        checkpoint: &Checkpoint,
        etag: ETag,
    ) -> Result<ETag, StoreError> {
        self.store
            .write(group, partition, checkpoint, Condition::Matches(etag))
            .await
    }

    /// Writes the first checkpoint of a partition.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when there is one meanwhile: it wins, take it over.
    pub async fn create(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        checkpoint: &Checkpoint,
    ) -> Result<ETag, StoreError> {
        self.store
            .write(group, partition, checkpoint, Condition::Absent)
            .await
    }

    /// From now on stores the watermark of this generation.
    pub fn hold(&self, holding: Holding) {
        let held = Held {
            source: holding.source,
            group: holding.group,
            partition: holding.partition,
            ledger: holding.ledger.0,
            owner_id: holding.owner_id,
            version: tokio::sync::Mutex::new(Version {
                generation: holding.ledger.1,
                hub_created_at: holding.hub_created_at,
                etag: holding.etag,
                unanswered: vec![],
                writes: Writes::begin(),
            }),
            lost: holding.lost,
        };
        self.lock().insert(held.ledger, Arc::new(held));
    }

    /// Continues with another generation of a partition that is held, whose positions belong to a
    /// hub that was created at `hub_created_at`.
    ///
    /// # Cancel safety
    /// Not done when dropped: nothing of the new generation is stored then.
    pub async fn renew(&self, ledger: LedgerId, generation: Generation, hub_created_at: Timestamp) {
        let Some(held) = self.held(ledger) else {
            return;
        };
        let mut version = held.version.lock().await;
        version.generation = generation;
        version.hub_created_at = hub_created_at;
    }

    /// Stores the watermark of one partition now, and says whether it is stored; also when it had
    /// not moved. `false` when the partition is not held, or is lost.
    pub async fn store_now(&self, ledger: LedgerId) -> bool {
        match self.held(ledger) {
            Some(held) => self.store_one(&held, Instant::now(), None).await == Outcome::Stored,
            None => false,
        }
    }

    /// Stores the last watermark of a partition and stops holding it.
    pub async fn let_go(&self, ledger: LedgerId) {
        let held = self.lock().remove(&ledger);
        if let Some(held) = held {
            self.store_one(&held, Instant::now(), None).await;
            // If it could not be stored, nobody here waits for that any more.
            self.status.forget(&held.component());
        }
    }

    /// Stores all watermarks that have moved, and says whether all of them are stored. Those of
    /// partitions that are lost, also when the conflict of this write is what tells, are their new
    /// owners' to store.
    pub async fn store_all(&self) -> bool {
        let outcomes = self.store(Instant::now(), None, || {}).await;
        !outcomes.contains(&Outcome::Failed)
    }

    /// Stores what has moved and is due by `pace`, for ever.
    ///
    /// # Cancel safety
    /// Safe between writes; a write that is cut off counts as not answered only when it is
    /// repeated by the same checkpointer, so end this before [`Self::store_all`] at the end.
    pub async fn run(&self, pace: Pace) {
        let mut looks = tokio::time::interval(pace.look());
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let turn = self.status.turns().watch("the checkpointer".to_owned());
        loop {
            turn.back_within(pace.look());
            let look = looks.tick().await;
            turn.goes_on();
            self.store(look, Some(&pace), || turn.goes_on()).await;
        }
    }

    /// Stores what is due, or everything without a pace; says so after each partition.
    async fn store(&self, now: Instant, pace: Option<&Pace>, say: impl Fn()) -> Vec<Outcome> {
        let held: Vec<_> = self.lock().values().map(Arc::clone).collect();
        futures::stream::iter(held)
            .map(|held| async move { self.store_one(&held, now, pace).await })
            .buffer_unordered(WRITES_MAX)
            .inspect(|_| say())
            .collect()
            .await
    }

    async fn store_one(&self, held: &Held, now: Instant, pace: Option<&Pace>) -> Outcome {
        let mut version = held.version.lock().await;
        if held.lost.is_cancelled() {
            return Outcome::Lost;
        }
        let generation = version.generation;
        let unstored = self.ledgers.unstored(held.ledger, generation);
        let due = match (pace, unstored) {
            (_, None) => None,
            (None, Some(_)) => Some(Due::Few),
            (Some(pace), Some(unstored)) => pace.due(now, &version.writes, &unstored),
        };
        let Some(due) = due else {
            return Outcome::Stored;
        };
        let Some((position, index)) = self.ledgers.dirty(held.ledger, generation) else {
            return Outcome::Stored;
        };
        let checkpoint = Checkpoint {
            position,
            hub_created_at: Some(version.hub_created_at),
        };
        version.writes.begun(now);
        let mut answer = self.write(held, &mut version, &checkpoint).await;
        if matches!(answer, Err(StoreError::Conflict)) {
            answer = match self.is_ours(held, &mut version).await {
                Ok(true) => self.write(held, &mut version, &checkpoint).await,
                Ok(false) => Err(StoreError::Conflict),
                Err(error) => Err(error),
            };
        }
        match answer {
            Ok(()) => {
                version.writes.succeeded(due);
                let stored = &checkpoint.position;
                self.ledgers.stored(held.ledger, generation, index, stored);
                self.status.is_well(&held.component());
                Outcome::Stored
            }
            Err(StoreError::Conflict) => {
                tracing::warn!(
                    event = "partition_lost",
                    source = held.source,
                    partition = %held.partition,
                    group = held.group.prefix(),
                    "another owner wrote this partition's checkpoint: it is given up"
                );
                held.lost.cancel();
                Outcome::Lost
            }
            Err(error) => {
                self.status.waits(&held.component(), &error.to_string());
                Outcome::Failed
            }
        }
    }

    async fn write(
        &self,
        held: &Held,
        version: &mut Version,
        checkpoint: &Checkpoint,
    ) -> Result<(), StoreError> {
        let condition = Condition::Matches(version.etag.clone());
        // Noted before the request: an answer that never comes may belong to a write that was done.
        if version.unanswered.last() != Some(&checkpoint.position) {
            version.unanswered.push(checkpoint.position.clone());
        }
        let etag = self
            .store
            .write(&held.group, &held.partition, checkpoint, condition)
            .await?;
        version.etag = etag;
        version.unanswered.clear();
        Ok(())
    }

    /// After a conflict: whether what is stored is a write of ours whose answer was lost.
    async fn is_ours(&self, held: &Held, version: &mut Version) -> Result<bool, StoreError> {
        let stored = self.store.read(&held.group, &held.partition).await?;
        let Some(stored) = stored else {
            return Ok(false);
        };
        let place = |position: &Position| (position.sequence, position.offset.clone());
        let stored_place = stored.checkpoint().map(|it| place(&it.position));
        if !version
            .unanswered
            .iter()
            .any(|position| Some(place(position)) == stored_place)
        {
            return Ok(false);
        }
        // A new owner may have stored the same position. It claims before it stores, so as long
        // as the claim is ours after what was read, what was read is ours as well.
        let owners = self.store.list_owners(&held.group).await?;
        let is_owner = owners.iter().any(|present| {
            present.partition == held.partition
                && present.owner.as_deref() == Some(held.owner_id.as_str())
        });
        if !is_owner || held.lost.is_cancelled() {
            return Ok(false);
        }
        version.etag = stored.etag;
        Ok(true)
    }

    fn held(&self, ledger: LedgerId) -> Option<Arc<Held>> {
        self.lock().get(&ledger).map(Arc::clone)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<LedgerId, Arc<Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
