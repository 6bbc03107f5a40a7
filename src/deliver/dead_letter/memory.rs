//! Dead letters in this process's memory: for tests, simulations, and the demo.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::objects::{self, Object};
use super::{
    Content, DeadLetter, DeadLetterArchive, DeadLetterError, DeadLetterStore, Facts, Listed, Page,
    Read, StoredLetter, Which,
};
use crate::checkpoint::ETag;
use crate::event_hub::Timestamp;

/// Dead letters that live as long as the last clone of the store; clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryDeadLetters(Arc<Mutex<BTreeMap<String, Stored>>>);

#[derive(Clone, Debug)]
struct Stored {
    letters: Vec<StoredLetter>,
    version: u64,
    is_batch: bool,
}

impl Stored {
    fn version(&self) -> ETag {
        ETag::new(&self.version.to_string())
    }
}

impl MemoryDeadLetters {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// All dead letters, in the order of their objects.
    pub fn all(&self) -> Vec<StoredLetter> {
        let stored = self.lock();
        let letters = stored.values().flat_map(|stored| &stored.letters);
        letters.cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Stored>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl DeadLetterStore for MemoryDeadLetters {
    async fn reach(&self) -> Result<(), DeadLetterError> {
        Ok(())
    }

    async fn write(&self, letters: &[DeadLetter]) -> Result<(), DeadLetterError> {
        let mut stored = self.lock();
        let keep = |letter: &DeadLetter| StoredLetter {
            facts: Facts::of(letter),
            body: letter.body.clone(),
        };
        for object in objects::of(letters) {
            stored.entry(object.name()).or_insert_with(|| Stored {
                letters: match &object {
                    Object::One(letter) => vec![keep(letter)],
                    Object::Batch(letters) => letters.iter().map(|it| keep(it)).collect(),
                },
                version: 0,
                is_batch: matches!(object, Object::Batch(_)),
            });
        }
        Ok(())
    }
}

#[async_trait]
impl DeadLetterArchive for MemoryDeadLetters {
    async fn list(
        &self,
        folder: &str,
        from: Option<&str>,
        most: usize,
    ) -> Result<Page, DeadLetterError> {
        let stored = self.lock();
        let from = match from {
            Some(last) => Bound::Excluded(last.to_owned()),
            None => Bound::Included(folder.to_owned()),
        };
        let mut below = stored
            .range((from, Bound::Unbounded))
            .take_while(|(name, _)| name.starts_with(folder));
        let mut objects = Vec::new();
        for (name, stored) in below.by_ref().take(most.max(1)) {
            let Some(first) = stored.letters.first() else {
                continue;
            };
            objects.push(Listed {
                name: name.clone(),
                version: stored.version(),
                modified_at: Timestamp(0),
                size: stored.letters.iter().map(|it| it.facts.size).sum(),
                content: match stored.is_batch {
                    true => Content::Batch {
                        letters: stored.letters.len() as u64,
                        first: first.facts.clone(),
                    },
                    false => Content::One(first.facts.clone()),
                },
            });
        }
        let last = objects.last().map(|listed| listed.name.clone());
        Ok(Page {
            next: below.next().and(last),
            objects,
        })
    }

    async fn read(&self, name: &str) -> Result<Option<Read>, DeadLetterError> {
        let stored = self.lock();
        Ok(stored.get(name).map(|stored| Read {
            version: stored.version(),
            letters: stored.letters.clone(),
            damaged: Vec::new(),
        }))
    }

    async fn remove(
        &self,
        name: &str,
        version: &ETag,
        which: Which<'_>,
    ) -> Result<(), DeadLetterError> {
        let mut all = self.lock();
        let Some(stored) = all.get_mut(name) else {
            return Ok(());
        };
        if stored.version() != *version {
            return Err(DeadLetterError::Changed);
        }
        match which {
            Which::All => stored.letters.clear(),
            Which::These(ids) => stored.letters.retain(|it| !ids.contains(&it.facts.id)),
        }
        stored.version += 1;
        if stored.letters.is_empty() {
            all.remove(name);
        }
        Ok(())
    }
}
