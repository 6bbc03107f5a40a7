//! What stands fixed during one run.

use entra_forwarder::config::Encoding;

use super::Dice;
use crate::selection::Selection;
use crate::taste::Demands;

/// What stands fixed during one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) partitions: usize,
    /// How many start at the beginning.
    pub(crate) replicas: usize,
    pub(crate) sinks: Vec<SinkSetup>,
    pub(crate) memory_budget: u64,
    pub(crate) open_events_max: u64,
    pub(crate) uncommitted_max: u64,
    pub(crate) checkpoint_ms: u64,
    pub(crate) starts_latest: bool,
    pub(crate) stale_margin_ms: u32,
    pub(crate) skips_undecodable: bool,
    pub(crate) buries_text: bool,
    /// The sink that gets what none selects; without one it is dropped.
    pub(crate) rest: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SinkSetup {
    pub(crate) encoding: Encoding,
    pub(crate) records: usize,
    pub(crate) bytes: u64,
    pub(crate) age_ms: u64,
    pub(crate) concurrency: usize,
    pub(crate) selection: Selection,
    pub(crate) demands: Demands,
}

impl Setup {
    /// One process that is told nothing special, with room for all of its events.
    pub(crate) fn plain(partitions: usize, memory_budget: u64, sinks: Vec<SinkSetup>) -> Self {
        Self {
            partitions,
            replicas: 1,
            sinks,
            memory_budget,
            open_events_max: 10_000,
            uncommitted_max: 10_000,
            checkpoint_ms: 1_000,
            stale_margin_ms: 900_000,
            starts_latest: false,
            skips_undecodable: false,
            buries_text: false,
            rest: None,
        }
    }

    pub(super) fn draw(dice: &Dice) -> Self {
        let sinks = (0..dice.between(1, 3)).map(|_| SinkSetup {
            encoding: dice.pick(&[Encoding::Ndjson, Encoding::JsonArray]),
            records: dice.between(1, 20) as usize,
            bytes: dice.between(300, 6_000),
            age_ms: dice.between(20, 1_000),
            concurrency: dice.between(1, 3) as usize,
            selection: Selection::default(),
            demands: Demands::default(),
        });
        Self {
            sinks: sinks.collect(),
            partitions: dice.between(1, 4) as usize,
            replicas: dice.pick(&[1, 1, 1, 2, 3]),
            memory_budget: dice.between(16, 128) << 10,
            open_events_max: dice.between(1, 30),
            uncommitted_max: dice.between(2, 40),
            checkpoint_ms: dice.between(200, 5_000),
            stale_margin_ms: dice.pick(&[0, 3_000, 900_000]),
            starts_latest: dice.chance(10),
            skips_undecodable: dice.chance(75),
            buries_text: dice.chance(30),
            rest: None,
        }
    }
}
