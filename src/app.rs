//! Builds the stages and joins them: the only file that names them all.
//!
//! ```text
//!  Owner (per source)                    Checkpointer <---- watermarks ----+
//!    +-- Reader (per partition)                                            |
//!          | split, enter into the ledger            Ledgers <-- settle ---+-- Delivery
//!          +--> queue --> Sink (per endpoint) --> Delivery (per batch) ----+
//! ```
//! Waiting goes one way only: reader, memory, sink queue, room for the body, compression, delivery
//! slot, network, dead-letter store.
//! Settling waits for nobody.

mod ended;
pub mod outside;
pub mod replaying;
pub mod signatures;
mod stages;

pub use ended::{AppError, Ended};

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::budget::Budget;
use crate::checkpoint::checkpointer::Checkpointer;
use crate::checkpoint::ledger::SinkId;
use crate::checkpoint::ledgers::{Balance, Ledgers};
use crate::checkpoint::{CheckpointStore, GroupKey};
use crate::clock::{Clock, Rng};
use crate::compress::Compressor;
use crate::config::{Config, SinkKind};
use crate::deliver::admission::Admission;
use crate::deliver::condition::Condition;
use crate::deliver::dead_letter::{self, DeadLetterStore};
use crate::deliver::flow::Flow;
use crate::deliver::http::Transport;
use crate::deliver::null;
use crate::deliver::probe;
use crate::deliver::refusals::Refusals;
use crate::deliver::rotation;
use crate::deliver::sink::{self, SinkContext, SinkStats};
use crate::event_hub::Source;
use crate::filter::Filter;
use crate::format;
use crate::partition::handoff::ReadStats;
use crate::partition::inquiry::Inquiry;
use crate::partition::ownership::{Owner, Released};
use crate::record::Slice;
use crate::telemetry::expiries::Expiries;
use crate::telemetry::observer::{Observed, Observer};
use crate::telemetry::status::Status;

/// Slices that wait for a sink: one per event, so a few are enough to keep it busy.
const SINK_QUEUE: usize = 64;
/// Part of the grace that is kept for the last checkpoints and the release.
const STORING_TIME: Duration = Duration::from_secs(5);
/// Part of it that is kept for the release alone.
const RELEASE_TIME: Duration = Duration::from_secs(2);
/// What the last checkpoints get at least, if the deadline lets them.
const CHECKPOINT_TIME: Duration = Duration::from_secs(3);

/// What stands outside, behind the traits: real or simulated.
pub struct Seams {
    /// One per source, in the order of the configuration.
    pub sources: Vec<Arc<dyn Source>>,
    /// One per sink, in the order of the configuration.
    pub transports: Vec<Arc<dyn Transport>>,
    /// Ownerships and checkpoints.
    pub store: Arc<dyn CheckpointStore>,
    /// Dead letters.
    pub dead_letters: Arc<dyn DeadLetterStore>,
    /// Builds bodies.
    pub compressor: Arc<dyn Compressor>,
    /// Jitter.
    pub rng: Arc<dyn Rng>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Where it is noted when credentials end.
    pub expiries: Arc<Expiries>,
}

/// The running stages. Dropping it ends everything at once, as a crash would.
pub struct App {
    observer: Observer,
    checkpointer: Arc<Checkpointer>,
    stop_reading: CancellationToken,
    abandon: CancellationToken,
    draining: CancellationToken,
    owners: JoinSet<Released>,
    sink_tasks: JoinSet<()>,
    storing: JoinSet<()>,
    probes: JoinSet<()>,
}

impl App {
    /// Starts all stages. `owner_id` names this process start and is never used twice.
    pub fn start(config: &Config, seams: Seams, owner_id: &str, status: Arc<Status>) -> Self {
        let mut app = Self::idle(config, &seams, owner_id, status);
        let queues = app.start_sinks(config, &seams, |_| true);
        let admission = app.start_probes(&seams);
        app.start_sources(config, &seams, &queues, &admission);
        app.start_storing(config);
        app
    }

