//! An endpoint that is down for ten minutes: reading pauses, memory stays inside its bounds, and
//! everything flows afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entra_forwarder::app::Ended;
use entra_forwarder::config::Encoding;
use entra_forwarder::deliver::dead_letter::memory::MemoryDeadLetters;
use entra_forwarder::deliver::http::{Request, Transport};
use entra_forwarder::deliver::response::{Answer, TransportError};

use super::operations::{Setup, SinkSetup};
use super::records::Kind;
use super::selection::Selection;
use super::taste::Demands;
use super::{scene, settings};

const PARTITIONS: usize = 8;
const MEMORY_BUDGET: u64 = 128 << 10;
/// Twice what there is room for: an event of [`Kind::Large`]`(1)` has more than 1 KiB.
const EVENTS: u64 = MEMORY_BUDGET / 1_024;

/// Refuses connections while it is down.
#[derive(Default)]
struct Switch {
    is_down: AtomicBool,
    requests: AtomicU64,
}

#[async_trait]
impl Transport for Switch {
    async fn send(&self, _: Request) -> Result<Answer, TransportError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(10)).await;
        if self.is_down.load(Ordering::Relaxed) {
            return Err(TransportError::Connect("refused".into()));
        }
        Ok(Answer {
            status: 200,
            retry_after: None,
            body: Bytes::new(),
        })
    }
}

fn setup() -> Setup {
    let sink = SinkSetup {
        encoding: Encoding::Ndjson,
        records: 4,
        bytes: 8 << 10,
        age_ms: 100,
        concurrency: 4,
        selection: Selection::default(),
        demands: Demands::default(),
    };
    Setup::plain(PARTITIONS, MEMORY_BUDGET, vec![sink])
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_down_for_ten_minutes() {
    let config = settings::config(&setup());
    let hub = scene::hub(PARTITIONS);
    let (switch, letters) = (Arc::new(Switch::default()), MemoryDeadLetters::new());
    let app = scene::start(&config, &[&hub], Arc::clone(&switch) as _, letters);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let read = || app.read_stats()[0].sum(|it| &it.bytes);

    switch.is_down.store(true, Ordering::Relaxed);
    for partition in 0..PARTITIONS {
        (0..EVENTS / PARTITIONS as u64).for_each(|_| hub.produce(partition, Kind::Large(1)));
    }
    let before = switch.requests.load(Ordering::Relaxed);
    let mut paused_at = 0;
    for second in 0..600 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let reserved = app.budget().reserved();
        assert!(
            reserved <= MEMORY_BUDGET / 2,
            "{reserved} in second {second}"
        );
        if second == 60 {
            paused_at = read();
        }
    }
    assert!(paused_at > 0 && read() == paused_at, "it read on");
    assert!(app.balance().events < EVENTS, "there was room for all");
    assert_eq!(app.balance().sinks[0].delivered, 0);
    // Waits of up to 5 s as configured here, one request at a time: 240 on average.
    let requests = switch.requests.load(Ordering::Relaxed) - before;
    assert!((120..=480).contains(&requests), "{requests} requests");

    switch.is_down.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let balance = app.balance();
    assert_eq!((balance.events, balance.error()), (EVENTS, 0));
    assert_eq!(
        (balance.sinks[0].in_flight, app.budget().reserved()),
        (0, 0)
    );
    assert_eq!(app.stop(Duration::from_secs(25)).await, Ended::Settled);
}
