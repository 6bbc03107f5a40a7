//! Dead letters as files: `<name>.bin` holds the exact bytes, `<name>.json` what is known of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use super::{DeadLetter, DeadLetterError, DeadLetterStore};
use crate::checkpoint::directory::files::{self, FileError};
use crate::checkpoint::store_key::path_safe;

/// Dead letters under one directory, for their owner only.
#[derive(Clone, Debug)]
pub struct DirectoryDeadLetters {
    root: Arc<Path>,
    timeout: Duration,
}

impl DirectoryDeadLetters {
    /// Keeps everything under `root`, which is made when something is first written to it.
    ///
    /// `timeout` bounds the wait for another writer, and twice that the whole write.
    pub fn new(root: impl Into<PathBuf>, timeout: Duration) -> Self {
        Self {
            root: root.into().into(),
            timeout,
        }
    }
}

impl DirectoryDeadLetters {
    /// Runs blocking file operations within the time limit.
    async fn run(
        &self,
        operation: impl FnOnce(&Path, Instant) -> Result<(), FileError> + Send + 'static,
    ) -> Result<(), DeadLetterError> {
        let root = Arc::clone(&self.root);
        let deadline = Instant::now() + self.timeout;
        let task = tokio::task::spawn_blocking(move || operation(&root, deadline));
        match tokio::time::timeout_at(deadline + self.timeout, task).await {
            Ok(Ok(result)) => result.map_err(|error| DeadLetterError(error.to_string())),
            Ok(Err(_)) => Err(DeadLetterError("the file operation was ended".to_owned())),
            Err(_) => Err(DeadLetterError(format!(
                "no answer from the file system of {} within {:?}",
                self.root.display(),
                self.timeout * 2
            ))),
        }
    }
}

#[async_trait]
impl DeadLetterStore for DirectoryDeadLetters {
    async fn write(&self, letters: &[DeadLetter]) -> Result<(), DeadLetterError> {
        let letters = letters.to_vec();
        self.run(move |root, deadline| {
            letters
                .iter()
                .try_for_each(|letter| write(root, letter, deadline))
        })
        .await
    }

    async fn reach(&self) -> Result<(), DeadLetterError> {
        self.run(|root, deadline| files::Lock::take(&root.join(".lock"), deadline).map(drop))
            .await
    }
}

fn write(root: &Path, letter: &DeadLetter, deadline: Instant) -> Result<(), FileError> {
    let _lock = files::Lock::take(&root.join(".lock"), deadline)?;
    let path = |name: &str, suffix| root.join(path_safe(name) + suffix);
    let mut name = letter.name();
    if files::read(&path(&name, ".bin"))?.is_some_and(|(stored, _)| stored != letter.body) {
        name = letter.second_name();
    }
    let sidecar = path(&name, ".json");
    if files::read(&sidecar)?.is_some() {
        return Ok(());
    }
    // Last, so that a sidecar always has its whole body beside it.
    files::replace(&path(&name, ".bin"), ".body.new", &letter.body)?;
    let fields: BTreeMap<_, _> = letter.fields().into_iter().collect();
    let text = serde_json::json!(fields).to_string();
    files::replace(&sidecar, ".sidecar.new", text.as_bytes())
}
