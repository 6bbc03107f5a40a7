//! The simulated store as one process reaches it: its calls, and how they fail.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use entra_forwarder::checkpoint::{
    Checkpoint, CheckpointStore, Condition, ETag, GroupKey, Ownership, StoreError, StoredCheckpoint,
};
use entra_forwarder::event_hub::{Offset, PartitionId};
use tokio::time::Instant;

use super::gate::Gate;
use super::hub::index;
use super::journal::Rule;
use super::store::{Call, Fault, Store};
use super::verdicts::Verdicts;

/// Longest wait for an answer, as the store promises it.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The store as one process reaches it.
pub(crate) struct StoreHandle {
    pub(crate) store: Arc<Store>,
    pub(crate) process: String,
    pub(crate) gate: Arc<Gate>,
    pub(crate) verdicts: Arc<Verdicts>,
}

impl StoreHandle {
    async fn call<T: Send + 'static>(
        &self,
        call: Call,
        apply: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.gate.pass().await;
        let store = Arc::clone(&self.store);
        let fault = {
            let mut state = store.lock();
            let is_down = state.down_until.is_some_and(|until| Instant::now() < until);
            let scripted = state.faults.get_mut(&call).and_then(VecDeque::pop_front);
            if is_down {
                Some(Fault::Before)
            } else {
                scripted
            }
        };
        if let Some(fault) = fault {
            let kind = format!("{fault:?}");
            let kind = kind.split('(').next().unwrap_or_default();
            let what = format!("store {call:?} {kind}");
            store.disturbed(match fault {
                Fault::Late(ms) | Fault::Slow(ms) => Duration::from_millis(ms.into()),
                Fault::Before | Fault::After => Duration::ZERO,
            });
            store
                .journal
                .note(&what, format_args!("{} {fault:?}", self.process));
        }
        let (answer, answered) = tokio::sync::oneshot::channel();
        let request = async move {
            let (before, after) = match fault {
                Some(Fault::Late(ms)) => (u64::from(ms), 0),
                Some(Fault::Slow(ms)) => (0, u64::from(ms)),
                _ => (0, 0),
            };
            let lost = || StoreError::Unavailable("as the script says".into());
            tokio::time::sleep(Duration::from_millis(5 + before)).await;
            let result = match fault {
                Some(Fault::Before) => Err(lost()),
                Some(Fault::After) => apply(&store).and_then(|_| Err(lost())),
                _ => apply(&store),
            };
            tokio::time::sleep(Duration::from_millis(5 + after)).await;
            // Nobody may wait any more.
            drop(answer.send(result));
        };
        {
            let mut requests = self.store.requests.lock().unwrap();
            while requests.try_join_next().is_some() {}
            requests.spawn(request);
        }
        let mut answered = answered;
        let in_time = tokio::time::timeout(TIMEOUT, &mut answered).await;
        self.gate.pass().await;
        // A process that stood still finds the answer first, and that it is late afterwards.
        let late = |_| answered.try_recv().ok();
        match in_time.map_or_else(late, Result::ok) {
            Some(result) => result,
            None => Err(StoreError::Unavailable("no answer in time".into())),
        }
    }
}

#[async_trait]
impl CheckpointStore for StoreHandle {
    async fn list_owners(&self, _: &GroupKey) -> Result<Vec<Ownership>, StoreError> {
        let as_of = self.gate.lists_as_of();
        let list = move |store: &Store| {
            let state = store.lock();
            let owners = match as_of {
                Some(moment) => state.owners_at(moment),
                None => &state.owners,
            };
            if *owners != state.owners {
                store.journal.count("list was old", 1);
            }
            let owners = owners.iter().map(|(partition, owned)| Ownership {
                partition: partition.clone(),
                owner: owned.owner.clone(),
                etag: owned.etag.clone(),
                age: owned.at.elapsed(),
            });
            Ok(owners.collect())
        };
        self.call(Call::List, list).await
    }

    async fn claim(
        &self,
        _: &GroupKey,
        partition: &PartitionId,
        owner: &str,
        condition: Condition,
    ) -> Result<ETag, StoreError> {
        let (partition, owner) = (partition.clone(), owner.to_owned());
        self.may_claim(&partition, &condition);
        self.call(Call::Claim, move |store| {
            store.claim(&partition, &owner, &condition)
        })
        .await
    }

    async fn release(
        &self,
        _: &GroupKey,
        partition: &PartitionId,
        etag: ETag,
    ) -> Result<(), StoreError> {
        let partition = partition.clone();
        // Whatever becomes of the call: the process has nothing to do with it any more.
        let whose = (partition.clone(), self.process.clone());
        self.store.lock().claimed_at.remove(&whose);
        self.call(Call::Release, move |store| store.release(&partition, &etag))
            .await
    }

    async fn read(
        &self,
        _: &GroupKey,
        partition: &PartitionId,
    ) -> Result<Option<StoredCheckpoint>, StoreError> {
        let id = partition.clone();
        let stored = self
            .call(Call::Read, move |store| Ok(store.read(&id)))
            .await?;
        self.gate.has_read();
        // Before its first claim a process reads in order to learn whether this is a first start.
        let whose = (partition.clone(), self.process.clone());
        if self.store.lock().claimed_at.contains_key(&whose) {
            self.verdicts.resumed(&self.process, index(partition));
        }
        if let Some(checkpoint) = stored.as_ref().and_then(StoredCheckpoint::checkpoint) {
            self.may_resume(partition, checkpoint);
        }
        Ok(stored)
    }

    async fn write(
        &self,
        _: &GroupKey,
        partition: &PartitionId,
        checkpoint: &Checkpoint,
        condition: Condition,
    ) -> Result<ETag, StoreError> {
        let is_stale = self.store.is_stale(partition);
        // An event's position is stored behind what was handed on; any other one says where to begin.
        let is_beginning = checkpoint.position.offset == Offset::beginning();
        if condition == Condition::Absent || is_stale || is_beginning {
            self.may_resume(partition, checkpoint);
        }
        let (writer, checkpoint) = (self.process.clone(), checkpoint.clone());
        let partition = partition.clone();
        let write = move |store: &Store| store.write(&writer, &partition, &checkpoint, &condition);
        self.call(Call::Write, write).await
    }
}

impl StoreHandle {
    /// Judges a claim that takes a partition.
    fn may_claim(&self, partition: &PartitionId, condition: &Condition) {
        let present = self.store.owner(partition);
        let takes = match (&present, condition) {
            (None, Condition::Absent) => true,
            (Some((owner, etag)), Condition::Matches(known)) => {
                etag == known && owner.as_ref() != Some(&self.process)
            }
            _ => false,
        };
        if let Some(problem) = self.gate.must_not_claim().filter(|_| takes) {
            let detail = format!("{} claims partition {partition} {problem}", self.process);
            self.store.journal.violate(Rule::Admission, detail);
        }
    }

    fn may_resume(&self, partition: &PartitionId, checkpoint: &Checkpoint) {
        let id = index(partition);
        let place = self.store.hub.lock().place(id, checkpoint);
        self.store.hub.may_resume(&self.process, id, place);
    }
}
