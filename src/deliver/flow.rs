//! Who sends when: the slots of one sink, and what opens and closes them.
//!
//! A delivery has a `Place` from its beginning to its end, and a `Slot` only while an attempt
//! is in flight: who waits for a repetition takes no slot away. A slot is given to the oldest batch
//! that is not waiting, when `limit` has room, `rate` has tokens, and the endpoint has not asked
//! everybody to wait.
//!
//! When as many attempts in a row have failed as may be in flight, with none accepted between them,
//! the sink counts as failing as a whole: then a single attempt at a time tries, after a wait that
//! grows for the whole sink, and the batches take turns, so that one that never passes does not
//! keep the others from finding out that they would. The first acceptance ends that.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::retry::Backoff;
use crate::clock::Rng;
use crate::config::{RetryConfig, SinkConfig};

mod limit;
mod place;
mod rate;

use limit::Limit;
pub(super) use place::{PARKED_MAX, Place, STUCK_MAX, Setback, Slot};
use rate::Bucket;

/// The flow of one sink, shared by its deliveries.
pub struct Flow {
    state: Mutex<State>,
    /// Something changed that may let another one go.
    changed: Notify,
    retry: RetryConfig,
    rng: Arc<dyn Rng>,
}

struct State {
    limit: Limit,
    in_flight: usize,
    /// Places that are held, waiting or in flight.
    places: usize,
    /// Those among them that do not count against the batches under way.
    parked: usize,
    /// Requests that were accepted, ever, and when the last one was.
    accepted: u64,
    accepted_at: Option<Instant>,
    next_place: u64,
    /// Those that want a slot, by age.
    waiting: BTreeMap<u64, Waiter>,
    /// Attempts that were begun, ever.
    attempts: u64,
    /// How often what requests are made with has changed.
    renewals: u64,
    failed_in_row: usize,
    outage: Option<Outage>,
    /// Until when the endpoint asked everybody to wait.
    held_until: Option<Instant>,
    requests: Option<Bucket>,
    bytes: Option<Bucket>,
}

/// The sink fails as a whole.
struct Outage {
    since: Instant,
    backoff: Backoff,
    next_probe: Instant,
}

#[derive(Clone, Copy)]
struct Waiter {
    ready_at: Instant,
    /// The number of its last attempt.
    attempted: u64,
    bytes: u64,
    /// The process stops: waits for time are cut short.
    is_urgent: bool,
}

/// A slot was given.
struct Given {
    is_limit_reached: bool,
    /// It would have had to wait, if the process did not stop.
    is_cut_short: bool,
}

impl Flow {
    /// All slots are free.
    pub fn new(config: &SinkConfig, rng: Arc<dyn Rng>) -> Self {
        let bucket = |per_second: Option<u64>| {
            per_second.map(|per_second| Bucket::new(per_second, config.rate.burst))
        };
        Self {
            state: Mutex::new(State {
                limit: Limit::new(config.concurrency),
                in_flight: 0,
                places: 0,
                parked: 0,
                accepted: 0,
                accepted_at: None,
                next_place: 0,
                waiting: BTreeMap::new(),
                attempts: 0,
                renewals: 0,
                failed_in_row: 0,
                outage: None,
                held_until: None,
                requests: bucket(config.rate.requests_per_second),
                bytes: bucket(config.rate.bytes_per_second),
            }),
            changed: Notify::new(),
            retry: config.retry,
            rng,
        }
    }

    /// A place for a new batch, behind all others.
    pub(super) fn place(self: &Arc<Self>) -> Place {
        let mut state = self.lock();
        let number = state.next_place;
        state.next_place += 1;
        state.places += 1;
        let renewals = state.renewals;
        drop(state);
        Place {
            flow: Arc::clone(self),
            number,
            attempted: 0,
            renewals,
            ready_at: Instant::now(),
            backoff: Backoff::new(self.retry.initial, self.retry.max),
            was_cut_short: false,
            is_parked: false,
        }
    }

    /// Requests that were accepted since the start.
    pub(super) fn accepted(&self) -> u64 {
        self.lock().accepted
    }

