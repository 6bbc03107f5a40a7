//! How many records a sink may refuse for good, and what is said while it refuses more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::RefusalsConfig;
use crate::telemetry::status::Status;

/// Records of which the refused ones are counted: those that were last judged.
pub const WINDOW: u64 = 10_000;

/// The refusals of one sink.
#[derive(Debug)]
pub struct Refusals {
    component: String,
    status: Arc<Status>,
    max: u64,
    needs_witness: bool,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Runs of records that were accepted (false) or refused (true), the oldest first.
    runs: VecDeque<(bool, u64)>,
    records: u64,
    refused: u64,
    /// Batches that wait since the endpoint takes nothing of them.
    held: usize,
}

impl Known {
    fn note(&mut self, is_refused: bool, records: u64) {
        let records = records.min(WINDOW);
        match self.runs.back_mut() {
            Some((of, count)) if *of == is_refused => *count += records,
            _ => self.runs.push_back((is_refused, records)),
        }
        self.records += records;
        self.refused += if is_refused { records } else { 0 };
        while let Some((of, count)) = self.runs.front_mut()
            && self.records > WINDOW
        {
            let gone = (self.records - WINDOW).min(*count);
            *count -= gone;
            self.records -= gone;
            self.refused -= if *of { gone } else { 0 };
            if *count == 0 {
                self.runs.pop_front();
            }
        }
    }
}

impl Refusals {
    /// None yet.
    pub fn new(sink: &str, status: Arc<Status>, config: RefusalsConfig) -> Self {
        Self {
            component: format!("refusals of sink {sink}"),
            status,
            max: config.max,
            needs_witness: !config.without_witness,
            known: Mutex::default(),
        }
    }

    /// Its name in the status table.
    pub fn component(&self) -> &str {
        &self.component
    }

    /// Whether a record is only given up when something else was accepted.
    pub fn needs_witness(&self) -> bool {
        self.needs_witness
    }

    /// How many of the last [`WINDOW`] records may be given up.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// Records were accepted.
    pub fn accepted(&self, records: u64) {
        self.lock().note(false, records);
    }

    /// Whether so many more records may be given up; notes them if so.
    pub fn give_up(&self, records: u64) -> bool {
        let mut known = self.lock();
        let may = !self.needs_witness || known.refused + records <= self.max;
        if may {
            known.note(true, records);
        }
        may
    }

    /// A batch waits, for this reason.
    pub fn hold(self: &Arc<Self>, reason: &str) -> Held {
        self.lock().held += 1;
        let held = Held {
            refusals: Arc::clone(self),
        };
        held.say(reason);
        held
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A batch that waits since the endpoint takes nothing of it. While there is one, the sink counts
/// as misconfigured.
#[derive(Debug)]
pub struct Held {
    refusals: Arc<Refusals>,
}

impl Held {
    /// It still waits, for this reason.
    pub fn say(&self, reason: &str) {
        let Refusals {
            component, status, ..
        } = &*self.refusals;
        status.fails(component, &format!("misconfigured: {reason}"));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut known = self.refusals.lock();
        known.held -= 1;
        if known.held == 0 {
            self.refusals.status.is_well(&self.refusals.component);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusals(max: u64, needs_witness: bool) -> (Arc<Refusals>, Arc<Status>) {
        let status = Arc::<Status>::default();
        let config = RefusalsConfig {
            max,
            without_witness: !needs_witness,
        };
        let refusals = Refusals::new("siem", Arc::clone(&status), config);
        (Arc::new(refusals), status)
    }

    #[test]
    fn a_bounded_part_of_the_last_records_is_given_up() {
        let (refusals, _) = refusals(100, true);
        for _ in 0..100 {
            assert!(refusals.give_up(1));
        }
        assert!(!refusals.give_up(1));
        refusals.accepted(WINDOW - 101);
        assert!(!refusals.give_up(1), "all hundred are among the last");
        refusals.accepted(3);
        assert!(!refusals.give_up(3) && refusals.give_up(2));
        refusals.accepted(u64::MAX);
        assert!(refusals.give_up(100) && !refusals.give_up(1));
    }

    #[test]
    fn without_the_need_of_a_witness_there_is_no_bound() {
        let (refusals, _) = refusals(0, false);
        assert!(refusals.give_up(1_000_000) && refusals.give_up(u64::MAX));
    }

    #[test]
    fn it_is_misconfigured_while_a_batch_waits() {
        let (refusals, status) = refusals(100, true);
        let [one, two] = ["status 400", "status 422"].map(|reason| refusals.hold(reason));
        let waiting = || status.failing();
        assert_eq!(waiting().len(), 1);
        assert!(waiting()[0].1.contains("misconfigured: status 422"));
        drop(two);
        assert_eq!(waiting().len(), 1);
        drop(one);
        assert!(waiting().is_empty());
    }
}
