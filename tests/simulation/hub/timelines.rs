//! What makes the numbers of a partition begin anew, and where a checkpoint stands then.

use entra_forwarder::checkpoint::Checkpoint;
use entra_forwarder::event_hub::{SourceErrorKind, Timestamp};

use super::{Hub, Partition, State};
use crate::oracle::Place;

impl Hub {
    /// A fail-over without the data: numbers start at 0 again, on later events. Only where the
    /// times of both sides are known.
    pub(crate) fn begin_anew(&self, partition: usize, holder: &str, keeps_link: bool) -> bool {
        let mut state = self.lock();
        let it = &mut state.partitions[partition];
        if !self.may_begin_anew(partition, it) {
            return false;
        }
        self.lose(partition, it, holder, 0);
        it.next = 0;
        it.last = None;
        if !keeps_link {
            it.ends = Some((it.link, SourceErrorKind::Unavailable));
        }
        drop(state);
        self.changed.notify_waiters();
        true
    }

    /// A fail-over that loses the last events: their numbers are given again, to later ones.
    pub(crate) fn fail_over(&self, partition: usize, holder: &str, loses: u8) -> bool {
        let mut state = self.lock();
        let it = &mut state.partitions[partition];
        let first_lost = it.entries.keys().nth_back(usize::from(loses.max(1)) - 1);
        let Some(&first_lost) = first_lost.filter(|_| it.entries.len() > usize::from(loses)) else {
            return false;
        };
        if !self.may_begin_anew(partition, it) {
            return false;
        }
        self.lose(partition, it, holder, first_lost);
        it.next = first_lost;
        it.last = it.entries.values().last().map(|it| it.position.clone());
        it.ends = Some((it.link, SourceErrorKind::Unavailable));
        self.journal
            .note("failed over", format_args!("{partition} {first_lost}"));
        drop(state);
        self.changed.notify_waiters();
        true
    }

    /// The hub is made again under its name: other events, from 0 on.
    pub(crate) fn recreate(&self, holds: &[String]) {
        let mut state = self.lock();
        let before = state.created.last().map_or(0, |at| at.0);
        state.created.push(Timestamp(self.now().max(before + 1)));
        let creation = state.created.len() - 1;
        for (partition, holder) in holds.iter().enumerate() {
            let it = &mut state.partitions[partition];
            self.lose(partition, it, holder, 0);
            if let Some(last) = it.creations.last_mut() {
                *last = creation;
            }
            it.next = 0;
            it.last = None;
            it.ends = Some((it.link, SourceErrorKind::Unavailable));
        }
        self.journal
            .note("hub made again", format_args!("{creation}"));
        drop(state);
        self.changed.notify_waiters();
    }

    fn may_begin_anew(&self, partition: usize, it: &Partition) -> bool {
        let is_known = self.oracle.stored_place(partition).is_some();
        let is_readable = it.entries.values().all(|entry| entry.body.is_some());
        is_known && is_readable && !it.began_anew
    }

    /// Loses the events from a number on, and begins a timeline.
    fn lose(&self, partition: usize, it: &mut Partition, holder: &str, from: i64) {
        let handed = it.attached.get(holder).and_then(|attached| attached.handed);
        let lost = it.entries.split_off(&from);
        let keys = lost
            .iter()
            .map(|(sequence, entry)| (partition, entry.timeline, *sequence));
        self.oracle.lost(keys, handed.map(|place| (holder, place)));
        it.timeline += 1;
        let creation = it.creations.last().copied().unwrap_or_default();
        it.creations.push(creation);
        it.began_anew = true;
        it.latest_time = (it.latest_time + 1).max(self.now());
        let timeline = it.timeline;
        self.journal
            .note("began anew", format_args!("{partition} {timeline}"));
    }
}

impl State {
    /// The place of a checkpoint: everything up to it is done.
    pub(crate) fn place(&self, partition: usize, checkpoint: &Checkpoint) -> Place {
        let it = &self.partitions[partition];
        let position = &checkpoint.position;
        let sequence = position.sequence.0;
        if let Some(timeline) = it.timeline_of(&position.offset) {
            return (timeline, sequence);
        }
        // It stands before an event that is to come; of a former hub, none is.
        let present = self.created.len() - 1;
        let known = checkpoint.hub_created_at;
        let creation = known.and_then(|known| self.created.iter().position(|it| *it == known));
        let creation = creation.unwrap_or(present);
        if creation < present {
            let timeline = it.creations.iter().rposition(|it| *it <= creation);
            return (
                timeline.map_or(0, |it| u32::try_from(it).unwrap()),
                sequence,
            );
        }
        let next = it.entries.range(sequence + 1..).next();
        (
            next.map_or(it.timeline, |(_, entry)| entry.timeline),
            sequence,
        )
    }

    /// Whether a checkpoint is of the hub that is there.
    pub(crate) fn is_present(&self, checkpoint: &Checkpoint) -> bool {
        checkpoint.hub_created_at.is_none()
            || checkpoint.hub_created_at.as_ref() == self.created.last()
    }
}
