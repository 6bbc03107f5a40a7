use std::collections::VecDeque;
use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use smallvec::smallvec;
use tokio::time::Instant;

use super::*;
use crate::budget::Budget;
use crate::checkpoint::ledger::{Generation, SinkBalance};
use crate::checkpoint::ledgers::LedgerId;
use crate::clock::SharedRng;
use crate::compress::InlineCompressor;
use crate::config::{BatchConfig, RateConfig};
use crate::deliver::dead_letter::memory::MemoryDeadLetters;
use crate::deliver::http::Request;
use crate::deliver::response::{Answer, TransportError};
use crate::envelope;
use crate::event_hub::{Offset, PartitionId, Position, SequenceNumber, Timestamp};
use crate::record::{EventBody, Origin};
use crate::telemetry::status::Status;

/// Answers from a script, then 200; keeps what was sent, and when.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Result<Answer, TransportError>>>,
    sent: Mutex<Vec<(Instant, Bytes)>>,
    in_flight_max: Mutex<(usize, usize)>,
    takes: Duration,
    panics: bool,
}

impl Script {
    fn of(answers: impl IntoIterator<Item = Result<Answer, TransportError>>) -> Self {
        let answers: VecDeque<_> = answers.into_iter().collect();
        Self {
            answers: answers.into(),
            ..Self::default()
        }
    }
}

/// The time of day, which passes with tokio's.
struct TokioClock(Instant);

impl TokioClock {
    /// 2026-11-21T08:15:30.125Z.
    const STARTED: Timestamp = Timestamp(1_795_248_930_125);

    fn starting() -> Arc<dyn Clock> {
        Arc::new(Self(Instant::now()))
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        Timestamp(Self::STARTED.0 + self.0.elapsed().as_millis() as i64)
    }
}

fn answer(status: u16) -> Result<Answer, TransportError> {
    Ok(Answer {
        status,
        retry_after: None,
        body: Bytes::new(),
    })
}

fn after(status: u16, seconds: u64) -> Result<Answer, TransportError> {
    let retry_after = Some(Duration::from_secs(seconds));
    Ok(Answer {
        status,
        retry_after,
        body: Bytes::new(),
    })
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        assert!(!self.panics, "as a test");
        self.sent
            .lock()
            .unwrap()
            .push((Instant::now(), request.body));
        {
            let mut in_flight = self.in_flight_max.lock().unwrap();
            in_flight.0 += 1;
            in_flight.1 = in_flight.1.max(in_flight.0);
        }
        tokio::time::sleep(self.takes).await;
        self.in_flight_max.lock().unwrap().0 -= 1;
        self.answers
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or_else(|| answer(200))
    }
}

struct Case {
    script: Arc<Script>,
    context: Arc<SinkContext>,
    ledgers: Arc<Ledgers>,
    status: Arc<Status>,
    letters: Arc<MemoryDeadLetters>,
    draining: CancellationToken,
    ledger: (LedgerId, Generation),
    queue: mpsc::Sender<Slice>,
    running: JoinSet<()>,
    next: i64,
}

impl Case {
    fn new(script: Script, concurrency: usize) -> Self {
        let script = Arc::new(script);
        let mut case = Self::with(Arc::clone(&script) as _, concurrency, RateConfig::default());
        case.script = script;
        case
    }

    /// A sink on another transport; the script is not used.
    fn with(transport: Arc<dyn Transport>, concurrency: usize, rate: RateConfig) -> Self {
        Self::of(
            transport,
            SinkConfig {
                batch: BatchConfig {
                    records: 2,
                    ..BatchConfig::default()
                },
                concurrency,
                rate,
                ..SinkConfig::default()
            },
        )
    }

    fn of(transport: Arc<dyn Transport>, config: SinkConfig) -> Self {
        let format = crate::format::of(&config, TokioClock::starting());
        Self::formatting(transport, config, format)
    }

