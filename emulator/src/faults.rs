//! Scripted faults: what goes wrong, where, and when.
//!
//! A [`Fault`] says what ([`Action`]), where ([`Matcher`]) and when
//! ([`When`]). It is armed by [`Faults::inject`] and stays armed until it has
//! fired as often as it may, or until it is removed.

mod action;
mod fault;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;

pub use action::Action;
pub(crate) use action::Scope;
pub(crate) use fault::Occasion;
pub use fault::{Fault, Matcher, When};

use crate::broker::Wakers;

/// Names an armed fault.
pub type FaultId = u64;

struct Armed {
    id: FaultId,
    fault: Fault,
    seen: u64,
    fired: u64,
}

#[derive(Default)]
struct Inner {
    armed: Mutex<Vec<Armed>>,
    /// How many are armed per scope, so that the sending loop need not lock.
    counts: [AtomicUsize; Scope::COUNT],
    fired: Mutex<Vec<(FaultId, u64)>>,
    next: AtomicU64,
    frozen: AtomicBool,
    thaws: AtomicU64,
}

/// The faults of one emulator. Clones share them.
#[derive(Clone, Default)]
pub struct Faults {
    inner: Arc<Inner>,
    wakers: Wakers,
}

impl Faults {
    pub(crate) fn new(wakers: Wakers) -> Self {
        Self {
            inner: Arc::default(),
            wakers,
        }
    }

    /// Arms a fault.
    pub fn inject(&self, fault: Fault) -> FaultId {
        let id = self.inner.next.fetch_add(1, Ordering::Relaxed) + 1;
        let mut armed = self.inner.armed.lock();
        armed.push(Armed {
            id,
            fault,
            seen: 0,
            fired: 0,
        });
        self.recount(&armed);
        drop(armed);
        self.wakers.wake_all();
        id
    }

    /// Disarms a fault; says whether it was still armed.
    pub fn remove(&self, id: FaultId) -> bool {
        let mut armed = self.inner.armed.lock();
        let before = armed.len();
        armed.retain(|one| one.id != id);
        self.recount(&armed);
        let removed = armed.len() < before;
        drop(armed);
        self.wakers.wake_all();
        removed
    }

    /// Disarms all faults and thaws everything.
    pub fn clear(&self) {
        let mut armed = self.inner.armed.lock();
        armed.clear();
        self.recount(&armed);
        drop(armed);
        self.thaw();
    }

    /// How often a fault has fired so far, also after it is disarmed.
    pub fn fired(&self, id: FaultId) -> u64 {
        let fired = self.inner.fired.lock();
        fired
            .iter()
            .find(|(one, _)| *one == id)
            .map_or(0, |(_, count)| *count)
    }

    /// The armed faults.
    pub fn armed(&self) -> Vec<(FaultId, Fault)> {
        let armed = self.inner.armed.lock();
        armed
            .iter()
            .map(|one| (one.id, one.fault.clone()))
            .collect()
    }

    /// Stops all reading and writing on every connection, new ones included;
    /// the sockets stay open.
    pub fn freeze_all(&self) {
        self.inner.frozen.store(true, Ordering::SeqCst);
        self.wakers.wake_all();
    }

    /// Ends `freeze_all` and every [`Action::Freeze`] under way.
    pub fn thaw(&self) {
        self.inner.frozen.store(false, Ordering::SeqCst);
        self.inner.thaws.fetch_add(1, Ordering::SeqCst);
        self.wakers.wake_all();
    }

    pub(crate) fn all_frozen(&self) -> bool {
        self.inner.frozen.load(Ordering::SeqCst)
    }

    /// Counts the thaws; a frozen connection goes on when it has changed.
    pub(crate) fn thaws(&self) -> u64 {
        self.inner.thaws.load(Ordering::SeqCst)
    }

    /// Whether any fault of this scope is armed; cheap.
    pub(crate) fn any(&self, scope: Scope) -> bool {
        self.inner
            .counts
            .get(scope.index())
            .is_some_and(|count| count.load(Ordering::Relaxed) > 0)
    }

