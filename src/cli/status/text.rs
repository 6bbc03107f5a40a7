//! The answer in about ten lines.

use std::fmt::Write;
use std::time::Duration;

use super::super::table::short;
use super::Found;
use crate::telemetry::group::picture::{Groups, SourceGroup};
use crate::telemetry::snapshot::{Sink, SinkState, Snapshot};

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";
/// Credentials that are named at most, those that end first.
const CREDENTIALS_MAX: usize = 3;

/// Lines for people; with colours on a terminal.
pub(super) fn of(found: &Found, is_terminal: bool) -> String {
    let mut lines = Lines {
        text: String::new(),
        is_terminal,
    };
    match (&found.replica, &found.replica_problem) {
        (Some(snapshot), _) => {
            let verdict = &snapshot.verdict;
            lines.verdict("replica", verdict.is_well, &verdict.sentence);
        }
        (None, Some(problem)) => lines.verdict("replica", false, problem),
        (None, None) => lines.line("replica", "not asked: admin.listen is \"off\""),
    }
    match (&found.group, &found.group_problem) {
        (Some(group), _) => {
            lines.verdict("group", group.verdict.is_well, &group.verdict.sentence);
        }
        (None, problem) => lines.line("group", problem.as_deref().unwrap_or("not known")),
    }
    if let Some(group) = &found.group {
        partitions(&mut lines, group, found.replica.as_ref());
    }
    if let Some(snapshot) = &found.replica {
        replica(&mut lines, snapshot);
    }
    lines.text
}

struct Lines {
    text: String,
    is_terminal: bool,
}

impl Lines {
    fn line(&mut self, name: &str, text: &str) {
        let (dim, plain) = match self.is_terminal {
            true => (DIM, PLAIN),
            false => ("", ""),
        };
        // Writing into a text cannot fail.
        let _written = writeln!(self.text, "{dim}{name:<13}{plain}{text}");
    }

    fn verdict(&mut self, name: &str, is_well: bool, text: &str) {
        let (colour, word) = match is_well {
            true => (GREEN, "ok"),
            false => (RED, "NOT OK"),
        };
        let word = match self.is_terminal {
            true => format!("{colour}{word}{PLAIN}"),
            false => word.to_owned(),
        };
        self.line(name, &format!("{word}: {text}"));
    }
}

fn partitions(lines: &mut Lines, group: &Groups, replica: Option<&Snapshot>) {
    for source in &group.sources {
        let live = source.partitions.iter().filter(|it| it.is_live).count();
        let own = replica.map(|it| it.process.owner.as_str());
        let here = source
            .partitions
            .iter()
            .filter(|it| it.owner.as_deref() == own);
        let here = match own {
            Some(_) => format!(", {} by this replica", here.count()),
            None => String::new(),
        };
        let text = format!(
            "{}: {} partitions, {live} with a live owner{here}; {} events behind the checkpoints{}",
            source.name,
            source.partitions.len(),
            source.lag_events,
            furthest(source)
        );
        lines.line("partitions", &text);
    }
}

/// The partition with most behind it.
fn furthest(source: &SourceGroup) -> String {
    let most = source.partitions.iter().max_by_key(|it| it.lag_events);
    match most.and_then(|it| Some((&it.id, it.lag_events?))) {
        Some((id, lag)) if lag > 0 => format!(", most in partition {id} ({lag})"),
        _ => String::new(),
    }
}

fn replica(lines: &mut Lines, snapshot: &Snapshot) {
    let balance = &snapshot.balance;
    let sum = match balance.error {
        0 => "adds up".to_owned(),
        error => format!("OFF BY {error}, which is a bug"),
    };
    let text = format!(
        "{} received = {} wanted + {} unrouted; {sum}",
        balance.received, balance.wanted, balance.unrouted
    );
    lines.line("balance", &text);
    let share = match snapshot.retention_used {
        Some(share) => format!(", {:.1} % of the retention", share * 100.0),
        None => String::new(),
    };
    let oldest = seconds(snapshot.oldest_unsettled_seconds);
    lines.line(
        "lag",
        &format!("the oldest unsettled event waits {oldest}{share}"),
    );
    for it in &snapshot.sinks {
        let text = sink(it);
        match it.state {
            SinkState::Accepting => lines.line("sink", &text),
            _ => lines.verdict("sink", false, &text),
        }
    }
    let letters: Vec<_> = snapshot.dead_letters.iter().collect();
    let all: u64 = letters.iter().map(|it| it.count).sum();
    let by: Vec<_> = letters
        .iter()
        .map(|it| format!("{} {}", it.count, it.reason))
        .collect();
    let text = match by.is_empty() {
        true => "0 since the start".to_owned(),
        false => format!("{all} since the start ({})", by.join(", ")),
    };
    lines.line("dead letters", &text);
    credentials(lines, snapshot);
    let process = &snapshot.process;
    let text = format!(
        "{} {}, up {}, {} MiB of {} MiB for data",
        process.owner,
        process.version,
        seconds(process.uptime_seconds),
        (snapshot.memory.events_bytes + snapshot.memory.bodies_bytes) >> 20,
        snapshot.memory.budget_bytes >> 20
    );
    lines.line("process", &text);
}

fn sink(sink: &Sink) -> String {
    let since = sink
        .since_seconds
        .map_or_else(String::new, |it| format!(" for {}", seconds(it)));
    let reason = sink
        .reason
        .as_ref()
        .map_or_else(String::new, |it| format!(": {it}"));
    format!(
        "{} {}{since}; {} delivered, {} in flight{reason}",
        sink.name,
        sink.state.name(),
        sink.balance.delivered,
        sink.balance.in_flight
    )
}

fn credentials(lines: &mut Lines, snapshot: &Snapshot) {
    let mut all: Vec<_> = snapshot.credentials.iter().collect();
    all.sort_by(|a, b| a.seconds_left.total_cmp(&b.seconds_left));
    let named: Vec<_> = all
        .iter()
        .take(CREDENTIALS_MAX)
        .map(|it| match it.seconds_left > 0.0 {
            true => format!("{} ends in {}", it.place, seconds(it.seconds_left)),
            false => format!("{} HAS ENDED", it.place),
        })
        .collect();
    let text = match named.is_empty() {
        true => "none is known to end".to_owned(),
        false => named.join(", "),
    };
    lines.line("credentials", &text);
}

fn seconds(seconds: f64) -> String {
    short(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
