//! The documents that are made of the table of keys, and the examples.

use std::collections::BTreeMap;

use super::super::keys::{Need, SECTIONS, keys, variable};
use super::super::node::Value;
use super::super::{Config, example, load, reference, schema};
use super::{file, right};

fn same(path: &str, found: &str, made: &str, command: &str) {
    assert!(
        found == made,
        "{path} is not up to date: cargo run -- {command} > {path}"
    );
}

#[test]
fn the_documents_are_up_to_date() {
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        let root = env!("CARGO_MANIFEST_DIR");
        std::fs::write(format!("{root}/docs/configuration.md"), reference()).unwrap();
        std::fs::write(format!("{root}/examples/full.toml"), example()).unwrap();
        return;
    }
    let page = include_str!("../../../docs/configuration.md");
    same(
        "docs/configuration.md",
        page,
        &reference(),
        "config reference",
    );
    let full = include_str!("../../../examples/full.toml");
    same("examples/full.toml", full, &example(), "config example");
}

#[test]
fn every_default_and_example_is_right() {
    for key in keys() {
        if let Need::Default(text) = key.need {
            assert!(
                key.kind.check(&Value::Plain(text.into())).is_ok(),
                "{}",
                key.path
            );
        }
        assert!(
            key.kind.check(&Value::Plain(key.example.into())).is_ok(),
            "{}",
            key.path
        );
        assert!(
            !key.doc.contains("  ") && key.doc.ends_with('.'),
            "{}",
            key.path
        );
    }
}

#[test]
fn every_key_stands_in_the_file_of_its_section() {
    for section in SECTIONS.iter() {
        for key in section.keys {
            assert_eq!(key.section(), section.path, "{}", key.path);
        }
    }
}

#[test]
fn the_minimal_file_is_right() {
    let loaded = right(include_str!("../../../examples/minimal.toml"), &[]);
    assert_eq!(loaded.warnings, Vec::<String>::new());
}

#[test]
fn the_full_file_names_every_key() {
    let full = example();
    for key in keys() {
        let chosen = match key.short() {
            "headers.*" => "Authorization",
            "start_partitions.*" => "0",
            _ => "name",
        };
        let name = key.short().replace('*', chosen);
        let named =
            |line: &str| line.trim_start_matches("# ").split(" = ").next() == Some(name.as_str());
        assert!(full.lines().any(named), "{}", key.path);
    }
}

#[test]
fn the_full_file_sets_defaults_to_their_values() {
    let full = example();
    let loaded = right(&full, &[]);
    assert_eq!(loaded.warnings, Vec::<String>::new());
    // The same file without the lines of keys that have a default.
    let with_default = |section: &str, line: &str| {
        keys().any(|key| {
            let names = ["siem", "signins", "audit", "principal", "identity"];
            let mut sections = names
                .map(|name| key.section().replace('*', name))
                .into_iter();
            matches!(key.need, Need::Default(_))
                && key.path != "dead_letters.store"
                && line.split(" = ").next() == Some(key.short())
                && sections.any(|it| it == section)
        })
    };
    let mut section = String::new();
    let mut kept: Vec<&str> = Vec::new();
    for line in full.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
        }
        if !with_default(&section, line) {
            kept.push(line);
        }
    }
    let short = kept.join("\n");
    assert!(short.len() + 300 < full.len());
    assert_eq!(right(&short, &[]).config, loaded.config);
}

/// Every value of a TOML file with its path and its plain text.
fn leaves(text: &str) -> BTreeMap<Vec<String>, String> {
    fn walk(path: &[String], value: &toml::Value, into: &mut BTreeMap<Vec<String>, String>) {
        match value {
            toml::Value::Table(table) if path.last().is_none_or(|name| name != "headers") => {
                for (name, child) in table {
                    walk(&[path, std::slice::from_ref(name)].concat(), child, into);
                }
            }
            toml::Value::Table(table) => {
                into.insert(path.to_vec(), serde_json::to_string(table).unwrap());
            }
            toml::Value::String(text) => {
                into.insert(path.to_vec(), text.clone());
            }
            other => {
                into.insert(path.to_vec(), other.to_string());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&[], &toml::Value::Table(text.parse().unwrap()), &mut found);
    found
}

fn without(full: &toml::Table, path: &[String]) -> String {
    let mut text = full.clone();
    let (last, parents) = path.split_last().unwrap();
    let mut at = &mut text;
    for parent in parents {
        at = at.get_mut(parent).unwrap().as_table_mut().unwrap();
    }
    assert!(at.remove(last).is_some());
    toml::to_string(&text).unwrap()
}

#[test]
fn the_environment_alone_gives_the_same_as_the_full_file() {
    let full = example();
    let expected: Config = right(&full, &[]).config;
    let leaves = leaves(&full);
    assert!(leaves.len() > 40);
    let all = leaves
        .iter()
        .map(|(path, value)| (variable(path), value.clone()));
    let loaded = load(None, all).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.config, expected);
    // Key by key: out of the file and into the environment.
    let table: toml::Table = full.parse().unwrap();
    for (path, value) in &leaves {
        let text = without(&table, path);
        let variables = [(variable(path), value.clone())];
        let loaded =
            load(file(&text), variables).unwrap_or_else(|problems| panic!("{path:?}: {problems}"));
        assert_eq!(loaded.config, expected, "{path:?}");
    }
}

#[test]
fn show_is_toml_with_origins() {
    let text = right(
        &example(),
        &[("ENTRA_FORWARDER__SINKS__SIEM__TIMEOUT", "30s")],
    );
    let shown = text.effective.to_string();
    assert!(shown.contains("timeout = \"30s\"  # ENTRA_FORWARDER__SINKS__SIEM__TIMEOUT\n"));
    assert!(shown.contains("namespace = \"contoso-logs.servicebus.windows.net\"  # from sources.audit.connection_string\n"), "{shown}");
    assert!(
        shown.starts_with("shutdown_grace = \"25s\"  # forwarder.toml line "),
        "{shown}"
    );
    let table: toml::Table = shown.parse().unwrap();
    assert_eq!(
        table["sinks"]["siem"]["headers"]["authorization"].as_str(),
        Some("REDACTED")
    );
    assert_eq!(
        table["sinks"]["siem"]["batch"]["records"].as_integer(),
        Some(5000)
    );
}

#[test]
fn the_schema_knows_every_key() {
    let schema = schema();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    for key in keys() {
        for path in [Some(key.path.to_owned()), key.file_path()]
            .into_iter()
            .flatten()
        {
            let mut at = &schema;
            for segment in path.split('.') {
                at = match segment {
                    "*" if at["patternProperties"].is_object() => at["patternProperties"]
                        .as_object()
                        .unwrap()
                        .values()
                        .next()
                        .unwrap(),
                    "*" => &at["additionalProperties"],
                    name => &at["properties"][name],
                };
            }
            assert!(at["description"].is_string(), "{path}: {at}");
        }
    }
    assert_eq!(schema["properties"]["sinks"]["additionalProperties"], false);
}
