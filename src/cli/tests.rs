//! The command lines of the documentation are right.

use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};

use super::Cli;

/// The README and everything below `docs/`.
#[allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in test functions only"
)]
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// Words of a shell line up to a comment, a pipe or a redirection.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(letter),
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '>' | '|' | '#') if word.is_none() => break,
            (None, ' ') => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(letter),
        }
    }
    assert_eq!(quote, None, "an open quote: {line}");
    words.extend(word);
    words
}

#[test]
fn documented_commands_parse() {
    let mut seen = Vec::new();
    for document in documents() {
        let text = std::fs::read_to_string(&document).unwrap();
        for line in text.lines().map(str::trim_start) {
            if !line.starts_with("entra-forwarder ") {
                continue;
            }
            let words = words(line);
            let parsed = Cli::try_parse_from(&words);
            assert!(
                parsed.is_ok(),
                "{}: {line}\n{}",
                document.display(),
                parsed.unwrap_err()
            );
            seen.push(words[1..words.len().min(3)].join(" "));
        }
    }
    for command in [
        "run --config",
        "check --config",
        "checkpoints show",
        "checkpoints set",
        "checkpoints import",
        "dead-letters list",
        "dead-letters show",
        "dead-letters replay",
        "dead-letters purge",
    ] {
        assert!(
            seen.iter().any(|it| it == command),
            "{command} is nowhere shown: {seen:?}"
        );
    }
}

#[test]
fn words_are_those_of_a_shell() {
    let check = |line, expected: &[&str]| assert_eq!(words(line), expected, "{line}");
    check("a b  c", &["a", "b", "c"]);
    check("a '$Default' \"b c\" # no", &["a", "$Default", "b c"]);
    check("a config example > file", &["a", "config", "example"]);
    check("a b#c | d", &["a", "b#c"]);
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn names_and_filters_of_dead_letters_exclude_each_other() {
    let parses = |arguments: &[&str]| {
        let line = [&["entra-forwarder", "dead-letters"], arguments].concat();
        Cli::try_parse_from(line).is_ok()
    };
    assert!(parses(&["replay", "a/b", "c", "--to", "siem", "--dry-run"]));
    assert!(parses(&["replay", "--sink", "siem", "--until", "1h"]));
    assert!(!parses(&["replay", "a/b", "--sink", "siem"]));
    assert!(!parses(&["replay", "--since", "yesterday"]));
    assert!(!parses(&["list", "--limit", "0"]));
    assert!(!parses(&["purge"]));
    assert!(!parses(&["purge", "--older-than", "30 moons"]));
}