    /// Whether one was accepted within this time.
    pub(super) fn accepted_within(&self, time: Duration) -> bool {
        let last = self.lock().accepted_at;
        last.is_some_and(|moment| moment.elapsed() <= time)
    }

    /// Deliveries that have been put aside: those that are in the way of others.
    pub fn parked(&self) -> usize {
        self.lock().parked
    }

    /// Waits until [`Self::parked`] is another number than this.
    ///
    /// # Cancel safety
    /// Safe.
    pub(super) async fn parked_changed(&self, known: usize) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.parked() != known {
                return;
            }
            changed.await;
        }
    }

    /// What requests are made with has changed: whatever waits because of an attempt that failed may
    /// try now. What the endpoint asked for (`Retry-After`) still holds.
    pub(super) fn try_now(&self) {
        let mut state = self.lock();
        state.renewals += 1;
        if let Some(outage) = &mut state.outage {
            outage.next_probe = Instant::now();
        }
        drop(state);
        self.changed.notify_waiters();
    }

    /// How often [`Self::try_now`] was said.
    pub(super) fn renewals(&self) -> u64 {
        self.lock().renewals
    }

    /// Waits until [`Self::renewals`] is another number than this.
    ///
    /// # Cancel safety
    /// Safe.
    pub(super) async fn renewed(&self, known: u64) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if self.renewals() != known {
                return;
            }
            changed.await;
        }
    }

    /// Whether the last attempt failed.
    pub(super) fn is_failing(&self) -> bool {
        let state = self.lock();
        state.failed_in_row > 0 || state.outage.is_some()
    }

    /// Whether no delivery is under way.
    pub fn is_idle(&self) -> bool {
        self.lock().places == 0
    }

    /// Requests that are in flight.
    pub fn in_flight(&self) -> usize {
        self.lock().in_flight
    }

    /// Batches that are under way: waiting, in flight, or put aside.
    pub fn batches(&self) -> usize {
        self.lock().places
    }

    /// Requests that may be in flight now.
    pub fn limit(&self) -> usize {
        let state = self.lock();
        state.allowed()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn allowed(&self) -> usize {
        match self.outage {
            Some(_) => 1,
            None => self.limit.now(),
        }
    }

    /// Until when a waiter has to wait.
    fn gate(&self, waiter: &Waiter) -> Instant {
        let probe = self.outage.as_ref().map(|outage| outage.next_probe);
        let gates = [Some(waiter.ready_at), self.held_until, probe];
        gates.into_iter().flatten().max().unwrap_or(waiter.ready_at)
    }

    /// Gives a slot to this place if it is its turn; otherwise says when to ask again, `None` when
    /// only a change can help.
    fn give(&mut self, place: u64, now: Instant) -> Result<Given, Option<Instant>> {
        if self.in_flight >= self.allowed() {
            return Err(None);
        }
        let takes_turns = self.outage.is_some();
        let first = self
            .waiting
            .iter()
            .filter(|(_, it)| it.is_urgent || self.gate(it) <= now)
            .min_by_key(|(number, it)| (if takes_turns { it.attempted } else { 0 }, **number));
        let Some(waiter) = self.waiting.get(&place).copied() else {
            return Err(None);
        };
        if first.is_none_or(|(number, _)| *number != place) {
            // Also when another one is first: once its time has come, this one may go before that,
            // which then waits for it.
            return Err(Some(self.gate(&waiter)).filter(|gate| *gate > now));
        }
        let requests = self.requests.as_ref().and_then(|it| it.ready_at(1));
        let bytes = self.bytes.as_ref().and_then(|it| it.ready_at(waiter.bytes));
        if let Some(ready_at) = requests.max(bytes).filter(|ready_at| *ready_at > now) {
            return Err(Some(ready_at));
        }
        if let Some(bucket) = &mut self.requests {
            bucket.take(1, now);
        }
        if let Some(bucket) = &mut self.bytes {
            bucket.take(waiter.bytes, now);
        }
        let is_cut_short = self.gate(&waiter) > now;
        self.waiting.remove(&place);
        self.in_flight += 1;
        self.attempts += 1;
        Ok(Given {
            is_limit_reached: self.in_flight >= self.limit.now(),
            is_cut_short,
        })
    }
}

#[cfg(test)]
mod tests;
