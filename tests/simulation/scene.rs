//! The real stages between a simulated hub and one endpoint that a test makes up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
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
use tokio::time::Instant;

use super::hub::Hub;
use super::journal::Journal;
use super::operations::{Setup, SinkSetup};
use super::oracle::Oracle;
use super::records::Kind;
use super::selection::{Selection, Selections};
use super::settings;
use super::source::HubHandle;
use super::taste::Demands;

/// Says what is answered to a request with records of these ids; a reset without a status.
pub(crate) type Answering = Box<dyn Fn(&[String]) -> Option<u16> + Send + Sync>;

/// An endpoint that keeps books.
pub(crate) struct Picky {
    answering: Mutex<Answering>,
    /// Every request with records: how many there were in it, and the answer.
    pub(crate) requests: Mutex<Vec<(usize, Option<u16>)>>,
    /// When each record was accepted.
    pub(crate) accepted: Mutex<BTreeMap<String, Instant>>,
}

impl Picky {
    pub(crate) fn answers(
        &self,
        answering: impl Fn(&[String]) -> Option<u16> + Send + Sync + 'static,
    ) {
        *self.answering.lock().unwrap() = Box::new(answering);
    }

    /// Refuses what holds this record, so; accepts everything else.
    pub(crate) fn dislikes(&self, bad: &str, status: Option<u16>) {
        let bad = bad.to_owned();
        self.answers(move |ids| {
            if ids.contains(&bad) {
                status
            } else {
                Some(200)
            }
        });
    }
}

/// The ids in an NDJSON body.
fn ids(body: &[u8]) -> Vec<String> {
    let lines = body.split_inclusive(|byte| *byte == b'\n');
    lines.map(id).collect()
}

/// The id of a record.
fn id(record: &[u8]) -> String {
    let text = std::str::from_utf8(record).unwrap();
    let id = text.strip_prefix("{\"id\":\"").expect("a record");
    id.split('"').next().unwrap().to_owned()
}

#[async_trait]
impl Transport for Picky {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        let ids = ids(&request.body);
        tokio::time::sleep(Duration::from_millis(10)).await;
        let status = match ids.is_empty() {
            true => Some(200),
            false => (self.answering.lock().unwrap())(&ids),
        };
        if !ids.is_empty() {
            self.requests.lock().unwrap().push((ids.len(), status));
        }
        let Some(status) = status else {
            return Err(TransportError::Broken("as a test".into()));
        };
        if status == 200 {
            let mut accepted = self.accepted.lock().unwrap();
            for id in ids {
                let before = accepted.insert(id.clone(), Instant::now());
                assert_eq!(before, None, "{id} was accepted before");
            }
        }
        Ok(Answer {
            status,
            retry_after: None,
            body: Default::default(),
        })
    }
}

/// A hub that keeps no books.
pub(crate) fn hub(partitions: usize) -> Arc<Hub> {
    let journal = Arc::new(Journal::new());
    let oracle = Arc::new(Oracle::new(Arc::clone(&journal), Selections::one(), false));
    Arc::new(Hub::new(journal, oracle, partitions, 10_000))
}

/// One process that reads these hubs and delivers to this endpoint. Its clock is the first one's.
pub(crate) fn start(
    config: &Config,
    hubs: &[&Arc<Hub>],
    endpoint: Arc<dyn Transport>,
    letters: MemoryDeadLetters,
) -> App {
    let source = |hub: &&Arc<Hub>| -> Arc<dyn Source> {
        Arc::new(HubHandle {
            hub: Arc::clone(hub),
            process: "reader".to_owned(),
        })
    };
    let seams = Seams {
        sources: hubs.iter().map(source).collect(),
        transports: vec![endpoint],
        store: Arc::new(MemoryStore::new()),
        dead_letters: Arc::new(letters),
        compressor: Arc::new(InlineCompressor),
        rng: Arc::new(SharedRng::seeded(1)),
        clock: Arc::clone(hubs[0]) as _,
        expiries: Arc::default(),
    };
    App::start(config, seams, "reader", Arc::<Status>::default())
}

/// One process, one partition, one sink.
pub(crate) struct Scene {
    pub(crate) app: App,
    pub(crate) hub: Arc<Hub>,
    pub(crate) endpoint: Arc<Picky>,
    pub(crate) letters: MemoryDeadLetters,
}

impl Scene {
    /// With batches of so many records, and so many requests in flight.
    pub(crate) fn new(records: usize, concurrency: usize) -> Self {
        let sink = SinkSetup {
            encoding: Encoding::Ndjson,
            records,
            bytes: 8 << 20,
            age_ms: 500,
            concurrency,
            selection: Selection::default(),
            demands: Demands::default(),
        };
        let mut config = settings::config(&Setup::plain(1, 256 << 20, vec![sink]));
        for sink in config.sinks.values_mut() {
            sink.compression = Compression::None;
        }
        let hub = hub(1);
        let endpoint = Arc::new(Picky {
            answering: Mutex::new(Box::new(|_| Some(200))),
            requests: Mutex::default(),
            accepted: Mutex::default(),
        });
        let letters = MemoryDeadLetters::new();
        let app = start(
            &config,
            &[&hub],
            Arc::clone(&endpoint) as _,
            letters.clone(),
        );
        Self {
            app,
            hub,
            endpoint,
            letters,
        }
    }

    /// Produces events of so many records each.
    pub(crate) fn produce(&self, events: usize, records: u8) {
        (0..events).for_each(|_| self.hub.produce(0, Kind::Envelope(records)));
    }

    /// The ids of the records that are dead letters, with their reasons.
    pub(crate) fn given_up(&self) -> Vec<(String, String)> {
        let all = self.letters.all().into_iter();
        all.map(|it| (id(&it.body), it.facts.reason)).collect()
    }

    /// Everything is settled: so many records are delivered, and so many dead letters.
    pub(crate) async fn ends_with(self, delivered: u64, dead_lettered: u64) {
        let balance = self.app.balance();
        let sink = balance.sinks[0];
        assert_eq!((balance.error(), sink.in_flight), (0, 0));
        assert_eq!(
            (sink.delivered, sink.dead_lettered),
            (delivered, dead_lettered)
        );
        assert_eq!(self.app.budget().reserved(), 0);
        let ended = self.app.stop(Duration::from_secs(25)).await;
        assert_eq!(ended, Ended::Settled);
    }
}
