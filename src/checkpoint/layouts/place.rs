//! Where positions are kept: a container, or a directory of this program or of a downloaded copy.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::checkpoint::blob::Container;
use crate::checkpoint::directory::files::{self, FileError};
use crate::checkpoint::metadata::{self, Fields};
use crate::checkpoint::store_key::{from_path_safe, path_safe};
use crate::checkpoint::{ETag, StoreError};
use crate::event_hub::Timestamp;

/// A container of positions holds a few objects per partition and group.
const OBJECTS_MAX: usize = 100_000;
/// The largest lease is far smaller.
const BODY_MAX: usize = 64 * 1024;
/// Folders below each other in a directory; a path of an SDK has five parts.
const DEPTH_MAX: usize = 8;
/// What the names of this program's files end with.
const SUFFIX: &str = ".json";

/// Where positions are kept.
#[derive(Clone, Debug)]
pub enum Place {
    /// A blob container.
    Container(Container),
    /// A directory, and how long the disk may take.
    Directory(PathBuf, Duration),
}

/// One object of a place.
pub(super) struct Object {
    pub(super) name: String,
    pub(super) fields: Fields,
    pub(super) etag: ETag,
    pub(super) age: Duration,
    pub(super) modified_at: Timestamp,
    pub(super) size: u64,
    pub(super) is_leased: bool,
}

impl Place {
    /// Its URL without a signature, or its path.
    pub fn shown(&self) -> String {
        match self {
            Self::Container(container) => container.url().to_owned(),
            Self::Directory(path, _) => path.display().to_string(),
        }
    }

    /// Lists what begins with `prefix` (nothing, or one that ends with a slash).
    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<Object>, StoreError> {
        match self {
            Self::Container(container) => {
                let listed = container.list_at_most(prefix, OBJECTS_MAX).await?;
                let object = |listed: crate::checkpoint::blob::container::Listed| Object {
                    name: listed.name,
                    fields: listed.fields,
                    etag: listed.etag,
                    age: listed.age,
                    modified_at: listed.modified_at,
                    size: listed.size,
                    is_leased: listed.is_leased,
                };
                Ok(listed.into_iter().map(object).collect())
            }
            Self::Directory(root, timeout) => {
                let (root, prefix) = (root.clone(), prefix.to_owned());
                on_disk(*timeout, move || walk(&root, &prefix)).await
            }
        }
    }

    /// Reads the body of an object that was listed.
    pub(super) async fn body(&self, object: &Object) -> Result<Bytes, StoreError> {
        let body = match self {
            Self::Container(container) => container.body(&object.name, BODY_MAX).await?,
            Self::Directory(root, timeout) => {
                let path = root.join(&object.name);
                let read = on_disk(*timeout, move || Ok(files::read(&path)?)).await?;
                read.map(|(content, _)| content.into())
            }
        };
        body.ok_or_else(|| {
            StoreError::Unavailable(format!("{} was deleted meanwhile", object.name))
        })
    }
}

async fn on_disk<T: Send + 'static>(
    timeout: Duration,
    operation: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let task = tokio::task::spawn_blocking(operation);
    match tokio::time::timeout(timeout, task).await {
        Ok(Ok(result)) => result,
        _ => Err(StoreError::Unavailable(format!(
            "no answer from the file system within {timeout:?}"
        ))),
    }
}

/// Objects of a directory: the files of this program's directory store under the names of the blobs
/// that they stand for, every other file under its own.
fn walk(root: &Path, prefix: &str) -> Result<Vec<Object>, StoreError> {
    if !root.is_dir() {
        if !prefix.is_empty() {
            return Ok(Vec::new());
        }
        return Err(StoreError::Unavailable(format!(
            "there is no directory {}",
            root.display()
        )));
    }
    let below = prefix.trim_end_matches('/');
    let mut starts = vec![(below.to_owned(), 0)];
    let safe = path_safe(below);
    if !below.is_empty() && safe != below {
        starts.push((safe, 0));
    }
    let now = SystemTime::now();
    let mut objects = Vec::new();
    let mut seen = 0;
    while let Some((folder, depth)) = starts.pop() {
        for entry in files::names(&root.join(&folder))? {
            seen += 1;
            if seen > OBJECTS_MAX {
                return Err(StoreError::Unavailable(format!(
                    "{} holds more than {OBJECTS_MAX} files: is this the directory of the positions?",
                    root.display()
                )));
            }
            let name = match folder.as_str() {
                "" => entry,
                folder => format!("{folder}/{entry}"),
            };
            let path = root.join(&name);
            if path.is_dir() {
                if depth < DEPTH_MAX {
                    starts.push((name, depth + 1));
                }
            } else if let Some(object) = object(&path, name, now)? {
                objects.push(object);
            }
        }
    }
    Ok(objects)
}

/// One file; `None` when it is too large to be a position, or gone.
fn object(path: &Path, name: String, now: SystemTime) -> Result<Option<Object>, FileError> {
    let size = path.metadata().map_or(0, |metadata| metadata.len());
    if usize::try_from(size).map_or(true, |size| size > BODY_MAX) {
        return Ok(None);
    }
    let Some((content, modified)) = files::read(path)? else {
        return Ok(None);
    };
    let own = name
        .strip_suffix(SUFFIX)
        .and_then(from_path_safe)
        .and_then(|name| {
            let pairs: HashMap<String, String> = serde_json::from_slice(&content).ok()?;
            let fields = metadata::fields(pairs);
            let etag = ETag::new(fields.get("etag")?);
            Some((name, fields, etag))
        });
    let (name, fields, etag) = own.unwrap_or_else(|| (name, Fields::new(), ETag::new("")));
    Ok(Some(Object {
        name,
        fields,
        etag,
        age: now.duration_since(modified).unwrap_or_default(),
        modified_at: modified.into(),
        size,
        is_leased: false,
    }))
}
