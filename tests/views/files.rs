//! The files that are looked at.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

/// A path in the repository.
pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The text of a file.
pub(crate) fn text(name: &str) -> String {
    let text = std::fs::read_to_string(path(name));
    text.unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A file of JSON.
pub(crate) fn json(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The headings of a page, as they stand behind the `#` of a link
/// (<https://docs.github.com/get-started/writing-on-github/getting-started-with-writing-and-formatting-on-github/basic-writing-and-formatting-syntax#section-links>).
pub(crate) fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let anchors = headings.map(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    });
    anchors.collect()
}

/// Asserts that a link to a runbook leads somewhere.
pub(crate) fn assert_runbook(link: &str, of: &str) {
    let (page, anchor) = link.split_once('#').expect(link);
    let anchors = anchors(&text(page));
    assert!(
        anchors.contains(anchor),
        "{of}: {link} is none of {anchors:?}"
    );
}

#[test]
fn anchors_are_those_of_a_link() {
    let page = "# Hub re-created\ntext # no\n## What `status` says, first\n";
    let expected = ["hub-re-created", "what-status-says-first"];
    assert!(anchors(page).iter().eq(expected.iter()));
}
