//! Judges what was given up, and what was sent again: by what each process knew of its requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::hub::Hub;
use super::journal::{Journal, Rule};
use super::oracle::{Oracle, RecordKey};
use super::taste::Dislike;

/// What became of a request, as its process knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Accepted,
    /// Something in it is not taken; `is_whim` when the endpoint refuses everything for a while.
    /// With it, the reason that a dead letter may give.
    Refused {
        reason: &'static str,
        is_whim: bool,
    },
    Failed,
}

pub(crate) struct Verdicts {
    journal: Arc<Journal>,
    oracle: Arc<Oracle>,
    hub: Arc<Hub>,
    /// Per sink, how many records one process may give up.
    refusals_max: Vec<u64>,
    state: Mutex<BTreeMap<String, Process>>,
}

/// What one process knows.
#[derive(Default)]
struct Process {
    sinks: BTreeMap<usize, Sink>,
    /// Per partition, how often it asked where to go on.
    resumed: BTreeMap<usize, u64>,
}

#[derive(Default)]
struct Sink {
    /// Requests that were accepted.
    accepted: u64,
    /// Records whose dead letters were confirmed, and those among them that count as refusals.
    letters: u64,
    refusals: u64,
    records: BTreeMap<RecordKey, Known>,
}

/// What it knows of one record at one sink.
#[derive(Default)]
struct Known {
    /// Accepted, or a dead letter.
    is_done: bool,
    /// How many requests had been accepted when it was first refused with others or alone.
    refused: Option<u64>,
    /// Reasons for which the endpoint has refused it along with everything else.
    whims: Vec<&'static str>,
    /// Requests that held it alone and failed, and how many had been accepted at the first.
    failed_alone: Option<(u32, u64)>,
}

impl Process {
    fn generation(&self, partition: usize) -> u64 {
        self.resumed.get(&partition).copied().unwrap_or_default()
    }
}

impl Verdicts {
    pub(crate) fn new(
        journal: Arc<Journal>,
        oracle: Arc<Oracle>,
        hub: Arc<Hub>,
        refusals_max: Vec<u64>,
    ) -> Self {
        Self {
            journal,
            oracle,
            hub,
            refusals_max,
            state: Mutex::default(),
        }
    }

    /// A process has asked where it goes on in a partition: what it did before, another one may have
    /// done again.
    pub(crate) fn resumed(&self, process: &str, partition: usize) {
        let mut state = self.state.lock().unwrap();
        let process = state.entry(process.to_owned()).or_default();
        *process.resumed.entry(partition).or_default() += 1;
    }

    /// A process sends records. Not those of which it knows that they are there.
    pub(crate) fn sent(&self, process: &str, sink: usize, records: &[RecordKey]) {
        let mut state = self.state.lock().unwrap();
        let by = state.entry(process.to_owned()).or_default();
        let known = by.sinks.get(&sink).map(|it| &it.records);
        for record in records {
            let is_done = known
                .and_then(|it| it.get(record))
                .is_some_and(|it| it.is_done);
            let partition = record.0.0;
            // Behind a position that was lost, reading goes back on purpose. And what was read in
            // an earlier generation may still be on its way, along with what is wanted.
            let is_first = by.generation(partition) <= 1;
            if is_done && is_first && self.hub.timeline(partition) == 0 {
                let detail = format!("{process} sends {record:?} to {sink}, which has it");
                self.journal.violate(Rule::Duplicates, detail);
            }
        }
    }

    /// A process learns what became of a request.
    pub(crate) fn answered(
        &self,
        process: &str,
        sink: usize,
        records: &[RecordKey],
        outcome: Outcome,
    ) {
        let mut state = self.state.lock().unwrap();
        let by = state.entry(process.to_owned()).or_default();
        let at = by.sinks.entry(sink).or_default();
        let accepted = at.accepted;
        at.accepted += u64::from(outcome == Outcome::Accepted);
        for record in records {
            let known = at.records.entry(*record).or_default();
            match outcome {
                Outcome::Accepted => {
                    known.is_done = true;
                    known.failed_alone = None;
                }
                Outcome::Refused { reason, is_whim } => {
                    known.refused.get_or_insert(accepted);
                    if is_whim {
                        known.whims.push(reason);
                    }
                }
                Outcome::Failed if records.len() == 1 => {
                    known.failed_alone.get_or_insert((0, accepted)).0 += 1;
                }
                Outcome::Failed => {}
            }
        }
    }

    /// A dead letter of a sink was confirmed to a process.
    pub(crate) fn lettered(
        &self,
        process: &str,
        sink: usize,
        record: RecordKey,
        reason: &'static str,
        body: &[u8],
    ) {
        let dislike = self.oracle.lettered_by(sink, record, body);
        let mut state = self.state.lock().unwrap();
        let by = state.entry(process.to_owned()).or_default();
        let at = by.sinks.entry(sink).or_default();
        at.letters += 1;
        let known = at.records.entry(record).or_default();
        known.is_done = true;
        if dislike == Some(Dislike::Oversize) && reason == "oversize" {
            self.journal.count("record too large for its sink", 1);
            return;
        }
        at.refusals += 1;
        let is_mended = self.oracle.tastes().is_mended(sink);
        let is_its_own = dislike.is_some_and(|it| it.reason() == reason);
        let is_proven = match reason {
            "poison" => known
                .failed_alone
                .is_some_and(|(times, before)| times >= 3 && at.accepted >= before + 3),
            _ => known.refused.is_some_and(|before| at.accepted > before),
        };
        // What was refused with everything else, just before that ended, may be given up.
        let is_ambiguous = match reason {
            "poison" => true,
            _ => known.whims.contains(&reason) || is_mended,
        };
        let what = match (is_its_own, is_ambiguous) {
            _ if !is_proven => "without proof",
            _ if at.refusals > self.refusals_max[sink] => "beyond refusals_max",
            (false, false) => "without a fault",
            (true, _) => return self.journal.count(&format!("given up as {reason}"), 1),
            (false, true) => return self.journal.count("good record given up", 1),
        };
        let detail = format!(
            "{process} gives up {record:?} at {sink} as {reason} {what}: {dislike:?}, {} accepted, \
             refused {:?}, failed alone {:?}, letter {}",
            at.accepted, known.refused, known.failed_alone, at.refusals
        );
        self.journal.violate(Rule::GivenUp, detail);
    }

    /// Records of which a process may say that they are dead letters of a sink.
    pub(crate) fn letters(&self, process: &str, sink: usize) -> u64 {
        let state = self.state.lock().unwrap();
        let at = state.get(process).and_then(|it| it.sinks.get(&sink));
        at.map_or(0, |it| it.letters)
    }
}
