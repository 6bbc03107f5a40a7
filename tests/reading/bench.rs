//! A reader with everything around it that it needs: ledgers, a store in memory, one sink.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use entra_forwarder::budget::Budget;
use entra_forwarder::checkpoint::checkpointer::{Checkpointer, Holding};
use entra_forwarder::checkpoint::ledger::Settlement;
use entra_forwarder::checkpoint::ledgers::Ledgers;
use entra_forwarder::checkpoint::memory::MemoryStore;
use entra_forwarder::checkpoint::pace::Pace;
use entra_forwarder::checkpoint::{Checkpoint, CheckpointStore, Condition, GroupKey};
use entra_forwarder::clock::SharedRng;
use entra_forwarder::config::{OnStaleCheckpoint, OnUndecodable, OnUnparsable};
use entra_forwarder::deliver::dead_letter::memory::MemoryDeadLetters;
use entra_forwarder::event_hub::{PartitionId, Position, Timestamp};
use entra_forwarder::filter::Filter;
use entra_forwarder::partition::handoff::{Oddities, ReadStats, Stages};
use entra_forwarder::partition::inquiry::Inquiry;
use entra_forwarder::partition::lease::Lease;
use entra_forwarder::partition::prefetch::Prefetch;
use entra_forwarder::partition::reader::{
    Assignment, OnStale, ReadLimits, ReadPolicy, Reader, ReaderEnd,
};
use entra_forwarder::partition::resume::{Resume, ResumeAt};
use entra_forwarder::partition::stats::PartitionStats;
use entra_forwarder::record::HubName;
use entra_forwarder::telemetry::status::Status;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::hub::{Handle, Hub};

pub(crate) const MARGIN: Duration = Duration::from_secs(10);

pub(crate) struct Bench {
    pub(crate) hub: Arc<Hub>,
    pub(crate) store: MemoryStore,
    pub(crate) status: Arc<Status>,
    /// Of the first partition.
    pub(crate) stats: Arc<PartitionStats>,
    pub(crate) delivered: Arc<Mutex<Vec<String>>>,
    pub(crate) policy: ReadPolicy,
    pub(crate) checkpointer: Arc<Checkpointer>,
    pub(crate) inquiry: Arc<Inquiry>,
    /// Whether the sink takes what comes.
    pub(crate) takes: watch::Sender<bool>,
    pub(crate) stop: CancellationToken,
    stages: Arc<Stages>,
    group: GroupKey,
    tasks: JoinSet<()>,
}

impl Bench {
    pub(crate) fn new(hub: &Arc<Hub>) -> Self {
        let (ledgers, status) = (Arc::new(Ledgers::new(1)), Arc::<Status>::default());
        let store = MemoryStore::new();
        let checkpointer = Arc::new(Checkpointer::new(
            Arc::new(store.clone()),
            Arc::clone(&ledgers),
            Arc::clone(&status),
        ));
        let (queue, mut slices) = mpsc::channel::<entra_forwarder::record::Slice>(4);
        let read = Arc::<ReadStats>::default();
        let stages = Arc::new(Stages {
            source: "hub".into(),
            hub: Arc::new(HubName::new("contoso.servicebus.windows.net", "hub")),
            on_unparsable: OnUnparsable::Wrap,
            expansion_max: 1 << 20,
            ledgers: Arc::clone(&ledgers),
            budget: Budget::new(1 << 20),
            filter: Filter::none(1),
            sinks: vec![queue],
            dead_letters: Arc::new(MemoryDeadLetters::default()),
            status: Arc::clone(&status),
            rng: Arc::new(SharedRng::seeded(1)),
            clock: Arc::clone(hub) as _,
            stats: Arc::clone(&read),
            categories: Arc::default(),
            oddities: Oddities::default(),
        });
        let delivered = Arc::<Mutex<Vec<String>>>::default();
        let (takes, mut is_taking) = watch::channel(true);
        let mut tasks = JoinSet::new();
        let done = Arc::clone(&delivered);
        tasks.spawn(async move {
            while let Some(slice) = slices.recv().await {
                if is_taking.wait_for(|takes| *takes).await.is_err() {
                    return;
                }
                let text = slice
                    .records()
                    .map(|it| String::from_utf8_lossy(it.original()).into());
                done.lock().unwrap().extend(text);
                ledgers.settle(slice.into_receipts(), Settlement::Delivered);
            }
        });
        let stored = Arc::clone(&checkpointer);
        let second = Duration::from_secs(1);
        let pace = Pace::new(second, second, 1_000);
        tasks.spawn(async move { stored.run(pace).await });
        Self {
            inquiry: Arc::new(Inquiry::new(Arc::new(Handle(Arc::clone(hub))))),
            hub: Arc::clone(hub),
            store,
            status,
            stats: read.of(&PartitionId::new("0")),
            delivered,
            policy: ReadPolicy {
                on_undecodable: OnUndecodable::Stall,
                on_stale: OnStale::Configured(OnStaleCheckpoint::Time),
                stale_margin: MARGIN,
                stall_timeout: Duration::from_secs(60),
            },
            checkpointer,
            takes,
            stop: CancellationToken::new(),
            stages,
            group: GroupKey::new("ns", "hub", "group"),
            tasks,
        }
    }
}

