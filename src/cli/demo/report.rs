//! What the demo shows: a line of progress while it runs, the books at its end.

use std::io::{IsTerminal, Write};
use std::sync::atomic::Ordering;
use std::time::Duration;

use entra_forwarder_emulator::Emulator;
use tokio::time::Instant;

use super::setup::{GROUP, HUB, SOURCE};
use crate::app::App;
use crate::checkpoint::ledgers::Balance;
use crate::checkpoint::{CheckpointStore, GroupKey};
use crate::config::Config;
use crate::demo::endpoint::Endpoint;
use crate::demo::proof::{Proof, Verdict};
use crate::event_hub::PartitionId;

/// The line of progress: rewritten on a terminal, plain lines otherwise.
pub(super) struct Progress {
    started: Instant,
    duration: Duration,
    on_terminal: bool,
}

impl Progress {
    pub(super) fn new(duration: Duration) -> Self {
        let on_terminal = std::io::stdout().is_terminal();
        Self {
            started: Instant::now(),
            duration,
            on_terminal,
        }
    }

    pub(super) fn show(&mut self, app: &App, proof: &Proof) {
        let (produced, _) = proof.progress();
        let balance = app.balance();
        let delivered: u64 = balance.sinks.iter().map(|sink| sink.delivered).sum();
        let owed: u64 = balance.sinks.iter().map(|sink| sink.in_flight).sum();
        let (plain, sent) = bytes_of(app);
        let line = format!(
            "{:>3}/{} s  produced {produced}  received {}  delivered {delivered}  in flight {owed}  {} in, {} on the wire",
            self.started.elapsed().as_secs(),
            self.duration.as_secs(),
            balance.records,
            size(plain),
            size(sent),
        );
        let mut out = std::io::stdout().lock();
        // Progress that nobody can read is no reason to stop.
        let _written = if self.on_terminal {
            write!(out, "\r\x1b[2K{line}").and_then(|()| out.flush())
        } else {
            writeln!(out, "{line}")
        };
    }

    pub(super) fn end(&self) {
        if self.on_terminal {
            println!();
        }
    }
}

fn bytes_of(app: &App) -> (u64, u64) {
    app.sink_stats().fold((0, 0), |(plain, sent), stats| {
        (
            plain + stats.bytes_plain.load(Ordering::Relaxed),
            sent + stats.bytes_sent.load(Ordering::Relaxed),
        )
    })
}

fn size(bytes: u64) -> String {
    bytesize::ByteSize(bytes).display().si().to_string()
}

/// The books.
pub(super) struct Report {
    balance: Balance,
    duplicates: u64,
    bytes: (u64, u64),
    requests: u64,
    /// What the endpoint saw; `None` when records went to the user's own.
    proof: Option<Verdict>,
    produced: u64,
    stored: Option<(u64, u64)>,
    remarks: Vec<String>,
}

impl Report {
    pub(super) fn of(app: &App, proof: &Proof, endpoint: Option<&Endpoint>) -> Self {
        let duplicates = app
            .read_stats()
            .iter()
            .map(|stats| stats.sum(|it| &it.duplicates))
            .sum();
        let requests = app
            .sink_stats()
            .map(|stats| stats.requests.load(Ordering::Relaxed))
            .sum();
        let verdict = proof.verdict();
        let mut report = Self {
            balance: app.balance(),
            duplicates,
            bytes: bytes_of(app),
            requests,
            proof: endpoint.map(|_| verdict),
            produced: verdict.produced,
            stored: None,
            remarks: Vec::new(),
        };
        if let Some(endpoint) = endpoint {
            // Beside the forwarder's own count of bytes stands the endpoint's.
            let seen = &endpoint.received;
            let counted = (
                seen.bytes_plain.load(Ordering::Relaxed),
                seen.bytes_sent.load(Ordering::Relaxed),
            );
            if counted != report.bytes {
                report.remark(format!(
                    "the endpoint counted {} and {} bytes, the forwarder {} and {}",
                    counted.0, counted.1, report.bytes.0, report.bytes.1
                ));
            }
        }
        report
    }

