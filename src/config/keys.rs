//! The one definition of every key, and how to find it.
//!
//! A `*` in a path stands for a name that the user chooses. A secret key `x` has a second form
//! `x_file`, the path of a file with the value; it needs no entry of its own.

use std::fmt;

use super::kind::Kind;

mod table;

pub(super) use table::SECTIONS;
pub(crate) use table::text;

/// One key.
pub(crate) struct Key {
    /// Where it stands, e.g. `sources.*.event_hub`.
    pub(crate) path: &'static str,
    /// Which values it takes.
    pub(crate) kind: Kind,
    /// What happens when nobody sets it.
    pub(crate) need: Need,
    /// What it means, in one or more sentences.
    pub(crate) doc: &'static str,
    /// A value, as plain text.
    pub(crate) example: &'static str,
}

/// What happens when nobody sets a key.
#[derive(Clone, Copy)]
pub(crate) enum Need {
    /// This value is used (plain text, read as if it stood in an environment variable).
    Default(&'static str),
    /// That is a mistake.
    Required,
    /// There is no value; the text says when one is needed.
    Optional(&'static str),
}

/// One section of the file.
pub(crate) struct Section {
    /// Where it stands, e.g. `sources.*`; empty for the keys outside of any section.
    pub(crate) path: &'static str,
    /// What it is for.
    pub(crate) doc: &'static str,
    /// Its keys, in the order in which they are shown.
    pub(crate) keys: &'static [Key],
}

/// What a path leads to.
pub(super) enum Place {
    /// The value of a key.
    Value(&'static Key),
    /// The path of the file with the value of a secret key.
    ValueFile(&'static Key),
    /// Something that has keys below it.
    Table,
    /// Nothing.
    Unknown,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path)
    }
}

impl Key {
    /// The path of the `_file` form, for secrets.
    pub(super) fn file_path(&self) -> Option<String> {
        if !matches!(self.kind, Kind::Secret(_)) {
            return None;
        }
        Some(match self.path.strip_suffix(".*") {
            Some(table) => format!("{table}_file.*"),
            None => format!("{}_file", self.path),
        })
    }

    /// The last segments, below the section.
    pub(super) fn short(&self) -> &'static str {
        let section = self.section();
        self.path
            .strip_prefix(section)
            .unwrap_or(self.path)
            .trim_start_matches('.')
    }

    /// The path of the section that it belongs to.
    pub(super) fn section(&self) -> &'static str {
        SECTIONS
            .iter()
            .map(|section| section.path)
            .filter(|path| {
                !path.is_empty()
                    && self
                        .path
                        .strip_prefix(path)
                        .is_some_and(|rest| rest.starts_with('.'))
            })
            .max_by_key(|path| path.len())
            .unwrap_or("")
    }
}

/// Every key, in the order in which it is shown.
pub(super) fn keys() -> impl Iterator<Item = &'static Key> {
    SECTIONS.iter().flat_map(|section| section.keys)
}

/// The key of this pattern.
pub(super) fn by_pattern(pattern: &str) -> Option<&'static Key> {
    keys().find(|key| key.path == pattern)
}

/// What this path leads to.
pub(super) fn place(path: &[String]) -> Place {
    let mut place = Place::Unknown;
    for key in keys() {
        match meets(key.path, path) {
            Meeting::Whole => return Place::Value(key),
            Meeting::Above => place = Place::Table,
            Meeting::Apart => {}
        }
        let Some(file_path) = key.file_path() else {
            continue;
        };
        match meets(&file_path, path) {
            Meeting::Whole => return Place::ValueFile(key),
            Meeting::Above => place = Place::Table,
            Meeting::Apart => {}
        }
    }
    place
}

/// Whether this path leads nowhere.
fn is_unknown(path: &[String]) -> bool {
    matches!(place(path), Place::Unknown)
}

/// Whether the last segment of this path is a name that the user chose.
pub(super) fn is_name(path: &[String]) -> bool {
    let patterns = keys().flat_map(|key| key.file_path().into_iter().chain([key.path.into()]));
    patterns.into_iter().any(|pattern: String| {
        meets(&pattern, path) != Meeting::Apart
            && path
                .len()
                .checked_sub(1)
                .and_then(|last| pattern.split('.').nth(last))
                == Some("*")
    })
}

/// The names that may stand below this path, and what each would lead to; `_file` forms included.
fn children(path: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for key in keys() {
        for pattern in [Some(key.path.to_owned()), key.file_path()]
            .into_iter()
            .flatten()
        {
            let below = pattern.split('.').nth(path.len());
            if let (Meeting::Above, Some(child)) = (meets(&pattern, path), below)
                && child != "*"
                && !found.iter().any(|known| known == child)
            {
                found.push(child.to_owned());
            }
        }
    }
    found
}

/// The right path that is nearest to a wrong one: a neighbour that is spelled alike, or a key of
/// this name elsewhere in the same section.
pub(super) fn nearest(path: &[String]) -> Option<Vec<String>> {
    // The first segment that leads nowhere is what is wrong; what follows it may be right.
    let known = (0..path.len())
        .take_while(|last| path.get(..=*last).is_some_and(|path| !is_unknown(path)))
        .count();
    let (parent, rest) = (path.get(..known)?, path.get(known + 1..)?);
    let wrong = path.get(known)?;
    let close = |a: &str, b: &str| {
        let distance = strsim::damerau_levenshtein(a, b);
        (distance <= (a.len().max(b.len()) / 3).max(1)).then_some(distance)
    };
    let spelled = children(parent)
        .into_iter()
        .filter_map(|child| Some((close(&child, wrong)?, child)))
        .min()
        .map(|(_, child)| [parent, &[child], rest].concat());
    spelled.or_else(|| {
        let key = keys().find(|key| {
            key.path.split('.').next() == path.first().map(String::as_str)
                && key.path.rsplit('.').next() == Some(wrong)
        })?;
        Some(with_names(key.path, path))
    })
}

/// A pattern with its stars replaced by the segments of a path at the same places.
pub(super) fn with_names(pattern: &str, path: &[String]) -> Vec<String> {
    pattern
        .split('.')
        .enumerate()
        .map(|(index, segment)| match (segment, path.get(index)) {
            ("*", Some(name)) => name.clone(),
            _ => segment.to_owned(),
        })
        .collect()
}

/// The environment variable of a path.
pub(super) fn variable<S: AsRef<str>>(path: &[S]) -> String {
    let mut name = super::load::PREFIX.trim_end_matches('_').to_owned();
    for segment in path {
        name.push_str("__");
        name.push_str(&segment.as_ref().to_ascii_uppercase());
    }
    name
}

#[derive(PartialEq)]
enum Meeting {
    /// The path is the pattern.
    Whole,
    /// The path leads to something above the pattern.
    Above,
    /// Neither.
    Apart,
}

fn meets(pattern: &str, path: &[String]) -> Meeting {
    let mut segments = pattern.split('.');
    for given in path {
        match segments.next() {
            Some(segment) if segment == "*" || segment == given => {}
            _ => return Meeting::Apart,
        }
    }
    if segments.next().is_some() {
        Meeting::Above
    } else {
        Meeting::Whole
    }
}
