//! A sink as the program runs it, without the hub before it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use entra_forwarder::budget::Budget;
use entra_forwarder::checkpoint::ledger::{Generation, SinkBalance, SinkId};
use entra_forwarder::checkpoint::ledgers::{LedgerId, Ledgers};
use entra_forwarder::clock::{SharedRng, SystemClock};
use entra_forwarder::compress::CompressionPool;
use entra_forwarder::config::SinkConfig;
use entra_forwarder::deliver::condition::Condition;
use entra_forwarder::deliver::dead_letter::StoredLetter;
use entra_forwarder::deliver::dead_letter::memory::MemoryDeadLetters;
use entra_forwarder::deliver::flow::Flow;
use entra_forwarder::deliver::http::Transport;
use entra_forwarder::deliver::refusals::Refusals;
use entra_forwarder::deliver::sink::{SinkContext, SinkStats, run};
use entra_forwarder::envelope;
use entra_forwarder::event_hub::PartitionId;
use entra_forwarder::format::Format;
use entra_forwarder::record::{EventBody, Origin, Slice};
use entra_forwarder::telemetry::status::Status;
use smallvec::smallvec;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The running sink.
pub(crate) struct Sink {
    status: Arc<Status>,
    ledgers: Arc<Ledgers>,
    letters: MemoryDeadLetters,
    ledger: (LedgerId, Generation),
    queue: Option<mpsc::Sender<Slice>>,
    running: JoinSet<()>,
}

impl Sink {
    /// Starts it with this format, over this transport.
    pub(crate) fn start(
        name: &str,
        config: SinkConfig,
        format: Arc<dyn Format>,
        transport: Arc<dyn Transport>,
    ) -> Self {
        let ledgers = Arc::new(Ledgers::new(1));
        let (status, letters) = (Arc::<Status>::default(), MemoryDeadLetters::new());
        let context = Arc::new(SinkContext {
            id: SinkId(0),
            name: name.to_owned(),
            format,
            transport,
            compressor: Arc::new(CompressionPool::new(2)),
            dead_letters: Arc::new(letters.clone()),
            refusals: Arc::new(Refusals::new(name, Arc::clone(&status), config.refusals)),
            status: Arc::clone(&status),
            clock: Arc::new(SystemClock),
            ledgers: Arc::clone(&ledgers),
            rng: Arc::new(SharedRng::seeded(1)),
            draining: Default::default(),
            condition: Arc::new(Condition::new(name, Arc::clone(&status))),
            stats: SinkStats::starting_with(config.concurrency),
            bodies: Budget::new(256 << 20).bodies(1),
            flow: Arc::new(Flow::new(&config, Arc::new(SharedRng::seeded(2)))),
            config,
        });
        let id = ledgers.add("logs", &PartitionId::new("0"));
        let ledger = (id, ledgers.start(id, None));
        let (queue, slices) = mpsc::channel(16);
        let mut running = JoinSet::new();
        running.spawn(run(slices, context));
        Self {
            status,
            ledgers,
            letters,
            ledger,
            queue: Some(queue),
            running,
        }
    }

    /// Gives it an event with this body.
    ///
    /// # Panics
    /// When the sink does not take it in time.
    pub(crate) async fn give(&self, origin: Origin, body: Bytes) {
        let records = envelope::split(&body, 0);
        let owed = u32::try_from(records.len()).unwrap();
        let (id, generation) = self.ledger;
        let position = origin.position.clone();
        let opened = self
            .ledgers
            .open(id, generation, position, 1, owed, smallvec![owed]);
        let permit = Budget::new(1 << 20).reserve(1).await;
        let body = Arc::new(EventBody::new(records, origin, permit));
        for receipts in opened.unwrap() {
            let slice = Slice::whole(Arc::clone(&body), receipts);
            let given = self.queue.as_ref().unwrap().send(slice);
            let given = tokio::time::timeout(PATIENCE, given).await;
            given.expect("the sink takes it in time").unwrap();
        }
    }

    /// Ends the input; says whether every record has become delivered or a dead letter in time.
    pub(crate) async fn end(&mut self) -> bool {
        self.queue = None;
        let ended = tokio::time::timeout(PATIENCE, self.running.join_next()).await;
        let Ok(ended) = ended else { return false };
        ended.unwrap().unwrap();
        true
    }

    /// What it last said of the endpoint.
    pub(crate) fn waiting(&self) -> Vec<(String, String)> {
        self.status.waiting()
    }

    /// Its books.
    pub(crate) fn balance(&self) -> SinkBalance {
        self.ledgers.balance().sinks[0]
    }

    /// Its dead letters.
    pub(crate) fn letters(&self) -> Vec<StoredLetter> {
        self.letters.all()
    }
}
