//! Values placed at their keys: first those of the file, then those of the environment over them.

use std::collections::BTreeMap;

use super::keys::{self, Key, Place};
use super::kind::OWN_HEADERS;
use super::node::{Node, Value, shown_path};
use super::problem::{Origin, Problem};
use super::text::read_inline;

/// Path of a key, with the names that the user chose.
pub(super) type Path = Vec<String>;

/// What was written, by key.
#[derive(Default)]
pub(super) struct Given {
    /// Scalars by path; a secret's `_file` form stands at a path of its own.
    pub(super) values: BTreeMap<Path, Entry>,
    /// Named sections (`sources.entra`), with the place where each was first met.
    pub(super) names: BTreeMap<Path, Origin>,
    /// Mistakes so far.
    pub(super) problems: Vec<Problem>,
}

/// A scalar at a key.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) key: &'static Key,
    /// Whether the value is the path of a file with the secret.
    pub(super) is_file: bool,
    pub(super) node: Node,
}

impl Given {
    /// Places the whole file.
    pub(super) fn file(&mut self, root: Node) {
        if let Value::Table(children) = root.value {
            for (name, node) in children {
                self.put(&mut vec![name], node);
            }
        }
    }

    /// Places the variables that start with `prefix`; others are none of ours. A variable for a
    /// table takes the place of the whole table, and a variable for a key in it wins over that.
    pub(super) fn environment(&mut self, prefix: &str, variables: BTreeMap<String, String>) {
        let mut ours: Vec<(Path, String, String)> = variables
            .into_iter()
            .filter_map(|(name, value)| {
                let path = name.strip_prefix(prefix)?.split("__");
                Some((path.map(str::to_ascii_lowercase).collect(), name, value))
            })
            .collect();
        ours.sort_by(|a, b| (a.0.len(), &a.1).cmp(&(b.0.len(), &b.1)));
        for (mut path, variable, text) in ours {
            let origin = Origin::Environment(variable.clone());
            let node = match keys::place(&path) {
                Place::Table => match read_inline(&variable, &text) {
                    Some(node) => node,
                    None => {
                        self.problems.push(Problem {
                            path: shown_path(&path),
                            found: "neither TOML nor JSON (not shown)".to_owned(),
                            expected: "a table, such as {key = \"value\"} or {\"key\": \"value\"}"
                                .to_owned(),
                            hint: None,
                            origin: Some(origin),
                        });
                        continue;
                    }
                },
                _ => Node {
                    value: Value::Plain(text),
                    origin,
                },
            };
            if let (Value::Table(_), Place::Table) = (&node.value, keys::place(&path)) {
                self.values.retain(|known, _| !known.starts_with(&path));
                self.names.retain(|known, _| !known.starts_with(&path));
            }
            // The name of a section is part of the variable's name.
            let mut section: Path = path.iter().take(2).cloned().collect();
            let has_name = path.len() > 2 && keys::is_name(&section);
            if !has_name || self.name(&mut section, &node) {
                self.put(&mut path, node);
            }
        }
    }

    /// Places a value and everything below it. `path` is as it was before when this returns.
    fn put(&mut self, path: &mut Path, node: Node) {
        if keys::is_name(path) && !self.name(path, &node) {
            return;
        }
        match (keys::place(path), node.value) {
            (Place::Table, Value::Table(children)) => {
                for (name, child) in children {
                    path.push(name);
                    self.put(path, child);
                    path.pop();
                }
            }
            (Place::Value(key), value) => {
                self.scalar(
                    path,
                    key,
                    false,
                    Node {
                        value,
                        origin: node.origin,
                    },
                );
            }
            (Place::ValueFile(key), value) => {
                self.scalar(
                    path,
                    key,
                    true,
                    Node {
                        value,
                        origin: node.origin,
                    },
                );
            }
            (Place::Table, value) => self.problems.push(Problem {
                path: shown_path(path),
                found: value.shown(),
                expected: "a table".to_owned(),
                hint: None,
                origin: Some(node.origin),
            }),
            (Place::Unknown, _) => self.unknown(path, node.origin),
        }
    }

