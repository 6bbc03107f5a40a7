//! The simulated hub: partitions with logs, numbers and timelines, and the log of attachments.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use entra_forwarder::clock::Clock;
use entra_forwarder::event_hub::{
    Body, Offset, PartitionId, Position, SequenceNumber, SourceErrorKind, Timestamp,
};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::journal::Journal;
use super::oracle::{Oracle, Place};
use super::records::{self, Kind};

mod partition;
mod timelines;

/// The moment at which every simulation begins.
const BEGIN: i64 = 1_790_000_000_000;

pub(crate) struct Hub {
    pub(crate) journal: Arc<Journal>,
    pub(crate) oracle: Arc<Oracle>,
    pub(crate) changed: Notify,
    pub(crate) uncommitted_max: u64,
    begun: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) partitions: Vec<Partition>,
    pub(crate) links: u64,
    pub(crate) properties_failures: u32,
    /// When the hub was created, each time.
    pub(crate) created: Vec<Timestamp>,
    /// Whether numbers are missing for good somewhere.
    has_gaps: bool,
    /// Whether any link ever kept silent about an event.
    pub(crate) has_wedged: bool,
}

#[derive(Default)]
pub(crate) struct Partition {
    pub(crate) timeline: u32,
    /// Per timeline, to which creation of the hub it belongs.
    creations: Vec<usize>,
    pub(crate) entries: BTreeMap<i64, Entry>,
    pub(crate) next: i64,
    bytes: u64,
    pub(crate) last: Option<Position>,
    /// No event is older than the ones before it, those of former timelines included.
    latest_time: i64,
    /// The link that may receive; all others were stolen from.
    pub(crate) link: u64,
    /// The link that ends, and why.
    pub(crate) ends: Option<(u64, SourceErrorKind)>,
    pub(crate) pace: Option<(Duration, Instant)>,
    pub(crate) opens: VecDeque<Opening>,
    /// Since it began anew: until a checkpoint of the new timeline is stored.
    pub(crate) began_anew: bool,
    /// Numbers that undecodable messages have or had, with the timeline.
    pub(crate) undecodable: BTreeMap<i64, u32>,
    /// The links that keep silent for ever.
    pub(crate) wedged: BTreeSet<u64>,
    /// The next receiver loses an event on the way.
    pub(crate) loses_one: bool,
    /// The number of the event that was lost last: no event is lost at both looks.
    pub(crate) lost: Option<Place>,
    /// The receiver goes back by so many events.
    pub(crate) goes_back: i64,
    attached: BTreeMap<String, Attached>,
}

#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) timeline: u32,
    pub(crate) position: Position,
    /// `None` when it cannot be decoded.
    pub(crate) body: Option<Body>,
}

/// What one of the next attaches meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    Hangs,
    Refused(SourceErrorKind),
    /// It starts with so many events older than asked for.
    Older(u8),
    /// The link stands and brings nothing.
    Wedged,
}

/// Where a process stands in a partition, as seen from the hub.
#[derive(Default)]
struct Attached {
    /// The last event that it has certainly handed on.
    handed: Option<Place>,
    /// The event that it received last and may have handed on.
    maybe: Option<Place>,
    /// A checkpoint that it read or wrote since.
    resume: Option<Place>,
    /// The number at which it last opened, until it goes on.
    opened: Option<i64>,
}

