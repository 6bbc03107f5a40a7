//! A hub that does what a test says.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use entra_forwarder::clock::Clock;
use entra_forwarder::event_hub::{
    Body, EventStream, HubProperties, Offset, OpenAt, PartitionId, PartitionProperties, Position,
    ReceivedEvent, SequenceNumber, Source, SourceError, SourceErrorKind, Timestamp,
};
use tokio::sync::Notify;
use tokio::time::Instant;

/// The moment at which every test begins.
pub(crate) const BEGIN: i64 = 1_790_000_000_000;

pub(crate) struct Hub {
    begun: Instant,
    changed: Notify,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) created_at: Timestamp,
    pub(crate) partitions: BTreeMap<PartitionId, Partition>,
    /// Whether nothing is answered by the management node.
    pub(crate) is_dead: bool,
    pub(crate) hub_questions: u32,
    /// When the partitions were asked for.
    pub(crate) looked_at: Vec<Instant>,
    links: u64,
}

#[derive(Default)]
pub(crate) struct Partition {
    pub(crate) events: BTreeMap<i64, Timestamp>,
    pub(crate) last: Option<(i64, Timestamp)>,
    /// Whether the links that are open now, and the next ones, bring nothing.
    pub(crate) silent_links: VecDeque<bool>,
    /// Answers that come before the true ones.
    pub(crate) answers: VecDeque<PartitionProperties>,
    /// How long each link may be used.
    pub(crate) leave_after: Option<Duration>,
    /// How often the time to leave moves on.
    pub(crate) leave_moves: u32,
    ends: Option<SourceErrorKind>,
    link: u64,
    is_silent: bool,
    pub(crate) opens: Vec<(OpenAt, Instant)>,
    pub(crate) looks: u32,
}

pub(crate) fn offset(sequence: i64, time: Timestamp) -> Offset {
    Offset::new(format!("{sequence}@{}", time.0))
}

impl Hub {
    pub(crate) fn new(partitions: usize) -> Arc<Self> {
        let ids = (0..partitions).map(|id| PartitionId::new(id.to_string()));
        Arc::new(Self {
            begun: Instant::now(),
            changed: Notify::new(),
            state: Mutex::new(State {
                created_at: Timestamp(BEGIN - 1_000_000),
                partitions: ids.map(|id| (id, Partition::default())).collect(),
                is_dead: false,
                hub_questions: 0,
                looked_at: Vec::new(),
                links: 0,
            }),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(BEGIN + i64::try_from(self.begun.elapsed().as_millis()).unwrap())
    }

    pub(crate) fn on<T>(&self, partition: usize, act: impl FnOnce(&mut Partition) -> T) -> T {
        let id = PartitionId::new(partition.to_string());
        let done = act(self.lock().partitions.get_mut(&id).unwrap());
        self.changed.notify_waiters();
        done
    }

    pub(crate) fn produce(&self, partition: usize, events: usize) {
        let now = self.now();
        self.on(partition, |it| {
            for _ in 0..events {
                let sequence = it.last.map_or(0, |(last, _)| last + 1);
                it.events.insert(sequence, now);
                it.last = Some((sequence, now));
            }
        });
    }

    /// The link of a partition keeps silent from now on, and so do the next `links`.
    pub(crate) fn wedge(&self, partition: usize, links: usize) {
        self.on(partition, |it| {
            it.is_silent = true;
            it.silent_links.extend(std::iter::repeat_n(true, links));
        });
    }

    pub(crate) fn end_link(&self, partition: usize, kind: SourceErrorKind) {
        self.on(partition, |it| it.ends = Some(kind));
    }

    /// Made again under its name, with so many events in each partition.
    pub(crate) fn recreate(&self, events: usize) {
        let partitions = {
            let mut state = self.lock();
            state.created_at = self.now();
            for it in state.partitions.values_mut() {
                it.events.clear();
                it.last = None;
                it.ends = Some(SourceErrorKind::Unavailable);
            }
            state.partitions.len()
        };
        (0..partitions).for_each(|id| self.produce(id, events));
    }

    pub(crate) fn opens(&self, partition: usize) -> Vec<OpenAt> {
        self.on(partition, |it| {
            it.opens.iter().map(|(at, _)| at.clone()).collect()
        })
    }
}

impl Clock for Hub {
    fn now(&self) -> Timestamp {
        Self::now(self)
    }
}

impl Partition {
    pub(crate) fn properties(&self) -> PartitionProperties {
        let last = self.last;
        PartitionProperties {
            begin_sequence: SequenceNumber(self.events.keys().next().copied().unwrap_or(-1)),
            last_sequence: SequenceNumber(last.map_or(-1, |(last, _)| last)),
            last_offset: last.map_or(Offset::new(""), |(last, time)| offset(last, time)),
            last_enqueued_at: last.map(|(_, time)| time),
            is_empty: self.events.is_empty(),
        }
    }
}

fn unavailable(words: &str) -> SourceError {
    SourceError::new(SourceErrorKind::Unavailable, words)
}

/// The hub as a reader reaches it.
pub(crate) struct Handle(pub(crate) Arc<Hub>);

#[async_trait]
impl Source for Handle {
    async fn hub_properties(&self) -> Result<HubProperties, SourceError> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let mut state = self.0.lock();
        state.hub_questions += 1;
        if state.is_dead {
            return Err(unavailable("dead"));
        }
        Ok(HubProperties {
            created_at: state.created_at,
            partitions: state.partitions.keys().cloned().collect(),
        })
    }

    async fn partition_properties(
        &self,
        partition: &PartitionId,
    ) -> Result<PartitionProperties, SourceError> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let mut state = self.0.lock();
        if state.is_dead {
            return Err(unavailable("dead"));
        }
        state.looked_at.push(Instant::now());
        let it = state.partitions.get_mut(partition).unwrap();
        it.looks += 1;
        Ok(it.answers.pop_front().unwrap_or_else(|| it.properties()))
    }

