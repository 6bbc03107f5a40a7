//! Drives one case: the real stages between simulated ends, from the first start to the proof
//! that everything is delivered and nothing is repeated after a graceful stop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use entra_forwarder::app::{App, Ended, Seams};
use entra_forwarder::checkpoint::CheckpointStore;
use entra_forwarder::clock::SharedRng;
use entra_forwarder::compress::InlineCompressor;
use entra_forwarder::config::Config;
use entra_forwarder::deliver::http::Transport;
use entra_forwarder::event_hub::{PartitionId, Source};
use entra_forwarder::telemetry::status::Status;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::dead_letters::DeadLetters;
use super::endpoint::{Endpoint, EndpointHandle};
use super::hub::Hub;
use super::journal::{Journal, Rule, Violation};
use super::operations::{Case, ms};
use super::oracle::Oracle;
use super::records::Kind;
use super::settings;
use super::source::HubHandle;
use super::store::Store;
use super::store_handle::StoreHandle;

mod perform;

/// Time within which everything must be delivered once the faults have ceased: a claim that was
/// left expires after 60 s, a source waits up to 30 s, a dead letter up to 60 s.
const PROGRESS_BOUND: Duration = Duration::from_secs(300);
/// After this time no request that nobody waits for is still on its way.
const LAST_ARRIVAL: Duration = Duration::from_secs(30);

/// A run in which every rule held.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) hash: u64,
    pub(crate) counts: BTreeMap<String, u64>,
    /// From the end of the faults until everything was delivered and stored.
    pub(crate) settled_after: Duration,
}

/// A run in which a rule was broken.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) violation: Violation,
    pub(crate) lines: Vec<String>,
}

/// Runs a case on a runtime of its own.
pub(crate) fn run(case: &Case) -> Result<Report, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new(case);
        match world.live(case).await {
            Ok(settled_after) => Ok(Report {
                hash: world.journal.hash(),
                counts: world.journal.counts(),
                settled_after,
            }),
            Err(violation) => Err(Failure {
                violation,
                lines: world.journal.lines(),
            }),
        }
    })
}

struct World {
    config: Config,
    journal: Arc<Journal>,
    oracle: Arc<Oracle>,
    hub: Arc<Hub>,
    store: Arc<Store>,
    endpoints: Vec<Arc<Endpoint>>,
    letters: Arc<DeadLetters>,
    foreigners: JoinSet<()>,
    rng: Arc<SharedRng>,
    app: Option<App>,
    starts: u32,
    seized: u32,
}

impl World {
    fn new(case: &Case) -> Self {
        let setup = &case.setup;
        let config = settings::config(setup);
        let journal = Arc::new(Journal::new());
        let oracle = Arc::new(Oracle::new(Arc::clone(&journal), setup.sinks.len()));
        let hub = Hub::new(
            Arc::clone(&journal),
            Arc::clone(&oracle),
            setup.partitions,
            setup.uncommitted_max,
        );
        let hub = Arc::new(hub);
        let endpoints = config.sinks.values().enumerate().map(|(sink, config)| {
            let (journal, oracle) = (Arc::clone(&journal), Arc::clone(&oracle));
            Arc::new(Endpoint::new(journal, oracle, sink, config.clone()))
        });
        Self {
            endpoints: endpoints.collect(),
            store: Arc::new(Store::new(Arc::clone(&journal), Arc::clone(&hub), setup)),
            letters: Arc::new(DeadLetters::new(Arc::clone(&hub))),
            foreigners: JoinSet::new(),
            rng: Arc::new(SharedRng::seeded(case.seed)),
            app: None,
            starts: 0,
            seized: 0,
            config,
            journal,
            oracle,
            hub,
        }
    }

    async fn live(&mut self, case: &Case) -> Result<Duration, Violation> {
        if case.setup.starts_latest {
            for partition in 0..case.setup.partitions {
                self.hub.produce(partition, Kind::Envelope(2));
            }
        }
        self.start();
        for operation in &case.operations {
            self.perform(*operation).await?;
            self.check()?;
        }
        let settled_after = self.settle().await?;
        self.wait(LAST_ARRIVAL).await?;
        self.prove_graceful_stop().await?;
        Ok(settled_after)
    }

    fn process(&self) -> String {
        format!("process-{}", self.starts)
    }

    /// Starts the stages under a new name.
    fn start(&mut self) {
        self.starts += 1;
        let process = self.process();
        self.journal.note("start", format_args!("{process}"));
        let source: Arc<dyn Source> = Arc::new(HubHandle {
            hub: Arc::clone(&self.hub),
            process: process.clone(),
        });
        let store: Arc<dyn CheckpointStore> = Arc::new(StoreHandle {
            store: Arc::clone(&self.store),
            process: process.clone(),
        });
        let transports = self.endpoints.iter().map(|endpoint| {
            let transport: Arc<dyn Transport> = Arc::new(EndpointHandle(Arc::clone(endpoint)));
            transport
        });
        let seams = Seams {
            sources: vec![source],
            transports: transports.collect(),
            store,
            dead_letters: Arc::clone(&self.letters) as _,
            compressor: Arc::new(InlineCompressor),
            rng: Arc::clone(&self.rng) as _,
            clock: Arc::clone(&self.hub) as _,
        };
        self.app = Some(App::start(
            &self.config,
            seams,
            &process,
            Arc::<Status>::default(),
        ));
    }

    /// Lets time pass, and sees whether a stage ends by itself.
    async fn wait(&mut self, duration: Duration) -> Result<(), Violation> {
        let until = Instant::now() + duration;
        while Instant::now() < until {
            let step = tokio::time::sleep_until(until.min(Instant::now() + ms(500_u64)));
            match &mut self.app {
                None => step.await,
                Some(app) => tokio::select! {
                    biased;
                    error = app.failed() => self.journal.violate(Rule::Alive, error.to_string()),
                    () = step => {}
                },
            }
            self.check()?;
        }
        Ok(())
    }

