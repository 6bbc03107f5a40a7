//! What happened in a run: a hash of everything, counts of what was met, and the last lines.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Mutex;

use tokio::time::Instant;
use xxhash_rust::xxh3::Xxh3;

/// Lines that are kept for the report of a failing run.
const LINES_MAX: usize = 60;

/// The rules that the oracle checks, numbered as a failing run names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// Every record is accepted by every sink that selects it, or dead-lettered, in bounded time.
    Delivered,
    /// A sink gets nothing that it does not select.
    Routing,
    /// What an endpoint receives is what was produced.
    Unaltered,
    /// Nothing at or below a stored checkpoint is missing anywhere.
    Checkpoint,
    /// Obligations add up.
    Balance,
    /// Whoever lost a partition cannot write its checkpoint, and checkpoints never go back.
    Fencing,
    /// What a crash repeats is bounded.
    Duplicates,
    /// A receiver is opened where the last one stopped.
    Resume,
    /// Memory stays within its share.
    Memory,
    /// Only what a sink does not take is given up, and only with proof.
    GivenUp,
    /// No more is sent in a second than the user allows.
    Rate,
    /// While a sink fails as a whole, a single request at a time tries.
    HalfOpen,
    /// A graceful stop settles everything and repeats nothing.
    Stop,
    /// No stage ends by itself, no ledger freezes.
    Alive,
    /// The watchdog opens only those receivers again that keep silent.
    Watchdog,
    /// No partition is left alone, replicas settle at a fair share, and then nothing moves.
    Ownership,
    /// Only who can deliver takes partitions, and who cannot leaves them to others.
    Admission,
}

/// A rule that was broken, and how.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) detail: String,
}

pub(crate) struct Journal {
    begun: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    hash: Xxh3,
    lines: VecDeque<String>,
    counts: BTreeMap<String, u64>,
    violation: Option<Violation>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
            state: Mutex::default(),
        }
    }

    /// Notes and counts something that happened.
    pub(crate) fn note(&self, what: &str, detail: fmt::Arguments<'_>) {
        let line = format!(
            "{:>9.3} {what} {detail}",
            self.begun.elapsed().as_secs_f64()
        );
        let mut state = self.state.lock().unwrap();
        state.hash.update(line.as_bytes());
        if state.lines.len() == LINES_MAX {
            state.lines.pop_front();
        }
        state.lines.push_back(line);
        match state.counts.get_mut(what) {
            Some(count) => *count += 1,
            None => {
                state.counts.insert(what.to_owned(), 1);
            }
        }
    }

    /// Counts what other counters say.
    pub(crate) fn count(&self, what: &str, times: u64) {
        let mut state = self.state.lock().unwrap();
        state.hash.update(&times.to_le_bytes());
        *state.counts.entry(what.to_owned()).or_default() += times;
    }

    /// Notes a broken rule; the first one counts.
    pub(crate) fn violate(&self, rule: Rule, detail: String) {
        self.note("violation", format_args!("{rule:?}: {detail}"));
        let mut state = self.state.lock().unwrap();
        state.violation.get_or_insert(Violation { rule, detail });
    }

    pub(crate) fn violation(&self) -> Option<Violation> {
        self.state.lock().unwrap().violation.clone()
    }

    pub(crate) fn hash(&self) -> u64 {
        self.state.lock().unwrap().hash.digest()
    }

    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        self.state.lock().unwrap().counts.clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.state.lock().unwrap().lines.iter().cloned().collect()
    }
}
