//! What the process waits for, as a table by component; each change is logged once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

/// The state of every component that depends on something outside.
#[derive(Debug, Default)]
pub struct Status {
    waiting: Mutex<BTreeMap<String, Entry>>,
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct Entry {
    state: State,
    since: Instant,
}

/// The state of one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Why it waits; `None` when it works.
    pub reason: Option<String>,
    /// Whether that makes the process not ready.
    pub is_failing: bool,
    /// Since when it works, or since when it does not for whatever reason.
    pub since: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Well,
    Waits(String),
    Fails(String),
}

impl State {
    fn reason(&self) -> Option<&str> {
        match self {
            Self::Well => None,
            Self::Waits(reason) | Self::Fails(reason) => Some(reason),
        }
    }
}

impl Status {
    /// The component works. Logged when it did not before.
    pub fn is_well(&self, component: &str) {
        if self.change(component, State::Well) == Some(true) {
            tracing::info!(event = "recovered", component, "{component} works again");
        }
    }

    /// The component waits, and why. Logged when that is new.
    ///
    /// `reason` says what is wrong and what to do, without payload and without secrets.
    pub fn waits(&self, component: &str, reason: &str) {
        if self
            .change(component, State::Waits(reason.to_owned()))
            .is_some()
        {
            tracing::warn!(
                event = "waiting",
                component,
                reason,
                "{component} waits: {reason}"
            );
        }
    }

    /// As [`Self::waits`], for what waiting alone will probably not mend: the process is not ready
    /// while it lasts.
    pub fn fails(&self, component: &str, reason: &str) {
        if self
            .change(component, State::Fails(reason.to_owned()))
            .is_some()
        {
            tracing::error!(
                event = "failing",
                component,
                reason,
                "{component} fails: {reason}"
            );
        }
    }

    /// Forgets a component that is no longer there.
    pub fn forget(&self, component: &str) {
        if self.lock().remove(component).is_some() {
            self.changed();
        }
    }

    /// Sees every change from now on: how many there were.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// All components.
    pub fn components(&self) -> Vec<Component> {
        let known = self.lock();
        let all = known.iter().map(|(name, entry)| Component {
            name: name.clone(),
            reason: entry.state.reason().map(str::to_owned),
            is_failing: matches!(entry.state, State::Fails(_)),
            since: entry.since,
        });
        all.collect()
    }

    /// Everything that waits, with the reason.
    pub fn waiting(&self) -> Vec<(String, String)> {
        let known = self.lock();
        let waiting = known.iter().filter_map(|(component, entry)| {
            Some((component.clone(), entry.state.reason()?.to_owned()))
        });
        waiting.collect()
    }

    /// The part of [`Self::waiting`] that makes the process not ready.
    pub fn failing(&self) -> Vec<(String, String)> {
        self.lock()
            .iter()
            .filter_map(|(component, entry)| match &entry.state {
                State::Fails(reason) => Some((component.clone(), reason.clone())),
                State::Well | State::Waits(_) => None,
            })
            .collect()
    }

    /// Whether the component has been reported to work, and has not failed since.
    pub fn has_answered(&self, component: &str) -> bool {
        self.state(component) == Some(State::Well)
    }

    /// Whether anything has been reported of the component.
    pub fn is_known(&self, component: &str) -> bool {
        self.lock().contains_key(component)
    }

    /// Whether the component was last reported to fail.
    pub fn is_failing(&self, component: &str) -> bool {
        matches!(self.state(component), Some(State::Fails(_)))
    }

    /// `None`: no change. `Some(known)`: a change, of a component that was known before or not.
    fn change(&self, component: &str, state: State) -> Option<bool> {
        let changed = self.enter(component, state);
        if changed.is_some() {
            self.changed();
        }
        changed
    }

    fn changed(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    fn enter(&self, component: &str, state: State) -> Option<bool> {
        let mut waiting = self.lock();
        match waiting.get_mut(component) {
            Some(known) if known.state == state => None,
            Some(known) => {
                // Another reason for the same trouble does not make it younger.
                if known.state.reason().is_none() || state.reason().is_none() {
                    known.since = Instant::now();
                }
                known.state = state;
                Some(true)
            }
            None => {
                let since = Instant::now();
                waiting.insert(component.to_owned(), Entry { state, since });
                Some(false)
            }
        }
    }

    fn state(&self, component: &str) -> Option<State> {
        self.lock().get(component).map(|entry| entry.state.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Entry>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_count() {
        let status = Status::default();
        assert_eq!(status.change("hub", State::Well), Some(false));
        assert_eq!(status.change("hub", State::Well), None);
        assert_eq!(
            status.change("hub", State::Waits("away".into())),
            Some(true)
        );
        assert_eq!(status.change("hub", State::Waits("away".into())), None);
        assert_eq!(status.waiting(), [("hub".to_owned(), "away".to_owned())]);
        assert!(!status.has_answered("hub"));
        status.is_well("hub");
        assert!(status.has_answered("hub"));
        assert!(status.waiting().is_empty());
        status.fails("hub", "gone");
        assert_eq!(status.failing(), [("hub".to_owned(), "gone".to_owned())]);
        assert_eq!(status.failing(), status.waiting());
        status.waits("hub", "away");
        assert!(status.failing().is_empty());
    }

    #[test]
    fn changes_are_told() {
        let status = Status::default();
        let mut changes = status.changes();
        status.waits("hub", "away");
        assert!(changes.has_changed().unwrap());
        changes.mark_unchanged();
        status.waits("hub", "away");
        assert!(!changes.has_changed().unwrap());
        status.forget("hub");
        assert!(changes.has_changed().unwrap());
    }
}
