//! Values checked by their kinds, and defaults where nothing was written.

use std::collections::{BTreeMap, BTreeSet};

use super::given::{Entry, Given, Path};
use super::keys::{Key, Need, keys, variable, with_names};
use super::kind::{Kind, Mistake, Typed};
use super::node::{Value, shown_path};
use super::problem::{Origin, Problem};
use super::secret::{Secret, SecretFile};
use super::secret_file;
use super::show;

/// Every value that is right, by path.
pub(super) struct Settings {
    pub(super) values: BTreeMap<Path, Setting>,
    /// Named sections, with the place where each was first met.
    pub(super) names: BTreeMap<Path, Origin>,
    /// Keys that have a problem already, so that they are not called missing too.
    failed: BTreeSet<Path>,
}

/// A value that its kind accepted.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) key: &'static Key,
    pub(super) typed: Typed,
    /// As it was written, for kinds that may be shown.
    pub(super) written: String,
    pub(super) origin: Origin,
}

impl Settings {
    /// Checks what was given, one value at a time, and fills in the defaults.
    pub(super) fn check(given: Given, problems: &mut Vec<Problem>) -> Self {
        problems.extend(given.problems);
        let mut settings = Self {
            values: BTreeMap::new(),
            names: given.names,
            failed: BTreeSet::new(),
        };
        for (path, entry) in &given.values {
            settings.insert(path, entry, &given.values, problems);
        }
        settings.fill(problems);
        settings
    }

    /// Whether somebody tried to set this key, rightly or wrongly.
    pub(super) fn is_tried(&self, path: &[String]) -> bool {
        self.values.contains_key(path) || self.failed.contains(path)
    }

    /// Names in a section such as `sources`.
    pub(super) fn names_in(&self, section: &str) -> Vec<String> {
        self.names
            .keys()
            .filter_map(|path| match path.as_slice() {
                [first, name] if first == section => Some(name.clone()),
                _ => None,
            })
            .collect()
    }

    fn insert(
        &mut self,
        path: &Path,
        entry: &Entry,
        all: &BTreeMap<Path, Entry>,
        problems: &mut Vec<Problem>,
    ) {
        let origin = &entry.node.origin;
        let value_path = with_names(entry.key.path, path);
        if let Some(other) = twin(path, entry).and_then(|twin| all.get(&twin)) {
            let environment = origin.is_environment();
            if environment == other.node.origin.is_environment() {
                if entry.is_file {
                    problems.push(Problem {
                        path: shown_path(path),
                        found: format!("given beside {}", shown_path(&value_path)),
                        expected: "only one of them".to_owned(),
                        hint: Some("remove the value or the file".to_owned()),
                        origin: Some(origin.clone()),
                    });
                    self.failed.insert(value_path);
                    return;
                }
            } else if !environment {
                return; // The environment gave the other form, and wins.
            }
        }
        let (result, expected) = if entry.is_file {
            (
                from_file(entry),
                "the path of a file with ".to_owned() + &entry.key.kind.expected(),
            )
        } else {
            (from_value(entry), entry.key.kind.expected())
        };
        match result {
            Ok(setting) => {
                self.values.insert(value_path, setting);
            }
            Err(mistake) => {
                problems.push(Problem {
                    path: shown_path(path),
                    found: mistake.found,
                    expected,
                    hint: mistake.hint,
                    origin: Some(origin.clone()),
                });
                self.failed.insert(value_path);
            }
        }
    }

    /// Adds defaults, and reports required keys that nobody set.
    fn fill(&mut self, problems: &mut Vec<Problem>) {
        for key in keys() {
            let (first, rest) = key.path.split_once('.').unwrap_or((key.path, ""));
            let paths: Vec<Path> = match rest.strip_prefix("*.") {
                Some(below) => self
                    .names_in(first)
                    .into_iter()
                    .map(|name| {
                        let below = below.split('.').map(str::to_owned);
                        [first.to_owned(), name].into_iter().chain(below).collect()
                    })
                    .collect(),
                None => vec![key.path.split('.').map(str::to_owned).collect()],
            };
            for path in paths
                .into_iter()
                .filter(|path| !self.is_tried(path))
                .collect::<Vec<_>>()
            {
                match key.need {
                    Need::Optional(_) => {}
                    Need::Required => problems.push(missing(&path, key.kind.expected())),
                    Need::Default(text) => {
                        // A test holds every default to its kind.
                        if let Ok(typed) = key.kind.check(&Value::Plain(text.to_owned())) {
                            let written = text.to_owned();
                            let origin = Origin::Default;
                            self.values.insert(
                                path,
                                Setting {
                                    key,
                                    typed,
                                    written,
                                    origin,
                                },
                            );
                        }
                    }
                }
            }
        }
    }
}

