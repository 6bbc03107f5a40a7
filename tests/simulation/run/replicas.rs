//! The replicas of a run: how they start, end, and are disturbed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use entra_forwarder::app::{App, Ended, Seams};
use entra_forwarder::checkpoint::CheckpointStore;
use entra_forwarder::compress::InlineCompressor;
use entra_forwarder::deliver::http::Transport;
use entra_forwarder::deliver::null::NullTransport;
use entra_forwarder::event_hub::{PartitionId, Source};
use entra_forwarder::telemetry::status::Status;
use futures::FutureExt;
use tokio::time::Instant;

use super::World;
use crate::dead_letters::LettersHandle;
use crate::endpoint::EndpointHandle;
use crate::gate::{Gate, GatedLetters, GatedSource};
use crate::journal::{Journal, Rule};
use crate::operations::ms;
use crate::source::HubHandle;
use crate::store_handle::StoreHandle;
use crate::verdicts::Verdicts;

/// Most replicas at the same time.
const REPLICAS_MAX: usize = 3;

/// How late a loop may be that must turn: a few calls of the store and the hub.
const TURN_LATE: Duration = Duration::from_secs(60);

/// One running process.
pub(super) struct Replica {
    pub(super) process: String,
    pub(super) app: App,
    pub(super) gate: Arc<Gate>,
    /// Since when it runs and sees everything as it is.
    pub(super) well_since: Option<Instant>,
    /// Since when it should have given up what it has.
    pub(super) overdue_since: Option<Instant>,
}

impl Replica {
    /// What must hold at every moment.
    pub(super) fn check(&self, journal: &Journal, verdicts: &Verdicts, share: u64) {
        let balance = self.app.balance();
        for (sink, it) in balance.sinks.iter().enumerate() {
            let confirmed = verdicts.letters(&self.process, sink);
            if it.dead_lettered > confirmed {
                let detail = format!("{confirmed} dead letters of sink {sink} confirmed: {it:?}");
                journal.violate(Rule::Balance, detail);
            }
        }
        if self
            .app
            .waiting()
            .iter()
            .any(|(_, why)| why.contains("misconfigured"))
        {
            journal.count("batch held back", 1);
        }
        if balance.error() != 0 {
            journal.violate(Rule::Balance, format!("{balance:?}"));
        }
        if let Some((name, by)) = self.app.observer().latest_turn()
            && by > TURN_LATE
            // One that is made to stand still is late, and should be.
            && self.well_since.is_some_and(|since| since.elapsed() > TURN_LATE)
        {
            journal.violate(Rule::Alive, format!("{name} is late by {by:?}"));
        }
        let reserved = self.app.budget().reserved();
        if reserved == share {
            journal.count("budget is full", 1);
        }
        if reserved > share {
            let detail = format!("{reserved} bytes are reserved, of {share}");
            journal.violate(Rule::Memory, detail);
        }
        for (bytes, most) in self.app.body_bytes() {
            if bytes == most {
                journal.count("room for bodies is full", 1);
            }
            if bytes > most {
                let detail = format!("bodies of {bytes} bytes, of {most}");
                journal.violate(Rule::Memory, detail);
            }
        }
    }
}

/// Waits for a stage that ends by itself.
pub(super) async fn failed(replicas: &mut [Replica]) -> String {
    let failures: Vec<_> = replicas
        .iter_mut()
        .map(|replica| {
            let process = replica.process.clone();
            let failed = replica.app.failed();
            Box::pin(failed.map(move |error| format!("{process}: {error}")))
        })
        .collect();
    if failures.is_empty() {
        return std::future::pending().await;
    }
    futures::future::select_all(failures).await.0
}

impl World {
    /// The place of a replica in the list, if any runs.
    pub(super) fn pick(&self, replica: u8) -> Option<usize> {
        usize::from(replica).checked_rem(self.replicas.len())
    }

    /// Starts the stages under a new name.
    pub(super) fn start(&mut self) {
        self.starts += 1;
        let process = format!("process-{}", self.starts);
        self.journal.note("start", format_args!("{process}"));
        let gate = Arc::new(Gate::new(self.are_null()));
        let source: Arc<dyn Source> = Arc::new(GatedSource {
            inner: HubHandle {
                hub: Arc::clone(&self.hub),
                process: process.clone(),
            },
            gate: Arc::clone(&gate),
            store: Arc::clone(&self.store),
            valid_for: self.config.ownership.expiry - self.config.ownership.renew_interval,
        });
        let store: Arc<dyn CheckpointStore> = Arc::new(StoreHandle {
            store: Arc::clone(&self.store),
            process: process.clone(),
            gate: Arc::clone(&gate),
            verdicts: Arc::clone(&self.verdicts),
        });
        let transports = self.endpoints.iter().map(|endpoint| {
            let transport: Arc<dyn Transport> = match endpoint.is_null() {
                true => Arc::new(NullTransport),
                false => Arc::new(EndpointHandle::new(endpoint, &gate, &process)),
            };
            transport
        });
        let seams = Seams {
            sources: vec![source],
            transports: transports.collect(),
            store,
            dead_letters: Arc::new(GatedLetters {
                inner: Arc::new(LettersHandle {
                    letters: Arc::clone(&self.letters),
                    process: process.clone(),
                }),
                gate: Arc::clone(&gate),
            }),
            compressor: Arc::new(InlineCompressor),
            rng: Arc::clone(&self.rng) as _,
            clock: Arc::clone(&self.hub) as _,
            expiries: Arc::default(),
        };
        let app = App::start(&self.config, seams, &process, Arc::<Status>::default());
        self.replicas.push(Replica {
            process,
            app,
            gate,
            well_since: None,
            overdue_since: None,
        });
    }

