//! What the forwarder and a replay are begun with.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{App, Seams};
use crate::budget::Budget;
use crate::checkpoint::checkpointer::Checkpointer;
use crate::checkpoint::ledgers::Ledgers;
use crate::checkpoint::pace::Pace;
use crate::config::{Config, SourceConfig};
use crate::deliver::dead_letter::DeadLetterStore;
use crate::deliver::dead_letter::counted::CountedDeadLetters;
use crate::filter::Filter;
use crate::partition::handoff::{Oddities, Stages};
use crate::record::{HubName, Slice};
use crate::telemetry::categories::Categories;
use crate::telemetry::observer::Observer;
use crate::telemetry::status::Status;

impl App {
    /// Nothing is started yet.
    pub(super) fn idle(
        config: &Config,
        seams: &Seams,
        owner_id: &str,
        status: Arc<Status>,
    ) -> Self {
        let dead_letters = Arc::clone(&seams.dead_letters);
        let ledgers = Arc::new(Ledgers::new(config.sinks.len()));
        let checkpointer = Arc::new(Checkpointer::new(
            Arc::clone(&seams.store),
            Arc::clone(&ledgers),
            Arc::clone(&status),
        ));
        let observer = Observer {
            owner_id: owner_id.to_owned(),
            started_at: seams.clock.now(),
            started: Instant::now(),
            clock: Arc::clone(&seams.clock),
            status,
            ledgers,
            budget: Budget::new(config.limits.memory_budget),
            sources: Vec::new(),
            sinks: Vec::new(),
            dead_letters: Arc::new(CountedDeadLetters::new(dead_letters)),
            expiries: Arc::clone(&seams.expiries),
        };
        Self {
            observer,
            checkpointer,
            stop_reading: CancellationToken::new(),
            abandon: CancellationToken::new(),
            draining: CancellationToken::new(),
            owners: JoinSet::new(),
            sink_tasks: JoinSet::new(),
            storing: JoinSet::new(),
            probes: JoinSet::new(),
        }
    }

    /// The store of dead letters, with the counts of what it confirmed.
    pub(super) fn dead_letters(&self) -> Arc<dyn DeadLetterStore> {
        Arc::clone(&self.observer.dead_letters) as Arc<dyn DeadLetterStore>
    }

    /// What the readers of a source share.
    pub(super) fn stages(
        &self,
        config: &Config,
        seams: &Seams,
        (name, source): (&String, &SourceConfig),
        filter: Filter,
        queues: &[mpsc::Sender<Slice>],
    ) -> Arc<Stages> {
        Arc::new(Stages {
            source: name.clone(),
            hub: Arc::new(HubName::new(&source.namespace, &source.event_hub)),
            on_unparsable: source.on_unparsable,
            expansion_max: config.limits.expansion_max,
            ledgers: Arc::clone(&self.observer.ledgers),
            budget: self.observer.budget.clone(),
            filter,
            sinks: queues.to_vec(),
            dead_letters: self.dead_letters(),
            status: Arc::clone(&self.observer.status),
            rng: Arc::clone(&seams.rng),
            clock: Arc::clone(&seams.clock),
            stats: Arc::default(),
            categories: Arc::new(Categories::new(named(config))),
            oddities: Oddities::default(),
        })
    }

    pub(super) fn start_storing(&mut self, config: &Config) {
        let checkpointer = Arc::clone(&self.checkpointer);
        let pace = Pace::new(
            config.checkpoints.interval,
            config.checkpoints.interval_max,
            config.limits.uncommitted_max,
        );
        self.storing
            .spawn(async move { checkpointer.run(pace).await });
    }
}

/// Categories that the configuration names to the letter.
fn named(config: &Config) -> impl Iterator<Item = String> {
    let sinks = config.sinks.values().map(|sink| &sink.categories);
    let globs = sinks.flat_map(|it| it.include.iter().chain(&it.exclude));
    let literal = |glob: &&String| !glob.contains(['*', '?']);
    globs.filter(literal).cloned()
}
