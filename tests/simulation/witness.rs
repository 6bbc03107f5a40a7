//! Sees what several replicas do with the same partition: who takes it over, who delivers what of
//! it, and how many receivers are opened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::hub::Hub;
use super::journal::{Journal, Rule};
use super::oracle::{EventKey, RecordKey};

pub(crate) struct Witness {
    journal: Arc<Journal>,
    hub: Arc<Hub>,
    /// Most events that one process reads beyond what it has stored.
    uncommitted_max: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Which processes delivered something of an event.
    delivered: BTreeMap<EventKey, BTreeSet<String>>,
    partitions: BTreeMap<usize, Seen>,
}

#[derive(Clone, Copy, Default)]
struct Seen {
    /// How often somebody took it over.
    takeovers: u64,
    /// Events that one more process delivered.
    repeated: u64,
    opens: u64,
}

/// How much has happened so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moves {
    pub(crate) takeovers: u64,
    pub(crate) opens: u64,
}

impl Witness {
    pub(crate) fn new(journal: Arc<Journal>, hub: Arc<Hub>) -> Self {
        Self {
            uncommitted_max: hub.uncommitted_max,
            journal,
            hub,
            state: Mutex::default(),
        }
    }

    /// Somebody claimed a partition that was another's, or nobody's.
    pub(crate) fn taken(&self, partition: usize) {
        let mut state = self.state.lock().unwrap();
        state.partitions.entry(partition).or_default().takeovers += 1;
    }

    pub(crate) fn opened(&self, partition: usize) {
        let mut state = self.state.lock().unwrap();
        state.partitions.entry(partition).or_default().opens += 1;
    }

    /// An endpoint took records from a process. What another process has delivered as well is
    /// bounded: each take-over repeats what the process before had read and not stored.
    pub(crate) fn accepted(&self, process: &str, records: &[RecordKey]) {
        let mut state = self.state.lock().unwrap();
        for (key, _) in records {
            let by = state.delivered.entry(*key).or_default();
            let is_repeated = by.insert(process.to_owned()) && by.len() > 1;
            // Behind a position that was lost, reading goes back on purpose, to events of before
            // too: how far, the store judges by the margin.
            if !is_repeated || self.hub.timeline(key.0) > 0 {
                continue;
            }
            self.journal.count("delivered by two", 1);
            let seen = state.partitions.entry(key.0).or_default();
            seen.repeated += 1;
            // One more may have been lost on the link, and one be at hand.
            let bound = seen.takeovers.saturating_sub(1) * (self.uncommitted_max + 2);
            if seen.repeated > bound {
                let detail = format!(
                    "{} events of partition {} were delivered by another process too, more than \
                     {bound} after {} take-overs: {process} {key:?}",
                    seen.repeated, key.0, seen.takeovers
                );
                self.journal.violate(Rule::Duplicates, detail);
            }
        }
    }

    /// Take-overs and receivers so far, per partition.
    pub(crate) fn moves(&self) -> BTreeMap<usize, Moves> {
        let state = self.state.lock().unwrap();
        let moves = |seen: &Seen| Moves {
            takeovers: seen.takeovers,
            opens: seen.opens,
        };
        let partitions = state.partitions.iter();
        partitions
            .map(|(partition, seen)| (*partition, moves(seen)))
            .collect()
    }
}
