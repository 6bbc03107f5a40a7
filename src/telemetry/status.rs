//! What the process waits for, as a table by component; each change is logged once.
//!
//! A component may change more often than anybody wants to read, at each attempt even. So its first
//! few lines are written at once, and then one a minute, with the number of changes since the last
//! one. A line that was left out follows when there is room again, if it is still true:
//! [`Status::say_what_is_due`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::seldom::Allowance;
use super::turns::Turns;

/// Lines about the trouble of one component that are written at once.
const LINES_AT_ONCE: u32 = 5;

/// The state of every component that depends on something outside.
#[derive(Debug, Default)]
pub struct Status {
    waiting: Mutex<BTreeMap<String, Entry>>,
    turns: Arc<Turns>,
}

#[derive(Debug)]
struct Entry {
    state: State,
    since: Instant,
    /// What the log says.
    said: State,
    /// Changes that the log does not say.
    unsaid: u64,
    allowance: Allowance,
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

impl Entry {
    fn new() -> Self {
        Self {
            state: State::Well,
            since: Instant::now(),
            said: State::Well,
            unsaid: 0,
            allowance: Allowance::of(LINES_AT_ONCE),
        }
    }

    fn change(&mut self, state: State) {
        if self.state == state {
            return;
        }
        // Another reason for the same trouble does not make it younger.
        if self.state == State::Well || state == State::Well {
            self.since = Instant::now();
        }
        self.state = state;
        self.unsaid += 1;
    }

    /// Logs the state, unless the log says it or has said enough for now.
    fn say(&mut self, component: &str) {
        // Each end of a trouble that was said is said, and so there are no more of them.
        if self.said == self.state || (self.state != State::Well && !self.allowance.take()) {
            return;
        }
        let changes = std::mem::take(&mut self.unsaid);
        match &self.state {
            State::Well => tracing::info!(
                event = "recovered",
                component,
                changes,
                "{component} works again"
            ),
            State::Waits(reason) => tracing::warn!(
                event = "waiting",
                component,
                reason,
                changes,
                "{component} waits: {reason}"
            ),
            State::Fails(reason) => tracing::error!(
                event = "failing",
                component,
                reason,
                changes,
                "{component} fails: {reason}"
            ),
        }
        self.said = self.state.clone();
    }
}

impl Status {
    /// The component works. Logged when the log says that it did not.
    pub fn is_well(&self, component: &str) {
        self.becomes(component, State::Well);
    }

    /// The component waits, and why. Logged when that is new.
    ///
    /// `reason` says what is wrong and what to do, without payload and without secrets.
    pub fn waits(&self, component: &str, reason: &str) {
        self.becomes(component, State::Waits(reason.to_owned()));
    }

    /// As [`Self::waits`], for what waiting alone will probably not mend: the process is not ready
    /// while it lasts.
    pub fn fails(&self, component: &str, reason: &str) {
        self.becomes(component, State::Fails(reason.to_owned()));
    }

    /// Logs what was left out before because there was too much, and is still true. To be called
    /// every few seconds.
    pub fn say_what_is_due(&self) {
        for (component, entry) in self.lock().iter_mut() {
            entry.say(component);
        }
    }

    /// The loops of this process that must turn.
    pub fn turns(&self) -> &Arc<Turns> {
        &self.turns
    }

    /// Forgets a component that is no longer there.
    pub fn forget(&self, component: &str) {
        self.lock().remove(component);
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

    fn becomes(&self, component: &str, state: State) {
        let mut known = self.lock();
        // Without making a text of the name at each request.
        if !known.contains_key(component) {
            known.insert(component.to_owned(), Entry::new());
        }
        if let Some(entry) = known.get_mut(component) {
            entry.change(state);
            entry.say(component);
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
mod tests;