    fn are_null(&self) -> impl Iterator<Item = bool> {
        self.endpoints.iter().map(|it| it.is_null())
    }

    /// Starts a further replica, unless there are enough.
    pub(super) fn join(&mut self) {
        if self.replicas.len() < REPLICAS_MAX {
            self.start();
        }
    }

    /// The process that holds a partition undisturbed; nobody's name when none does.
    pub(super) fn holder(&self, partition: usize) -> String {
        let holder = self
            .replicas
            .iter()
            .find(|replica| self.holds(&replica.process, partition));
        holder.map_or_else(String::new, |replica| replica.process.clone())
    }

    fn holds(&self, process: &str, partition: usize) -> bool {
        let id = PartitionId::new(partition.to_string());
        let owner = self.store.owner(&id);
        let is_kept = self
            .store
            .lock()
            .claimed_at
            .contains_key(&(id, process.to_owned()));
        let writer = self
            .oracle
            .stored_place(partition)
            .map(|(_, writer)| writer);
        is_kept
            && owner.is_some_and(|(owner, _)| owner.as_deref() == Some(process))
            && writer.as_deref() == Some(process)
    }

    pub(super) fn crash(&mut self, replica: u8) {
        let Some(index) = self.pick(replica) else {
            return;
        };
        let replica = self.replicas.remove(index);
        self.collect(&replica.app);
        let process = replica.process;
        self.journal.note("crash", format_args!("{process}"));
        drop(replica.app);
        self.oracle.process_lost(&process, None);
    }

    pub(super) async fn stop(&mut self, replica: u8, grace: Duration) -> Option<Ended> {
        let index = self.pick(replica)?;
        let Replica { process, app, .. } = self.replicas.remove(index);
        self.collect(&app);
        let partitions = self.hub.lock().partitions.len();
        let held: Vec<_> = (0..partitions)
            .filter(|partition| self.holds(&process, *partition))
            .collect();
        let begun = Instant::now();
        let ended = app.stop(grace).await;
        self.journal
            .note("stopped", format_args!("{process} {ended:?}"));
        if begun.elapsed() > grace + ms(100_u64) {
            let detail = format!("stopping took {:?} of {grace:?}", begun.elapsed());
            self.journal.violate(Rule::Stop, detail);
        }
        let kind = if ended == Ended::Settled {
            "Settled"
        } else {
            "Unsettled"
        };
        self.journal.count(&format!("stopped {kind}"), 1);
        if ended != Ended::Settled {
            self.oracle.process_lost(&process, None);
            return Some(ended);
        }
        for partition in held {
            self.check_stopped(&process, partition);
        }
        Some(ended)
    }

    /// After a stop that settled: everything that was handed on is stored, unless somebody took
    /// the partition meanwhile.
    fn check_stopped(&self, process: &str, partition: usize) {
        let id = PartitionId::new(partition.to_string());
        let is_undisturbed = self
            .store
            .owner(&id)
            .is_some_and(|(owner, _)| owner.is_none_or(|owner| owner == process));
        let stored = self
            .oracle
            .stored_place(partition)
            .filter(|(_, by)| by == process);
        let handed = self.hub.handed(process, partition);
        if let Some((stored, _)) = stored.filter(|_| is_undisturbed)
            // The same number is the same position, before whatever began anew behind it.
            && handed.is_some_and(|handed| handed > stored && handed.1 != stored.1)
        {
            let detail = format!("settled, and {handed:?} was handed on behind {stored:?}");
            self.journal.violate(Rule::Stop, detail);
        }
    }

    /// Adds the stages' own counts to the journal's.
    fn collect(&self, app: &App) {
        let mut abandoned = 0;
        for (sink, endpoint) in app.balance().sinks.iter().zip(&self.endpoints) {
            abandoned += sink.abandoned;
            if endpoint.is_null() {
                self.journal.count("record of a null sink", sink.delivered);
            }
        }
        self.journal.count("records abandoned", abandoned);
        self.journal
            .count("records unrouted", app.balance().unrouted);
        for stats in app.read_stats() {
            let load = |it: &AtomicU64| it.load(Ordering::Relaxed);
            self.journal
                .count("reopenings", stats.sum(|it| &it.reopenings));
            self.journal
                .count("duplicates skipped", stats.sum(|it| &it.duplicates));
            self.journal.count("rewinds", stats.sum(|it| &it.rewinds));
            self.journal
                .count("gaps confirmed", stats.sum(|it| &it.gaps));
            self.journal
                .count("stale positions", stats.sum(|it| &it.stale));
            self.journal.count("stalls", stats.sum(|it| &it.stalls));
            self.journal.count("expiries", stats.sum(|it| &it.expiries));
            self.journal.count("steals", load(&stats.steals));
            self.journal
                .count("partitions lost", load(&stats.partitions_lost));
            if stats.sum(|it| &it.stalls) > 0 && !self.hub.lock().has_wedged {
                let detail = "a stall was found where every link brought what there was";
                self.journal.violate(Rule::Watchdog, detail.into());
            }
            if stats.sum(|it| &it.gaps) > 0 && !self.hub.has_gaps() {
                let detail = "a gap was confirmed where no number is missing";
                self.journal.violate(Rule::Delivered, detail.into());
            }
        }
    }
}
