//! Everything outside is away for an hour, before the start or after it, refusing or silent: no
//! loop that must turn stands still, so that the process stays alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entra_forwarder::app::{App, Seams};
use entra_forwarder::checkpoint::memory::MemoryStore;
use entra_forwarder::checkpoint::{
    Checkpoint, CheckpointStore, Condition, ETag, GroupKey, Ownership, StoreError, StoredCheckpoint,
};
use entra_forwarder::clock::SharedRng;
use entra_forwarder::compress::InlineCompressor;
use entra_forwarder::config::Config;
use entra_forwarder::deliver::dead_letter::memory::MemoryDeadLetters;
use entra_forwarder::deliver::http::{Request, Transport};
use entra_forwarder::deliver::response::{Answer, TransportError};
use entra_forwarder::event_hub::{
    EventStream, HubProperties, OpenAt, PartitionId, PartitionProperties, Source, SourceError,
    SourceErrorKind,
};
use entra_forwarder::telemetry::health::{Health, Pulse};
use entra_forwarder::telemetry::status::Status;
use tokio::task::JoinSet;

use super::hub::Hub;
use super::journal::Journal;
use super::operations::{Setup, SinkSetup};
use super::oracle::Oracle;
use super::records::Kind;
use super::selection::{Selection, Selections};
use super::settings;
use super::source::HubHandle;
use super::taste::Demands;

const PARTITIONS: usize = 40;
/// Longest wait for an answer, as hub, store and endpoints promise it.
const TIMEOUT: Duration = Duration::from_secs(30);

const THERE: u8 = 0;
const REFUSING: u8 = 1;
const SILENT: u8 = 2;
/// It answers, as late as it may.
const SLOW: u8 = 3;

/// What stands between the process and everything outside.
#[derive(Default)]
struct Way(AtomicU8);

impl Way {
    /// Whether a call gets through; waits where nobody answers.
    async fn is_open(&self) -> bool {
        match self.0.load(Ordering::Relaxed) {
            THERE => true,
            REFUSING => false,
            SILENT => {
                tokio::time::sleep(TIMEOUT).await;
                false
            }
            _ => {
                tokio::time::sleep(TIMEOUT).await;
                true
            }
        }
    }
}

struct Far<T> {
    inner: T,
    way: Arc<Way>,
}

impl<T> Far<T> {
    async fn hub(&self) -> Result<(), SourceError> {
        let away = || SourceError::new(SourceErrorKind::Unavailable, "away".to_owned());
        self.way.is_open().await.then_some(()).ok_or_else(away)
    }

    async fn store(&self) -> Result<(), StoreError> {
        let away = || StoreError::Unavailable("away".to_owned());
        self.way.is_open().await.then_some(()).ok_or_else(away)
    }
}

#[async_trait]
impl Source for Far<HubHandle> {
    async fn hub_properties(&self) -> Result<HubProperties, SourceError> {
        self.hub().await?;
        self.inner.hub_properties().await
    }

    async fn partition_properties(
        &self,
        partition: &PartitionId,
    ) -> Result<PartitionProperties, SourceError> {
        self.hub().await?;
        self.inner.partition_properties(partition).await
    }

    async fn open(
        &self,
        partition: &PartitionId,
        at: OpenAt,
        prefetch: u32,
    ) -> Result<Box<dyn EventStream>, SourceError> {
        self.hub().await?;
        self.inner.open(partition, at, prefetch).await
    }
}

#[async_trait]
impl CheckpointStore for Far<MemoryStore> {
    async fn list_owners(&self, group: &GroupKey) -> Result<Vec<Ownership>, StoreError> {
        self.store().await?;
        self.inner.list_owners(group).await
    }

    async fn claim(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        owner: &str,
        condition: Condition,
    ) -> Result<ETag, StoreError> {
        self.store().await?;
        self.inner.claim(group, partition, owner, condition).await
    }

    async fn release(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        etag: ETag,
    ) -> Result<(), StoreError> {
        self.store().await?;
        self.inner.release(group, partition, etag).await
    }

    async fn read(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
    ) -> Result<Option<StoredCheckpoint>, StoreError> {
        self.store().await?;
        self.inner.read(group, partition).await
    }

