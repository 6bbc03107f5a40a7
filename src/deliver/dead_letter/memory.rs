//! Dead letters in this process's memory: for tests, simulations, and the demo.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{DeadLetter, DeadLetterError, DeadLetterStore};

/// Dead letters that live as long as the last clone of the store; clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryDeadLetters(Arc<Mutex<BTreeMap<String, DeadLetter>>>);

impl MemoryDeadLetters {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// All dead letters by their names, in the order of the names.
    pub fn all(&self) -> Vec<(String, DeadLetter)> {
        let letters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        letters
            .iter()
            .map(|(name, letter)| (name.clone(), letter.clone()))
            .collect()
    }
}

#[async_trait]
impl DeadLetterStore for MemoryDeadLetters {
    async fn reach(&self) -> Result<(), DeadLetterError> {
        Ok(())
    }

    async fn write(&self, letters: &[DeadLetter]) -> Result<(), DeadLetterError> {
        let mut stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for letter in letters {
            let mut name = letter.name();
            if stored.get(&name).is_some_and(|it| it.body != letter.body) {
                name = letter.second_name();
            }
            stored.entry(name).or_insert_with(|| letter.clone());
        }
        Ok(())
    }
}
