//! Letters that are held at a time, and the removal of those that were accepted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use tokio::time::Instant;

use super::super::remove::remove;
use super::super::walk;
use super::Loaded;
use crate::checkpoint::ETag;
use crate::clock::SharedRng;
use crate::deliver::dead_letter::{DeadLetterArchive, DeadLetterError};
use crate::deliver::retry::Backoff;

/// Objects that are removed at the same time.
const REMOVALS: usize = 16;

/// Letters and the objects they are in.
#[derive(Debug, Default)]
pub(super) struct Window {
    objects: Vec<Object>,
    letters: BTreeMap<String, Vec<Arc<Loaded>>>,
    /// Records that are still to be accepted, by object and id.
    open: HashMap<(usize, String), u64>,
    /// Objects with accepted letters that are not removed yet.
    changed: BTreeSet<usize>,
}

#[derive(Debug)]
struct Object {
    name: String,
    version: ETag,
    is_whole: bool,
    /// Letters in it that were chosen.
    letters: usize,
    /// Letters of which it is not known yet whether they are accepted.
    undecided: usize,
    accepted: BTreeSet<String>,
}

impl Window {
    pub(super) fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Enters an object; gives its place.
    pub(super) fn open(&mut self, object: &walk::Object) -> usize {
        self.objects.push(Object {
            name: object.name.clone(),
            version: object.version.clone(),
            is_whole: object.is_whole,
            letters: object.letters.len(),
            undecided: 0,
            accepted: BTreeSet::new(),
        });
        self.objects.len() - 1
    }

    /// Enters a letter of it.
    pub(super) fn enter(&mut self, sink: String, letter: Loaded) {
        if let Some(object) = self.objects.get_mut(letter.object) {
            object.undecided += 1;
        }
        let (place, id) = (letter.object, letter.id.clone());
        let records = letter.records.len() as u64;
        self.open.insert((place, id), records);
        let letter = Arc::new(letter);
        if records == 0 {
            // There is nothing to accept.
            self.accepts(&letter, 0);
        }
        self.letters.entry(sink).or_default().push(letter);
    }

    /// Takes the letters, by sinks.
    pub(super) fn take(&mut self) -> BTreeMap<String, Vec<Arc<Loaded>>> {
        std::mem::take(&mut self.letters)
    }

    /// So many records of a letter were accepted.
    pub(super) fn accepts(&mut self, letter: &Loaded, records: u64) {
        let key = (letter.object, letter.id.clone());
        let Some(open) = self.open.get_mut(&key) else {
            return;
        };
        *open = open.saturating_sub(records);
        if *open == 0 {
            self.open.remove(&key);
            if let Some(object) = self.objects.get_mut(letter.object) {
                object.undecided -= 1;
                object.accepted.insert(key.1);
                self.changed.insert(letter.object);
            }
        }
    }

    /// A record of a letter was refused: the letter stays.
    pub(super) fn refuses(&mut self, letter: &Loaded) {
        let key = (letter.object, letter.id.clone());
        if self.open.remove(&key).is_some()
            && let Some(object) = self.objects.get_mut(letter.object)
        {
            object.undecided -= 1;
        }
    }

    /// Removes accepted letters from the objects of which everything is known; gives their number.
    pub(super) async fn remove_decided(
        &mut self,
        store: &dyn DeadLetterArchive,
        patience: Duration,
    ) -> Result<u64, DeadLetterError> {
        let is_decided = |place: &&usize| {
            let object = self.objects.get(**place);
            object.is_some_and(|object| object.undecided == 0)
        };
        let decided = self.changed.iter().filter(is_decided).copied().collect();
        self.remove(decided, store, patience).await
    }

    /// Removes all accepted letters; gives their number.
    pub(super) async fn remove_all(
        &mut self,
        store: &dyn DeadLetterArchive,
        patience: Duration,
    ) -> Result<u64, DeadLetterError> {
        let all = self.changed.clone();
        self.remove(all, store, patience).await
    }

    async fn remove(
        &mut self,
        places: BTreeSet<usize>,
        store: &dyn DeadLetterArchive,
        patience: Duration,
    ) -> Result<u64, DeadLetterError> {
        let objects = places.iter().filter_map(|place| self.objects.get(*place));
        let mut removals = Vec::new();
        for object in objects {
            removals.push(remove_from(object, store, patience).boxed());
        }
        let removed: Vec<_> = futures::stream::iter(removals)
            .buffer_unordered(REMOVALS)
            .collect()
            .await;
        let removed = removed.into_iter().sum();
        for place in places {
            self.changed.remove(&place);
            if let Some(object) = self.objects.get_mut(place) {
                // What is left of it is another version.
                object.is_whole = false;
                object.accepted.clear();
            }
        }
        removed
    }
}

async fn remove_from(
    object: &Object,
    store: &dyn DeadLetterArchive,
    patience: Duration,
) -> Result<u64, DeadLetterError> {
    let ids = &object.accepted;
    let is_whole = object.is_whole && ids.len() == object.letters;
    let deadline = Instant::now() + patience;
    let rng = SharedRng::from_entropy();
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
    loop {
        let removed = remove(store, &object.name, &object.version, is_whole, ids).await;
        let wait = backoff.next(&rng);
        match removed {
            Ok(()) => return Ok(ids.len() as u64),
            // It is accepted: what is not removed would be delivered again.
            Err(DeadLetterError::Unavailable(_)) if Instant::now() + wait < deadline => {
                tokio::time::sleep(wait).await;
            }
            Err(error) => return Err(error),
        }
    }
}
