//! Bodies and records in files: the project's own, and samples beside the project, where there are
//! some.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use bytes::Bytes;

/// Names and bodies of the files in a folder; nothing when it is not there.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Bytes> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return BTreeMap::new();
    };
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(path).unwrap().into())
    };
    entries.map(|entry| read(entry.unwrap().path())).collect()
}

/// A set of the samples beside the project; says how many there are.
pub(crate) fn shared(set: &str) -> BTreeMap<String, Bytes> {
    let shared = match std::env::var_os("ENTRA_FORWARDER_SHARED_DATA") {
        Some(path) => PathBuf::from(path),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    let bodies = files(&shared.join(set));
    // Not through a macro, whose output a passing test swallows.
    let said = format!(
        "{} bodies in {}\n",
        bodies.len(),
        shared.join(set).display()
    );
    std::io::stderr().write_all(said.as_bytes()).unwrap();
    bodies
}