    /// Checks a chosen name, which is the last segment. Header names become lower case; other
    /// names inside of a section may be anything.
    ///
    /// Gives false when nothing below it makes sense.
    fn name(&mut self, path: &mut Path, node: &Node) -> bool {
        let is_section = path.len() <= 2;
        let table = path.iter().rev().nth(1);
        let is_header = table.is_some_and(|it| it == "headers" || it == "headers_file");
        let Some(name) = path.last_mut() else {
            return false;
        };
        if is_header {
            *name = name.to_ascii_lowercase();
        }
        let problem = if is_header {
            header_name_problem(name, &node.origin)
        } else if !is_section {
            let is_empty = name.is_empty();
            is_empty.then_some(("an empty name", "a name", None))
        } else if super::kind::is_name(name) {
            self.names
                .entry(path.clone())
                .or_insert_with(|| node.origin.clone());
            None
        } else {
            Some((
                "not a possible name",
                "a lower-case letter, then letters, digits and single underscores, at most 31, none \
                 at the end",
                None,
            ))
        };
        if let Some((found, expected, hint)) = problem {
            self.problems.push(Problem {
                path: shown_path(path),
                found: found.to_owned(),
                expected: expected.to_owned(),
                hint: hint.map(str::to_owned),
                origin: Some(node.origin.clone()),
            });
            return false;
        }
        true
    }

    fn scalar(&mut self, path: &Path, key: &'static Key, is_file: bool, node: Node) {
        // TOML itself refuses the same key twice: what meets here differs in case only.
        let twice =
            self.values
                .get(path)
                .is_some_and(|known| match (&known.node.origin, &node.origin) {
                    (Origin::Environment(a), Origin::Environment(b)) => a.eq_ignore_ascii_case(b),
                    (a, b) => a.is_environment() == b.is_environment(),
                });
        if twice {
            self.problems.push(Problem {
                path: shown_path(path),
                found: "given twice".to_owned(),
                expected: "it once".to_owned(),
                hint: Some("upper and lower case make no difference here".to_owned()),
                origin: Some(node.origin),
            });
            return;
        }
        self.values
            .insert(path.clone(), Entry { key, is_file, node });
    }

    fn unknown(&mut self, path: &Path, origin: Origin) {
        let hint = keys::nearest(path).map(|right| match &origin {
            Origin::Environment(_) => format!("did you mean {}?", keys::variable(&right)),
            _ => format!("did you mean {}?", shown_path(&right)),
        });
        self.problems.push(Problem {
            path: shown_path(path),
            found: "not a known key".to_owned(),
            expected: "one of those that `config example` shows".to_owned(),
            hint,
            origin: Some(origin),
        });
    }
}

/// Found, expected and hint, if this cannot be the name of a header to send.
fn header_name_problem(
    name: &str,
    origin: &Origin,
) -> Option<(&'static str, &'static str, Option<&'static str>)> {
    if OWN_HEADERS.contains(&name) {
        return Some((
            "a header that the forwarder sets itself",
            "another header",
            Some("remove it"),
        ));
    }
    if reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Some((
            "not a possible header name",
            "a name such as \"Authorization\"",
            None,
        ));
    }
    // A variable's name can hardly contain a hyphen, and nearly every header's does.
    let own_variable = matches!(origin, Origin::Environment(variable)
        if variable.to_ascii_lowercase().ends_with(&format!("__{name}")));
    if own_variable && name.contains('_') {
        return Some((
            "a header name with an underscore, given by a variable's name",
            "a table",
            Some("set ...__HEADERS={\"X-Name\" = \"value\"}, which says hyphen or underscore"),
        ));
    }
    None
}