/// The problem of a key that has no value and needs one.
pub(super) fn missing(path: &[String], expected: String) -> Problem {
    Problem {
        path: shown_path(path),
        found: "missing".to_owned(),
        expected,
        hint: Some(format!("set it in the file or by {}", variable(path))),
        origin: None,
    }
}

fn from_value(entry: &Entry) -> Result<Setting, Mistake> {
    let (key, node) = (entry.key, &entry.node);
    refuse_substitution(entry)?;
    let typed = key.kind.check(&node.value)?;
    let written = match (&typed, &node.value) {
        (Typed::Secret(_), _) => String::new(),
        (Typed::Text(text), _) => text.clone(),
        // As inline TOML, which is also how a variable takes it.
        (Typed::Globs(patterns), _) => show::list(patterns),
        (_, Value::Bool(value)) => value.to_string(),
        (_, Value::Integer(text) | Value::Float(text) | Value::Moment(text)) => text.clone(),
        (_, value) => value.as_text().unwrap_or_default().trim().to_owned(),
    };
    Ok(Setting {
        key,
        typed,
        written,
        origin: node.origin.clone(),
    })
}

fn from_file(entry: &Entry) -> Result<Setting, Mistake> {
    refuse_substitution(entry)?;
    let path = entry
        .node
        .value
        .as_text()
        .ok_or_else(|| Mistake::new(entry.node.value.shown()))?;
    let Kind::Secret(rule) = entry.key.kind else {
        return Err(Mistake::new(entry.node.value.shown()));
    };
    let text = secret_file::read(path, rule)?;
    rule.check(&text).map_err(|mistake| Mistake {
        found: format!("a file with {}", mistake.found),
        hint: mistake.hint,
    })?;
    let typed = Typed::Secret(Secret::from_file(text, SecretFile::new(path, rule)));
    let named_by = Box::new(entry.node.origin.clone());
    let origin = Origin::SecretFile {
        path: path.to_owned(),
        named_by,
    };
    Ok(Setting {
        key: entry.key,
        typed,
        written: String::new(),
        origin,
    })
}

/// Refuses `${...}`: nothing is substituted, and a literal one is nearly always a wish for it.
fn refuse_substitution(entry: &Entry) -> Result<(), Mistake> {
    if !entry
        .node
        .value
        .as_text()
        .is_some_and(|text| text.contains("${"))
    {
        return Ok(());
    }
    let is_value = matches!(entry.key.kind, Kind::Secret(_)) && !entry.is_file;
    let table = entry.key.short().strip_suffix(".*");
    let of_table =
        table.map(|table| format!("use {table}_file, or the environment variable of the key"));
    let hint = match (is_value, entry.node.origin.is_environment()) {
        (true, false) if of_table.is_some() => of_table.as_deref().unwrap_or_default(),
        (true, false) => {
            "use the key with \"_file\" at its end, or the environment variable of the key"
        }
        (false, false) => "use the environment variable of the key",
        (true, true) => "put the value itself into the variable, or use a file (_FILE)",
        (false, true) => "put the value itself into the variable",
    };
    Err(Mistake::new("a text with \"${\", which is not substituted").hint(hint))
}

/// The path of the other form of a secret: `x` for `x_file`, and the reverse.
fn twin(path: &Path, entry: &Entry) -> Option<Path> {
    if entry.is_file {
        Some(with_names(entry.key.path, path))
    } else {
        entry
            .key
            .file_path()
            .map(|pattern| with_names(&pattern, path))
    }
}
