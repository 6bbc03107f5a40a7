//! Text to nodes: a TOML file, and a table in an environment variable.

use super::node::{Node, Value, from_json, from_table, from_toml};
use super::problem::{Origin, Problem};

/// Reads a whole TOML file.
///
/// # Errors
/// The first syntax error, with line and column; the text itself is not quoted.
pub(super) fn read_toml(name: &str, text: &str) -> Result<Node, Box<Problem>> {
    let locate = |at: usize| Origin::File {
        name: name.to_owned(),
        line: line_and_column(text, at).0,
        column: None,
    };
    match toml::de::DeTable::parse(text) {
        Ok(table) => Ok(from_table(table.get_ref(), locate(0), &locate)),
        Err(error) => {
            let (line, column) = line_and_column(text, error.span().map_or(0, |span| span.start));
            Err(Box::new(Problem {
                path: "the configuration".to_owned(),
                found: format!("not TOML ({})", error.message().replace('\n', ", ")),
                expected: "valid TOML".to_owned(),
                hint: Some("correct this line; what follows it was not read".to_owned()),
                origin: Some(Origin::File {
                    name: name.to_owned(),
                    line,
                    column: Some(column),
                }),
            }))
        }
    }
}

/// Reads the table in an environment variable: inline TOML, or JSON.
pub(super) fn read_inline(variable: &str, text: &str) -> Option<Node> {
    let origin = Origin::Environment(variable.to_owned());
    if let Ok(value) = serde_json::from_str(text) {
        return Some(from_json(value, &origin));
    }
    let value = toml::de::DeValue::parse(text.trim()).ok()?;
    Some(from_toml(value.get_ref(), origin.clone(), &|_| {
        origin.clone()
    }))
}

/// Reads the list in an environment variable: inline TOML, or JSON.
pub(super) fn read_list(text: &str) -> Option<Vec<Value>> {
    match read_inline("", text)?.value {
        Value::List(items) => Some(items),
        _ => None,
    }
}

/// Line and column, from 1, of a byte.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    (line, column)
}
