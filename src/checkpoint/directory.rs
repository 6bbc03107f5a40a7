//! A store in a directory of one machine: for a single machine without a cloud.
//!
//! **Shape**: `<namespace>/<hub>/<group>/checkpoint/<partition>.json` and `.../ownership/...`, as
//! in a blob container, each file a JSON object with the names of the blob metadata and the
//! version under `etag`. Writes are atomic, also between processes: a lock file keeps other
//! writers out while a condition is checked, and a rename puts the new content in place. Files
//! and folders are for their owner only.
//!
//! Limits: the directory must be on a file system with locks and an honest `fsync`, and every
//! replica must be on that machine.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::metadata::{self, Fields};
use super::store_key::{from_path_safe, path_safe};
use super::{
    Checkpoint, CheckpointStore, Condition, ETag, GroupKey, Ownership, StoreError, StoredCheckpoint,
};
use crate::clock::{Rng, SharedRng};
use crate::event_hub::PartitionId;

pub(crate) mod files;

use files::FileError;

/// Name of the version in a file.
const ETAG: &str = "etag";
/// What a file name ends with.
const SUFFIX: &str = ".json";

/// Ownerships and checkpoints as files under one directory.
#[derive(Clone, Debug)]
pub struct DirectoryStore {
    root: Arc<Path>,
    timeout: Duration,
    versions: Arc<SharedRng>,
}

impl DirectoryStore {
    /// Keeps everything under `root`, which is made when something is first written to it.
    ///
    /// `timeout` bounds every call, also one that waits for another process's lock.
    pub fn new(root: impl Into<PathBuf>, timeout: Duration) -> Self {
        let root: PathBuf = root.into();
        Self {
            root: root.into(),
            timeout,
            versions: Arc::new(SharedRng::from_entropy()),
        }
    }

    /// Runs blocking file operations within the time limit.
    async fn run<T, F>(&self, operation: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Self, Instant) -> Result<T, StoreError> + Send + 'static,
    {
        let (this, deadline) = (self.clone(), Instant::now() + self.timeout);
        let task = tokio::task::spawn_blocking(move || operation(&this, deadline));
        // The lock is given up at the deadline, so this is reached only when the disk hangs.
        match tokio::time::timeout_at(deadline + self.timeout, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(StoreError::Unavailable(
                "the file operation was ended".to_owned(),
            )),
            Err(_) => Err(StoreError::Unavailable(format!(
                "no answer from the file system of {} within {:?}",
                self.root.display(),
                self.timeout * 2
            ))),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(path_safe(name) + SUFFIX)
    }

    /// Writes a file if `condition` holds, and gives its new version.
    async fn put(
        &self,
        name: String,
        fields: HashMap<String, String>,
        condition: Condition,
    ) -> Result<ETag, StoreError> {
        self.run(move |store, deadline| {
            let path = store.path(&name);
            let _lock = files::Lock::take(&store.root.join(".lock"), deadline)?;
            let stored = files::read(&path)?;
            match (&condition, stored) {
                (Condition::Absent, None) => {}
                (Condition::Matches(etag), Some((content, _))) => {
                    let stored = parse(&path, &content)?;
                    if etag_of(&path, &stored)? != *etag {
                        return Err(StoreError::Conflict);
                    }
                }
                _ => return Err(StoreError::Conflict),
            }
            // Random, so that a file that was deleted and made again never has an old version.
            let etag = ETag::new(&format!("{:016x}", store.versions.next_u64()));
            let mut fields: Fields = fields.into_iter().collect();
            fields.insert(ETAG.to_owned(), etag.as_str().to_owned());
            let text = serde_json::to_vec(&fields).map_err(|error| unreadable(&path, &error))?;
            let temporary = format!(".{}.new", path_safe(&name).replace('/', "%2F"));
            files::replace(&path, &temporary, &text)?;
            Ok(etag)
        })
        .await
    }
}

impl From<FileError> for StoreError {
    fn from(error: FileError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

fn unreadable(path: &Path, problem: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unreadable {
        place: path.display().to_string(),
        problem: problem.to_string(),
    }
}

fn parse(path: &Path, content: &[u8]) -> Result<Fields, StoreError> {
    let pairs: HashMap<String, String> =
        serde_json::from_slice(content).map_err(|error| unreadable(path, &error))?;
    Ok(metadata::fields(pairs))
}

fn etag_of(path: &Path, fields: &Fields) -> Result<ETag, StoreError> {
    let etag = fields
        .get(ETAG)
        .ok_or_else(|| unreadable(path, &"it holds no `etag`"))?;
    Ok(ETag::new(etag))
}

#[async_trait]
impl CheckpointStore for DirectoryStore {
    async fn list_owners(&self, group: &GroupKey) -> Result<Vec<Ownership>, StoreError> {
        let prefix = path_safe(group.prefix());
        self.run(move |store, _| {
            let folder = store.root.join(prefix).join("ownership");
            let mut found = Vec::new();
            for name in files::names(&folder)? {
                let id = name.strip_suffix(SUFFIX).and_then(from_path_safe);
                let path = folder.join(&name);
                if let (Some(id), Some((content, written_at))) = (id, files::read(&path)?) {
                    let fields = parse(&path, &content)?;
                    found.push((
                        id,
                        etag_of(&path, &fields)?,
                        metadata::owner(&fields),
                        written_at,
                    ));
                }
            }
            if found.is_empty() {
                return Ok(Vec::new());
            }
            // Asked after the last file was read, so that no age comes out negative.
            let now = files::now(&store.root.join(".clock"))?;
            let owners = found
                .into_iter()
                .map(|(id, etag, owner, written_at)| Ownership {
                    partition: PartitionId::new(id),
                    owner,
                    etag,
                    age: now.duration_since(written_at).unwrap_or_default(),
                });
            Ok(owners.collect())
        })
        .await
    }

    async fn claim(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        owner: &str,
        condition: Condition,
    ) -> Result<ETag, StoreError> {
        self.put(
            group.ownership(partition),
            metadata::of_owner(Some(owner)),
            condition,
        )
        .await
    }

    async fn release(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        etag: ETag,
    ) -> Result<(), StoreError> {
        let condition = Condition::Matches(etag);
        self.put(
            group.ownership(partition),
            metadata::of_owner(None),
            condition,
        )
        .await
        .map(drop)
    }

    async fn read(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
    ) -> Result<Option<StoredCheckpoint>, StoreError> {
        let name = group.checkpoint(partition);
        self.run(move |store, _| {
            let path = store.path(&name);
            let Some((content, written_at)) = files::read(&path)? else {
                return Ok(None);
            };
            let fields = parse(&path, &content)?;
            Ok(Some(StoredCheckpoint {
                recorded: metadata::recorded(&path.display().to_string(), &fields)?,
                etag: etag_of(&path, &fields)?,
                modified_at: metadata::modified_at(&fields, written_at.into()),
            }))
        })
        .await
    }

    async fn write(
        &self,
        group: &GroupKey,
        partition: &PartitionId,
        checkpoint: &Checkpoint,
        condition: Condition,
    ) -> Result<ETag, StoreError> {
        let fields = metadata::of_checkpoint(checkpoint);
        self.put(group.checkpoint(partition), fields, condition)
            .await
    }
}