    fn formatting(
        transport: Arc<dyn Transport>,
        config: SinkConfig,
        format: Arc<dyn Format>,
    ) -> Self {
        let ledgers = Arc::new(Ledgers::new(1));
        let (status, draining) = (Arc::<Status>::default(), CancellationToken::new());
        let letters = Arc::new(MemoryDeadLetters::new());
        let context = Arc::new(SinkContext {
            id: SinkId(0),
            name: "siem".into(),
            format,
            transport,
            compressor: Arc::new(InlineCompressor),
            dead_letters: Arc::clone(&letters) as _,
            refusals: Arc::new(Refusals::new("siem", Arc::clone(&status), config.refusals)),
            status: Arc::clone(&status),
            clock: TokioClock::starting(),
            ledgers: Arc::clone(&ledgers),
            rng: Arc::new(SharedRng::seeded(1)),
            draining: draining.clone(),
            condition: Arc::new(Condition::new("siem", Arc::clone(&status))),
            stats: SinkStats::starting_with(config.concurrency),
            bodies: Budget::new(64 << 20).bodies(1),
            flow: Arc::new(Flow::new(&config, Arc::new(SharedRng::seeded(2)))),
            config,
        });
        let id = ledgers.add("logs", &PartitionId::new("0"));
        let ledger = (id, ledgers.start(id, None));
        let (queue, slices) = mpsc::channel(4);
        let mut running = JoinSet::new();
        running.spawn(run(slices, Arc::clone(&context)));
        Self {
            script: Arc::default(),
            context,
            ledgers,
            status,
            letters,
            draining,
            ledger,
            queue,
            running,
            next: 0,
        }
    }

    /// Gives the sink an event with these records.
    async fn give(&mut self, records: &[&str]) {
        let body = Bytes::from(format!("{{\"records\":[{}]}}", records.join(",")));
        let sequence = SequenceNumber(self.next);
        self.next += 1;
        let position = Position {
            sequence,
            offset: Offset::new("0"),
            enqueued_at: None,
        };
        let owed = records.len() as u32;
        let (id, generation) = self.ledger;
        let mut receipts = self
            .ledgers
            .open(id, generation, position, 1, owed, smallvec![owed])
            .unwrap();
        let permit = Budget::new(1 << 20).reserve(1).await;
        let split = envelope::split(&body, 0);
        let body = Arc::new(EventBody::new(split, Origin::any(), permit));
        self.queue
            .send(Slice::whole(body, receipts.pop().unwrap()))
            .await
            .unwrap();
    }

    /// Closes the queue and waits until the sink has ended.
    async fn end(mut self) -> (Vec<(Instant, Bytes)>, SinkBalance) {
        drop(self.queue);
        while let Some(ended) = self.running.join_next().await {
            ended.unwrap();
        }
        let sent = self.script.sent.lock().unwrap().clone();
        (sent, self.ledgers.balance().sinks[0])
    }
}

fn text(body: &Bytes) -> String {
    let mut text = String::new();
    flate2::bufread::MultiGzDecoder::new(body.as_ref())
        .take(1 << 20)
        .read_to_string(&mut text)
        .unwrap();
    text
}