    fn start_sources(
        &mut self,
        config: &Config,
        seams: &Seams,
        queues: &[mpsc::Sender<Slice>],
        admission: &Arc<Admission>,
    ) {
        for (source, reach) in config.sources.iter().zip(&seams.sources) {
            let stages = self.stages(config, seams, source, Filter::new(config), queues);
            let (name, source) = source;
            let inquiry = Arc::new(Inquiry::new(Arc::clone(reach)));
            self.observer.sources.push(Arc::new(Observed {
                name: name.clone(),
                config: source.clone(),
                stats: Arc::clone(&stages.stats),
                categories: Arc::clone(&stages.categories),
                inquiry: Arc::clone(&inquiry),
            }));
            let owner = Owner {
                inquiry,
                source: Arc::clone(reach),
                store: Arc::clone(&seams.store),
                group: GroupKey::new(&source.namespace, &source.event_hub, &source.consumer_group),
                owner_id: self.observer.owner_id.clone(),
                checkpointer: Arc::clone(&self.checkpointer),
                stages,
                admission: Arc::clone(admission),
                config: source.clone(),
                ownership: config.ownership,
                limits: config.limits,
                stop: self.stop_reading.clone(),
                abandon: self.abandon.clone(),
            };
            self.owners.spawn(owner.run());
        }
    }

    /// Starts the sinks of which the name is wanted; the queues of the others are closed.
    fn start_sinks(
        &mut self,
        config: &Config,
        seams: &Seams,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Vec<mpsc::Sender<Slice>> {
        let sinks = config.sinks.values();
        let sending = sinks.filter(|sink| sink.kind == SinkKind::Http).count();
        let mut queues = Vec::new();
        for (id, ((name, sink), transport)) in
            config.sinks.iter().zip(&seams.transports).enumerate()
        {
            let (queue, slices) = mpsc::channel(SINK_QUEUE);
            queues.push(queue);
            if !is_wanted(name) {
                continue;
            }
            let context = Arc::new(SinkContext {
                id: SinkId(id),
                name: name.clone(),
                format: format::of(sink, Arc::clone(&seams.clock)),
                config: sink.clone(),
                transport: Arc::clone(transport),
                compressor: Arc::clone(&seams.compressor),
                dead_letters: self.dead_letters(),
                refusals: Arc::new(Refusals::new(
                    name,
                    Arc::clone(&self.observer.status),
                    sink.refusals,
                )),
                status: Arc::clone(&self.observer.status),
                clock: Arc::clone(&seams.clock),
                ledgers: Arc::clone(&self.observer.ledgers),
                rng: Arc::clone(&seams.rng),
                draining: self.draining.clone(),
                condition: Arc::new(Condition::new(name, Arc::clone(&self.observer.status))),
                stats: SinkStats::starting_with(sink.concurrency),
                bodies: self.observer.budget.bodies(sending),
                flow: Arc::new(Flow::new(sink, Arc::clone(&seams.rng))),
            });
            let running = Arc::clone(&context);
            match &sink.kind {
                SinkKind::Http | SinkKind::Blob { .. } => {
                    self.sink_tasks.spawn(sink::run(slices, running))
                }
                SinkKind::Null => self.sink_tasks.spawn(null::run(slices, running)),
            };
            self.observer.sinks.push(context);
        }
        queues
    }

    /// Starts asking everything that is delivered to whether it would accept.
    fn start_probes(&mut self, seams: &Seams) -> Arc<Admission> {
        let letters = dead_letter::COMPONENT.to_owned();
        let letters = Arc::new(Condition::of(letters, Arc::clone(&self.observer.status)));
        let mut conditions = vec![Arc::clone(&letters)];
        let (store, rng) = (self.dead_letters(), Arc::clone(&seams.rng));
        self.probes.spawn(async move {
            probe::reach_dead_letters(store.as_ref(), &letters, rng.as_ref()).await;
        });
        for sink in &self.observer.sinks {
            conditions.push(Arc::clone(&sink.condition));
            self.probes.spawn(probe::run(Arc::clone(sink)));
            self.probes.spawn(rotation::run(Arc::clone(sink)));
        }
        Arc::new(Admission::new(conditions))
    }

    /// What became of everything that was read.
    pub fn balance(&self) -> Balance {
        self.observer.ledgers.balance()
    }

    /// Everything that waits for something outside, with the reason.
    pub fn waiting(&self) -> Vec<(String, String)> {
        self.observer.status.waiting()
    }

    /// The ledgers, for whoever only looks.
    pub fn ledgers(&self) -> &Arc<Ledgers> {
        &self.observer.ledgers
    }

    /// The memory budget, for whoever only looks.
    pub fn budget(&self) -> &Budget {
        &self.observer.budget
    }

    /// Bytes of compressed bodies that each sink holds, and the most that it may: in the order of
    /// the configuration, for whoever only looks.
    pub fn body_bytes(&self) -> impl Iterator<Item = (u64, u64)> {
        let sinks = self.observer.sinks.iter();
        sinks.map(|sink| (sink.bodies.reserved(), sink.bodies.max()))
    }

    /// Counts per sink, in the order of the configuration.
    pub fn sink_stats(&self) -> impl Iterator<Item = &SinkStats> {
        self.observer.sinks.iter().map(|sink| &sink.stats)
    }

    /// Counts per source, in the order of the configuration.
    pub fn read_stats(&self) -> Vec<Arc<ReadStats>> {
        let sources = self.observer.sources.iter();
        sources.map(|source| Arc::clone(&source.stats)).collect()
    }

    /// Takes pictures of the stages, also while they stop.
    pub fn observer(&self) -> Observer {
        self.observer.clone()
    }

    /// Waits for what never happens: a stage that ends, a ledger that freezes.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn failed(&mut self) -> AppError {
        fn describe<T>(ended: Result<T, JoinError>) -> AppError {
            AppError::Stage(
                ended
                    .err()
                    .map_or_else(|| "too early".into(), |it| it.to_string()),
            )
        }
        tokio::select! {
            biased;
            error = self.observer.ledgers.wait_until_broken() => error.into(),
            Some(ended) = self.owners.join_next() => describe(ended),
            Some(ended) = self.sink_tasks.join_next() => describe(ended),
            Some(ended) = self.storing.join_next() => describe(ended),
        }
    }

