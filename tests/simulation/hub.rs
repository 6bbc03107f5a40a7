//! The simulated hub: partitions with logs, numbers and timelines, and the log of attachments.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use entra_forwarder::event_hub::{
    Body, Offset, PartitionId, Position, SequenceNumber, SourceErrorKind, Timestamp,
};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::journal::Journal;
use super::oracle::{Oracle, Place};
use super::records::{self, Kind};

/// The moment at which every simulation begins.
pub(crate) const BEGIN: i64 = 1_790_000_000_000;
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
    /// Whether numbers are missing for good somewhere.
    has_gaps: bool,
}

#[derive(Default)]
pub(crate) struct Partition {
    pub(crate) timeline: u32,
    pub(crate) entries: BTreeMap<i64, Entry>,
    pub(crate) next: i64,
    bytes: u64,
    pub(crate) last: Option<Position>,
    /// The link that may receive; all others were stolen from.
    pub(crate) link: u64,
    /// The link that ends, and why.
    pub(crate) ends: Option<(u64, SourceErrorKind)>,
    pub(crate) pace: Option<(Duration, Instant)>,
    pub(crate) opens: VecDeque<Opening>,
    /// Since it began anew: opens start at its first event until a checkpoint of it is stored.
    pub(crate) began_anew: bool,
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
}

impl Hub {
    pub(crate) fn new(
        journal: Arc<Journal>,
        oracle: Arc<Oracle>,
        partitions: usize,
        uncommitted_max: u64,
    ) -> Self {
        let state = State {
            partitions: (0..partitions).map(|_| Partition::default()).collect(),
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
            let made = records::make(kind, partition, it.timeline, sequence);
            let size = match &made.body {
                Some(Body::Bytes(bytes)) => bytes.len() as u64,
                _ => 40,
            };
            let last = it.last.as_ref().and_then(|last| last.enqueued_at);
            let position = Position {
                sequence: SequenceNumber(sequence),
                offset: Offset::new(format!("t{}@{}", it.timeline, it.bytes)),
                enqueued_at: Some(Timestamp(last.map_or(now, |last| last.0.max(now)))),
            };
            it.bytes += size;
            it.next += 1;
            it.last = Some(position.clone());
            it.entries.insert(
                sequence,
                Entry {
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
        let added = std::iter::repeat_with(Partition::default).take(number);
        self.lock().partitions.extend(added);
    }

    /// Numbers that no event ever gets.
    pub(crate) fn leave_hole(&self, partition: usize, numbers: u8) {
        self.lock().has_gaps = true;
        self.change(partition, |it| it.next += i64::from(numbers));
    }

    /// Deletes by retention all but the newest events.
    pub(crate) fn trim(&self, partition: usize, keep: u8) {
        self.lock().has_gaps = true;
        self.change(partition, |it| {
            let cut = it.entries.keys().rev().nth(usize::from(keep)).copied();
            if let Some(cut) = cut {
                it.entries.retain(|sequence, _| *sequence > cut);
                let (from, to) = ((it.timeline, i64::MIN), (it.timeline, cut));
                self.oracle.excuse(partition, from, to);
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
        }
        state.has_gaps |= found;
        self.journal.count("undecodable stalls", u64::from(found));
        drop(state);
        self.changed.notify_waiters();
    }

    /// A fail-over without the data: numbers start at 0 again, on later events. Only where the
    /// times of both sides are known.
    pub(crate) fn begin_anew(&self, partition: usize, holder: &str, keeps_link: bool) -> bool {
        let is_known = self.oracle.stored_place(partition).is_some();
        let mut state = self.lock();
        let it = &mut state.partitions[partition];
        if !is_known || it.began_anew || it.entries.values().any(|entry| entry.body.is_none()) {
            return false;
        }
        let handed = it.attached.get(holder).and_then(|attached| attached.handed);
        let handed = handed.filter(|place| place.0 == it.timeline);
        let handed = handed.map(|place| (holder, place.1));
        self.oracle.lost_timeline(partition, it.timeline, handed);
        it.timeline += 1;
        it.entries.clear();
        it.next = 0;
        it.began_anew = true;
        if let Some(at) = it.last.as_mut().and_then(|last| last.enqueued_at.as_mut()) {
            at.0 = (at.0 + 1).max(self.now());
        }
        if !keeps_link {
            it.ends = Some((it.link, SourceErrorKind::Unavailable));
        }
        let timeline = it.timeline;
        drop(state);
        self.journal
            .note("began anew", format_args!("{partition} {timeline}"));
        self.changed.notify_waiters();
        true
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
        it.attached.entry(process.to_owned()).or_default().resume = Some(place);
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

impl Attached {
    fn stands_at(&self) -> Option<Place> {
        self.resume.or(self.handed)
    }
}

impl Partition {
    pub(crate) fn place_of(&self, offset: &Offset, sequence: i64) -> Place {
        let timeline = offset
            .as_str()
            .strip_prefix('t')
            .and_then(|it| it.split('@').next());
        (timeline.map_or(0, |it| it.parse().unwrap()), sequence)
    }

    /// An event left for a process.
    pub(crate) fn received(&mut self, process: &str, sequence: i64) {
        let place = (self.timeline, sequence);
        let attached = self.attached.entry(process.to_owned()).or_default();
        let base = attached.stands_at();
        if base.is_none_or(|base| place > base) {
            attached.maybe = Some(place);
        }
    }

    /// The process asks for another event on the same link: the last one was handed on.
    pub(crate) fn confirm(&mut self, process: &str) {
        let attached = self.attached.entry(process.to_owned()).or_default();
        if let Some(place) = attached.maybe.take() {
            attached.handed = Some(place);
            attached.resume = None;
        }
    }

    /// Whether a process may open at this number: at an event that it may have handed on last, or
    /// behind messages after that one which nobody can decode.
    pub(crate) fn check_resume(&mut self, process: &str, at: i64) -> Result<(), String> {
        let timeline = self.timeline;
        let attached = self.attached.entry(process.to_owned()).or_default();
        let bases = [attached.resume, attached.handed, attached.maybe];
        let is_lost = |sequence| {
            self.entries
                .get(&sequence)
                .is_none_or(|entry: &Entry| entry.body.is_none())
        };
        let found = bases.into_iter().flatten().find(|base| {
            at == base.1
                || (base.0 == timeline
                    && at > base.1
                    && (base.1 + 1..at).all(is_lost)
                    && (is_lost(base.1) || at > base.1 + 1))
        });
        let Some(base) = found else {
            return Err(format!("{process} opens at {at}, and stood at {bases:?}"));
        };
        attached.handed = Some(base);
        attached.maybe = None;
        attached.resume = None;
        Ok(())
    }
}

pub(crate) fn index(partition: &PartitionId) -> usize {
    partition.as_str().parse().unwrap()
}
