//! Dead letters as files: `<name>.bin` holds the exact bytes, `<name>.json` what is known of them;
//! `<name>.ndjson` holds a batch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::objects::{self, Object};
use super::{DeadLetter, DeadLetterArchive, DeadLetterError, DeadLetterStore, Page, Read, Which};
use crate::checkpoint::ETag;
use crate::checkpoint::directory::files::{self, FileError};
use crate::checkpoint::store_key::path_safe;

mod archive;
mod walk;

/// Ends the name of a body.
const BODY: &str = ".bin";
/// Ends the name of what is known of it.
const SIDECAR: &str = ".json";
/// Ends the name of a batch.
const BATCH: &str = ".ndjson";

/// Dead letters under one directory, for their owner only.
#[derive(Clone, Debug)]
pub struct DirectoryDeadLetters {
    root: Arc<Path>,
    timeout: Duration,
}

impl DirectoryDeadLetters {
    /// Keeps everything under `root`, which is made when something is first written to it.
    ///
    /// `timeout` bounds the wait for another writer, and twice that the whole operation.
    pub fn new(root: impl Into<PathBuf>, timeout: Duration) -> Self {
        Self {
            root: root.into().into(),
            timeout,
        }
    }

    /// Runs blocking file operations within the time limit.
    async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&Path, Instant) -> Result<T, DeadLetterError> + Send + 'static,
    ) -> Result<T, DeadLetterError> {
        let root = Arc::clone(&self.root);
        let deadline = Instant::now() + self.timeout;
        let task = tokio::task::spawn_blocking(move || operation(&root, deadline));
        match tokio::time::timeout_at(deadline + self.timeout, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(DeadLetterError::Unavailable(
                "the file operation was ended".to_owned(),
            )),
            Err(_) => Err(DeadLetterError::Unavailable(format!(
                "no answer from the file system of {} within {:?}",
                self.root.display(),
                self.timeout * 2
            ))),
        }
    }
}

impl From<FileError> for DeadLetterError {
    fn from(error: FileError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

fn lock(root: &Path, deadline: Instant) -> Result<files::Lock, FileError> {
    files::Lock::take(&root.join(".lock"), deadline)
}

/// The file of an object, by its name as a path and what it holds.
fn file(root: &Path, safe_name: &str, suffix: &str) -> PathBuf {
    root.join(format!("{safe_name}{suffix}"))
}

#[async_trait]
impl DeadLetterStore for DirectoryDeadLetters {
    async fn write(&self, letters: &[DeadLetter]) -> Result<(), DeadLetterError> {
        let letters = letters.to_vec();
        self.run(move |root, deadline| {
            let objects = objects::of(&letters);
            objects
                .iter()
                .try_for_each(|object| Ok(write(root, object, deadline)?))
        })
        .await
    }

    async fn reach(&self) -> Result<(), DeadLetterError> {
        self.run(|root, deadline| Ok(lock(root, deadline).map(drop)?))
            .await
    }
}

fn write(root: &Path, object: &Object<'_>, deadline: Instant) -> Result<(), FileError> {
    let _lock = lock(root, deadline)?;
    let name = path_safe(&object.name());
    if matches!(object, Object::Batch(_)) {
        let path = file(root, &name, BATCH);
        return match path.exists() {
            true => Ok(()),
            false => files::replace(&path, ".batch.new", &object.body()),
        };
    }
    let sidecar = file(root, &name, SIDECAR);
    if files::read(&sidecar)?.is_some() {
        return Ok(());
    }
    // The sidecar last, so that it always has its whole body beside it.
    files::replace(&file(root, &name, BODY), ".body.new", &object.body())?;
    let fields: BTreeMap<_, _> = object.fields().into_iter().collect();
    let text = serde_json::json!(fields).to_string();
    files::replace(&sidecar, ".sidecar.new", text.as_bytes())
}

#[async_trait]
impl DeadLetterArchive for DirectoryDeadLetters {
    async fn list(
        &self,
        folder: &str,
        from: Option<&str>,
        most: usize,
    ) -> Result<Page, DeadLetterError> {
        let below = match folder.trim_end_matches('/') {
            "" => String::new(),
            folder => path_safe(folder) + "/",
        };
        let from = from.map(str::to_owned);
        self.run(move |root, _| archive::page(root, &below, from.as_deref(), most.max(1)))
            .await
    }

    async fn read(&self, name: &str) -> Result<Option<Read>, DeadLetterError> {
        let name = path_safe(name);
        self.run(move |root, _| archive::read(root, &name)).await
    }

    async fn remove(
        &self,
        name: &str,
        version: &ETag,
        which: Which<'_>,
    ) -> Result<(), DeadLetterError> {
        let (name, version) = (path_safe(name), version.clone());
        let ids = match which {
            Which::All => None,
            Which::These(ids) => Some(ids.clone()),
        };
        self.run(move |root, deadline| {
            let _lock = lock(root, deadline)?;
            archive::remove(root, &name, &version, ids.as_ref())
        })
        .await
    }
}
