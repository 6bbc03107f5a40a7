//! The real stages between simulated ends, under paused time, with an oracle.
//!
//! Everything of a run follows from one number: `SIMULATION_SEED=<x>` repeats it,
//! `SIMULATION_SEEDS=<n>` says how many are run.
#![cfg(test)]

mod away;
#[path = "../support/python.rs"]
mod python;

mod dead_letters;
mod dice;
mod endpoint;
mod foreigner;
mod gate;
mod hub;
mod journal;
mod link;
mod metrics;
mod operations;
mod oracle;
mod outage;
mod pressure;
mod rate;
mod records;
mod refusals;
mod reproduction;
mod run;
mod scene;
mod selection;
mod settings;
mod source;
mod sources;
mod store;
mod store_handle;
mod taste;
mod verdicts;
mod witness;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use operations::{Case, OBJECTIONS, STATUSES};
use run::{Failure, Report, run};

/// Seeds of a usual run, and the fewest in which everything below must happen.
const SEEDS: u64 = 200;

/// What must happen in [`SEEDS`] runs, so that the simulation cannot silently stop testing it.
const COVERED: [&str; 58] = [
    "duplicate",
    "duplicates skipped",
    "reopenings",
    "rewinds",
    "gaps confirmed",
    "records abandoned",
    "partition stolen",
    "partition released",
    "partition left to expire",
    "delivered elsewhere",
    "paused receiver closed",
    "checkpoint conflict",
    "dead letter",
    "dead letter failed",
    "undecodable met",
    "event lost on a link",
    "link went back",
    "open hung",
    "began anew",
    "stopped Settled",
    "stopped Unsettled",
    "undecodable stalls",
    "budget is full",
    "room for bodies is full",
    "open refused",
    "properties failed",
    "position refused",
    "stale positions",
    "went back",
    "failed over",
    "hub made again",
    "stalls",
    "expiries",
    "stored at the end of an emptied one",
    "steals",
    "partitions lost",
    "list was old",
    "delivered by two",
    "given up while refused",
    "partition added",
    "records unrouted",
    "record for some sinks",
    "record for the rest",
    "event for no sink",
    "refused everything",
    "record too large for its endpoint",
    "body too large for its endpoint",
    "record too large for its sink",
    "poison sent",
    "given up as refused",
    "given up as oversize",
    "given up as poison",
    "good record given up",
    "batch held back",
    "requests at their rate",
    "bytes at their rate",
    "record of a null sink",
    "half-open",
];

const OPERATIONS: [&str; 31] = [
    "Wait",
    "Produce",
    "Detach",
    "SlowLink",
    "NextOpen",
    "LoseOnLink",
    "GoBack",
    "Hole",
    "Trim",
    "BeginAnew",
    "FailOver",
    "Recreate",
    "Wedge",
    "Expire",
    "FailProperties",
    "Answers",
    "SlowSink",
    "RefuseRecords",
    "StoreFault",
    "StoreDown",
    "Touch",
    "Steal",
    "LettersFail",
    "Crash",
    "Stop",
    "Join",
    "Leave",
    "Pause",
    "StaleLists",
    "AddPartitions",
    "RefuseReplica",
];
const ANSWERS: [&str; 6] = [
    "RetryAfter",
    "NoConnection",
    "TimeoutAccepted",
    "TimeoutRefused",
    "BrokenAccepted",
    "BrokenRefused",
];
const ENDS: [&str; 6] = [
    "Unavailable",
    "Throttled",
    "Unauthorized",
    "Protocol",
    "Stolen",
    "Undecodable",
];

#[test]
fn seeds() {
    let from_environment = |name| {
        // `make` passes on what is not set as an empty text.
        let text = std::env::var(name).ok().filter(|text| !text.is_empty());
        text.map(|text| text.parse().unwrap())
    };
    if let Some(seed) = from_environment("SIMULATION_SEED") {
        let report = passes(seed);
        println!("seed {seed}: {report:#?}");
        return;
    }
    let seeds = from_environment("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let (next, counts) = (AtomicU64::new(0), Mutex::<BTreeMap<String, u64>>::default());
    let slowest = Mutex::new(Duration::ZERO);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                let _last = Last(&next);
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    let report = passes(seed);
                    let mut counts = counts.lock().unwrap();
                    for (what, times) in report.counts {
                        *counts.entry(what).or_default() += times;
                    }
                    let mut slowest = slowest.lock().unwrap();
                    *slowest = report.settled_after.max(*slowest);
                }
            });
        }
    });
    let (counts, slowest) = (counts.into_inner().unwrap(), slowest.into_inner().unwrap());
    println!("{seeds} seeds; after the faults everything was settled within {slowest:?}");
    for (what, times) in &counts {
        println!("{times:>9} {what}");
    }
    if seeds >= SEEDS {
        for what in coverage() {
            let times = counts.get(&what).copied().unwrap_or_default();
            assert!(times > 0, "never happened: {what}");
        }
    }
}

/// Leaves no seed to the other threads when its own ends: one failure is enough.
struct Last<'a>(&'a AtomicU64);

impl Drop for Last<'_> {
    fn drop(&mut self) {
        self.0.store(u64::MAX / 2, Ordering::Relaxed);
    }
}

/// Everything that must have happened.
fn coverage() -> Vec<String> {
    let mut all: Vec<_> = COVERED.map(String::from).to_vec();
    all.extend(OPERATIONS.map(|it| format!("operation {it}")));
    all.extend(STATUSES.map(|it| format!("answer Status({it})")));
    all.extend(OBJECTIONS.map(|it| format!("answer Status({it})")));
    all.extend(ANSWERS.map(|it| format!("answer {it}")));
    all.extend(ENDS.map(|it| format!("link ends: {it}")));
    for call in ["List", "Claim", "Release", "Read", "Write"] {
        all.extend(["Before", "After", "Late", "Slow"].map(|it| format!("store {call} {it}")));
    }
    all
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 1_000..1_010 {
        let hashes = [passes(seed).hash, passes(seed).hash];
        assert_eq!(hashes[0], hashes[1], "seed {seed}");
    }
}

fn passes(seed: u64) -> Report {
    let case = Case::draw(seed);
    run(&case).unwrap_or_else(|failure| {
        print_failure(seed, &case, &failure);
        panic!("seed {seed}: {:?}", failure.violation);
    })
}

fn print_failure(seed: u64, case: &Case, failure: &Failure) {
    println!("{:#?}\n{} operations:", case.setup, case.operations.len());
    for operation in &case.operations {
        println!("    {operation:?},");
    }
    println!("the last lines:");
    for line in &failure.lines {
        println!("    {line}");
    }
    println!(
        "violated: {:?}: {}",
        failure.violation.rule, failure.violation.detail
    );
    println!("to repeat: make simulate SEED={seed}");
}
