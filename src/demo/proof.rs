//! The proof: what was produced against what arrived, by hash, without the forwarder's counters.

use std::sync::{Mutex, MutexGuard, PoisonError};

use xxhash_rust::xxh3::xxh3_128;

/// Hashes of what was produced and how often each arrived.
#[derive(Debug, Default)]
pub struct Proof {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By number: hash of the record, and how often it arrived.
    records: Vec<(u128, u32)>,
    arrived: u64,
    altered: u64,
    unexpected: u64,
    repeated: u64,
}

/// What the proof says at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Records that were produced.
    pub produced: u64,
    /// Records that arrived as they were, each counted once.
    pub delivered: u64,
    /// Records that did not arrive as they were.
    pub missing: u64,
    /// Arrivals with other bytes than were produced under their number.
    pub altered: u64,
    /// Arrivals that nobody produced.
    pub unexpected: u64,
    /// Arrivals of records that had arrived before.
    pub repeated: u64,
}

impl Verdict {
    /// Whether every record arrived unaltered, and nothing else did. Repeats are allowed: the
    /// promise is at least once.
    pub fn holds(&self) -> bool {
        self.missing == 0 && self.altered == 0 && self.unexpected == 0
    }
}

impl Proof {
    /// Notes a record before it is sent. Numbers come in order, from 0.
    pub fn produced(&self, number: u64, record: &[u8]) {
        let mut state = self.lock();
        debug_assert_eq!(number, state.records.len() as u64);
        state.records.push((xxh3_128(record), 0));
    }

    /// Notes a record that arrived; `number` is what it says of itself.
    pub fn arrived(&self, number: Option<u64>, record: &[u8]) {
        let hash = xxh3_128(record);
        let mut state = self.lock();
        state.arrived += 1;
        let known = number
            .and_then(|number| usize::try_from(number).ok())
            .and_then(|number| state.records.get_mut(number));
        match known {
            None => state.unexpected += 1,
            Some((produced, _)) if *produced != hash => state.altered += 1,
            Some((_, times)) => {
                *times += 1;
                if *times > 1 {
                    state.repeated += 1;
                }
            }
        }
    }

    /// Compares.
    pub fn verdict(&self) -> Verdict {
        let state = self.lock();
        let produced = state.records.len() as u64;
        let delivered = state.records.iter().filter(|(_, times)| *times > 0).count() as u64;
        Verdict {
            produced,
            delivered,
            missing: produced - delivered,
            altered: state.altered,
            unexpected: state.unexpected,
            repeated: state.repeated,
        }
    }

    /// Records produced and arrivals so far, for a progress line.
    pub fn progress(&self) -> (u64, u64) {
        let state = self.lock();
        (state.records.len() as u64, state.arrived)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_damage_is_told_apart() {
        let proof = Proof::default();
        for (number, record) in [b"a", b"b", b"c"].iter().enumerate() {
            proof.produced(number as u64, *record);
        }
        proof.arrived(Some(0), b"a");
        proof.arrived(Some(0), b"a");
        proof.arrived(Some(1), b"B");
        proof.arrived(Some(9), b"x");
        proof.arrived(None, b"?");
        let verdict = proof.verdict();
        let expected = Verdict {
            produced: 3,
            delivered: 1,
            missing: 2,
            altered: 1,
            unexpected: 2,
            repeated: 1,
        };
        assert_eq!(verdict, expected);
        assert!(!verdict.holds());
        assert_eq!(proof.progress(), (3, 5));
    }

    #[test]
    fn repeats_alone_do_not_break_the_promise() {
        let proof = Proof::default();
        proof.produced(0, b"a");
        assert!(!proof.verdict().holds());
        proof.arrived(Some(0), b"a");
        proof.arrived(Some(0), b"a");
        assert!(proof.verdict().holds());
    }
}
