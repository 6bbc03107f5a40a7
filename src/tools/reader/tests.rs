use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;

use super::*;
use crate::event_hub::{
    Body, EventStream, HubProperties, Offset, OpenAt, PartitionProperties, Position,
    SequenceNumber, Source, SourceError, SourceErrorKind, Timestamp,
};
use crate::partition::inquiry::Inquiry;

/// What a receiver brings, one after the other; then it is silent.
type Script = Vec<Result<i64, SourceErrorKind>>;

/// One partition as a script has it.
struct Hub {
    /// What each receiver brings, or why it cannot be opened.
    receivers: Mutex<VecDeque<Result<Script, SourceErrorKind>>>,
    opened_at: Mutex<Vec<OpenAt>>,
    created_at: Mutex<VecDeque<i64>>,
    /// First and last number.
    holds: Mutex<(i64, i64)>,
}

fn error(kind: SourceErrorKind) -> SourceError {
    SourceError::new(kind, "scripted")
}

#[async_trait]
impl Source for Hub {
    async fn hub_properties(&self) -> Result<HubProperties, SourceError> {
        let mut created_at = self.created_at.lock().unwrap();
        let last = created_at.len() == 1;
        let now = match last {
            true => created_at.front().copied(),
            false => created_at.pop_front(),
        };
        Ok(HubProperties {
            created_at: Timestamp(now.unwrap()),
            partitions: vec![PartitionId::new("0")],
        })
    }

    async fn partition_properties(
        &self,
        _partition: &PartitionId,
    ) -> Result<PartitionProperties, SourceError> {
        let (begin, last) = *self.holds.lock().unwrap();
        Ok(PartitionProperties {
            begin_sequence: SequenceNumber(begin),
            last_sequence: SequenceNumber(last),
            last_offset: Offset::new("1"),
            last_enqueued_at: Some(Timestamp(9)),
            is_empty: begin > last,
        })
    }

    async fn open(
        &self,
        _partition: &PartitionId,
        at: OpenAt,
        _prefetch: u32,
    ) -> Result<Box<dyn EventStream>, SourceError> {
        self.opened_at.lock().unwrap().push(at);
        let next = self.receivers.lock().unwrap().pop_front();
        match next.unwrap_or(Err(SourceErrorKind::Unavailable)) {
            Ok(script) => Ok(Box::new(Stream(script.into()))),
            Err(kind) => Err(error(kind)),
        }
    }
}

struct Stream(VecDeque<Result<i64, SourceErrorKind>>);

#[async_trait]
impl EventStream for Stream {
    async fn next(&mut self) -> Result<ReceivedEvent, SourceError> {
        match self.0.pop_front() {
            None => std::future::pending().await,
            Some(Err(kind)) => Err(error(kind)),
            Some(Ok(sequence)) => Ok(ReceivedEvent {
                position: Position {
                    sequence: SequenceNumber(sequence),
                    offset: Offset::new("1"),
                    enqueued_at: Some(Timestamp(9)),
                },
                body: Body::Bytes(Bytes::new()),
            }),
        }
    }

    async fn close(self: Box<Self>) {}
}

/// What reading a window gave.
#[derive(Debug)]
struct Outcome {
    numbers: Vec<i64>,
    passed: u64,
    error: Option<String>,
    opened_at: Vec<OpenAt>,
}

