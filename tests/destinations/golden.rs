//! Bodies that are compared with files.

use std::path::Path;

use crate::world::{body, check_bounds};

/// Compares what the only sink of a configuration makes of `records.json` (a record of every
/// category) with `golden/<name>`, of which the first lines, up to an empty one, name the source of
/// truth.
pub(crate) fn check(name: &str, sinks: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/destinations");
    let records = std::fs::read(folder.join("records.json")).unwrap();
    let body = String::from_utf8(body(sinks, &records)).unwrap();
    // What changes with every release.
    let version = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
    let body = body.replace(&version, "\"version\":\"...\"");
    compare(&folder.join("golden").join(name), &body);
    check_bounds(sinks, &records);
}

/// Compares text with a file below its head.
pub(crate) fn compare(path: &Path, found: &str) {
    let golden = std::fs::read_to_string(path).unwrap_or_default();
    let (head, expected) = golden.split_once("\n\n").unwrap_or((&golden, ""));
    assert!(
        head.contains("https://") || head.contains("Source:"),
        "{path:?} begins with its source of truth and an empty line"
    );
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(path, format!("{head}\n\n{found}")).unwrap();
        return;
    }
    for (number, (expected, found)) in expected.lines().zip(found.lines()).enumerate() {
        assert_eq!(found, expected, "{path:?}, line {number} of the body");
    }
    assert_eq!(found.len(), expected.len(), "{path:?}");
}
