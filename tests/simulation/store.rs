//! The simulated checkpoint store: conditional writes, faults, and who may write what.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use entra_forwarder::checkpoint::{
    Checkpoint, Condition, ETag, Recorded, StoreError, StoredCheckpoint,
};
use entra_forwarder::event_hub::{PartitionId, Timestamp};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::hub::{Hub, index};
use super::journal::{Journal, Rule};
use super::operations::Setup;
use super::oracle::Place;
use super::witness::Witness;

mod judge;

/// Another program that rewrites checkpoints without owning anything.
pub(crate) const TOOL: &str = "tool";

/// How long former owners are kept: no list is older.
const KEPT: Duration = Duration::from_secs(60);

/// The calls that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    List,
    Claim,
    Release,
    Read,
    Write,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Unavailable, and nothing was done.
    Before,
    /// Done, and the answer is lost.
    After,
    /// The request takes so many milliseconds to arrive: perhaps after the caller gave up.
    Late(u16),
    /// The answer takes so many milliseconds.
    Slow(u16),
}

pub(crate) struct Store {
    pub(crate) journal: Arc<Journal>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) witness: Arc<Witness>,
    starts_latest: bool,
    stale_margin: i64,
    state: Mutex<State>,
    /// Requests on their way: they arrive whether or not anybody still waits for the answer.
    pub(crate) requests: Mutex<JoinSet<()>>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) owners: BTreeMap<PartitionId, Owned>,
    checkpoints: BTreeMap<PartitionId, Written>,
    /// Who claimed which partition and has not written since: it may be taking it over, also when
    /// another claim overtakes it.
    taking: BTreeSet<(PartitionId, String)>,
    etags: u64,
    pub(crate) faults: BTreeMap<Call, VecDeque<Fault>>,
    pub(crate) down_until: Option<Instant>,
    /// When a call last failed, or will have failed.
    pub(crate) disturbed_at: Option<Instant>,
    /// What the owners were, and until when.
    former: VecDeque<(Instant, BTreeMap<PartitionId, Owned>)>,
    /// When each process last wrote its claim on a partition that it has not given up since.
    pub(crate) claimed_at: BTreeMap<(PartitionId, String), Instant>,
    /// The first partition that was added when the group had started.
    late_from: Option<usize>,
}

#[derive(Clone, PartialEq)]
pub(crate) struct Owned {
    pub(crate) owner: Option<String>,
    pub(crate) etag: ETag,
    pub(crate) at: Instant,
}

struct Written {
    checkpoint: Checkpoint,
    place: Place,
    etag: ETag,
    writer: String,
    modified_at: Timestamp,
}

impl State {
    fn etag(&mut self) -> ETag {
        self.etags += 1;
        ETag::new(&format!("e{}", self.etags))
    }

    /// Keeps the owners as they are, before they change.
    fn keep_owners(&mut self) {
        let now = Instant::now();
        while self
            .former
            .front()
            .is_some_and(|(until, _)| now.duration_since(*until) > KEPT)
        {
            self.former.pop_front();
        }
        self.former.push_back((now, self.owners.clone()));
    }

    /// The owners as they were.
    pub(crate) fn owners_at(&self, moment: Instant) -> &BTreeMap<PartitionId, Owned> {
        let after = self.former.partition_point(|(until, _)| *until <= moment);
        self.former
            .get(after)
            .map_or(&self.owners, |(_, owners)| owners)
    }
}

