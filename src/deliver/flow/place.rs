//! The place of one batch among those of its sink, and the slot that it has while it is sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Flow, Outage, Waiter};
use crate::deliver::retry::Backoff;

/// Why an attempt was not accepted, as far as it matters for the next one.
#[derive(Clone, Copy, Debug)]
pub(in crate::deliver) struct Setback {
    /// The endpoint cannot take as much, or is not there.
    pub(in crate::deliver) is_overload: bool,
    /// How long it asks everybody to wait.
    pub(in crate::deliver) retry_after: Duration,
    /// The least wait.
    pub(in crate::deliver) wait_min: Duration,
}

/// The place of one batch among those of its sink.
pub(in crate::deliver) struct Place {
    pub(super) flow: Arc<Flow>,
    pub(super) number: u64,
    pub(super) attempted: u64,
    /// [`Flow::renewals`] when its last attempt began.
    pub(super) renewals: u64,
    pub(super) ready_at: Instant,
    pub(super) backoff: Backoff,
    pub(super) was_cut_short: bool,
    pub(super) is_parked: bool,
}

/// Most deliveries that are put aside.
pub(in crate::deliver) const PARKED_MAX: usize = 16;
/// Most of them as long as nobody knows whether it is their own fault: in an outage each of them is
/// a batch more in memory.
pub(in crate::deliver) const STUCK_MAX: usize = 4;

impl Place {
    /// Puts the delivery aside, if fewer than `most` are: its batch is in the way of others that may
    /// pass, so another one may be taken in its stead.
    pub(in crate::deliver) fn park(&mut self, most: usize) {
        let mut state = self.flow.lock();
        if !self.is_parked && state.parked < most {
            self.is_parked = true;
            state.parked += 1;
        }
        drop(state);
        self.flow.changed.notify_waiters();
    }

    /// Waits for its own time, before anything is taken that others could use. A stop cuts it
    /// short, and [`Flow::try_now`] ends it.
    ///
    /// # Cancel safety
    /// Safe.
    pub(in crate::deliver) async fn ready(&mut self, draining: &CancellationToken) {
        let flow = Arc::clone(&self.flow);
        loop {
            let mut changed = std::pin::pin!(flow.changed.notified());
            changed.as_mut().enable();
            self.hasten();
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(self.ready_at) => return,
                () = draining.cancelled(), if !self.was_cut_short => return,
                () = changed => {}
            }
        }
    }

    /// Its own wait ends when what requests are made with has changed since its last attempt.
    fn hasten(&mut self) {
        if self.flow.renewals() > self.renewals {
            self.ready_at = self.ready_at.min(Instant::now());
        }
    }

    /// Nothing of the batch is taken for now, and nothing else is accepted: as after an attempt
    /// that failed.
    pub(in crate::deliver) fn held_back(&mut self, setback: Setback) {
        self.renewals = self.flow.renewals();
        self.set_back(Instant::now(), setback);
    }

    /// It waits, and that is its own affair: others are accepted.
    pub(in crate::deliver) fn wait(&mut self, setback: Setback) {
        self.renewals = self.flow.renewals();
        let wait = self
            .backoff
            .next_from(setback.wait_min, self.flow.rng.as_ref());
        self.ready_at = Instant::now() + wait;
    }

    fn set_back(&mut self, began: Instant, setback: Setback) {
        let Self {
            flow,
            backoff,
            ready_at,
            renewals,
            ..
        } = self;
        let now = Instant::now();
        let wait = |backoff: &mut Backoff| backoff.next_from(setback.wait_min, flow.rng.as_ref());
        let mut state = flow.lock();
        let asked = setback.retry_after.min(flow.retry.retry_after_max);
        if !asked.is_zero() {
            state.held_until = state.held_until.max(Some(now + asked));
        }
        if setback.is_overload {
            state.limit.overloaded(began, now);
        }
        state.failed_in_row += 1;
        let is_whole = state.failed_in_row >= state.limit.now();
        let is_renewed = state.renewals > *renewals;
        match &mut state.outage {
            // While the sink fails as a whole, the wait is the sink's.
            Some(outage) => {
                *ready_at = now;
                if began >= outage.since {
                    let wait = wait(&mut outage.backoff);
                    // An attempt from before a change says nothing about what is after it.
                    outage.next_probe = match is_renewed {
                        true => now,
                        false => now + wait,
                    };
                }
            }
            none => {
                *ready_at = now + wait(backoff);
                if is_whole {
                    let mut backoff = Backoff::new(flow.retry.initial, flow.retry.max);
                    let wait = wait(&mut backoff);
                    let next_probe = if is_renewed { now } else { now + wait };
                    *none = Some(Outage {
                        since: now,
                        backoff,
                        next_probe,
                    });
                }
            }
        }
    }

    /// Waits until a body of so many bytes may be sent. When the process is told to stop, a wait
    /// for time is cut short once: one more attempt is worth it, a storm of them is not.
    ///
    /// # Cancel safety
    /// Drop the place as well.
    pub(in crate::deliver) async fn slot(
        &mut self,
        bytes: u64,
        draining: &CancellationToken,
    ) -> Slot<'_> {
        let flow = Arc::clone(&self.flow);
        let given = loop {
            let mut changed = std::pin::pin!(flow.changed.notified());
            changed.as_mut().enable();
            self.hasten();
            let waiter = Waiter {
                ready_at: self.ready_at,
                attempted: self.attempted,
                bytes,
                is_urgent: draining.is_cancelled() && !self.was_cut_short,
            };
            let given = {
                let mut state = flow.lock();
                state.waiting.insert(self.number, waiter);
                state.give(self.number, Instant::now())
            };
            let until = match given {
                Ok(given) => break given,
                Err(until) => until,
            };
            tokio::select! {
                biased;
                () = changed => {}
                () = reach(until) => {}
                () = draining.cancelled(), if !waiter.is_urgent && !self.was_cut_short => {}
            }
        };
        self.was_cut_short |= given.is_cut_short;
        {
            let state = flow.lock();
            (self.attempted, self.renewals) = (state.attempts, state.renewals);
        }
        // There may be room for the next one too.
        flow.changed.notify_waiters();
        Slot {
            place: self,
            began: Instant::now(),
            was_limit_reached: given.is_limit_reached,
        }
    }
}

