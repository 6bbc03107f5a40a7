//! A partition as the processes stand in it.

use entra_forwarder::event_hub::Offset;

use super::{Attached, Entry, Partition};
use crate::oracle::Place;

impl Attached {
    pub(super) fn stands_at(&self) -> Option<Place> {
        self.resume.or(self.handed)
    }
}

impl Partition {
    /// A partition that appears with a creation of the hub, or after it.
    pub(super) fn new(creation: usize) -> Self {
        Self {
            creations: vec![creation],
            ..Self::default()
        }
    }

    pub(crate) fn timeline_of(&self, offset: &Offset) -> Option<u32> {
        let text = offset.as_str().strip_prefix('t')?;
        text.split('@').next()?.parse().ok()
    }

    /// An event left for a process.
    pub(crate) fn received(&mut self, process: &str, place: Place) {
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
            (attached.resume, attached.opened) = (None, None);
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
                || self.undecodable.contains_key(&sequence)
        };
        // What it could not read there, it asks for again, whatever took that place since.
        let again = attached.stands_at().filter(|_| attached.opened == Some(at));
        let found = bases.into_iter().flatten().find(|base| {
            at == base.1
                || (base.0 <= timeline
                    && at > base.1
                    && (base.1 + 1..at).all(is_lost)
                    && (is_lost(base.1) || at > base.1 + 1))
        });
        let Some(base) = found.or(again) else {
            return Err(format!("{process} opens at {at}, and stood at {bases:?}"));
        };
        attached.handed = Some(base);
        attached.maybe = None;
        attached.resume = None;
        attached.opened = Some(at);
        Ok(())
    }
}
