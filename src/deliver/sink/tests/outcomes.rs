//! What becomes of records that an endpoint does not take.

use std::collections::BTreeMap;

use super::*;
use crate::deliver::dead_letter::StoredLetter;
use crate::deliver::response::{Objection, RecordVerdict, Verdict};
use crate::format::Plain;
use crate::record::Record;

type Answering = dyn Fn(&[String]) -> Result<Answer, TransportError> + Send + Sync;

/// Answers by the records of a request, and keeps books.
struct Picky {
    answering: Mutex<Box<Answering>>,
    requests: Mutex<Vec<(Instant, Vec<String>)>>,
    accepted: Mutex<BTreeMap<String, usize>>,
}

impl Picky {
    fn new(
        answering: impl Fn(&[String]) -> Result<Answer, TransportError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            answering: Mutex::new(Box::new(answering)),
            requests: Mutex::default(),
            accepted: Mutex::default(),
        })
    }

    /// Refuses what holds one of these records.
    fn refusing(status: u16, bad: &'static [usize]) -> Arc<Self> {
        Self::new(move |records| {
            let is_bad = bad.iter().any(|bad| records.contains(&record(*bad)));
            answer(if is_bad { status } else { 200 })
        })
    }

    fn mend(&self) {
        *self.answering.lock().unwrap() = Box::new(|_| answer(200));
    }

    fn requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    /// How often each record was accepted, when none was more than once.
    fn accepted(&self) -> usize {
        let accepted = self.accepted.lock().unwrap();
        assert!(accepted.values().all(|times| *times == 1), "{accepted:?}");
        accepted.len()
    }
}

#[async_trait]
impl Transport for Picky {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        let lines = text(&request.body);
        let records: Vec<String> = lines.lines().map(str::to_owned).collect();
        tokio::time::sleep(Duration::from_millis(10)).await;
        let result = (self.answering.lock().unwrap())(&records);
        let moment = Instant::now();
        self.requests
            .lock()
            .unwrap()
            .push((moment, records.clone()));
        if result.as_ref().is_ok_and(|answer| answer.status == 200) {
            let mut accepted = self.accepted.lock().unwrap();
            for record in records {
                *accepted.entry(record).or_default() += 1;
            }
        }
        result
    }
}

fn record(number: usize) -> String {
    format!("{{\"n\":{number}}}")
}

fn config(records: usize, concurrency: usize) -> SinkConfig {
    SinkConfig {
        batch: BatchConfig {
            records,
            ..BatchConfig::default()
        },
        concurrency,
        ..SinkConfig::default()
    }
}

/// Gives events of `each` records with the numbers of this range.
async fn give(case: &mut Case, numbers: std::ops::Range<usize>, each: usize) {
    let records: Vec<String> = numbers.map(record).collect();
    for event in records.chunks(each) {
        let event: Vec<&str> = event.iter().map(String::as_str).collect();
        case.give(&event).await;
    }
}

fn bodies(letters: &[StoredLetter]) -> Vec<String> {
    let bodies = letters.iter().map(|letter| letter.body.to_vec());
    let mut bodies: Vec<_> = bodies
        .map(|body| String::from_utf8(body).unwrap())
        .collect();
    bodies.sort();
    bodies
}

