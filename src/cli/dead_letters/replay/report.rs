//! What a replay has done.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Loaded, counted, print, printable, size};

/// Addresses that are told one by one.
const NAMED_MAX: usize = 20;

/// Counts of a replay.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Records that sinks accepted, or would be sent.
    records: BTreeMap<String, u64>,
    /// Letters that would be sent, and their bytes.
    would: BTreeMap<String, (u64, u64)>,
    /// Letters that were accepted and are gone from the store.
    pub(super) removed: u64,
    refused: u64,
    /// Letters that were not sent, by why.
    skipped: BTreeMap<String, (u64, String)>,
    /// What was named and is nowhere.
    pub(super) missing: Vec<String>,
    /// What could not be read, one sentence each.
    pub(super) unreadable: Vec<String>,
}

impl Report {
    pub(super) fn accepts(&mut self, sink: &str, records: u64) {
        *self.records.entry(sink.to_owned()).or_default() += records;
    }

    pub(super) fn refuses(&mut self, address: &str, why: &str) {
        self.refused += 1;
        if self.refused <= NAMED_MAX as u64 {
            eprintln!("error: {}: {}", printable(address), printable(why));
        }
    }

    /// `why` is a sentence about several.
    pub(super) fn skips(&mut self, why: String, address: String) {
        self.skipped.entry(why).or_insert((0, address)).0 += 1;
    }

    pub(super) fn would_send(&mut self, sink: &str, letters: &[Arc<Loaded>]) {
        let would = self.would.entry(sink.to_owned()).or_default();
        would.0 += letters.len() as u64;
        would.1 += letters.iter().map(|letter| letter.size).sum::<u64>();
        let records: usize = letters.iter().map(|letter| letter.records.len()).sum();
        self.accepts(sink, records as u64);
    }

    /// Prints it; gives whether something stays that was meant.
    pub(super) fn tell(&self, is_dry: bool) -> bool {
        for sentence in &self.unreadable {
            eprintln!("error: {}: it stays", printable(sentence));
        }
        for name in &self.missing {
            let name = printable(name);
            eprintln!("error: there is no dead letter {name}: look at `dead-letters list`");
        }
        for (why, (count, first)) in &self.skipped {
            let what = counted(*count, "dead letter");
            let verb = if *count == 1 { "stays" } else { "stay" };
            let others = if *count == 1 { "" } else { " and others" };
            let sentence = format!("{what} {verb}: {why} ({first}{others})");
            eprintln!("error: {}", printable(&sentence));
        }
        if self.refused > NAMED_MAX as u64 {
            let refused = counted(self.refused, "dead letter");
            eprintln!("error: {refused} were refused in all");
        }
        let mut text = String::new();
        for (sink, records) in &self.records {
            let records = counted(*records, "record");
            match self.would.get(sink) {
                Some((letters, bytes)) if is_dry => text.push_str(&format!(
                    "{records} of {} ({}) would be sent to {sink}\n",
                    counted(*letters, "dead letter"),
                    size(*bytes)
                )),
                _ => text.push_str(&format!("{records} accepted by {sink}\n")),
            }
        }
        let stays = self.refused > 0
            || !self.skipped.is_empty()
            || !self.missing.is_empty()
            || !self.unreadable.is_empty();
        match (is_dry, self.removed) {
            (true, _) => text.push_str("dry run: nothing was sent\n"),
            (false, 0) if !stays && text.is_empty() => text.push_str("no dead letter fits\n"),
            (false, removed) => {
                text.push_str(&format!("{} removed\n", counted(removed, "dead letter")));
            }
        }
        print(&text);
        stays
    }
}