#[tokio::test(start_paused = true)]
async fn batches_are_cut_by_size_and_the_rest_by_age() {
    let started = Instant::now();
    let mut case = Case::new(Script::default(), 4);
    case.give(&["1", "2", "3"]).await;
    case.ledgers.wait_until_settled().await;
    let (sent, balance) = case.end().await;
    let bodies: Vec<_> = sent.iter().map(|(_, body)| text(body)).collect();
    assert_eq!(
        bodies,
        ["{\"message\":1}\n{\"message\":2}\n", "{\"message\":3}\n"]
    );
    assert_eq!(sent[0].0 - started, Duration::ZERO);
    assert_eq!(sent[1].0 - started, Duration::from_secs(5));
    assert_eq!((balance.delivered, balance.in_flight), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn the_same_bytes_are_sent_until_they_are_accepted() {
    let refusals = [503, 429, 302, 401, 404, 203, 260];
    let mut answers: VecDeque<_> = refusals.into_iter().map(answer).collect();
    answers.push_back(Err(TransportError::Timeout));
    let mut case = Case::new(Script::of(answers), 1);
    case.give(&["1", "2"]).await;
    case.ledgers.wait_until_settled().await;
    assert!(case.status.has_answered("sink siem"));
    let (sent, balance) = case.end().await;
    assert_eq!(sent.len(), 9);
    assert!(sent.iter().all(|(_, body)| *body == sent[0].1));
    assert_eq!(balance.delivered, 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_settled_while_it_is_refused_and_the_reason_is_said() {
    let answers = (0..5).map(|_| answer(401));
    let mut case = Case::new(Script::of(answers), 1);
    case.give(&["1", "2"]).await;
    while case.script.sent.lock().unwrap().len() < 3 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let waiting = case.status.waiting();
    assert_eq!(waiting[0].0, "sink siem");
    assert!(
        waiting[0].1.starts_with("refusing: status 401"),
        "{}",
        waiting[0].1
    );
    assert_eq!(case.ledgers.balance().sinks[0].delivered, 0);
    let (_, balance) = case.end().await;
    assert_eq!(balance.delivered, 2);
}

#[tokio::test(start_paused = true)]
async fn retry_after_holds_the_whole_sink_and_is_capped() {
    let started = Instant::now();
    let answers = [after(429, 100), after(503, 31_536_000)];
    let mut case = Case::new(Script::of(answers), 1);
    case.give(&["1", "2"]).await;
    case.ledgers.wait_until_settled().await;
    let (sent, _) = case.end().await;
    assert!(sent[1].0 - started >= Duration::from_secs(100));
    assert!(sent[1].0 - started < Duration::from_secs(161));
    assert!(sent[2].0 - sent[1].0 >= Duration::from_secs(300));
    assert!(sent[2].0 - sent[1].0 < Duration::from_secs(361));
}

#[tokio::test(start_paused = true)]
async fn a_new_batch_waits_as_the_endpoint_asked() {
    let started = Instant::now();
    let answers = [after(429, 100)];
    let mut case = Case::new(Script::of(answers), 4);
    case.give(&["1", "2"]).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    case.give(&["3", "4"]).await;
    case.ledgers.wait_until_settled().await;
    let (sent, _) = case.end().await;
    assert_eq!(sent.len(), 3);
    assert!(sent[1].0 - started >= Duration::from_secs(100));
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_are_in_flight_than_there_are_slots() {
    let mut case = Case::new(
        Script {
            takes: Duration::from_secs(1),
            ..Script::default()
        },
        3,
    );
    for _ in 0..20 {
        case.give(&["1", "2"]).await;
    }
    let script = Arc::clone(&case.script);
    let (sent, balance) = case.end().await;
    assert_eq!((sent.len(), balance.delivered), (20, 40));
    assert_eq!(script.in_flight_max.lock().unwrap().1, 3);
}

#[tokio::test(start_paused = true)]
async fn a_stop_cuts_a_wait_short_once() {
    let answers = [after(503, 200), answer(503)];
    let mut case = Case::new(Script::of(answers), 1);
    case.give(&["1", "2"]).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let stopped = Instant::now();
    case.draining.cancel();
    let (sent, balance) = case.end().await;
    assert_eq!(sent.len(), 3);
    assert_eq!(sent[1].0, stopped);
    assert!(
        sent[2].0 - stopped >= Duration::from_secs(180),
        "the endpoint still asked to wait"
    );
    assert_eq!(balance.delivered, 2);
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_partitions_are_all_lost_is_dropped() {
    let answers = (0..3).map(|_| answer(503));
    let mut case = Case::new(Script::of(answers), 1);
    case.give(&["1", "2"]).await;
    while case.script.sent.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    case.ledgers.end(case.ledger.0);
    let (sent, balance) = case.end().await;
    assert_eq!(sent.len(), 1);
    assert_eq!((balance.delivered, balance.abandoned), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_dies_ends_the_sink() {
    let script = Script {
        panics: true,
        ..Script::default()
    };
    let mut case = Case::new(script, 1);
    case.give(&["1", "2"]).await;
    // The queue is open: the sink ends by itself, and `App::failed` sees that.
    let ended = tokio::time::timeout(Duration::from_secs(60), case.running.join_next()).await;
    assert!(ended.unwrap().unwrap().is_ok());
    let balance = case.ledgers.balance().sinks[0];
    assert_eq!((balance.delivered, balance.in_flight), (0, 2));
}

mod flow;
mod limits;
mod outcomes;