impl Hub {
    pub(crate) fn new(
        journal: Arc<Journal>,
        oracle: Arc<Oracle>,
        partitions: usize,
        uncommitted_max: u64,
    ) -> Self {
        let state = State {
            partitions: (0..partitions).map(|_| Partition::new(0)).collect(),
            created: vec![Timestamp(BEGIN - 1_000_000)],
            ..State::default()
        };
        Self {
            journal,
            oracle,
            changed: Notify::new(),
            uncommitted_max,
            begun: Instant::now(),
            state: Mutex::new(state),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn now(&self) -> i64 {
        BEGIN + i64::try_from(self.begun.elapsed().as_millis()).unwrap()
    }

    fn change(&self, partition: usize, change: impl FnOnce(&mut Partition)) {
        change(&mut self.lock().partitions[partition]);
        self.changed.notify_waiters();
    }

    /// Appends an event.
    pub(crate) fn produce(&self, partition: usize, kind: Kind) {
        let now = self.now();
        self.change(partition, |it| {
            let sequence = it.next;
            // Behind a fail-over nothing tells an undecodable message's place: not promised.
            let is_lost = kind == Kind::Undecodable && it.timeline > 0;
            let kind = if is_lost { Kind::Text } else { kind };
            if kind == Kind::Undecodable {
                it.undecodable.insert(sequence, it.timeline);
            }
            let made = records::make(kind, partition, it.timeline, sequence);
            let size = match &made.body {
                Some(Body::Bytes(bytes)) => bytes.len() as u64,
                _ => 40,
            };
            it.latest_time = it.latest_time.max(now);
            let position = Position {
                sequence: SequenceNumber(sequence),
                offset: Offset::new(format!("t{}@{}", it.timeline, it.bytes)),
                enqueued_at: Some(Timestamp(it.latest_time)),
            };
            it.bytes += size;
            it.next += 1;
            it.last = Some(position.clone());
            it.entries.insert(
                sequence,
                Entry {
                    timeline: it.timeline,
                    position,
                    body: made.body.clone(),
                },
            );
            let key = (partition, it.timeline, sequence);
            self.oracle.produced(key, &made);
            self.journal
                .note("produced", format_args!("{key:?} {kind:?}"));
        });
    }

    /// Adds partitions.
    pub(crate) fn add_partitions(&self, number: usize) {
        let mut state = self.lock();
        let creation = state.created.len() - 1;
        let added = std::iter::repeat_with(|| Partition::new(creation)).take(number);
        state.partitions.extend(added);
    }

    /// Numbers that no event ever gets. Not while a checkpoint of numbers that are given again
    /// stands: where its own number has no event, nothing tells that it is another event's.
    pub(crate) fn leave_hole(&self, partition: usize, numbers: u8) {
        if self.lock().partitions[partition].began_anew {
            return;
        }
        self.lock().has_gaps = true;
        self.change(partition, |it| it.next += i64::from(numbers));
    }

    /// Deletes by retention all but the newest events.
    pub(crate) fn trim(&self, partition: usize, keep: u8) {
        self.lock().has_gaps = true;
        self.change(partition, |it| {
            let cut = it.entries.keys().rev().nth(usize::from(keep)).copied();
            if let Some(cut) = cut {
                let timeline = it.entries.get(&cut).map_or(it.timeline, |it| it.timeline);
                it.entries.retain(|sequence, _| *sequence > cut);
                self.oracle
                    .excuse(partition, (0, i64::MIN), (timeline, cut));
            }
        });
    }

    /// Takes messages away that nobody can decode, as an operator would.
    pub(crate) fn remove_undecodable(&self) {
        let mut state = self.lock();
        let mut found = false;
        for (partition, it) in state.partitions.iter_mut().enumerate() {
            for (sequence, _) in it.entries.extract_if(.., |_, entry| entry.body.is_none()) {
                let place = |sequence| (it.timeline, sequence);
                self.oracle
                    .excuse(partition, place(sequence - 1), place(sequence));
                found = true;
            }
            // A partition that has events has its last one.
            if let Some((_, entry)) = it.entries.last_key_value() {
                it.last = Some(entry.position.clone());
            }
        }
        state.has_gaps |= found;
        self.journal.count("undecodable stalls", u64::from(found));
        drop(state);
        self.changed.notify_waiters();
    }

    /// The receiver keeps silent from now on, and so do the next ones.
    pub(crate) fn wedge(&self, partition: usize, links: u8) {
        self.lock().has_wedged = true;
        self.change(partition, |it| {
            it.wedged.insert(it.link);
            (1..links).for_each(|_| it.opens.push_back(Opening::Wedged));
        });
    }

    /// Whether the newest receiver of a partition keeps silent.
    pub(crate) fn is_silent(&self) -> bool {
        let state = self.lock();
        let mut partitions = state.partitions.iter();
        partitions.any(|it| it.wedged.contains(&it.link))
    }

    /// Whether all events are gone by retention, and which was the last one.
    pub(crate) fn emptied_at(&self, partition: usize) -> Option<Place> {
        let state = self.lock();
        let it = &state.partitions[partition];
        let last = it.last.as_ref().filter(|_| it.entries.is_empty())?;
        Some((it.timeline_of(&last.offset)?, last.sequence.0))
    }

    pub(crate) fn end_link(&self, partition: usize, kind: SourceErrorKind) {
        self.change(partition, |it| it.ends = Some((it.link, kind)));
    }

    pub(crate) fn slow_down(&self, partition: usize, pace: Duration, lasts: Duration) {
        self.change(partition, |it| {
            it.pace = Some((pace, Instant::now() + lasts))
        });
    }

    pub(crate) fn next_open(&self, partition: usize, opening: Opening) {
        self.change(partition, |it| it.opens.push_back(opening));
    }

    pub(crate) fn lose_one(&self, partition: usize) {
        self.change(partition, |it| it.loses_one = true);
    }

    pub(crate) fn go_back(&self, partition: usize, events: u8) {
        self.change(partition, |it| it.goes_back = i64::from(events));
    }

    pub(crate) fn fail_properties(&self, times: u32) {
        self.lock().properties_failures += times;
    }

    /// From now on the hub has no faults.
    pub(crate) fn calm_down(&self) {
        let mut state = self.lock();
        state.properties_failures = 0;
        for it in &mut state.partitions {
            it.opens.clear();
            it.pace = None;
            it.loses_one = false;
            it.goes_back = 0;
        }
        drop(state);
        self.changed.notify_waiters();
    }

    pub(crate) fn timeline(&self, partition: usize) -> u32 {
        self.lock().partitions[partition].timeline
    }

    pub(crate) fn has_gaps(&self) -> bool {
        self.lock().has_gaps
    }

    /// A checkpoint was stored: a partition that began anew is known by it from now on.
    pub(crate) fn checkpointed(&self, partition: usize, place: Place) {
        let it = &mut self.lock().partitions[partition];
        it.began_anew &= place.0 < it.timeline;
    }

    /// A process took a checkpoint over: it may open there.
    pub(crate) fn may_resume(&self, process: &str, partition: usize, place: Place) {
        let it = &mut self.lock().partitions[partition];
        let attached = it.attached.entry(process.to_owned()).or_default();
        (attached.resume, attached.opened) = (Some(place), None);
    }

    /// The last event that a process has certainly handed on.
    pub(crate) fn handed(&self, process: &str, partition: usize) -> Option<Place> {
        let state = self.lock();
        state.partitions[partition]
            .attached
            .get(process)?
            .stands_at()
    }
}

impl Clock for Hub {
    fn now(&self) -> Timestamp {
        Timestamp(Self::now(self))
    }
}

pub(crate) fn index(partition: &PartitionId) -> usize {
    partition.as_str().parse().unwrap()
}
