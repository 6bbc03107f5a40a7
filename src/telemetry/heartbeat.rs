//! The state of everything as log lines, for where logs are what reaches people.
//!
//! | line | when |
//! |---|---|
//! | `heartbeat`, and one `sink` per sink | at the start, every minute, at the end |
//! | `partition` per owned partition, `category` per category, `credential` per credential that somebody has to renew | after the first minute, every five minutes, at the end |
//!
//! `docs/logs.md` says what the fields mean. All of them are flat; counts are since the start of the
//! process, those that end in `_new` since the line before of the same thing.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::logs;
use super::observer::Observer;
use super::snapshot::Snapshot;

mod details;
mod summary;

use details::Details;
use summary::Summary;

/// How often the process shows that it is there.
const INTERVAL: Duration = Duration::from_secs(60);
/// Beats from one line of the details to the next.
const DETAILS_EVERY: u64 = 5;
/// How often it is looked after lines that were put off.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// The task that writes the lines. Dropping it ends them at once.
#[derive(Debug)]
pub struct Heartbeat {
    stop: CancellationToken,
    task: JoinSet<()>,
}

impl Heartbeat {
    /// Starts with the first line.
    pub fn start(observer: Observer) -> Self {
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(beat(observer, stop.clone()));
        Self { stop, task }
    }

    /// Writes the last lines and ends.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.task.join_next().await {
            if let Err(error) = ended {
                tracing::error!(event = "heartbeat_died", %error, "bug: the heartbeat panicked");
            }
        }
    }
}

async fn beat(observer: Observer, stop: CancellationToken) {
    let (mut beats, mut looks) = (interval(INTERVAL), interval(LOOK_INTERVAL));
    for ticks in [&mut beats, &mut looks] {
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    }
    let mut lines = Lines::default();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = beats.tick() => lines.write(&observer.snapshot(), false),
            _ = looks.tick() => {
                observer.status.say_what_is_due();
                logs::go_back_if_due();
            }
        }
    }
    lines.write(&observer.snapshot(), true);
}

/// What was written so far.
#[derive(Debug, Default)]
struct Lines {
    beats: u64,
    summary: Summary,
    details: Details,
}

impl Lines {
    /// Writes what is due; `is_last` says that the process ends.
    fn write(&mut self, snapshot: &Snapshot, is_last: bool) {
        self.summary.write(snapshot, is_last);
        // Nothing is owned at the very start.
        if self.beats % DETAILS_EVERY == 1 || is_last {
            self.details.write(snapshot);
        }
        self.beats += 1;
    }
}

/// How much more there is than there was, and remembers it.
fn grown(before: &mut u64, now: u64) -> u64 {
    now.saturating_sub(std::mem::replace(before, now))
}

/// A number with three decimals: more than anybody wants to read.
fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests;
