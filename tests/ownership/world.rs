//! The replicas of a case, what happens to them, and what must hold meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use entra_forwarder::budget::Budget;
use entra_forwarder::checkpoint::checkpointer::Checkpointer;
use entra_forwarder::checkpoint::ledgers::Ledgers;
use entra_forwarder::checkpoint::{CheckpointStore, GroupKey};
use entra_forwarder::clock::{SharedRng, SystemClock};
use entra_forwarder::config::{
    LimitsConfig, OnStaleCheckpoint, OnUndecodable, OnUnparsable, OwnershipConfig, SourceAccess,
    SourceConfig, SourceTransport, Start,
};
use entra_forwarder::deliver::admission::Admission;
use entra_forwarder::deliver::dead_letter::memory::MemoryDeadLetters;
use entra_forwarder::event_hub::{PartitionId, Source};
use entra_forwarder::filter::Filter;
use entra_forwarder::partition::handoff::{Oddities, Stages};
use entra_forwarder::partition::inquiry::Inquiry;
use entra_forwarder::partition::ownership::{Owner, Released};
use entra_forwarder::record::HubName;
use entra_forwarder::telemetry::status::Status;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::freeze::{Freeze, Until};
use super::source::Quiet;
use super::store::{Handle, Shared};

const OWNERSHIP: OwnershipConfig = OwnershipConfig {
    balance_interval: Duration::from_secs(2),
    renew_interval: Duration::from_secs(20),
    expiry: Duration::from_secs(60),
    steal_after: Duration::from_secs(60),
    give_up_after: Duration::from_secs(120),
};
/// How often the state is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Longest time that a partition may be without a running owner, while somebody could take it.
const ALONE_MAX: Duration = Duration::from_secs(60 + 2 * 2 + 2);

struct Replica {
    name: String,
    stop: CancellationToken,
    frozen: Until,
    store: Arc<Handle>,
    task: JoinSet<Released>,
}

pub(crate) struct World {
    seed: u64,
    started: u64,
    partitions: usize,
    source: Arc<dyn Source>,
    shared: Arc<Shared>,
    replicas: Vec<Replica>,
    /// Since when each partition has no running owner.
    alone: BTreeMap<PartitionId, Instant>,
}

pub(crate) fn group() -> GroupKey {
    GroupKey::new("test.servicebus.windows.net", "hub", "group")
}

fn source_config() -> SourceConfig {
    SourceConfig {
        access: SourceAccess::Credential("none".into()),
        namespace: "test.servicebus.windows.net".into(),
        event_hub: "hub".into(),
        consumer_group: "group".into(),
        tools_consumer_group: None,
        custom_endpoint: None,
        transport: SourceTransport::Amqp,
        start: Start::Earliest,
        start_partitions: BTreeMap::new(),
        on_stale_checkpoint: OnStaleCheckpoint::Time,
        stale_margin: Duration::from_secs(900),
        retention: None,
        stall_timeout: Duration::from_secs(60),
        max_event_size: 1 << 20,
        on_undecodable: OnUndecodable::Stall,
        on_unparsable: OnUnparsable::Wrap,
    }
}

impl World {
    pub(crate) fn new(seed: u64, partitions: usize) -> Self {
        Self::with(
            seed,
            partitions,
            Arc::new(Quiet { partitions }),
            Arc::default(),
        )
    }

