//! The first start of a consumer group: few questions to the hub, all answers before the first
//! checkpoint.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use entra_forwarder::checkpoint::CheckpointStore;
use entra_forwarder::event_hub::{
    EventStream, HubProperties, OpenAt, PartitionId, PartitionProperties, Source, SourceError,
    SourceErrorKind, Timestamp,
};
use tokio::time::Instant;

use super::source::Quiet;
use super::store::Shared;
use super::world::{World, group};

const PARTITIONS: usize = 32;
/// Calls that the service answers in a second.
const CALLS_MAX: usize = 50;

/// What a question gets, by its number and the time since the begin; `None` is the answer.
type Failure = fn(usize, Duration) -> Option<SourceErrorKind>;

/// A hub that notes what it is asked, and answers as a test says.
struct Noting {
    quiet: Quiet,
    shared: Arc<Shared>,
    begun: Instant,
    failure: Failure,
    /// Whether the first failure is that of a hub that is made again.
    is_made_again: bool,
    looks: Mutex<Vec<Look>>,
}

/// A question for a partition.
struct Look {
    partition: PartitionId,
    at: Instant,
    is_answered: bool,
    /// How many checkpoints there were.
    stored: usize,
}

impl Noting {
    fn new(failure: Failure, is_made_again: bool) -> (Arc<Self>, World) {
        let shared = Arc::<Shared>::default();
        let hub = Arc::new(Self {
            quiet: Quiet {
                partitions: PARTITIONS,
            },
            shared: Arc::clone(&shared),
            begun: Instant::now(),
            failure,
            is_made_again,
            looks: Mutex::default(),
        });
        let source = Arc::clone(&hub) as Arc<dyn Source>;
        let world = World::with(1, PARTITIONS, source, shared);
        (hub, world)
    }

    /// When it was asked, and did or did not answer.
    fn times(&self, is_answered: bool) -> Vec<Instant> {
        let looks = self.looks.lock().unwrap();
        let looks = looks.iter().filter(|look| look.is_answered == is_answered);
        looks.map(|look| look.at).collect()
    }

    /// How often it answered for each partition.
    fn answers(&self) -> Vec<usize> {
        let mut answers = [0; PARTITIONS];
        for look in self.looks.lock().unwrap().iter() {
            let id: usize = look.partition.as_str().parse().unwrap();
            answers[id] += usize::from(look.is_answered);
        }
        answers.to_vec()
    }

    /// How many checkpoints there are.
    async fn stored(&self) -> usize {
        let mut stored = 0;
        for id in 0..PARTITIONS {
            let partition = PartitionId::new(id.to_string());
            let read = self.shared.store.read(&group(), &partition).await;
            stored += usize::from(read.unwrap().is_some());
        }
        stored
    }

    /// Asserts that nothing was stored before everything was known.
    fn assert_none_was_early(&self) {
        let looks = self.looks.lock().unwrap();
        assert!(looks.iter().all(|look| look.stored == 0));
    }
}

#[async_trait]
impl Source for Noting {
    async fn hub_properties(&self) -> Result<HubProperties, SourceError> {
        let mut hub = self.quiet.hub_properties().await?;
        if self.is_made_again && !self.times(false).is_empty() {
            hub.created_at = Timestamp(hub.created_at.0 + 1);
        }
        Ok(hub)
    }

    async fn partition_properties(
        &self,
        partition: &PartitionId,
    ) -> Result<PartitionProperties, SourceError> {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let stored = self.stored().await;
        let failure = {
            let mut looks = self.looks.lock().unwrap();
            let failure = (self.failure)(looks.len(), self.begun.elapsed());
            looks.push(Look {
                partition: partition.clone(),
                at: Instant::now(),
                is_answered: failure.is_none(),
                stored,
            });
            failure
        };
        match failure {
            Some(kind) => Err(SourceError::new(kind, "as the test says")),
            None => self.quiet.partition_properties(partition).await,
        }
    }

    async fn open(
        &self,
        partition: &PartitionId,
        at: OpenAt,
        prefetch: u32,
    ) -> Result<Box<dyn EventStream>, SourceError> {
        self.quiet.open(partition, at, prefetch).await
    }
}

/// The most that fall into one second.
fn most_in_a_second(times: &[Instant]) -> usize {
    let second = Duration::from_secs(1);
    let within = |from: &Instant| {
        let mut count = 0;
        for at in times.iter().filter(|at| *at >= from) {
            count += usize::from(*at - *from < second);
        }
        count
    };
    times.iter().map(within).max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn three_replicas_that_start_together_stay_below_the_throttle() {
    let (hub, mut world) = Noting::new(|_, _| None, false);
    for _ in 0..3 {
        world.join();
    }
    world.wait(Duration::from_secs(15)).await.unwrap();
    let most = most_in_a_second(&hub.times(true));
    assert!(most < CALLS_MAX, "{most} calls in a second");
    assert_eq!(hub.answers(), [3; PARTITIONS], "each asks once for each");
    assert_eq!(world.owners().await.len(), PARTITIONS);
}

#[tokio::test(start_paused = true)]
async fn a_question_that_fails_is_the_only_one_to_be_repeated() {
    let twentieth = |number, _| (number == 20).then_some(SourceErrorKind::Unavailable);
    let (hub, mut world) = Noting::new(twentieth, false);
    world.join();
    world.wait(Duration::from_secs(15)).await.unwrap();
    assert_eq!(hub.times(false).len(), 1);
    assert_eq!(hub.answers(), [1; PARTITIONS]);
    hub.assert_none_was_early();
    assert_eq!(hub.stored().await, PARTITIONS);
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_waited_for_and_not_in_step() {
    let for_a_while = |number, elapsed| {
        let is_throttled = number >= 10 && elapsed < Duration::from_secs(14);
        is_throttled.then_some(SourceErrorKind::Throttled)
    };
    let (hub, mut world) = Noting::new(for_a_while, false);
    for _ in 0..2 {
        world.join();
    }
    // Before whoever reads asks for the last events.
    world.wait(Duration::from_secs(28)).await.unwrap();
    let mut refused = hub.times(false);
    // The service asks for four seconds.
    assert!((4..=8).contains(&refused.len()), "{refused:?}");
    let all = refused.len();
    refused.dedup();
    // At first they meet, then no more.
    assert!(refused.len() >= all - 1, "in step: {refused:?}");
    assert_eq!(hub.answers(), [2; PARTITIONS]);
}

/// What was found in a hub that is gone means nothing in the new one.
#[tokio::test(start_paused = true)]
async fn a_hub_made_again_between_two_tries_is_asked_anew() {
    let twentieth = |number, _| (number == 20).then_some(SourceErrorKind::Unavailable);
    let (hub, mut world) = Noting::new(twentieth, true);
    world.join();
    world.wait(Duration::from_secs(15)).await.unwrap();
    let (before, after) = ([2; 20], [1; PARTITIONS - 20]);
    assert_eq!(hub.answers(), [&before[..], &after[..]].concat());
    hub.assert_none_was_early();
    assert_eq!(hub.stored().await, PARTITIONS);
}
