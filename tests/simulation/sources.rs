//! Many sources in one process: what one of them may hold while its records are not taken.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entra_forwarder::app::{App, Ended, Seams};
use entra_forwarder::checkpoint::memory::MemoryStore;
use entra_forwarder::clock::SharedRng;
use entra_forwarder::compress::{Compression, InlineCompressor};
use entra_forwarder::config::{Config, Encoding};
use entra_forwarder::deliver::dead_letter::memory::MemoryDeadLetters;
use entra_forwarder::deliver::http::{Request, Transport};
use entra_forwarder::deliver::response::{Answer, TransportError};
use entra_forwarder::event_hub::Source;
use entra_forwarder::telemetry::status::Status;
use tokio::sync::Semaphore;

use super::endpoint;
use super::hub::Hub;
use super::journal::Journal;
use super::operations::{Setup, SinkSetup};
use super::oracle::Oracle;
use super::records::Kind;
use super::selection::{Selection, Selections};
use super::settings;
use super::source::HubHandle;
use super::taste::Demands;

const SOURCES: u64 = 16;
const MEMORY_BUDGET: u64 = 128 << 10;
/// What there is for events, and the part of it that one of so many partitions may hold.
const FOR_EVENTS: u64 = MEMORY_BUDGET / 2;
const SHARE: u64 = 4 * FOR_EVENTS / SOURCES;
/// An event of [`Kind::Large`]`(1)` takes less than this.
const EVENT_BYTES: u64 = 2 << 10;

/// An endpoint that answers requests with records only when it is told to.
struct Gate(Semaphore);

#[async_trait]
impl Transport for Gate {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        if !endpoint::plain(Compression::Gzip { level: 1 }, &request.body).is_empty() {
            let _open = self.0.acquire().await;
        }
        Ok(Answer {
            status: 200,
            retry_after: None,
            body: Bytes::new(),
        })
    }
}

fn config() -> Config {
    let mut config = settings::config(&Setup {
        partitions: 1,
        replicas: 1,
        sinks: vec![SinkSetup {
            encoding: Encoding::Ndjson,
            records: 4,
            bytes: 64 << 10,
            age_ms: 100,
            concurrency: 1,
            selection: Selection::default(),
            demands: Demands::default(),
        }],
        memory_budget: MEMORY_BUDGET,
        open_events_max: 10_000,
        uncommitted_max: 10_000,
        checkpoint_ms: 1_000,
        stale_margin_ms: 0,
        starts_latest: false,
        skips_undecodable: false,
        buries_text: false,
        rest: None,
    });
    let one = config.sources.pop_first().unwrap().1;
    let source = |number| {
        let mut source = one.clone();
        source.event_hub = format!("hub-{number}");
        (format!("source{number:02}"), source)
    };
    config.sources = BTreeMap::from_iter((0..SOURCES).map(source));
    config
}

fn hub() -> Arc<Hub> {
    let journal = Arc::new(Journal::new());
    let oracle = Arc::new(Oracle::new(Arc::clone(&journal), Selections::one(), false));
    Arc::new(Hub::new(journal, oracle, 1, 10_000))
}

#[tokio::test(start_paused = true)]
async fn a_source_that_waits_leaves_room_for_the_others() {
    let hubs: Vec<_> = (0..SOURCES).map(|_| hub()).collect();
    let gate = Arc::new(Gate(Semaphore::new(0)));
    let sources = hubs.iter().map(|hub| -> Arc<dyn Source> {
        Arc::new(HubHandle {
            hub: Arc::clone(hub),
            process: "reader".to_owned(),
        })
    });
    let seams = Seams {
        sources: sources.collect(),
        transports: vec![Arc::clone(&gate) as _],
        store: Arc::new(MemoryStore::new()),
        dead_letters: Arc::new(MemoryDeadLetters::new()),
        compressor: Arc::new(InlineCompressor),
        rng: Arc::new(SharedRng::seeded(1)),
        clock: Arc::clone(&hubs[0]) as _,
        expiries: Arc::default(),
    };
    let app = App::start(&config(), seams, "reader", Arc::<Status>::default());
    tokio::time::sleep(Duration::from_secs(10)).await;

    // One has a backlog beyond the whole budget; each of the others gets one event after it.
    let backlog = FOR_EVENTS / 1_024 * 2;
    (0..backlog).for_each(|_| hubs[0].produce(0, Kind::Large(1)));
    tokio::time::sleep(Duration::from_secs(20)).await;
    hubs[1..]
        .iter()
        .for_each(|hub| hub.produce(0, Kind::Large(1)));
    tokio::time::sleep(Duration::from_secs(20)).await;
    let read = |source: usize| app.read_stats()[source].sum(|it| &it.bytes);
    let first = read(0);
    assert!(first + EVENT_BYTES >= SHARE / 2, "it reads ahead: {first}");
    assert!(first <= SHARE + EVENT_BYTES, "{first} of {SHARE}");
    for source in 1..hubs.len() {
        assert!(read(source) > 0, "source {source} is shut out");
    }
    assert!(app.budget().reserved() <= FOR_EVENTS);

    gate.0.add_permits(1);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let balance = app.balance();
    assert_eq!(balance.events, backlog + SOURCES - 1);
    assert_eq!((balance.error(), balance.sinks[0].in_flight), (0, 0));
    assert_eq!(app.budget().reserved(), 0);
    assert_eq!(app.stop(Duration::from_secs(25)).await, Ended::Settled);
}
