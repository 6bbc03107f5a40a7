//! The ledgers of all partitions, settled by receipts.
//!
//! Deliveries settle directly: a mutex is held for microseconds and never across an await, so
//! settling waits for nobody (a channel of receipts back to the reader would close a circle of
//! full queues).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use smallvec::SmallVec;
use tokio::sync::Notify;

use super::ledger::{
    Backlog, Generation, Ledger, LedgerError, Settlement, SinkBalance, SinkId, Unstored,
};
use super::receipts::{Receipts, Run};
use crate::event_hub::{PartitionId, Position};

mod balance;
mod standing;

pub use balance::{Balance, Received};
pub use standing::Standing;

/// Index of a partition's ledger, stable over its generations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LedgerId(usize);

/// One partition's place.
#[derive(Debug)]
struct Slot {
    source: String,
    partition: PartitionId,
    state: Mutex<State>,
    /// Woken whenever the backlog may have shrunk.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    ledger: Option<Ledger>,
    events: u64,
    records: u64,
    unrouted: u64,
    /// Sums of the generations that ended.
    ended: Vec<SinkBalance>,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A poisoned lock means that a panic left it half-way; the ledger's own checks decide.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ledgers of all partitions of all sources.
#[derive(Debug)]
pub struct Ledgers {
    sinks: usize,
    slots: RwLock<Vec<Arc<Slot>>>,
    generations: AtomicU64,
    /// Woken when a rule was broken, and when something settled while somebody drains.
    broken: Notify,
    settled: Notify,
}

impl Ledgers {
    /// No partitions yet; `sinks` is the number of sinks, the same for all.
    pub fn new(sinks: usize) -> Self {
        Self {
            sinks,
            slots: RwLock::default(),
            generations: AtomicU64::new(1),
            broken: Notify::new(),
            settled: Notify::new(),
        }
    }

    /// Makes a place for one more partition, of the source with this name.
    pub fn add(&self, source: &str, partition: &PartitionId) -> LedgerId {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        slots.push(Arc::new(Slot {
            source: source.to_owned(),
            partition: partition.clone(),
            state: Mutex::default(),
            changed: Notify::new(),
        }));
        LedgerId(slots.len() - 1)
    }

    /// Starts a new generation, whose watermark stands at `resume`. An older one ends.
    pub fn start(&self, id: LedgerId, resume: Option<Position>) -> Generation {
        self.end(id);
        let generation = Generation(self.generations.fetch_add(1, Ordering::Relaxed));
        if let Some(slot) = self.slot(id) {
            slot.lock().ledger = Some(Ledger::new(generation, self.sinks, resume));
        }
        generation
    }

    /// Ends the present generation, if there is one: what is in flight is abandoned.
    pub fn end(&self, id: LedgerId) {
        let Some(slot) = self.slot(id) else { return };
        let mut state = slot.lock();
        if let Some(ledger) = state.ledger.take() {
            let ended = ledger.end();
            state.ended.resize(self.sinks, SinkBalance::default());
            for (sum, balance) in state.ended.iter_mut().zip(&ended) {
                sum.add(balance);
            }
        }
        drop(state);
        slot.changed.notify_waiters();
        self.settled.notify_waiters();
    }

    /// Enters an event with the records that were received, `owed[sink]` of them wanted by each
    /// sink, and gives one set of receipts per sink.
    ///
    /// # Errors
    /// When the generation has ended or a rule was broken.
    pub fn open(
        &self,
        id: LedgerId,
        generation: Generation,
        position: Position,
        bytes: u64,
        received: impl Into<Received>,
        owed: SmallVec<[u32; 2]>,
    ) -> Result<Vec<Receipts>, LedgerError> {
        let slot = self.slot(id).ok_or(LedgerError::Ended)?;
        let mut state = slot.lock();
        let ledger = state
            .ledger
            .as_mut()
            .filter(|ledger| ledger.generation() == generation)
            .ok_or(LedgerError::Ended)?;
        let receipts = |index: u64, owed: &[u32]| {
            let run = |records| Run {
                ledger: id,
                generation,
                index,
                records,
            };
            owed.iter()
                .enumerate()
                .map(|(sink, &records)| Receipts {
                    sink: SinkId(sink),
                    runs: (records > 0).then(|| run(records)).into_iter().collect(),
                    records: u64::from(records),
                })
                .collect()
        };
        match ledger.open(position, bytes, owed.clone()) {
            Ok(index) => {
                state.events += 1;
                let received = received.into();
                state.records += u64::from(received.records);
                state.unrouted += u64::from(received.unrouted);
                Ok(receipts(index, &owed))
            }
            Err(error) => {
                drop(state);
                self.broken.notify_waiters();
                Err(error)
            }
        }
    }

    /// Moves the position behind what nobody can read any more, or to where a generation begins: an
    /// entry that owes nothing, and waits its turn like any other.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn pass(
        &self,
        id: LedgerId,
        generation: Generation,
        position: Position,
    ) -> Result<(), LedgerError> {
        let owed = SmallVec::from_elem(0, self.sinks);
        self.with(id, generation, |ledger| ledger.open(position, 0, owed))
            .unwrap_or(Err(LedgerError::Ended))
            .inspect_err(|_| self.broken.notify_waiters())
            .map(|_index| ())
    }

