//! Files that are whole or not there, also after a loss of power.
//!
//! Everything here blocks and is called from `spawn_blocking`.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Time between two tries to take a lock that another process holds.
const LOCK_PAUSE: Duration = Duration::from_millis(2);

/// A failed operation on a file, with its path.
#[derive(Debug, thiserror::Error)]
#[error("{doing} {}: {source}", path.display())]
pub(crate) struct FileError {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Names an operation and its path for the error that it may end in.
fn at<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> FileError + use<'a> {
    move |source| FileError {
        doing,
        path: path.to_owned(),
        source,
    }
}

/// Options for files that only their owner may read.
fn private() -> OpenOptions {
    #[allow(unused_mut, reason = "only Unix has something to add")]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a folder and those above it, for their owner only, so that they outlast a loss of power.
pub(crate) fn make_folder(path: &Path) -> Result<(), FileError> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(Path::new("."));
    make_folder(parent)?;
    #[allow(unused_mut, reason = "only Unix has something to add")]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Ok(()) => sync_folder(parent),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(at("cannot make the folder", path)(error)),
    }
}

/// Makes the names in a folder outlast a loss of power.
fn sync_folder(path: &Path) -> Result<(), FileError> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    // Windows has no such call, and needs none.
    if cfg!(unix) {
        File::open(path)
            .and_then(|folder| folder.sync_all())
            .map_err(at("cannot sync the folder", path))?;
    }
    Ok(())
}

/// Replaces a file at once: whoever reads it sees the old content or the new one, whole.
///
/// `temporary` names the file in the same folder that is written first. Two writers must not use
/// the same one at the same time; one that a crash left behind is overwritten.
pub(crate) fn replace(path: &Path, temporary: &str, content: &[u8]) -> Result<(), FileError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    let temporary = folder.join(temporary);
    let write = || -> io::Result<()> {
        let mut file = private()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(at("cannot write", &temporary))?;
    fs::rename(&temporary, path).map_err(at("cannot replace", path))?;
    sync_folder(folder)
}

/// Reads a file and the time of its last write; `None` when it is not there.
pub(crate) fn read(path: &Path) -> Result<Option<(Vec<u8>, SystemTime)>, FileError> {
    let read = || -> io::Result<(Vec<u8>, SystemTime)> {
        let mut file = File::open(path)?;
        let mut content = Vec::new();
        io::Read::read_to_end(&mut file, &mut content)?;
        Ok((content, file.metadata()?.modified()?))
    };
    match read() {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at("cannot read", path)(error)),
    }
}

/// Names of the files in a folder, without hidden ones; none when it is not there.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, FileError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at("cannot list", folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(at("cannot list", folder))?.file_name();
        names.extend(
            name.into_string()
                .ok()
                .filter(|name| !name.starts_with('.')),
        );
    }
    Ok(names)
}

/// Names of the entries of a folder, without hidden ones, and whether each is a folder; none when
/// it is not there.
pub(crate) fn entries(folder: &Path) -> Result<Vec<(String, bool)>, FileError> {
    let mut entries = Vec::new();
    for name in names(folder)? {
        let is_folder = folder.join(&name).is_dir();
        entries.push((name, is_folder));
    }
    Ok(entries)
}

/// Removes a file; one that is not there is no error.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Ok(()) => sync_folder(path.parent().unwrap_or(Path::new("."))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(at("cannot remove", path)(error)),
    }
}

/// The present moment by the clock that also stamps the files: that of the file system.
pub(crate) fn now(touched: &Path) -> Result<SystemTime, FileError> {
    make_folder(touched.parent().unwrap_or(Path::new(".")))?;
    let touch = || -> io::Result<SystemTime> {
        let mut file = private()
            .write(true)
            .create(true)
            .truncate(false)
            .open(touched)?;
        file.write_all(b"The time of this file is the store's clock.\n")?;
        file.sync_all()?;
        file.metadata()?.modified()
    };
    touch().map_err(at("cannot write", touched))
}

/// Keeps every other writer out, in this process and in others, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    // Closing the file lets the lock go, also when the process is killed.
    _file: File,
}

impl Lock {
    /// Waits for the lock, at most until `deadline`.
    pub(crate) fn take(path: &Path, deadline: Instant) -> Result<Self, FileError> {
        make_folder(path.parent().unwrap_or(Path::new(".")))?;
        let file = private()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(at("cannot write", path))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(LOCK_PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    let held = io::Error::other("another process holds it");
                    return Err(at("cannot lock", path)(held));
                }
                Err(TryLockError::Error(error)) => return Err(at("cannot lock", path)(error)),
            }
        }
    }
}