    /// What must hold at every moment.
    fn check(&self) -> Result<(), Violation> {
        if let Some(app) = &self.app {
            let balance = app.balance();
            if balance.error() != 0 {
                self.journal.violate(Rule::Balance, format!("{balance:?}"));
            }
            let (reserved, share) = (
                app.budget().reserved(),
                self.config.limits.memory_budget / 2,
            );
            if reserved == share {
                self.journal.count("budget is full", 1);
            }
            if reserved > share {
                let detail = format!("{reserved} bytes are reserved, of {share}");
                self.journal.violate(Rule::Memory, detail);
            }
        }
        self.journal.violation().map_or(Ok(()), Err)
    }

    /// Whether the running process holds a partition undisturbed.
    fn holds(&self, partition: usize) -> bool {
        let owner = self.store.owner(&PartitionId::new(partition.to_string()));
        let writer = self
            .oracle
            .stored_place(partition)
            .map(|(_, writer)| writer);
        self.app.is_some()
            && owner.is_some_and(|(owner, _)| owner == Some(self.process()))
            && writer == Some(self.process())
    }

    fn crash(&mut self) {
        self.collect();
        self.journal
            .note("crash", format_args!("{}", self.process()));
        drop(self.app.take());
        self.oracle.process_lost(&self.process(), None);
    }

    async fn stop(&mut self, grace: Duration) -> Option<Ended> {
        self.collect();
        let process = self.process();
        let partitions = self.hub.lock().partitions.len();
        let held: Vec<_> = (0..partitions)
            .filter(|partition| self.holds(*partition))
            .collect();
        let begun = Instant::now();
        let ended = self.app.take()?.stop(grace).await;
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
            let id = PartitionId::new(partition.to_string());
            let is_undisturbed = self
                .store
                .owner(&id)
                .is_some_and(|(owner, _)| owner.is_none_or(|owner| owner == process));
            let stored = self
                .oracle
                .stored_place(partition)
                .filter(|(_, by)| *by == process);
            let handed = self.hub.handed(&process, partition);
            if let Some((stored, _)) = stored.filter(|_| is_undisturbed)
                // The same number is the same position, before whatever began anew behind it.
                && handed.is_some_and(|handed| handed > stored && handed.1 != stored.1)
            {
                let detail = format!("settled, and {handed:?} was handed on behind {stored:?}");
                self.journal.violate(Rule::Stop, detail);
            }
        }
        Some(ended)
    }

    /// Adds the stages' own counts to the journal's.
    fn collect(&self) {
        let Some(app) = &self.app else { return };
        let mut abandoned = 0;
        for sink in &app.balance().sinks {
            abandoned += sink.abandoned;
        }
        self.journal.count("records abandoned", abandoned);
        for stats in app.read_stats() {
            let load = |it: &std::sync::atomic::AtomicU64| it.load(Ordering::Relaxed);
            self.journal.count("reopenings", load(&stats.reopenings));
            self.journal
                .count("duplicates skipped", load(&stats.duplicates));
            self.journal.count("rewinds", load(&stats.rewinds));
            self.journal.count("gaps confirmed", load(&stats.gaps));
            self.journal.count("stale positions", load(&stats.stale));
            self.journal.count("stalls", load(&stats.stalls));
            self.journal.count("expiries", load(&stats.expiries));
            if load(&stats.stalls) > 0 && !self.hub.lock().has_wedged {
                let detail = "a stall was found where every link brought what there was";
                self.journal.violate(Rule::Watchdog, detail.into());
            }
            if load(&stats.gaps) > 0 && !self.hub.has_gaps() {
                let detail = "a gap was confirmed where no number is missing";
                self.journal.violate(Rule::Delivered, detail.into());
            }
        }
    }

    /// Ends all faults and waits until everything is delivered and stored.
    async fn settle(&mut self) -> Result<Duration, Violation> {
        self.journal.note("faults cease", format_args!(""));
        self.hub.calm_down();
        self.store.calm_down();
        self.letters.calm_down();
        self.endpoints
            .iter()
            .for_each(|endpoint| endpoint.calm_down());
        if self.config.sources.values().any(settings::stalls) {
            self.hub.remove_undecodable();
        }
        let begun = Instant::now();
        while let Some(missing) = self.oracle.missing() {
            if begun.elapsed() > PROGRESS_BOUND {
                let waits = self.app.as_ref().map(App::balance);
                let detail = format!("not within {PROGRESS_BOUND:?}: {missing}; {waits:?}");
                self.journal.violate(Rule::Delivered, detail);
            }
            self.wait(ms(500_u64)).await?;
        }
        Ok(begun.elapsed())
    }

    /// Stops in peace, starts again, and sees that nothing is sent a second time.
    async fn prove_graceful_stop(&mut self) -> Result<(), Violation> {
        let balance = self.app.as_ref().map(App::balance).unwrap_or_default();
        if balance.sinks.iter().any(|sink| sink.in_flight > 0) {
            self.journal
                .violate(Rule::Balance, format!("in flight at the end: {balance:?}"));
        }
        let ended = self.stop(ms(25_000_u64)).await;
        if ended != Some(Ended::Settled) {
            self.journal
                .violate(Rule::Stop, format!("ended as {ended:?}"));
        }
        let before = self.oracle.acceptances();
        self.start();
        self.wait(LAST_ARRIVAL).await?;
        let repeated = self.oracle.acceptances() - before;
        if repeated > 0 {
            self.journal
                .violate(Rule::Stop, format!("{repeated} records were sent again"));
        }
        self.crash();
        self.check()
    }
}