impl Store {
    pub(crate) fn new(
        journal: Arc<Journal>,
        hub: Arc<Hub>,
        witness: Arc<Witness>,
        setup: &Setup,
    ) -> Self {
        Self {
            journal,
            hub,
            witness,
            starts_latest: setup.starts_latest,
            stale_margin: i64::from(setup.stale_margin_ms),
            state: Mutex::default(),
            requests: Mutex::default(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn fail(&self, call: Call, fault: Fault) {
        self.lock().faults.entry(call).or_default().push_back(fault);
    }

    pub(crate) fn go_down(&self, lasts: Duration) {
        self.lock().down_until = Some(Instant::now() + lasts);
    }

    pub(crate) fn calm_down(&self) {
        let mut state = self.lock();
        state.faults.clear();
        state.down_until = None;
    }

    /// Partitions from this one on are new; `start` is for those that the group started with.
    pub(crate) fn partitions_added(&self, first: usize) {
        let mut state = self.lock();
        if !state.checkpoints.is_empty() {
            state.late_from.get_or_insert(first);
        }
    }

    /// A call is disturbed, for so long.
    pub(crate) fn disturbed(&self, lasts: Duration) {
        let until = Instant::now() + lasts;
        let known = &mut self.lock().disturbed_at;
        *known = Some(known.map_or(until, |known| known.max(until)));
    }

    pub(crate) fn owner(&self, partition: &PartitionId) -> Option<(Option<String>, ETag)> {
        let state = self.lock();
        let owned = state.owners.get(partition)?;
        Some((owned.owner.clone(), owned.etag.clone()))
    }

    pub(crate) fn claim(
        &self,
        partition: &PartitionId,
        owner: &str,
        condition: &Condition,
    ) -> Result<ETag, StoreError> {
        let mut state = self.lock();
        let present = state.owners.get(partition);
        if !holds(condition, present.map(|owned| &owned.etag)) {
            return Err(StoreError::Conflict);
        }
        let before = present.and_then(|owned| owned.owner.clone());
        let is_renewal = before.as_deref() == Some(owner);
        let owned = Owned {
            owner: Some(owner.to_owned()),
            etag: state.etag(),
            at: Instant::now(),
        };
        let etag = owned.etag.clone();
        state.keep_owners();
        let whose = (partition.clone(), owner.to_owned());
        state.claimed_at.insert(whose, owned.at);
        state.owners.insert(partition.clone(), owned);
        state.taking.insert((partition.clone(), owner.to_owned()));
        drop(state);
        if !is_renewal {
            self.witness.taken(index(partition));
            self.journal.note(
                "claimed",
                format_args!("{partition} {owner}, was {before:?}"),
            );
            if let Some(before) = before {
                self.hub
                    .oracle
                    .process_lost(&before, Some(index(partition)));
            }
        }
        Ok(etag)
    }

    pub(crate) fn release(&self, partition: &PartitionId, etag: &ETag) -> Result<(), StoreError> {
        let mut state = self.lock();
        let next = state.etag();
        state.keep_owners();
        match state.owners.get_mut(partition) {
            Some(owned) if owned.etag == *etag => {
                let before = owned.owner.take();
                owned.etag = next;
                owned.at = Instant::now();
                drop(state);
                if let Some(before) = before {
                    let oracle = &self.hub.oracle;
                    oracle.process_lost(&before, Some(index(partition)));
                }
                Ok(())
            }
            _ => Err(StoreError::Conflict),
        }
    }

    pub(crate) fn read(&self, partition: &PartitionId) -> Option<StoredCheckpoint> {
        let state = self.lock();
        let written = state.checkpoints.get(partition)?;
        Some(StoredCheckpoint {
            recorded: Recorded::Checkpoint(written.checkpoint.clone()),
            etag: written.etag.clone(),
            modified_at: written.modified_at,
        })
    }

    /// Stores a checkpoint, and judges whether this writer may.
    pub(crate) fn write(
        &self,
        writer: &str,
        partition: &PartitionId,
        checkpoint: &Checkpoint,
        condition: &Condition,
    ) -> Result<ETag, StoreError> {
        let mut state = self.lock();
        let present = state.checkpoints.get(partition);
        if !holds(condition, present.map(|written| &written.etag)) {
            drop(state);
            self.journal
                .note("checkpoint conflict", format_args!("{partition} {writer}"));
            return Err(StoreError::Conflict);
        }
        let owned = state.owners.get(partition);
        let is_owner = owned.is_some_and(|owned| owned.owner.as_deref() == Some(writer));
        let is_taking = state.taking.remove(&(partition.clone(), writer.to_owned()));
        let present = state.checkpoints.get(partition);
        // Over another program's version only a take-over writes, and it writes the same position,
        // unless that one does not belong to the hub.
        let stale = present.filter(|it| it.place.0 < self.hub.timeline(index(partition)));
        let is_allowed = present.is_none_or(|present| {
            [writer, TOOL].contains(&present.writer.as_str())
                || ((is_owner || is_taking)
                    && (stale.is_some() || present.checkpoint.position == checkpoint.position))
        });
        let stale = stale.map(|it| it.checkpoint.clone());
        // The same position means the same, whatever the partition has become since.
        let same = present.filter(|it| it.checkpoint.position == checkpoint.position);
        let place = same.map(|it| it.place);
        let place = place.unwrap_or_else(|| self.hub.lock().place(index(partition), checkpoint));
        let problem = (!is_allowed && writer != TOOL).then(|| {
            let before = present.map(|present| (&present.writer, present.checkpoint.to_string()));
            format!("{writer} stored {checkpoint} of partition {partition} over {before:?}")
        });
        let etag = state.etag();
        let written = Written {
            checkpoint: checkpoint.clone(),
            place,
            etag: etag.clone(),
            writer: writer.to_owned(),
            modified_at: Timestamp(self.hub.now()),
        };
        state.checkpoints.insert(partition.clone(), written);
        drop(state);
        if let Some(problem) = problem {
            self.journal.violate(Rule::Fencing, problem);
        }
        if *condition == Condition::Absent {
            self.begins(index(partition), checkpoint);
        }
        if let Some(stale) = &stale {
            self.check_margin(index(partition), stale, checkpoint);
        }
        self.stored(writer, index(partition), checkpoint, place, stale.is_some());
        Ok(etag)
    }

    /// Whether the partition began anew behind what is stored.
    pub(crate) fn is_stale(&self, partition: &PartitionId) -> bool {
        let state = self.lock();
        let present = state.checkpoints.get(partition);
        present.is_some_and(|it| it.place.0 < self.hub.timeline(index(partition)))
    }
}

fn holds(condition: &Condition, present: Option<&ETag>) -> bool {
    match condition {
        Condition::Absent => present.is_none(),
        Condition::Matches(etag) => present == Some(etag),
    }
}