    /// The action that fires at this occasion, if any. The first armed one wins;
    /// the others count the occasion all the same.
    pub(crate) fn fire(&self, scope: Scope, occasion: Occasion<'_>) -> Option<Action> {
        self.evaluate(scope, occasion, false)
    }

    /// The action that fires without an event (only [`Scope::Sent`]).
    pub(crate) fn fire_now(&self, occasion: Occasion<'_>) -> Option<Action> {
        self.evaluate(Scope::Sent, occasion, true)
    }

    fn evaluate(&self, scope: Scope, occasion: Occasion<'_>, now: bool) -> Option<Action> {
        if !self.any(scope) {
            return None;
        }
        let mut armed = self.inner.armed.lock();
        let mut action = None;
        for one in armed.iter_mut() {
            let fault = &one.fault;
            if fault.action.scope() != scope || !fault.at.matches(&occasion) {
                continue;
            }
            let immediate = fault.when.after == 0
                && fault.when.every.is_none()
                && fault.when.sequence.is_none();
            if scope == Scope::Sent && immediate != now {
                continue;
            }
            if fault.when.sequence.is_some() && fault.when.sequence != occasion.sequence {
                continue;
            }
            one.seen += 1;
            if action.is_none() && fault.when.due(one.seen, scope == Scope::Sent && !now) {
                one.fired += 1;
                action = Some(fault.action.clone());
                self.note(one.id, one.fired);
            }
        }
        if action.is_some() {
            armed.retain(|one| one.fault.when.times.is_none_or(|times| one.fired < times));
            self.recount(&armed);
        }
        action
    }

    /// The smallest rate in bytes per second that applies, without using it up.
    pub(crate) fn rate(&self, occasion: Occasion<'_>) -> Option<u64> {
        if !self.any(Scope::Rate) {
            return None;
        }
        let armed = self.inner.armed.lock();
        armed
            .iter()
            .filter(|one| one.fault.at.matches(&occasion))
            .filter_map(|one| match one.fault.action {
                Action::BytesPerSecond { rate } => Some(rate.max(1)),
                _ => None,
            })
            .min()
    }

    fn note(&self, id: FaultId, count: u64) {
        let mut fired = self.inner.fired.lock();
        match fired.iter_mut().find(|(one, _)| *one == id) {
            Some(entry) => entry.1 = count,
            None => fired.push((id, count)),
        }
    }

    fn recount(&self, armed: &[Armed]) {
        for (index, count) in self.inner.counts.iter().enumerate() {
            let now = armed
                .iter()
                .filter(|one| one.fault.action.scope().index() == index)
                .count();
            count.store(now, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired_at(fault: Fault, scope: Scope, occasions: u64) -> Vec<u64> {
        let faults = Faults::default();
        faults.inject(fault);
        (1..=occasions)
            .filter(|_| faults.fire(scope, Occasion::default()).is_some())
            .collect()
    }

    #[test]
    fn counting() {
        let detach = || Fault::once(Action::detach());
        assert_eq!(fired_at(detach().after(3), Scope::Sent, 10), [3]);
        assert_eq!(fired_at(detach().every(4), Scope::Sent, 10), [4, 8]);
        assert_eq!(fired_at(detach(), Scope::Sent, 10), [] as [u64; 0]);
        let delay = || Fault::once(Action::DelayEvent { ms: 1 });
        assert_eq!(fired_at(delay(), Scope::Event, 5), [1]);
        assert_eq!(
            fired_at(delay().after(2).times(Some(2)), Scope::Event, 9),
            [3, 4]
        );
        assert_eq!(fired_at(delay().every(3), Scope::Event, 7), [1, 4, 7]);
    }

    #[test]
    fn matching_and_removal() {
        let faults = Faults::default();
        let id = faults.inject(Fault::always(Action::detach()).hub("A").partition(2));
        let mut occasion = Occasion {
            hub: Some("a"),
            partition: Some("2"),
            ..Occasion::default()
        };
        assert!(faults.fire_now(occasion).is_some());
        occasion.partition = Some("1");
        assert!(faults.fire_now(occasion).is_none());
        assert_eq!(faults.fired(id), 1);
        assert!(faults.remove(id) && !faults.remove(id));
        occasion.partition = Some("2");
        assert!(faults.fire_now(occasion).is_none());
    }
}