    async fn open(
        &self,
        partition: &PartitionId,
        at: OpenAt,
        _: u32,
    ) -> Result<Box<dyn EventStream>, SourceError> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let mut state = self.0.lock();
        state.links += 1;
        let link = state.links;
        let it = state.partitions.get_mut(partition).unwrap();
        it.opens.push((at.clone(), Instant::now()));
        let last = it.last.map_or(-1, |(last, _)| last);
        let refused = |what: &str| {
            let words = format!("the supplied {what} is invalid");
            Err(SourceError::new(SourceErrorKind::PositionRefused, words))
        };
        let cursor = match at {
            OpenAt::Earliest => 0,
            OpenAt::FromSequence(sequence) if sequence.0 > last => return refused("number"),
            OpenAt::FromSequence(sequence) => sequence.0,
            OpenAt::FromTime(moment) => {
                let mut found = it.events.iter().filter(|(_, time)| **time >= moment);
                found.next().map_or(last + 1, |(sequence, _)| *sequence)
            }
            OpenAt::FromOffset(offset) => {
                let sequence = offset.as_str().split('@').next().unwrap().parse().unwrap();
                if sequence > last {
                    return refused("offset");
                }
                sequence
            }
        };
        it.link = link;
        it.ends = None;
        it.is_silent = it.silent_links.pop_front().unwrap_or(false);
        Ok(Box::new(Link {
            hub: Arc::clone(&self.0),
            partition: partition.clone(),
            id: link,
            cursor,
            leave_at: it.leave_after.map(|after| Instant::now() + after),
            moves: Mutex::new((it.leave_moves, it.leave_after.unwrap_or_default())),
        }))
    }
}

struct Link {
    hub: Arc<Hub>,
    partition: PartitionId,
    id: u64,
    cursor: i64,
    leave_at: Option<Instant>,
    moves: Mutex<(u32, Duration)>,
}

#[async_trait]
impl EventStream for Link {
    async fn next(&mut self) -> Result<ReceivedEvent, SourceError> {
        let hub = Arc::clone(&self.hub);
        loop {
            let changed = hub.changed.notified();
            {
                let state = hub.lock();
                let it = &state.partitions[&self.partition];
                if let Some(kind) = it.ends.filter(|_| it.link == self.id) {
                    return Err(SourceError::new(kind, "as the test says"));
                }
                let next = it.events.range(self.cursor..).next();
                if let Some((&sequence, &time)) = next.filter(|_| !it.is_silent) {
                    self.cursor = sequence + 1;
                    return Ok(ReceivedEvent {
                        position: Position {
                            sequence: SequenceNumber(sequence),
                            offset: offset(sequence, time),
                            enqueued_at: Some(time),
                        },
                        body: Body::Bytes(format!("{{\"n\":{sequence}}}").into()),
                    });
                }
            }
            changed.await;
        }
    }

    /// The moment moves on when it is over, as often as the test says.
    fn leave_at(&self) -> Option<Instant> {
        let (left, by) = *self.moves.lock().unwrap();
        let moved = self.hub.lock().partitions[&self.partition].leave_moves;
        let leave_at = self.leave_at? + by * (moved - left);
        if leave_at <= Instant::now() && left > 0 {
            self.moves.lock().unwrap().0 -= 1;
            return Some(leave_at + by);
        }
        Some(leave_at)
    }

    async fn close(self: Box<Self>) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