#[tokio::test(start_paused = true)]
async fn one_bad_record_is_found_and_the_others_are_delivered_once() {
    for (status, reason) in [(400, "refused"), (422, "refused"), (413, "oversize")] {
        let picky = Picky::refusing(status, &[5]);
        let mut case = Case::of(Arc::clone(&picky) as _, config(16, 4));
        give(&mut case, 0..16, 3).await;
        case.ledgers.wait_until_settled().await;
        assert!(picky.requests() <= 2 * 4 + 1, "{}", picky.requests());
        assert_eq!(picky.accepted(), 15);
        let letters = case.letters.all();
        assert_eq!(bodies(&letters), [record(5)]);
        let facts = &letters[0].facts;
        assert_eq!(facts.sink.as_deref(), Some("siem"));
        assert_eq!(
            (facts.reason.as_str(), facts.source.as_str()),
            (reason, "logs")
        );
        let answer = facts.answer.clone().unwrap();
        assert!(answer.starts_with(&format!("status {status}")), "{answer}");
        assert!(case.status.failing().is_empty());
        let (_, balance) = case.end().await;
        assert_eq!((balance.delivered, balance.dead_lettered), (15, 1));
        assert_eq!(balance.error(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn where_everything_is_refused_nothing_is_given_up() {
    let picky = Picky::new(|_| answer(400));
    let mut case = Case::of(Arc::clone(&picky) as _, config(100, 4));
    give(&mut case, 0..1_000, 10).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(case.letters.all().is_empty());
    let failing = case.status.failing();
    assert_eq!(failing.len(), 1, "{failing:?}");
    assert!(
        failing[0].1.starts_with("misconfigured: status 400"),
        "{failing:?}"
    );
    let before = picky.requests();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let probes = picky.requests() - before;
    assert!((30..=200).contains(&probes), "{probes} probes in an hour");
    picky.mend();
    case.ledgers.wait_until_settled().await;
    assert_eq!(picky.accepted(), 1_000);
    assert!(case.status.failing().is_empty());
    let letters = case.letters.all();
    let (_, balance) = case.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (1_000, 0));
    assert!(letters.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_bad_record_that_is_alone_waits_for_a_witness() {
    let picky = Picky::refusing(400, &[0]);
    let mut case = Case::of(Arc::clone(&picky) as _, config(10, 1));
    give(&mut case, 0..1, 1).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(case.letters.all().is_empty());
    assert_eq!(case.status.failing().len(), 1);
    // It holds no place: the next batch passes, and tells that the endpoint takes records.
    give(&mut case, 1..2, 1).await;
    tokio::time::sleep(Duration::from_secs(180)).await;
    assert_eq!(bodies(&case.letters.all()), [record(0)]);
    assert!(case.status.failing().is_empty());
    let (_, balance) = case.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_bound_is_given_up_until_somebody_acts() {
    let is_even = |line: &String| {
        line.trim_end_matches('}')
            .ends_with(['0', '2', '4', '6', '8'])
    };
    let picky = Picky::new(move |records| {
        answer(if records.iter().any(is_even) {
            422
        } else {
            200
        })
    });
    let mut case = Case::of(Arc::clone(&picky) as _, config(50, 2));
    give(&mut case, 0..800, 10).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    eprintln!(
        "{:?} {} {:?}",
        case.status.waiting(),
        picky.requests(),
        case.ledgers.balance()
    );
    assert_eq!(case.letters.all().len(), 100);
    let failing = case.status.failing();
    assert!(failing[0].1.contains("refusals_max"), "{failing:?}");
    let before = picky.requests();
    for _ in 0..3_600 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(case.status.failing().len(), 1, "it is said all the time");
    }
    let probes = picky.requests() - before;
    assert!(probes <= 3_600 / 20 * 18, "{probes} probes in an hour");
    picky.mend();
    case.ledgers.wait_until_settled().await;
    assert!(case.status.failing().is_empty());
    assert_eq!(picky.accepted(), 700);
    let (_, balance) = case.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (700, 100));
}

#[tokio::test(start_paused = true)]
async fn without_a_witness_all_is_given_up_on_request() {
    let picky = Picky::new(|_| answer(400));
    let mut config = config(64, 2);
    config.refusals.without_witness = true;
    config.refusals.max = 0;
    let mut case = Case::of(Arc::clone(&picky) as _, config);
    give(&mut case, 0..300, 10).await;
    case.ledgers.wait_until_settled().await;
    assert_eq!(case.letters.all().len(), 300);
    let (_, balance) = case.end().await;
    assert_eq!(balance.dead_lettered, 300);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_large_as_it_is_sent_goes_in_parts() {
    const MOST: u64 = 200;
    let picky = Picky::new(|_| answer(200));
    let mut config = config(100, 2);
    config.batch.compressed_bytes = Some(MOST);
    config.compression = crate::compress::Compression::Gzip { level: 0 };
    let mut case = Case::of(Arc::clone(&picky) as _, config);
    give(&mut case, 0..60, 10).await;
    let long = format!("{{\"n\":\"{}\"}}", "x".repeat(300));
    case.give(&[&long]).await;
    case.ledgers.wait_until_settled().await;
    assert_eq!(picky.accepted(), 60);
    let letters = case.letters.all();
    assert_eq!(bodies(&letters), [long]);
    assert_eq!(letters[0].facts.reason, "oversize");
    for (_, records) in picky.requests.lock().unwrap().iter() {
        let plain: usize = records.iter().map(|record| record.len() + 1).sum();
        assert!(plain < 200, "{plain}");
    }
    let (_, balance) = case.end().await;
    assert_eq!((balance.delivered, balance.dead_lettered), (60, 1));
}

#[tokio::test(start_paused = true)]
async fn poison_is_isolated_and_the_others_are_undisturbed() {
    for status in [500, 403] {
        let picky = Picky::new(move |records| {
            let is_bad = records.contains(&record(33));
            answer(if is_bad { status } else { 200 })
        });
        let mut case = Case::of(Arc::clone(&picky) as _, config(20, 2));
        let started = Instant::now();
        for batch in 0..200 {
            give(&mut case, batch * 20..batch * 20 + 20, 20).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        case.ledgers.wait_until_settled().await;
        let letters = case.letters.all();
        assert_eq!(bodies(&letters), [record(33)]);
        assert_eq!(letters[0].facts.reason, "poison");
        assert_eq!(picky.accepted(), 200 * 20 - 1);
        // Those of other batches did not wait.
        let requests = picky.requests.lock().unwrap().clone();
        let others = requests.iter().filter(|(_, records)| {
            let is_of_its_batch = records.iter().any(|it| (20..40).any(|n| *it == record(n)));
            !is_of_its_batch
        });
        for (moment, records) in others {
            let batch = (0..200)
                .find(|batch| records.contains(&record(batch * 20)))
                .unwrap();
            let given = started + Duration::from_secs(5 * batch as u64);
            assert!(
                *moment - given < Duration::from_secs(5),
                "{:?}",
                *moment - given
            );
        }
        let (_, balance) = case.end().await;
        assert_eq!((balance.delivered, balance.dead_lettered), (3_999, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_not_taken_for_poison() {
    let picky = Picky::new(|_| answer(500));
    let mut case = Case::of(Arc::clone(&picky) as _, config(20, 2));
    give(&mut case, 0..200, 20).await;
    tokio::time::sleep(Duration::from_secs(7_200)).await;
    picky.mend();
    case.ledgers.wait_until_settled().await;
    assert!(case.letters.all().is_empty());
    assert_eq!(picky.accepted(), 200);
    let whole = |(_, records): &(Instant, Vec<String>)| records.len() == 20;
    assert!(picky.requests.lock().unwrap().iter().all(whole));
    let (_, balance) = case.end().await;
    assert_eq!(balance.delivered, 200);
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_lost_partitions_is_not_given_up() {
    let picky = Picky::new(|_| answer(400));
    let mut case = Case::of(Arc::clone(&picky) as _, config(20, 1));
    give(&mut case, 0..20, 5).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    case.ledgers.end(case.ledger.0);
    let letters = Arc::clone(&case.letters);
    let (_, balance) = case.end().await;
    assert_eq!((balance.abandoned, balance.dead_lettered), (20, 0));
    assert!(letters.all().is_empty());
}

mod per_record;
