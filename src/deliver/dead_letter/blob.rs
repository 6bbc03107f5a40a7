//! Dead letters as blobs: the exact bytes as the body, and what is known of them as metadata.

use std::collections::HashMap;

use async_trait::async_trait;

use super::{DeadLetter, DeadLetterError, DeadLetterStore};
use crate::checkpoint::StoreError;
use crate::checkpoint::blob::Container;
use crate::checkpoint::store_key::path_safe;

/// What the names of all dead letters begin with.
const PREFIX: &str = "dead-letters/";

/// Dead letters under `dead-letters/` of a container, by default that of the checkpoints.
#[derive(Clone, Debug)]
pub struct BlobDeadLetters {
    container: Container,
}

impl BlobDeadLetters {
    /// Keeps everything in `container`, which must exist.
    pub fn new(container: Container) -> Self {
        Self { container }
    }

    async fn write_one(&self, letter: &DeadLetter) -> Result<(), DeadLetterError> {
        for name in [letter.name(), letter.second_name()] {
            if self.create(&name, letter).await.map_err(plain)? {
                return Ok(());
            }
        }
        Err(DeadLetterError(format!(
            "{PREFIX}{} is taken by something else",
            path_safe(&letter.second_name())
        )))
    }

    /// Creates the blob; gives `false` when another body stands under that name.
    async fn create(&self, name: &str, letter: &DeadLetter) -> Result<bool, StoreError> {
        let path = format!("{PREFIX}{}", path_safe(name));
        let fields: HashMap<_, _> = letter
            .fields()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), header_safe(&value)))
            .collect();
        match self
            .container
            .create(&path, fields, letter.body.clone())
            .await
        {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict) => {
                let stored = self.container.head(&path).await?;
                let digest = stored.and_then(|mut head| head.fields.remove("digest"));
                Ok(digest == Some(letter.digest()))
            }
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl DeadLetterStore for BlobDeadLetters {
    async fn reach(&self) -> Result<(), DeadLetterError> {
        // A blob that need not be there: the answer tells a container that is not there from it.
        let asked = self.container.head(&format!("{PREFIX}reach")).await;
        asked.map(drop).map_err(plain)
    }

    async fn write(&self, letters: &[DeadLetter]) -> Result<(), DeadLetterError> {
        for letter in letters {
            self.write_one(letter).await?;
        }
        Ok(())
    }
}

/// The error in the words of the dead-letter store.
fn plain(error: StoreError) -> DeadLetterError {
    DeadLetterError(match error {
        StoreError::Unavailable(problem) | StoreError::Unauthorized(problem) => problem,
        other => other.to_string(),
    })
}

/// A value as metadata can hold it: other than visible ASCII, and `%`, as `%` and two digits.
fn header_safe(value: &str) -> String {
    let mut safe = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'%' => safe.push_str("%25"),
            b'!'..=b'~' => safe.push(char::from(byte)),
            _ => safe.push_str(&format!("%{byte:02X}")),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_values_are_visible_ascii() {
        assert_eq!(header_safe("Zürich 100%\r\n"), "Z%C3%BCrich%20100%25%0D%0A");
    }
}
