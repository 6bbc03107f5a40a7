//! The pages of the destinations: every configuration on them is right.

use std::path::Path;

use crate::world::config;

#[test]
fn every_configuration_on_a_page_is_right() {
    for block in blocks() {
        assert_eq!(config(&block).sinks.len(), 1, "{block}: one sink per block");
    }
}

/// Every configuration on a page.
pub(crate) fn blocks() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sinks");
    let mut found = Vec::new();
    for page in std::fs::read_dir(folder).unwrap() {
        let path = page.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let blocks: Vec<_> = text.split("```toml\n").skip(1).collect();
        assert!(!blocks.is_empty(), "{path:?} has no configuration");
        for block in blocks {
            let block = block.split("```").next().unwrap();
            // What stands in files on a page is here as good as any value.
            found.push(in_place(block));
        }
    }
    assert!(!found.is_empty());
    found
}

/// Secrets from files as values, since the files are not there.
fn in_place(block: &str) -> String {
    let line = |line: &str| match line.split_once("_file = ") {
        Some((key, _)) => format!("{key} = \"value\""),
        None => line.to_owned(),
    };
    block.lines().map(line).collect::<Vec<_>>().join("\n")
}
