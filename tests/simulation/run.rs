//! Drives one case: the real stages between simulated ends, from the first start to the proof
//! that everything is delivered and nothing is repeated after a graceful stop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use entra_forwarder::clock::SharedRng;
use entra_forwarder::config::Config;
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::replicas::Replica;
use super::dead_letters::DeadLetters;
use super::endpoint::Endpoint;
use super::hub::Hub;
use super::journal::{Journal, Rule, Violation};
use super::operations::{Case, ms};
use super::oracle::Oracle;
use super::records::Kind;
use super::selection::Selections;
use super::settings;
use super::store::Store;
use super::taste;
use super::verdicts::Verdicts;
use super::witness::Witness;

mod ownership;
mod perform;
mod replicas;
mod settle;

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
    witness: Arc<Witness>,
    verdicts: Arc<Verdicts>,
    replicas: Vec<Replica>,
    /// What the rules of ownership are measured by.
    ownership: ownership::Health,
    starts: u32,
    seized: u32,
}

impl World {
    fn new(case: &Case) -> Self {
        let setup = &case.setup;
        let config = settings::config(setup);
        let journal = Arc::new(Journal::new());
        let sinks: Vec<_> = config.sinks.values().cloned().collect();
        let oracle = Oracle::new(
            Arc::clone(&journal),
            Selections::of(setup),
            setup.buries_text,
        );
        let oracle = Arc::new(oracle.tasting(taste::tastes(case.seed, setup, &sinks)));
        let hub = Hub::new(
            Arc::clone(&journal),
            Arc::clone(&oracle),
            setup.partitions,
            setup.uncommitted_max,
        );
        let hub = Arc::new(hub);
        let witness = Arc::new(Witness::new(Arc::clone(&journal), Arc::clone(&hub)));
        let verdicts = Arc::new(Verdicts::new(
            Arc::clone(&journal),
            Arc::clone(&oracle),
            Arc::clone(&hub),
            sinks.iter().map(|sink| sink.refusals.max).collect(),
        ));
        let body_bytes_max = setup.memory_budget / 8 / setup.sinks.len() as u64;
        let endpoints = sinks.iter().enumerate().map(|(sink, config)| {
            let (journal, oracle) = (Arc::clone(&journal), Arc::clone(&oracle));
            let (witness, verdicts) = (Arc::clone(&witness), Arc::clone(&verdicts));
            Arc::new(Endpoint::new(
                (journal, oracle),
                (witness, verdicts),
                sink,
                config.clone(),
                body_bytes_max,
            ))
        });
        Self {
            endpoints: endpoints.collect(),
            store: Arc::new(Store::new(
                Arc::clone(&journal),
                Arc::clone(&hub),
                Arc::clone(&witness),
                setup,
            )),
            letters: Arc::new(DeadLetters::new(Arc::clone(&hub), Arc::clone(&verdicts))),
            verdicts,
            foreigners: JoinSet::new(),
            rng: Arc::new(SharedRng::seeded(case.seed)),
            witness,
            replicas: Vec::new(),
            ownership: ownership::Health::new(setup.partitions),
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
        (0..case.setup.replicas).for_each(|_| self.start());
        for operation in &case.operations {
            self.perform(*operation).await?;
            self.check()?;
        }
        let settled_after = self.settle().await?;
        self.wait(LAST_ARRIVAL).await?;
        self.prove_fair_shares().await?;
        self.prove_graceful_stop().await?;
        Ok(settled_after)
    }

    /// Lets time pass, and sees whether a stage ends by itself.
    async fn wait(&mut self, duration: Duration) -> Result<(), Violation> {
        let until = Instant::now() + duration;
        while Instant::now() < until {
            let step = tokio::time::sleep_until(until.min(Instant::now() + ms(500_u64)));
            tokio::select! {
                biased;
                error = replicas::failed(&mut self.replicas) => {
                    self.journal.violate(Rule::Alive, error);
                }
                () = step => {}
            }
            self.check()?;
        }
        Ok(())
    }

    /// What must hold at every moment.
    fn check(&mut self) -> Result<(), Violation> {
        for replica in &self.replicas {
            replica.check(
                &self.journal,
                &self.verdicts,
                self.config.limits.memory_budget / 2,
            );
        }
        self.check_ownership();
        self.journal.violation().map_or(Ok(()), Err)
    }
}