    /// The same with a hub and a store of one's own.
    pub(crate) fn with(
        seed: u64,
        partitions: usize,
        source: Arc<dyn Source>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            seed,
            started: 0,
            partitions,
            source,
            shared,
            replicas: Vec::new(),
            alone: BTreeMap::new(),
        }
    }

    pub(crate) fn running(&self) -> usize {
        self.replicas.len()
    }

    /// One more replica.
    pub(crate) fn join(&mut self) {
        self.started += 1;
        let name = format!("replica-{}", self.started);
        let store = Arc::new(Handle {
            shared: Arc::clone(&self.shared),
            old_lists: Arc::default(),
        });
        let (status, ledgers) = (Arc::<Status>::default(), Arc::new(Ledgers::new(0)));
        let stop = CancellationToken::new();
        let owner = Owner {
            inquiry: Arc::new(Inquiry::new(Arc::clone(&self.source))),
            source: Arc::clone(&self.source),
            store: Arc::clone(&store) as Arc<dyn CheckpointStore>,
            group: group(),
            owner_id: name.clone(),
            checkpointer: Arc::new(Checkpointer::new(
                Arc::clone(&store) as Arc<dyn CheckpointStore>,
                Arc::clone(&ledgers),
                Arc::clone(&status),
            )),
            stages: Arc::new(Stages {
                source: "logs".into(),
                hub: Arc::new(HubName::new("contoso.servicebus.windows.net", "logs")),
                on_unparsable: OnUnparsable::Wrap,
                expansion_max: 1 << 20,
                ledgers,
                budget: Budget::new(1 << 30),
                filter: Filter::none(0),
                sinks: Vec::new(),
                dead_letters: Arc::new(MemoryDeadLetters::default()),
                status,
                rng: Arc::new(SharedRng::seeded(self.seed * 1_000 + self.started)),
                clock: Arc::new(SystemClock),
                stats: Arc::default(),
                categories: Arc::default(),
                oddities: Oddities::default(),
            }),
            admission: Arc::new(Admission::default()),
            config: source_config(),
            ownership: OWNERSHIP,
            limits: LimitsConfig {
                memory_budget: 1 << 30,
                expansion_max: 1 << 20,
                open_events_max: 100,
                uncommitted_max: 100,
            },
            stop: stop.clone(),
            abandon: CancellationToken::new(),
        };
        let frozen = Until::default();
        let mut task = JoinSet::new();
        task.spawn(Freeze::new(owner.run(), Arc::clone(&frozen)));
        self.replicas.push(Replica {
            name,
            stop,
            frozen,
            store,
            task,
        });
    }

    fn pick(&self, index: u64) -> usize {
        usize::try_from(index).unwrap() % self.replicas.len()
    }

    /// A replica is told to stop, and releases what it has.
    pub(crate) async fn leave(&mut self, index: u64) {
        let index = self.pick(index);
        let mut replica = self.replicas.remove(index);
        replica.stop.cancel();
        if let Some(Ok(released)) = replica.task.join_next().await {
            released.release().await;
        }
    }

    /// A replica ends without a word.
    pub(crate) fn crash(&mut self, index: u64) {
        let index = self.pick(index);
        drop(self.replicas.remove(index));
    }

    /// A replica stands still.
    pub(crate) fn pause(&mut self, index: u64, lasts: Duration) {
        let index = self.pick(index);
        *self.replicas[index].frozen.lock().unwrap() = Some(Instant::now() + lasts);
    }

    /// A replica's lists are old.
    pub(crate) fn see_old_lists(&mut self, index: u64, age: Duration, lasts: Duration) {
        let index = self.pick(index);
        let old = Some((age, Instant::now() + lasts));
        *self.replicas[index].store.old_lists.lock().unwrap() = old;
    }

    /// The store does not answer anybody.
    pub(crate) fn store_fails(&self, lasts: Duration) {
        *self.shared.down_until.lock().unwrap() = Some(Instant::now() + lasts);
    }

    /// Ends all faults; who stands still goes on at its time.
    pub(crate) fn calm_down(&mut self) {
        *self.shared.down_until.lock().unwrap() = None;
        for replica in &self.replicas {
            *replica.store.old_lists.lock().unwrap() = None;
        }
    }

    pub(crate) async fn wait(&mut self, time: Duration) -> Result<(), String> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            tokio::time::sleep(LOOK).await;
            self.look().await?;
        }
        Ok(())
    }

    fn is_paused(replica: &Replica) -> bool {
        let until = *replica.frozen.lock().unwrap();
        until.is_some_and(|until| until > Instant::now())
    }

    /// Whether it could take a partition that is free.
    fn is_able(&self, replica: &Replica) -> bool {
        let now = Instant::now();
        let old = *replica.store.old_lists.lock().unwrap();
        let down = *self.shared.down_until.lock().unwrap();
        !Self::is_paused(replica)
            && old.is_none_or(|(_, until)| until <= now)
            && down.is_none_or(|until| until <= now)
    }

    async fn look(&mut self) -> Result<(), String> {
        if let Some(replica) = self.replicas.iter_mut().find_map(|it| {
            let ended = it.task.try_join_next();
            ended.map(|_| it.name.clone())
        }) {
            return Err(format!("{replica} ended"));
        }
        let attended: BTreeSet<_> = self.owners().await.into_keys().collect();
        let is_anybody_able = self.replicas.iter().any(|replica| self.is_able(replica));
        let now = Instant::now();
        for id in 0..self.partitions {
            let partition = PartitionId::new(id.to_string());
            if attended.contains(&partition) || !is_anybody_able {
                self.alone.remove(&partition);
                continue;
            }
            let since = *self.alone.entry(partition.clone()).or_insert(now);
            if now.duration_since(since) > ALONE_MAX {
                return Err(format!("partition {partition} is alone for {ALONE_MAX:?}"));
            }
        }
        Ok(())
    }

    /// Who owns what, as far as the owner runs.
    pub(crate) async fn owners(&self) -> BTreeMap<PartitionId, String> {
        let owners = self.shared.store.list_owners(&group()).await.unwrap();
        let running = |name: &String| {
            let mut replicas = self.replicas.iter();
            replicas.any(|replica| replica.name == *name && !Self::is_paused(replica))
        };
        owners
            .into_iter()
            .filter_map(|it| Some((it.partition, it.owner.filter(running)?)))
            .collect()
    }

    /// From a quiet moment on: fair shares soon, and then nothing moves for ten renewals.
    pub(crate) async fn settles(&mut self) -> Result<(), String> {
        let now = Instant::now();
        let frozen = self
            .replicas
            .iter()
            .filter_map(|it| *it.frozen.lock().unwrap())
            .max();
        let frozen = frozen.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        self.wait(frozen).await?;
        let settling = OWNERSHIP.expiry + OWNERSHIP.steal_after + 30 * OWNERSHIP.balance_interval;
        self.wait(settling).await?;
        let owners = self.owners().await;
        let mut shares: BTreeMap<&str, usize> = BTreeMap::new();
        for replica in &self.replicas {
            shares.insert(&replica.name, 0);
        }
        for owner in owners.values() {
            *shares.get_mut(owner.as_str()).unwrap() += 1;
        }
        let (least, most) = (shares.values().min(), shares.values().max());
        let is_fair = least
            .zip(most)
            .is_some_and(|(least, most)| most - least <= 1);
        if owners.len() != self.partitions || !is_fair {
            return Err(format!(
                "after {settling:?}: {shares:?} of {}",
                self.partitions
            ));
        }
        let moves = self.shared.moves();
        self.wait(10 * OWNERSHIP.renew_interval).await?;
        if self.shared.moves() == moves && self.owners().await == owners {
            Ok(())
        } else {
            Err("partitions moved although the shares were fair".into())
        }
    }
}
