//! Dead letters as blobs: the exact bytes as the body, and what is known of them as metadata.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;

use super::batch;
use super::objects::{self, Object};
use super::{
    Content, DeadLetter, DeadLetterArchive, DeadLetterError, DeadLetterStore, Facts, Listed, Page,
    Read, StoredLetter, Which,
};
use crate::checkpoint::blob::Container;
use crate::checkpoint::blob::container::{self, Whole};
use crate::checkpoint::store_key::{from_path_safe, path_safe};
use crate::checkpoint::{ETag, StoreError};

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

    async fn create(&self, object: &Object<'_>) -> Result<(), StoreError> {
        let fields = object.fields().into_iter();
        let fields = fields.map(|(name, value)| (name.to_owned(), header_safe(&value)));
        let (path, body) = (path(&object.name()), object.body());
        match self.container.create(&path, fields.collect(), body).await {
            // The name says what is in it: it was written before.
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes letters out of a batch.
    async fn rewrite(
        &self,
        path: &str,
        version: &ETag,
        ids: &std::collections::BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let Some(whole) = self.container.whole(path).await? else {
            return Ok(());
        };
        if whole.etag != *version {
            return Err(StoreError::Conflict);
        }
        if !whole.fields.contains_key(batch::COUNT) {
            return self.container.delete(path, version).await;
        }
        let (rest, count) = batch::without(&whole.body, ids);
        if count == 0 {
            return self.container.delete(path, version).await;
        }
        let mut fields: HashMap<_, _> = whole.fields.into_iter().collect();
        fields.insert(batch::COUNT.to_owned(), count.to_string());
        self.container.replace(path, fields, rest, version).await
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
        for object in objects::of(letters) {
            self.create(&object).await.map_err(plain)?;
        }
        Ok(())
    }
}

#[async_trait]
impl DeadLetterArchive for BlobDeadLetters {
    async fn list(
        &self,
        folder: &str,
        from: Option<&str>,
        most: usize,
    ) -> Result<Page, DeadLetterError> {
        let prefix = match folder.trim_end_matches('/') {
            "" => PREFIX.to_owned(),
            folder => path(folder) + "/",
        };
        let page = self.container.page(&prefix, from, most).await;
        let (blobs, next) = page.map_err(plain)?;
        Ok(Page {
            objects: blobs.into_iter().map(listed).collect(),
            next,
        })
    }

    async fn read(&self, name: &str) -> Result<Option<Read>, DeadLetterError> {
        let whole = self.container.whole(&path(name)).await.map_err(plain)?;
        Ok(whole.map(read))
    }

    async fn remove(
        &self,
        name: &str,
        version: &ETag,
        which: Which<'_>,
    ) -> Result<(), DeadLetterError> {
        let path = path(name);
        let removed = match which {
            Which::All => self.container.delete(&path, version).await,
            Which::These(ids) => self.rewrite(&path, version, ids).await,
        };
        let removed = match removed {
            // What is gone fulfils no condition either.
            Err(StoreError::Conflict) => match self.container.head(&path).await {
                Ok(None) => Ok(()),
                Ok(Some(_)) => Err(StoreError::Conflict),
                Err(error) => Err(error),
            },
            other => other,
        };
        removed.map_err(|error| match plain(error) {
            DeadLetterError::NotPermitted(problem) => DeadLetterError::NotPermitted(format!(
                "{problem}; to remove dead letters, a shared-access signature needs the permission \
                 `d` too"
            )),
            other => other,
        })
    }
}

fn path(name: &str) -> String {
    format!("{PREFIX}{}", path_safe(name))
}

fn listed(blob: container::Listed) -> Listed {
    let safe = blob.name.strip_prefix(PREFIX).unwrap_or(&blob.name);
    let name = from_path_safe(safe);
    let fields = decoded(&blob.fields);
    let is_batch = fields.get(batch::COUNT).map(|count| count.parse());
    let content = match (&name, is_batch) {
        (None, _) => Err("its name is none of a dead letter".to_owned()),
        (_, Some(Err(_))) => Err(format!("its `{}` is no number", batch::COUNT)),
        (_, Some(Ok(letters))) => Facts::read(&fields, blob.modified_at, Some(blob.size))
            .map(|first| Content::Batch { letters, first }),
        (_, None) => match Facts::read(&fields, blob.modified_at, Some(blob.size)) {
            Ok(facts) if facts.size != blob.size => Err(format!(
                "it has {} bytes instead of {}",
                blob.size, facts.size
            )),
            other => other.map(Content::One),
        },
    };
    Listed {
        name: name.unwrap_or_else(|| safe.to_owned()),
        version: blob.etag,
        modified_at: blob.modified_at,
        size: blob.size,
        content: content.unwrap_or_else(Content::Unreadable),
    }
}

fn read(whole: Whole) -> Read {
    let fields = decoded(&whole.fields);
    let (letters, damaged) = if fields.contains_key(batch::COUNT) {
        batch::read(&whole.body, whole.modified_at)
    } else {
        let size = Some(whole.body.len() as u64);
        let facts = Facts::read(&fields, whole.modified_at, size);
        let checked = facts.and_then(|facts| facts.check(&whole.body).map(|()| facts));
        match checked {
            Ok(facts) => {
                let body = whole.body;
                (vec![StoredLetter { facts, body }], Vec::new())
            }
            Err(problem) => (Vec::new(), vec![problem]),
        }
    };
    Read {
        version: whole.etag,
        letters,
        damaged,
    }
}

/// The error in the words of the dead-letter store.
fn plain(error: StoreError) -> DeadLetterError {
    match error {
        StoreError::Unavailable(problem) => DeadLetterError::Unavailable(problem),
        StoreError::Unauthorized(problem) => DeadLetterError::NotPermitted(problem),
        StoreError::Conflict => DeadLetterError::Changed,
        StoreError::Unreadable { .. } => DeadLetterError::Unavailable(error.to_string()),
    }
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

/// The values that [`header_safe`] was given.
fn decoded(fields: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let decode = |safe: &str| {
        let mut parts = safe.split('%');
        let mut value = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            let byte = part
                .get(..2)
                .and_then(|digits| u8::from_str_radix(digits, 16).ok());
            match (byte, part.get(2..)) {
                (Some(byte), Some(rest)) => {
                    value.push(byte);
                    value.extend_from_slice(rest.as_bytes());
                }
                _ => value.extend_from_slice(format!("%{part}").as_bytes()),
            }
        }
        String::from_utf8_lossy(&value).into_owned()
    };
    let decoded = fields
        .iter()
        .map(|(name, value)| (name.clone(), decode(value)));
    decoded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_values_are_visible_ascii_and_come_back() {
        let value = "Zürich 100%\r\n";
        let safe = header_safe(value);
        assert_eq!(safe, "Z%C3%BCrich%20100%25%0D%0A");
        let fields = BTreeMap::from([("answer".to_owned(), safe)]);
        assert_eq!(decoded(&fields)["answer"], value);
        let foreign = BTreeMap::from([("answer".to_owned(), "100% %zz %".to_owned())]);
        assert_eq!(decoded(&foreign), foreign);
    }
}