    pub(super) fn remark(&mut self, remark: String) {
        self.remarks.push(remark);
    }

    /// Compares the stored checkpoints with the ends of the hub's partitions.
    pub(super) async fn check_store(
        &mut self,
        emulator: &Emulator,
        store: &dyn CheckpointStore,
        config: &Config,
    ) {
        let Some(source) = config.sources.get(SOURCE) else {
            return;
        };
        let group = GroupKey::new(&source.namespace, HUB, GROUP);
        let (mut complete, mut partitions) = (0, 0);
        while let Ok(last) = emulator.last_sequence(HUB, partitions) {
            let partition = PartitionId::new(partitions.to_string());
            partitions += 1;
            match store.read(&group, &partition).await {
                Ok(stored) => {
                    let sequence = stored
                        .as_ref()
                        .and_then(|stored| stored.checkpoint())
                        .map(|checkpoint| checkpoint.position.sequence.0);
                    complete += u64::from(sequence == Some(last));
                }
                Err(error) => self.remark(error.to_string()),
            }
        }
        self.stored = Some((complete, u64::from(partitions)));
    }

    /// Whether everything adds up.
    pub(super) fn balances(&self) -> bool {
        let sinks_hold = self.balance.sinks.iter().all(|sink| {
            sink.error() == 0
                && (self.proof.is_none() || sink.wanted == self.balance.records)
                && sink.delivered + sink.dead_lettered == sink.wanted
        });
        sinks_hold
            && self.balance.error() == 0
            && self.balance.records >= self.produced
            && self.proof.is_none_or(|verdict| verdict.holds())
            && self
                .stored
                .is_some_and(|(complete, partitions)| complete == partitions)
            && self.remarks.is_empty()
    }

    /// What is shown when everything adds up: only the demo's own endpoint sees more than counts.
    fn shown(&self) -> &'static str {
        match self.proof {
            Some(_) => "every record arrived, none was altered",
            None => "every record is delivered, or dropped as configured",
        }
    }

    pub(super) fn print(&self) {
        let sum = |term: fn(&crate::checkpoint::ledger::SinkBalance) -> u64| -> u64 {
            self.balance.sinks.iter().map(term).sum()
        };
        let (plain, sent) = self.bytes;
        let ratio = if sent == 0 {
            0.0
        } else {
            plain as f64 / sent as f64
        };
        println!();
        println!("What the forwarder counted");
        println!("  produced       {:>12} records", self.produced);
        println!(
            "  received       {:>12} records in {} events",
            self.balance.records, self.balance.events
        );
        println!(
            "  delivered      {:>12} records in {} requests",
            sum(|sink| sink.delivered),
            self.requests
        );
        println!("  unrouted       {:>12}", self.balance.unrouted);
        println!("  dead-lettered  {:>12}", sum(|sink| sink.dead_lettered));
        println!("  in flight      {:>12}", sum(|sink| sink.in_flight));
        println!("  duplicates     {:>12} events skipped", self.duplicates);
        println!("  bytes in       {:>12}", size(plain));
        println!(
            "  on the wire    {:>12}  ({ratio:.1} times smaller)",
            size(sent)
        );
        if let Some((complete, partitions)) = self.stored {
            println!(
                "  checkpoints    {complete:>12} of {partitions} partitions stand at their end"
            );
        }
        if let Some(verdict) = self.proof {
            println!("What the endpoint saw, by the hash of every record");
            println!("  arrived        {:>12}", verdict.delivered);
            println!("  missing        {:>12}", verdict.missing);
            println!("  altered        {:>12}", verdict.altered);
            println!("  unexpected     {:>12}", verdict.unexpected);
            println!("  repeated       {:>12}", verdict.repeated);
        }
        for remark in &self.remarks {
            println!("  ! {remark}");
        }
        if self.balances() {
            println!("The books balance: {}.", self.shown());
        } else {
            println!("THE BOOKS DO NOT BALANCE.");
        }
    }
}