/// Reads from one number to another of a hub that was created at each of these times, as one asks.
async fn read(
    receivers: Vec<Result<Script, SourceErrorKind>>,
    (first, last): (i64, i64),
    holds: (i64, i64),
    created_at: &[i64],
) -> Outcome {
    let hub = Arc::new(Hub {
        receivers: Mutex::new(receivers.into()),
        opened_at: Mutex::default(),
        created_at: Mutex::new(created_at.iter().copied().collect()),
        holds: Mutex::new(holds),
    });
    let source: Arc<dyn Source> = Arc::<Hub>::clone(&hub);
    let (queue, mut events) = mpsc::channel(1);
    let passed = Arc::<AtomicU64>::default();
    let one = One {
        place: 0,
        name: "logs".to_owned(),
        inquiry: Arc::new(Inquiry::new(Arc::clone(&source))),
        source,
        created_at: Timestamp(1),
        partition: PartitionId::new("0"),
        next: SequenceNumber(first),
        last: Some(SequenceNumber(last)),
        is_behind_undecodable: false,
        undecodable: 0,
        prefetch: 1,
        waits: Waits::new(Duration::from_secs(60)),
        queue,
        passed: Arc::clone(&passed),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(one.run(Arc::new(Semaphore::new(1)), CancellationToken::new()));
    let mut outcome = Outcome {
        numbers: Vec::new(),
        passed: 0,
        error: None,
        opened_at: Vec::new(),
    };
    while let Some(read) = events.recv().await {
        match read {
            Ok(read) => outcome.numbers.push(read.event.position.sequence.0),
            Err(error) => outcome.error = Some(error.to_string()),
        }
    }
    tasks.join_next().await.unwrap().unwrap();
    outcome.passed = passed.load(Ordering::Relaxed);
    outcome.opened_at = hub.opened_at.lock().unwrap().clone();
    outcome
}

fn all(numbers: std::ops::Range<i64>) -> Script {
    numbers.map(Ok).collect()
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_ends_is_opened_again_at_the_last_event() {
    let mut first = all(3..6);
    first.push(Err(SourceErrorKind::Unavailable));
    let mut expired = all(5..7);
    expired.push(Err(SourceErrorKind::Unauthorized));
    let receivers = vec![
        Ok(first),
        Err(SourceErrorKind::Throttled),
        Ok(expired),
        Ok(all(6..20)),
    ];
    let outcome = read(receivers, (4, 9), (0, 99), &[1]).await;
    assert_eq!(outcome.numbers, [4, 5, 6, 7, 8, 9], "{outcome:?}");
    assert_eq!((outcome.passed, outcome.error), (0, None));
    let at = [3, 5, 5, 6].map(|number| OpenAt::FromSequence(SequenceNumber(number)));
    assert_eq!(outcome.opened_at, at);
}

#[tokio::test(start_paused = true)]
async fn what_retention_takes_meanwhile_is_passed_over_and_counted() {
    // Numbers 2 to 4 are gone between two events, and the end of the window behind.
    let receivers = vec![Ok(vec![Ok(0), Ok(1), Ok(5)])];
    let outcome = read(receivers, (0, 9), (40, 99), &[1]).await;
    assert_eq!(outcome.numbers, [0, 1, 5], "{outcome:?}");
    assert_eq!((outcome.passed, outcome.error), (3 + 4, None));
    // An event behind the end says as much.
    let receivers = vec![Ok(vec![Ok(0), Ok(40)])];
    let outcome = read(receivers, (0, 9), (0, 99), &[1]).await;
    assert_eq!((outcome.numbers, outcome.passed), (vec![0], 9));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_stays_silent_is_opened_again() {
    let receivers = vec![Ok(vec![Ok(0)]), Ok(all(0..3))];
    let outcome = read(receivers, (0, 2), (0, 2), &[1]).await;
    assert_eq!(outcome.numbers, [0, 1, 2], "{outcome:?}");
    assert_eq!(outcome.opened_at.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_decoded_is_passed_over() {
    let undecodable = || Err(SourceErrorKind::Undecodable);
    let receivers = vec![
        Ok(vec![Ok(0), undecodable()]),
        Ok(vec![Ok(0), undecodable()]),
        Ok(vec![Ok(0), undecodable()]),
        // Behind it there is nothing yet.
        Err(SourceErrorKind::PositionRefused),
        Ok(all(2..4)),
    ];
    let outcome = read(receivers, (0, 3), (0, 3), &[1]).await;
    assert_eq!(outcome.numbers, [0, 2, 3], "{outcome:?}");
    assert_eq!((outcome.passed, outcome.error), (1, None));
    let last = outcome.opened_at.last();
    assert_eq!(last, Some(&OpenAt::FromSequence(SequenceNumber(2))));
}

#[tokio::test(start_paused = true)]
async fn another_hub_or_no_hub_at_all_ends_it() {
    let cut = || Ok(vec![Ok(0), Err(SourceErrorKind::Unavailable)]);
    let outcome = read(vec![cut(), cut()], (0, 9), (0, 9), &[1, 2]).await;
    assert_eq!(outcome.numbers, [0]);
    let error = outcome.error.unwrap();
    assert!(error.contains("made again"), "{error}");
    let began = tokio::time::Instant::now();
    let outcome = read(vec![cut()], (0, 9), (0, 9), &[1]).await;
    assert!(outcome.error.unwrap().contains("sources.logs"));
    let tries = began.elapsed().as_secs();
    assert!((20..=60).contains(&tries), "{tries}");
    for kind in [SourceErrorKind::Stolen, SourceErrorKind::NotFound] {
        let outcome = read(vec![Err(kind)], (0, 9), (0, 9), &[1]).await;
        assert_eq!(outcome.opened_at.len(), 1, "{kind:?}");
        assert!(outcome.error.is_some());
    }
}
