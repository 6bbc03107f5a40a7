//! The effective configuration, as TOML with the origin of every value.

use std::fmt;

use super::given::Path;
use super::keys::{SECTIONS, keys};
use super::kind::Typed;
use super::settings::{Setting, Settings};

/// Every effective value with its origin. Displays as TOML, in the order of the reference,
/// secrets as `"REDACTED"`.
#[derive(Clone)]
pub struct Effective {
    entries: Vec<(Path, Shown)>,
}

/// A value as it may be shown.
#[derive(Clone)]
struct Shown {
    section: Path,
    value: String,
    origin: super::Origin,
}

impl Effective {
    /// Keeps what may be shown, and nothing else.
    pub(super) fn new(settings: Settings) -> Self {
        let mut entries = Vec::new();
        for section in SECTIONS.iter() {
            let depth = section
                .path
                .split('.')
                .filter(|segment| !segment.is_empty())
                .count();
            let mut found: Vec<_> = settings
                .values
                .iter()
                .filter(|(_, setting)| setting.key.section() == section.path)
                .map(|(path, setting)| {
                    let order = keys().position(|key| std::ptr::eq(key, setting.key));
                    let section: Path = path.iter().take(depth).cloned().collect();
                    (section, order, path, setting)
                })
                .collect();
            found.sort_by(|a, b| (&a.0, a.1, a.2).cmp(&(&b.0, b.1, b.2)));
            entries.extend(found.into_iter().map(|(section, _, path, setting)| {
                let value = toml_value(setting);
                (
                    path.clone(),
                    Shown {
                        section,
                        value,
                        origin: setting.origin.clone(),
                    },
                )
            }));
        }
        Self { entries }
    }

    /// Every value: its path, the value as TOML (secrets as `"REDACTED"`), and its origin.
    pub fn iter(&self) -> impl Iterator<Item = (String, &str, &super::Origin)> {
        self.entries
            .iter()
            .map(|(path, shown)| (toml_path(path), shown.value.as_str(), &shown.origin))
    }
}

impl fmt::Debug for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(path, value, _)| (path, value)))
            .finish()
    }
}

impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut section: &[String] = &[];
        for (path, shown) in &self.entries {
            if shown.section != section {
                section = &shown.section;
                write!(f, "\n[{}]\n", toml_path(section))?;
            }
            let key = toml_path(path.get(section.len()..).unwrap_or(path));
            writeln!(f, "{key} = {}  # {}", shown.value, shown.origin)?;
        }
        Ok(())
    }
}

/// A path as TOML writes it.
fn toml_path(path: &[String]) -> String {
    let mut text = String::new();
    for segment in path {
        if !text.is_empty() {
            text.push('.');
        }
        let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if segment.chars().all(bare) {
            text.push_str(segment);
        } else {
            text.push_str(&quoted(segment));
        }
    }
    text
}

fn toml_value(setting: &Setting) -> String {
    match &setting.typed {
        Typed::Secret(_) => "\"REDACTED\"".to_owned(),
        Typed::Integer(number) => number.to_string(),
        Typed::Bool(flag) => flag.to_string(),
        Typed::Globs(patterns) => list(patterns),
        _ => quoted(&setting.written),
    }
}

/// Texts as a list of TOML.
pub(super) fn list(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// A text as a basic string of TOML.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
