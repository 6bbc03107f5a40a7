//! docs/configuration.md, made of the table of keys.

use super::keys::{Key, Need, SECTIONS};
use super::kind::Kind;

/// What stands before the tables.
const HEAD: &str = r#"# Configuration

<!-- Made of the table of keys: cargo run -- config reference > docs/configuration.md -->

`entra-forwarder` reads one TOML file, then the environment. The environment wins, and it can set everything, so that no file is needed. `config validate` reports all mistakes at once; `config show` prints every value with its origin; `config example` prints a file with every key; `config schema` prints a JSON Schema for editors.

- **File**: its path is `--config` or `ENTRA_FORWARDER_CONFIG`; or the variable `ENTRA_FORWARDER_CONFIG_TOML` holds its whole text. The shortest useful file is [examples/minimal.toml](../examples/minimal.toml), the longest [examples/full.toml](../examples/full.toml).
- **Environment**: a key is `ENTRA_FORWARDER__` and its path in upper case, with `__` for every dot: `sinks.siem.batch.age` is `ENTRA_FORWARDER__SINKS__SIEM__BATCH__AGE`. Values are plain text without quotes. A table, such as `headers`, is inline TOML (`{X-Team = "soc"}`) or JSON, and takes the place of the whole table in the file; a header without a hyphen in its name also has a variable of its own (`...__HEADERS__AUTHORIZATION`). Variables with a single underscore after the prefix (the links that Kubernetes makes for services) are ignored.
- **Names** of sources, sinks and credentials are yours: a lower-case letter, then letters, digits and single underscores, at most 31, none at the end.
- **Units**: durations and sizes carry their unit (`"500ms"`, `"5s"`, `"2min"`; `"512KiB"`, `"1MiB"`); a bare number is a mistake.
- **Secrets** can be given by value, by file, or by environment. For a secret `x`, `x_file` is the path of a file with the value; line breaks at its end are dropped. A table of secrets, such as `headers`, has a table of paths beside it: `headers_file` from header name to path. What a sink takes from a file is read again when the file changes. Value and file together are a mistake, unless one of them stands in the environment, which then wins. No secret is ever shown.
- **`${...}`** is not substituted, and refused.
"#;

/// The reference of all keys, in Markdown.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    for section in SECTIONS.iter() {
        let title = match section.path {
            "" => "Top level".to_owned(),
            path => format!("`[{}]`", path.replace('*', "<name>")),
        };
        page.push_str(&format!("\n## {title}\n\n{}\n\n", section.doc));
        page.push_str("| key | type | default | environment | meaning |\n|---|---|---|---|---|\n");
        for key in section.keys {
            page.push_str(&row(key));
        }
    }
    page
}

fn row(key: &Key) -> String {
    let chosen = match key.short() {
        "headers.*" => "<header>",
        _ => "<name>",
    };
    let name = key.short().replace('*', chosen);
    let names = match (key.file_path(), key.short().strip_suffix(".*")) {
        (Some(_), Some(table)) => format!("`{table}.{chosen}` or `{table}_file.{chosen}`"),
        (Some(_), None) => format!("`{name}` or `{name}_file`"),
        (None, _) => format!("`{name}`"),
    };
    let default = match key.need {
        Need::Default("") => "empty".to_owned(),
        Need::Default(text) => format!("`{text}`"),
        Need::Required => "**required**".to_owned(),
        Need::Optional(when) => when.to_owned(),
    };
    format!(
        "| {names} | {} | {default} | `{}` | {} |\n",
        type_name(&key.kind),
        variable(key),
        key.doc.replace('|', "\\|")
    )
}

fn type_name(kind: &Kind) -> String {
    let expected = kind.expected().replace('|', "\\|").replace('<', "&lt;");
    match kind {
        Kind::Secret(_) => format!("secret: {expected}"),
        _ => expected,
    }
}

/// The variable of a key, with `<NAME>` for the chosen name; headers are set as one table.
fn variable(key: &Key) -> String {
    let path = key
        .path
        .strip_suffix(".*")
        .unwrap_or(key.path)
        .replace('*', "<NAME>");
    super::keys::variable(&path.split('.').collect::<Vec<_>>())
}
