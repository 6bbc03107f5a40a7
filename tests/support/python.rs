//! Python, with the packages that the tests need.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// The interpreter of `.venv`. `None` where the packages of `tests/python/requirements.txt` are not
/// installed, which it then says.
///
/// # Panics
/// When they must be there (`REQUIRE_PYTHON`) and are not.
pub(crate) fn interpreter() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).ok();
    if read(".venv/requirements.txt") == read("tests/python/requirements.txt") {
        return Some(root.join(".venv/bin/python"));
    }
    let sentence =
        "tests/python/requirements.txt is not installed (`make test` does it, with python3)";
    let is_required = std::env::var_os("REQUIRE_PYTHON").is_some_and(|it| !it.is_empty());
    assert!(!is_required, "{sentence}");
    // Not by a macro: the test harness would keep what those print to itself.
    let skipped = format!("{sentence}: a test is skipped\n");
    std::io::stderr().write_all(skipped.as_bytes()).unwrap();
    None
}

/// What a script of `tests/python` makes of this: JSON in, JSON out. `None` as above.
#[allow(dead_code, reason = "not all tests with Python use scripts")]
pub(crate) fn ask(script: &str, given: &Value) -> Option<Value> {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let mut child = Command::new(interpreter()?)
        .arg(scripts.join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The scripts read all of it before they write.
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(given.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{script}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}
