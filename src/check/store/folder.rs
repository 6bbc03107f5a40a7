//! A hidden folder of the check's own, beside what the program keeps there.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::{ABANDONED, PROBES};
use crate::check::finding::{Cause, Log, Point};

/// The folder, and those above it that were not there.
pub(crate) struct Scratch {
    path: PathBuf,
    /// The innermost first.
    made: Vec<PathBuf>,
}

/// Why there is none.
pub(crate) struct Problem(io::Error);

impl Problem {
    /// Says so.
    pub(crate) fn report(&self, log: &Log, point: Point, path: &Path) {
        let seen = format!("{} cannot be written: {}", path.display(), self.0);
        match self.0.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                let remedy = "let the user of this process write there, or name another directory";
                log.failed(point, Cause::NotPermitted, seen, remedy);
            }
            _ => {
                let remedy = "name a directory that is there or can be made";
                log.failed(point, Cause::Unavailable, seen, remedy);
            }
        }
    }
}

impl Scratch {
    /// Makes it below `root`, which is made too when it is not there.
    pub(crate) async fn make(root: &Path, id: &str) -> Result<Self, Problem> {
        let made = root.ancestors().take_while(|it| !it.exists());
        let made: Vec<_> = made.filter(|it| !it.as_os_str().is_empty()).collect();
        let made = made.into_iter().map(Path::to_owned).collect();
        let path = root.join(format!(".{PROBES}-{id}"));
        tokio::fs::create_dir_all(&path).await.map_err(Problem)?;
        remove_abandoned(root).await;
        Ok(Self { path, made })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it, and those above it that were not there and are empty.
    pub(crate) async fn remove(self, log: &Log) {
        let removed = async {
            tokio::fs::remove_dir_all(&self.path).await?;
            for folder in &self.made {
                if tokio::fs::remove_dir(folder).await.is_err() {
                    break;
                }
            }
            Ok(())
        };
        match removed.await {
            Ok(()) => log.ok(Point::Delete, "the probe files are removed"),
            Err(error) => Problem(error).report(log, Point::Delete, &self.path),
        }
    }
}

/// Removes the folders of checks that were interrupted; another one may be under way. What cannot be
/// listed or removed stays.
async fn remove_abandoned(root: &Path) {
    let Ok(mut entries) = tokio::fs::read_dir(root).await else {
        return;
    };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let is_probe = entry.file_name().to_str().is_some_and(|name| {
            let id = name
                .strip_prefix('.')
                .and_then(|it| it.strip_prefix(PROBES));
            id.is_some_and(|id| id.starts_with('-'))
        });
        if !is_probe {
            continue;
        }
        // Of the entry itself: a link leads nowhere.
        let age = entry.metadata().await.ok().filter(|it| it.is_dir());
        let age = age.and_then(|it| it.modified().ok()?.elapsed().ok());
        if age.is_some_and(|age| age > ABANDONED)
            && let Err(error) = tokio::fs::remove_dir_all(entry.path()).await
        {
            tracing::debug!(event = "old_probe_stays", %error, "an old probe stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{File, create_dir, write};
    use std::time::SystemTime;

    use super::*;

    #[tokio::test]
    async fn only_old_folders_of_checks_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let names = [
            ".entra-forwarder-check-0a",
            ".entra-forwarder-check",
            "dead-letters",
        ];
        for name in names {
            let path = root.path().join(name);
            create_dir(&path).unwrap();
            write(path.join("letter"), "probe").unwrap();
            let old = SystemTime::now() - 2 * ABANDONED;
            File::open(path).unwrap().set_modified(old).unwrap();
        }
        create_dir(root.path().join(".entra-forwarder-check-0b")).unwrap();
        let _scratch = Scratch::make(root.path(), "0c").await;
        let mut left: Vec<_> = std::fs::read_dir(root.path())
            .unwrap()
            .map(|it| it.unwrap().file_name())
            .collect();
        left.sort();
        let expected = [
            ".entra-forwarder-check",
            ".entra-forwarder-check-0b",
            ".entra-forwarder-check-0c",
            "dead-letters",
        ];
        assert_eq!(left, expected);
    }
}
