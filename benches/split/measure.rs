//! Times two things in turns.

use rustix::time::{ClockId, clock_gettime};

/// Pairs of runs that are compared.
const PAIRS: usize = 201;

/// Something to be timed.
pub(crate) struct Side<'a> {
    name: &'static str,
    run: Box<dyn Fn() + 'a>,
}

impl<'a> Side<'a> {
    pub(crate) fn new(name: &'static str, run: impl Fn() + 'a) -> Self {
        let run = Box::new(run);
        Self { name, run }
    }
}

/// Prints how fast both are on so many bytes, and how many times as fast the first one is; whether
/// that is as fast as it should be.
pub(crate) fn beside(bytes: usize, ours: &Side, theirs: &Side, target: Option<f64>) -> bool {
    let pairs = alternate(PAIRS, &ours.run, &theirs.run);
    let speed = |times: Vec<f64>| bytes as f64 / median(times) / 1e9;
    let ratio = median(pairs.iter().map(|(ours, theirs)| theirs / ours).collect());
    let verdict = match target {
        Some(target) if ratio >= target => format!(", target {target}"),
        Some(target) => format!(", BELOW the target {target}"),
        None => String::new(),
    };
    println!(
        "  {:<24} {:>6.2} GB/s   {:<28} {:>6.2} GB/s   ratio {ratio:.3}{verdict}",
        ours.name,
        speed(pairs.iter().map(|pair| pair.0).collect()),
        theirs.name,
        speed(pairs.iter().map(|pair| pair.1).collect()),
    );
    target.is_none_or(|target| ratio >= target)
}

/// Seconds that both take, one after the other; which one begins changes each time.
pub(crate) fn alternate(pairs: usize, one: &dyn Fn(), other: &dyn Fn()) -> Vec<(f64, f64)> {
    let pair = |turn: usize| match turn % 2 {
        0 => {
            let first = seconds(one);
            (first, seconds(other))
        }
        _ => {
            let first = seconds(other);
            (seconds(one), first)
        }
    };
    // The first pair warms caches and the allocator.
    (0..=pairs).map(pair).skip(1).collect()
}

/// Of the processor, so that what else the machine does counts little.
pub(crate) fn seconds(run: &dyn Fn()) -> f64 {
    let start = processor_seconds();
    run();
    processor_seconds() - start
}

fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
