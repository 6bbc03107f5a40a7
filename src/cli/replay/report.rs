//! What a replay will do, and what it has done.

use std::sync::atomic::Ordering;

use super::{Args, Cut, Prepared};
use crate::app::replaying::Plan;
use crate::checkpoint::ledger::SinkBalance;
use crate::checkpoint::ledgers::Balance;
use crate::cli::config::print;
use crate::cli::dead_letters::printable;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::table::{Table, or_dash};
use crate::partition::handoff::ReadStats;
use crate::tools::Window;

/// Of a replay that goes on.
const NOT_COUNTED: &str = "dead letters and missing events of earlier runs are not counted here\n";

/// What it will do.
pub(super) fn plan(prepared: &Prepared, args: &Args, windows: &[Window]) -> String {
    let mut table = Table::uncut(&["PARTITION", "FIRST", "LAST", "EVENTS", "NOT THERE YET"]);
    let mut events = 0;
    for window in windows {
        let count = window.events().unwrap_or_default();
        events += count;
        let of_some = |number: Option<i64>| or_dash(number.filter(|_| count > 0));
        let not_yet = match window.not_yet {
            0 => "-".to_owned(),
            count => count.to_string(),
        };
        table.row(vec![
            window.partition.to_string(),
            of_some(Some(window.first.0)),
            of_some(window.last.map(|last| last.0)),
            count.to_string(),
            not_yet,
        ]);
    }
    let categories = match args.meant.category.as_slice() {
        [] => String::new(),
        some => format!(", categories {}", printable(&some.join(", "))),
    };
    let mark = match args.no_mark {
        true => ", not marked",
        false => "",
    };
    let note = match prepared.is_resumable {
        true => "",
        false => {
            "positions are kept in memory alone (checkpoints.store): a run that is cut off begins anew\n"
        }
    };
    format!(
        "replay {} of sources.{} into {}{categories}{mark}: {events} events\n{table}{note}",
        prepared.id,
        prepared.source,
        prepared.names.join(", "),
    )
}

/// What it has done.
pub(super) struct Report {
    sinks: Vec<(String, bool)>,
    balance: Balance,
    /// Events and pieces that went to the dead letters as configured, before any sink was asked.
    buried: u64,
    /// Events that should have been there and were not.
    missing: u64,
    /// Events that an earlier run was done with.
    pub(super) done_before: u64,
    pub(super) is_stored: bool,
    pub(super) cut: Option<Cut>,
    /// What the hub did not hold any more, or not yet: a sentence each.
    pub(super) absent: Vec<String>,
    /// Whether an earlier run has begun it.
    pub(super) is_resumed: bool,
    /// Whether there was nothing to do.
    pub(super) is_nothing_left: bool,
}

impl Report {
    pub(super) fn new(plan: &Plan<'_>) -> Self {
        let sinks = plan.config.sinks.keys().cloned();
        Self {
            sinks: sinks.zip(plan.sinks.iter().copied()).collect(),
            balance: Balance::default(),
            buried: 0,
            missing: 0,
            done_before: 0,
            is_stored: true,
            cut: None,
            absent: Vec::new(),
            is_resumed: false,
            is_nothing_left: false,
        }
    }

    pub(super) fn count(&mut self, balance: &Balance, stats: &ReadStats) {
        self.balance = balance.clone();
        self.buried = stats.dead_lettered.load(Ordering::Relaxed);
        self.missing = stats.sum(|it| &it.missing);
    }

    /// Says it, and what is not as it should be.
    pub(super) fn tell(self) -> Exit {
        print(&self.text());
        let mut exit = Exit::No;
        let mut sentences = Vec::new();
        match &self.cut {
            None => {}
            Some(Cut::Signal) => sentences.push("stopped by a signal".to_owned()),
            Some(Cut::Ended(error)) => sentences.push(error.to_string()),
            Some(Cut::Timeout(waiting)) => {
                let why = match waiting.as_slice() {
                    [] => "for an unknown reason".to_owned(),
                    some => printable(&some.join("; ")),
                };
                sentences.push(format!("nothing moved within --timeout: {why}"));
            }
        }
        let sinks = || self.meant().map(|(_, sink)| sink);
        let left: u64 = sinks().map(|it| it.in_flight + it.abandoned).sum();
        if let Some(cut) = &self.cut {
            let advice = match cut.goes_on() {
                true => ": the same command goes on from here",
                false => "",
            };
            sentences.push(format!(
                "incomplete ({left} records were read and not delivered){advice}"
            ));
        } else if !self.is_stored {
            sentences.push(
                "the last positions could not be stored: the same command would repeat a part"
                    .to_owned(),
            );
        }
        let letters: u64 = sinks().map(|it| it.dead_lettered).sum();
        if letters > 0 {
            sentences.push(format!(
                "{letters} records were refused and are dead letters now: see `dead-letters list`"
            ));
        }
        if self.missing > 0 {
            let missing = self.missing;
            sentences.push(format!(
                "{missing} events of the window were gone when they were to be read"
            ));
        }
        sentences.extend(self.absent.iter().cloned());
        if self.balance.error() != 0 {
            sentences.push("bug: the books do not balance".to_owned());
            exit = Exit::Internal;
        }
        match sentences.is_empty() {
            true => Exit::Done,
            false => Failure { exit, sentences }.report(),
        }
    }

    fn meant(&self) -> impl Iterator<Item = (&String, &SinkBalance)> {
        let sinks = self.sinks.iter().zip(&self.balance.sinks);
        sinks.filter_map(|((name, is_meant), balance)| is_meant.then_some((name, balance)))
    }

    fn text(&self) -> String {
        let Balance {
            events,
            records,
            unrouted,
            ..
        } = self.balance;
        if self.is_resumed && self.is_nothing_left {
            let state = match self.absent.is_empty() {
                true => "this replay is complete already",
                false => "nothing is left that could be read",
            };
            let done = self.done_before;
            return format!(
                "done by earlier runs: {done} events\n{state}: nothing was delivered now; to \
                 deliver again give it another --id\n{NOT_COUNTED}"
            );
        }
        let matched = self.balance.wanted();
        let mut text = format!("read: {events} events, {} records\n", records + self.buried);
        if self.is_resumed {
            let done = self.done_before;
            text.push_str(&format!(
                "done by earlier runs: {done} events\n{NOT_COUNTED}"
            ));
        }
        text.push_str(&format!(
            "matched: {matched} records; not meant, or selected by no sink that is: {unrouted}\n"
        ));
        if self.buried > 0 {
            let buried = self.buried;
            text.push_str(&format!(
                "dead letters before any sink (no JSON, or not to be read): {buried}\n"
            ));
        }
        for (name, sink) in self.meant() {
            let left = sink.in_flight + sink.abandoned;
            text.push_str(&format!(
                "sink {name}: {} wanted = {} delivered + {} dead letters + {left} left\n",
                sink.wanted, sink.delivered, sink.dead_lettered
            ));
        }
        text
    }
}