    /// Settles receipts. Never waits. Receipts of an ended generation settle nothing.
    pub fn settle(&self, receipts: Receipts, settlement: Settlement) {
        let mut broken = false;
        for run in receipts.runs {
            let Some(slot) = self.slot(run.ledger) else {
                continue;
            };
            let mut state = slot.lock();
            let Some(ledger) = state
                .ledger
                .as_mut()
                .filter(|ledger| ledger.generation() == run.generation)
            else {
                continue;
            };
            if let Err(error) = ledger.settle(run.index, receipts.sink, run.records, settlement) {
                tracing::error!(
                    event = "ledger_frozen",
                    source = slot.source,
                    partition = %slot.partition,
                    %error,
                    "bug: the ledger is frozen and stores nothing more"
                );
                broken = true;
            }
            drop(state);
            slot.changed.notify_waiters();
        }
        if broken {
            self.broken.notify_waiters();
        }
        self.settled.notify_waiters();
    }

    /// Whether anyone still waits for one of these receipts: false when all their generations
    /// have ended.
    pub fn are_wanted(&self, receipts: &Receipts) -> bool {
        receipts.runs.iter().any(|run| {
            self.slot(run.ledger).is_some_and(|slot| {
                slot.lock()
                    .ledger
                    .as_ref()
                    .is_some_and(|ledger| ledger.generation() == run.generation)
            })
        })
    }

    /// Name of the source that the first of these receipts is of.
    pub fn source(&self, receipts: &Receipts) -> Option<String> {
        let run = receipts.runs.first()?;
        Some(self.slot(run.ledger)?.source.clone())
    }

    /// The watermark to store, when it has moved since the last [`Self::stored`].
    pub fn dirty(&self, id: LedgerId, generation: Generation) -> Option<(Position, u64)> {
        self.with(id, generation, |ledger| ledger.dirty()).flatten()
    }

    /// What [`Self::dirty`] would store, and for how long it has waited.
    pub fn unstored(&self, id: LedgerId, generation: Generation) -> Option<Unstored> {
        self.with(id, generation, |ledger| ledger.unstored())
            .flatten()
    }

    /// Notes that the watermark with this index is stored.
    pub fn stored(&self, id: LedgerId, generation: Generation, index: u64, position: &Position) {
        self.with(id, generation, |ledger| ledger.stored(index, position));
        if let Some(slot) = self.slot(id) {
            slot.changed.notify_waiters();
        }
    }

    /// What is held beyond the watermark; nothing when the generation has ended.
    pub fn backlog(&self, id: LedgerId, generation: Generation) -> Backlog {
        self.with(id, generation, |ledger| ledger.backlog())
            .unwrap_or_default()
    }

    /// Waits until `has_room` holds for the backlog of a partition.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn wait_for_room(
        &self,
        id: LedgerId,
        generation: Generation,
        has_room: impl Fn(Backlog) -> bool,
    ) {
        let Some(slot) = self.slot(id) else { return };
        loop {
            // Registered before the look, so that a change between look and wait is not missed.
            let changed = slot.changed.notified();
            if has_room(self.backlog(id, generation)) {
                return;
            }
            changed.await;
        }
    }

    /// Waits until nothing is owed in any ledger, or until a ledger broke.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn wait_until_settled(&self) {
        loop {
            let settled = self.settled.notified();
            let open = self.balance().sinks.iter().any(|sink| sink.in_flight > 0);
            if !open || self.first_broken().is_some() {
                return;
            }
            settled.await;
        }
    }

    /// Waits until a rule of a ledger was broken: a bug, after which the process must end.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn wait_until_broken(&self) -> LedgerError {
        loop {
            let broken = self.broken.notified();
            if let Some(error) = self.first_broken() {
                return error;
            }
            broken.await;
        }
    }

    /// Sums over all partitions and generations. Each partition is read under its own lock, in
    /// which its terms move together, so the sums balance as well.
    pub fn balance(&self) -> Balance {
        let mut total = Balance {
            sinks: vec![SinkBalance::default(); self.sinks],
            ..Balance::default()
        };
        for slot in self.slots() {
            let state = slot.lock();
            total.events += state.events;
            total.records += state.records;
            total.unrouted += state.unrouted;
            let present = state
                .ledger
                .as_ref()
                .map(Ledger::balance)
                .unwrap_or_default();
            for part in [state.ended.as_slice(), present] {
                for (sum, balance) in total.sinks.iter_mut().zip(part) {
                    sum.add(balance);
                }
            }
        }
        total
    }

    fn first_broken(&self) -> Option<LedgerError> {
        self.slots().iter().find_map(|slot| {
            slot.lock()
                .ledger
                .as_ref()
                .and_then(|ledger| ledger.broken().cloned())
        })
    }

    fn with<T>(
        &self,
        id: LedgerId,
        generation: Generation,
        look: impl FnOnce(&mut Ledger) -> T,
    ) -> Option<T> {
        let slot = self.slot(id)?;
        let mut state = slot.lock();
        state
            .ledger
            .as_mut()
            .filter(|ledger| ledger.generation() == generation)
            .map(look)
    }

    fn slot(&self, id: LedgerId) -> Option<Arc<Slot>> {
        self.slots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id.0)
            .map(Arc::clone)
    }

    fn slots(&self) -> Vec<Arc<Slot>> {
        self.slots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[cfg(test)]
mod tests;