async fn reach(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.flow.lock();
        state.places -= 1;
        state.parked -= usize::from(self.is_parked);
        state.waiting.remove(&self.number);
        drop(state);
        self.flow.changed.notify_waiters();
    }
}

/// The right to one attempt; free again when dropped.
pub(in crate::deliver) struct Slot<'a> {
    place: &'a mut Place,
    began: Instant,
    was_limit_reached: bool,
}

impl Slot<'_> {
    /// The attempt was accepted.
    pub(in crate::deliver) fn accepted(self) {
        self.place.backoff.reset();
        let mut state = self.place.flow.lock();
        state.limit.accepted(self.was_limit_reached);
        state.accepted += 1;
        state.accepted_at = Some(Instant::now());
        state.failed_in_row = 0;
        state.outage = None;
    }

    /// The endpoint took a part, and asks to wait with the rest.
    pub(in crate::deliver) fn accepted_in_part(self, setback: Setback) {
        // The wait is this batch's own.
        self.place.flow.lock().outage = None;
        self.place.set_back(self.began, setback);
        let mut state = self.place.flow.lock();
        state.accepted += 1;
        state.accepted_at = Some(Instant::now());
        state.failed_in_row = 0;
        state.outage = None;
    }

    /// The endpoint found fault with the records: it is there, and may take others. While the sink
    /// fails as a whole, that is no more than another failure.
    pub(in crate::deliver) fn objected(self, setback: Setback) {
        if self.place.flow.lock().outage.is_some() {
            self.failed(setback);
        }
    }

    /// The attempt was not accepted: says when this batch is tried again, and what that means for
    /// the others.
    pub(in crate::deliver) fn failed(self, setback: Setback) {
        self.place.set_back(self.began, setback);
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut state = self.place.flow.lock();
        state.in_flight -= 1;
        drop(state);
        self.place.flow.changed.notify_waiters();
    }
}
