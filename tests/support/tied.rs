//! Programs that the tests run against, and that never outlive them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Starts a Node script below the repository's root; its standard output can be read from the
/// child. It ends when the child's standard input is closed: when the child is dropped or this
/// process ends, however it does.
///
/// # Panics
/// When the packages of package-lock.json are not installed, or Node is not there.
pub(crate) fn start(script: &str, arguments: &[&str]) -> Child {
    let script: PathBuf = repository().join(script);
    assert!(
        script.exists(),
        "{} is missing: run `npm ci` (or `make test`) in the repository first",
        script.display()
    );
    let mut node = Command::new("node");
    node.arg(repository().join("tests/support/tied.mjs"))
        .arg(script)
        .args(arguments);
    spawn(&mut node).unwrap_or_else(|error| {
        panic!("node (20 or later) must be installed to run tests: {error}")
    })
}

/// Starts a program that ends by itself when its standard input does.
///
/// # Errors
/// When it is not there.
pub(crate) fn spawn(program: &mut Command) -> std::io::Result<Child> {
    program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
}