/// A reader that runs.
pub(crate) struct Running {
    tasks: JoinSet<ReaderEnd>,
}

impl Running {
    /// How it ended, when it has.
    pub(crate) async fn end(&mut self) -> ReaderEnd {
        self.tasks.join_next().await.unwrap().unwrap()
    }

    /// Whether it ended at once.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.tasks.try_join_next().is_some()
    }
}

/// Behind nothing.
pub(crate) fn from_the_start() -> ResumeAt {
    ResumeAt::Behind(Position::before_first())
}

pub(crate) fn load(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

impl Bench {
    /// Lets time pass, in steps: tasks that wake each other need several turns.
    pub(crate) async fn wait(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// Stores a checkpoint and starts a reader that resumes as given, on the hub that is there.
    pub(crate) async fn read(&mut self, partition: usize, at: ResumeAt) -> Running {
        let hub_created_at = self.hub.lock().created_at;
        self.read_as(partition, at, hub_created_at).await
    }

    /// The same, with a hub that was created then.
    pub(crate) async fn read_as(
        &mut self,
        partition: usize,
        at: ResumeAt,
        hub_created_at: Timestamp,
    ) -> Running {
        let id = PartitionId::new(partition.to_string());
        let resume = Resume { at, hub_created_at };
        let position = resume.position().cloned();
        let first = Checkpoint {
            position: position.clone().unwrap_or_else(Position::before_first),
            hub_created_at: Some(hub_created_at),
        };
        let (store, group) = (&self.store, &self.group);
        let etag = store.write(group, &id, &first, Condition::Absent).await;
        let ledger = self.stages.ledgers.add("hub", &id);
        let generation = self.stages.ledgers.start(ledger, position);
        self.checkpointer.hold(Holding {
            source: "hub".into(),
            group: group.clone(),
            partition: id.clone(),
            ledger: (ledger, generation),
            hub_created_at,
            owner_id: "me".into(),
            etag: etag.unwrap(),
            lost: CancellationToken::new(),
        });
        // Four partitions share the budget.
        let budget = Budget::new(1 << 20);
        assert_eq!(budget.needed_for("hub", 4, 1 << 16), None);
        let share = Arc::new(budget.share());
        let questions = Arc::<Notify>::default();
        let lease = Lease::new(Instant::now(), Duration::from_secs(1 << 30));
        let lease = Arc::new(lease.answered_by(Arc::clone(&questions)));
        let (owned, mut tasks) = (Arc::clone(&lease), JoinSet::new());
        self.tasks.spawn(async move {
            loop {
                questions.notified().await;
                owned.renewed(Instant::now());
            }
        });
        let reader = Reader::new(Assignment {
            lease,
            source: Arc::new(Handle(Arc::clone(&self.hub))),
            inquiry: Arc::clone(&self.inquiry),
            partition: id,
            stages: Arc::clone(&self.stages),
            checkpointer: Arc::clone(&self.checkpointer),
            ledger: (ledger, generation),
            limits: ReadLimits {
                open_events_max: 10,
                share: Arc::clone(&share),
                uncommitted_max: 1_000,
            },
            policy: self.policy,
            stop: self.stop.clone(),
            resume,
            prefetch: Prefetch::new(share, 1 << 16),
        });
        tasks.spawn(reader.run());
        Running { tasks }
    }

    /// What is stored for a partition: the number, and when the hub was created.
    pub(crate) async fn stored(&self, partition: usize) -> (i64, Option<Timestamp>) {
        let id = PartitionId::new(partition.to_string());
        let stored = self.store.read(&self.group, &id).await.unwrap().unwrap();
        let checkpoint = stored.checkpoint().unwrap();
        (checkpoint.position.sequence.0, checkpoint.hub_created_at)
    }

    pub(crate) fn stats_of(&self, partition: usize) -> Arc<PartitionStats> {
        let id = PartitionId::new(partition.to_string());
        self.stages.stats.of(&id)
    }

    /// How many records were delivered, repetitions included.
    pub(crate) fn delivered(&self) -> usize {
        self.delivered.lock().unwrap().len()
    }

    pub(crate) fn failing(&self) -> Vec<String> {
        let failing = self.status.failing().into_iter();
        failing.map(|(_, reason)| reason).collect()
    }

    /// Stops everything in order.
    pub(crate) async fn end(mut self, readers: impl IntoIterator<Item = Running>) {
        self.stop.cancel();
        for mut reader in readers {
            while reader.tasks.join_next().await.is_some() {}
        }
        self.tasks.shutdown().await;
    }
}
