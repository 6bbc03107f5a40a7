//! A hidden folder of the check's own, beside what the program keeps there.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::PROBES;
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