    async fn write(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        checkpoint: &Checkpoint,
        condition: Condition,
    ) -> Result<ETag, StoreError> {
        self.store().await?;
        let written = self.inner.write(group, partition, checkpoint, condition);
        written.await
    }
}

#[async_trait]
impl Transport for Far<()> {
    async fn send(&self, _: Request) -> Result<Answer, TransportError> {
        match self.way.is_open().await {
            true => Ok(Answer {
                status: 200,
                retry_after: None,
                body: Bytes::new(),
            }),
            false => Err(TransportError::Connect("away".into())),
        }
    }
}

fn config() -> Config {
    settings::config(&Setup {
        partitions: PARTITIONS,
        replicas: 1,
        sinks: vec![SinkSetup {
            encoding: entra_forwarder::config::Encoding::Ndjson,
            records: 4,
            bytes: 8 << 10,
            age_ms: 100,
            concurrency: 4,
            selection: Selection::default(),
            demands: Demands::default(),
        }],
        memory_budget: 1 << 20,
        open_events_max: 10_000,
        uncommitted_max: 10_000,
        checkpoint_ms: 1_000,
        stale_margin_ms: 900_000,
        starts_latest: false,
        skips_undecodable: false,
        buries_text: false,
        rest: None,
    })
}

/// Runs beside a way that is so from the start, or from the first minute on, and asks all the time
/// whether the process lives.
async fn lives(manner: u8, is_there_at_first: bool) {
    let journal = Arc::new(Journal::new());
    let oracle = Arc::new(Oracle::new(Arc::clone(&journal), Selections::one(), false));
    let hub = Arc::new(Hub::new(journal, oracle, PARTITIONS, 10_000));
    let way = Arc::new(Way::default());
    if !is_there_at_first {
        way.0.store(manner, Ordering::Relaxed);
    }
    let source = Far {
        inner: HubHandle {
            hub: Arc::clone(&hub),
            process: "reader".to_owned(),
        },
        way: Arc::clone(&way),
    };
    let seams = Seams {
        sources: vec![Arc::new(source)],
        transports: vec![Arc::new(Far {
            inner: (),
            way: Arc::clone(&way),
        })],
        store: Arc::new(Far {
            inner: MemoryStore::new(),
            way: Arc::clone(&way),
        }),
        dead_letters: Arc::new(MemoryDeadLetters::new()),
        compressor: Arc::new(InlineCompressor),
        rng: Arc::new(SharedRng::seeded(1)),
        clock: Arc::clone(&hub) as _,
        expiries: Arc::default(),
    };
    let status = Arc::<Status>::default();
    let health = Health::new(Arc::clone(&status), Vec::new(), Vec::new());
    let health = Arc::new(health);
    let mut pulses = JoinSet::new();
    for of in [Pulse::Pipeline, Pulse::Amqp] {
        let health = Arc::clone(&health);
        pulses.spawn(async move { health.pulse(of).await });
    }
    let app = App::start(&config(), seams, "reader", status);
    tokio::time::sleep(Duration::from_secs(60)).await;
    way.0.store(manner, Ordering::Relaxed);
    let mut latest = Duration::ZERO;
    for minute in 0..60 {
        hub.produce(minute % PARTITIONS, Kind::Large(1));
        for _ in 0..60 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            health.live().unwrap();
            let (_, late) = app.observer().latest_turn().expect("the loops are watched");
            latest = latest.max(late);
        }
    }
    // Far from what counts as stuck: one answer at a time.
    assert!(latest <= TIMEOUT + Duration::from_secs(2), "{latest:?}");
    way.0.store(THERE, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(180)).await;
    let balance = app.balance();
    assert_eq!((balance.events, balance.sinks[0].in_flight), (60, 0));
    app.stop(Duration::from_secs(25)).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_refuses_for_an_hour_does_not_kill_it() {
    lives(REFUSING, true).await;
    lives(REFUSING, false).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_is_silent_for_an_hour_does_not_kill_it() {
    lives(SILENT, true).await;
    lives(SILENT, false).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_is_slow_for_an_hour_does_not_kill_it() {
    lives(SLOW, true).await;
    lives(SLOW, false).await;
}