    /// Stops within `grace`: stops reading, flushes and delivers, stores the last checkpoints,
    /// releases the partitions. Whatever was not delivered by then stays owed: stopping never
    /// acknowledges anything.
    pub async fn stop(mut self, grace: Duration) -> Ended {
        let deadline = Instant::now() + grace;
        let delivered_by = deadline - STORING_TIME.min(grace / 2);
        self.probes.shutdown().await;
        self.draining.cancel();
        self.stop_reading.cancel();
        let mut released = Vec::new();
        let mut drain = async || {
            // The readers hold the queues' only senders; the sinks end when they have ended.
            while let Some(ended) = self.owners.join_next().await {
                released.extend(ended.ok());
            }
            while self.sink_tasks.join_next().await.is_some() {}
        };
        if tokio::time::timeout_at(delivered_by, drain())
            .await
            .is_err()
        {
            tracing::warn!(
                event = "drain_cut_off",
                "the deadline came before everything was delivered"
            );
            self.abandon.cancel();
            while let Ok(Some(ended)) =
                tokio::time::timeout_at(deadline, self.owners.join_next()).await
            {
                released.extend(ended.ok());
            }
            self.sink_tasks.shutdown().await;
        }
        self.storing.shutdown().await;
        // A slow store may have what delivering left over: without the checkpoint, what was
        // delivered is repeated.
        let store_by = (Instant::now() + CHECKPOINT_TIME)
            .max(deadline - RELEASE_TIME.min(grace))
            .min(deadline);
        let stored = tokio::time::timeout_at(store_by, self.checkpointer.store_all()).await;
        let records = self.balance().sinks.iter().map(|sink| sink.in_flight).sum();
        let release = futures::future::join_all(released.into_iter().map(Released::release));
        if tokio::time::timeout_at(deadline, release).await.is_err() {
            tracing::warn!(
                event = "release_cut_off",
                "the deadline came before the release"
            );
        }
        match (records, stored) {
            (0, Ok(true)) => Ended::Settled,
            (0, _) => Ended::NotStored,
            _ => Ended::Unsettled { records },
        }
    }
}
