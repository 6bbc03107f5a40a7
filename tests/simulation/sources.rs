//! Many sources in one process: what one of them may hold while its records are not taken.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entra_forwarder::app::Ended;
use entra_forwarder::compress::Compression;
use entra_forwarder::config::{Config, Encoding};
use entra_forwarder::deliver::dead_letter::memory::MemoryDeadLetters;
use entra_forwarder::deliver::http::{Request, Transport};
use entra_forwarder::deliver::response::{Answer, TransportError};
use tokio::sync::Semaphore;

use super::operations::{Setup, SinkSetup};
use super::records::Kind;
use super::selection::Selection;
use super::taste::Demands;
use super::{endpoint, scene, settings};

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
    let sink = SinkSetup {
        encoding: Encoding::Ndjson,
        records: 4,
        bytes: 64 << 10,
        age_ms: 100,
        concurrency: 1,
        selection: Selection::default(),
        demands: Demands::default(),
    };
    let mut config = settings::config(&Setup::plain(1, MEMORY_BUDGET, vec![sink]));
    let one = config.sources.pop_first().unwrap().1;
    let source = |number| {
        let mut source = one.clone();
        source.event_hub = format!("hub-{number}");
        (format!("source{number:02}"), source)
    };
    config.sources = BTreeMap::from_iter((0..SOURCES).map(source));
    config
}

#[tokio::test(start_paused = true)]
async fn a_source_that_waits_leaves_room_for_the_others() {
    let hubs: Vec<_> = (0..SOURCES).map(|_| scene::hub(1)).collect();
    let (gate, letters) = (Arc::new(Gate(Semaphore::new(0))), MemoryDeadLetters::new());
    let all: Vec<_> = hubs.iter().collect();
    let app = scene::start(&config(), &all, Arc::clone(&gate) as _, letters);
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
