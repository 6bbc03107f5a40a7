//! What may be stored: the rules that every write of a checkpoint is held to.

use entra_forwarder::checkpoint::Checkpoint;

use super::Store;
use crate::journal::Rule;
use crate::oracle::Place;

impl Store {
    /// The first checkpoint of all: nothing that can be read may be passed over, unless the
    /// configuration says so.
    pub(super) fn begins(&self, partition: usize, checkpoint: &Checkpoint) {
        let state = self.hub.lock();
        if !state.is_present(checkpoint) {
            return;
        }
        let first = state.partitions[partition].entries.keys().next().copied();
        drop(state);
        let is_beyond = first.is_some_and(|first| checkpoint.position.sequence.0 >= first);
        let late_from = self.lock().late_from.unwrap_or(usize::MAX);
        if is_beyond && (!self.starts_latest || partition >= late_from) {
            let detail = format!("partition {partition} starts behind {checkpoint}");
            self.journal.violate(Rule::Checkpoint, detail);
        }
    }

    /// Reading may go back by the margin before the time of a stale position, and no further.
    pub(super) fn check_margin(
        &self,
        partition: usize,
        stale: &Checkpoint,
        checkpoint: &Checkpoint,
    ) {
        let state = self.hub.lock();
        let Some(known) = stale.position.enqueued_at else {
            return;
        };
        if state.place(partition, checkpoint) >= state.place(partition, stale)
            || !state.is_present(checkpoint)
        {
            return;
        }
        let behind = checkpoint.position.sequence.0 + 1..;
        let first = state.partitions[partition].entries.range(behind).next();
        let first = first.and_then(|(_, entry)| entry.position.enqueued_at);
        let is_too_old = first.is_some_and(|first| first.0 < known.0 - self.stale_margin);
        drop(state);
        self.journal.count("went back", 1);
        if is_too_old {
            let detail = format!("{checkpoint} goes back to {first:?}, and {known} was known");
            self.journal.violate(Rule::Duplicates, detail);
        }
    }

    pub(super) fn stored(
        &self,
        writer: &str,
        partition: usize,
        checkpoint: &Checkpoint,
        place: Place,
        is_stale: bool,
    ) {
        let position = &checkpoint.position;
        let state = self.hub.lock();
        let it = &state.partitions[partition];
        let entry = it.entries.get(&place.1).filter(|it| it.timeline == place.0);
        let is_foreign = entry.is_some_and(|entry| {
            entry.body.is_some()
                && entry.position.sequence.0 == position.sequence.0
                && position.offset.as_str() != "-1"
                && entry.position.offset != position.offset
        });
        drop(state);
        if is_foreign {
            let detail = format!("{position:?} carries the offset of another event");
            self.journal.violate(Rule::Checkpoint, detail);
        }
        self.journal
            .note("stored", format_args!("{partition} {writer} {place:?}"));
        let before = self.hub.oracle.stored_place(partition);
        self.hub.oracle.stored(partition, place, writer, is_stale);
        self.hub.checkpointed(partition, place);
        if self.hub.emptied_at(partition) == Some(place) {
            // It stands there, though it received nothing: later events do not change that.
            self.hub.may_resume(writer, partition, place);
            if before.is_some_and(|(before, _)| before < place) {
                self.journal.count("stored at the end of an emptied one", 1);
            }
        }
    }
}
