//! Holds `docs/logs.md` to the code, and the code to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

/// What is known of an event: its levels and fields.
#[derive(Debug, Default, PartialEq, Eq)]
struct Known {
    levels: BTreeSet<String>,
    fields: BTreeSet<String>,
}

type Events = BTreeMap<String, Known>;

/// One call: `tracing::warn!(event = "gap", ...)`.
#[derive(Debug)]
struct Call {
    level: String,
    event: Option<String>,
    fields: Vec<String>,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("tests") || name == "testing.rs" {
            continue;
        }
        match path.is_dir() {
            true => sources(&path, found),
            false if name.ends_with(".rs") => found.push(path),
            false => {}
        }
    }
}

/// The calls in some code, also in the arguments of other macros.
fn calls(code: TokenStream, found: &mut Vec<Call>) {
    let code: Vec<_> = code.into_iter().collect();
    for window in code.windows(6) {
        let texts: Vec<_> = window[..5].iter().map(ToString::to_string).collect();
        let is_call = texts[0] == "tracing" && texts[1..3] == [":", ":"] && texts[4] == "!";
        match &window[5] {
            TokenTree::Group(arguments) if is_call => {
                if LEVELS.contains(&texts[3].as_str()) {
                    found.push(call(&texts[3], arguments.stream()));
                } else {
                    assert_eq!(texts[3], "enabled", "an unknown macro");
                }
            }
            _ => {}
        }
    }
    for token in code {
        if let TokenTree::Group(group) = token {
            calls(group.stream(), found);
        }
    }
}

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

fn call(level: &str, arguments: TokenStream) -> Call {
    let mut call = Call {
        level: level.to_owned(),
        event: None,
        fields: Vec::new(),
    };
    let tokens: Vec<_> = arguments.into_iter().collect();
    for argument in tokens.split(|token| token.to_string() == ",") {
        let texts: Vec<_> = argument.iter().map(ToString::to_string).collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        match texts.as_slice() {
            [] => {}
            ["event", "=", name] => call.event = Some(name.trim_matches('"').to_owned()),
            // The sentence, and what belongs to it.
            [text, ..] if text.starts_with('"') => break,
            ["%" | "?", name] => call.fields.push((*name).to_owned()),
            [name] | [name, "=", ..] => call.fields.push((*name).to_owned()),
            other => panic!("an argument of a form that is not known: {other:?}"),
        }
    }
    call
}

fn of_code() -> Events {
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mut events = Events::new();
    for file in files {
        let mut found = Vec::new();
        let code: TokenStream = std::fs::read_to_string(&file).unwrap().parse().unwrap();
        calls(code, &mut found);
        for call in found {
            let event = call.event.clone();
            let event = event.unwrap_or_else(|| panic!("{file:?}: no event: {call:?}"));
            let known = events.entry(event).or_default();
            known.levels.insert(call.level);
            known.fields.extend(call.fields);
        }
    }
    events
}

/// The words in backticks.
fn quoted(cell: &str) -> impl Iterator<Item = String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// The page has a table of events: event, levels, fields, meaning, what to do. Of those with a part
/// of their own (`### heartbeat`), the fields stand there, in a table: field, meaning.
fn of_page(page: &str) -> Events {
    let mut events = Events::new();
    let mut part = None;
    for line in page.lines() {
        if let Some(title) = line.strip_prefix('#') {
            let title = title.trim_start_matches('#').trim();
            part = quoted(title).next();
        }
        let cells: Vec<_> = line.split(" | ").collect();
        let Some(name) = line.strip_prefix("| `").and_then(|_| quoted(line).next()) else {
            continue;
        };
        match (&part, cells.as_slice()) {
            (None, [_, levels, fields, _meaning, _todo]) => {
                let known = events.entry(name).or_default();
                known.levels.extend(levels.split(", ").map(str::to_owned));
                known.fields.extend(quoted(fields));
            }
            (Some(event), [names, meaning]) => {
                assert!(meaning.len() > 4, "{line}");
                let event = events.get_mut(event).expect("its part follows the table");
                event.fields.extend(quoted(names));
            }
            _ => panic!("a row of another form: {line}"),
        }
    }
    events
}

#[test]
fn every_line_is_in_the_page_and_every_row_in_the_code() {
    let page = std::fs::read_to_string(root().join("docs/logs.md")).unwrap();
    let (page, code) = (of_page(&page), of_code());
    assert!(code.len() > 50, "the scanner finds {}", code.len());
    let names = |events: &Events| events.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&page), names(&code));
    for (event, known) in &code {
        assert_eq!(
            &page[event], known,
            "left is the page, right the code: {event}"
        );
    }
}

#[test]
fn the_scanner_reads_every_form() {
    let code = r#"
        fn f() {
            // tracing::info!(event = "comment")
            tokio::select! { () = g() => { tracing::warn!(event = "gap", source = a.b(1, 2), %id,
                count, "text, {id} {}", event = 3) } }
            let text = "tracing::info!(event = 1)";
            if tracing::enabled!(tracing::Level::INFO) { tracing::debug! { "no event" } }
        }
    "#;
    let mut found = Vec::new();
    calls(code.parse().unwrap(), &mut found);
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].level, "warn");
    assert_eq!(found[0].event.as_deref(), Some("gap"));
    assert_eq!(found[0].fields, ["source", "id", "count"]);
    assert_eq!((found[1].level.as_str(), &found[1].event), ("debug", &None));
}

/// Field names mean the same everywhere, or somebody joins what does not belong together.
#[test]
fn fields_are_named_alike() {
    let taken = ["timestamp", "level", "target", "message", "event"];
    for (event, known) in of_code() {
        for field in &known.fields {
            assert!(!taken.contains(&field.as_str()), "{event}: {field}");
            let is_plain = |c: char| c.is_ascii_lowercase() || c == '_';
            assert!(field.chars().all(is_plain), "{event}: {field}");
        }
    }
}
