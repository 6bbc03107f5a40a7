//! Checked values of one section, by the names of its keys.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::given::Path;
use super::keys;
use super::kind::Typed;
use super::problem::{Origin, Problem};
use super::settings::{Setting, Settings, missing};
use super::{Cloud, Secret};

/// One section of the settings.
#[derive(Clone)]
pub(crate) struct View<'a> {
    pub(super) settings: &'a Settings,
    base: Path,
}

impl<'a> View<'a> {
    /// The section at this path; an empty one is the whole.
    pub(super) fn new(settings: &'a Settings, base: &[&str]) -> Self {
        Self {
            settings,
            base: base.iter().map(|segment| (*segment).to_owned()).collect(),
        }
    }

    /// The whole of the settings.
    pub(super) fn whole(&self) -> Self {
        Self::new(self.settings, &[])
    }

    /// The full path of a key.
    pub(super) fn path(&self, key: &str) -> Path {
        self.base
            .iter()
            .cloned()
            .chain(key.split('.').map(str::to_owned))
            .collect()
    }

    /// The full path of a key, as shown.
    pub(super) fn shown(&self, key: &str) -> String {
        super::node::shown_path(&self.path(key))
    }

    /// The value of a key; `None` when it is wrong or not there.
    pub(super) fn setting(&self, key: &str) -> Option<&'a Setting> {
        self.settings.values.get(&self.path(key))
    }

    /// Whether somebody set the key, rightly or wrongly.
    pub(super) fn is_tried(&self, key: &str) -> bool {
        self.settings.is_tried(&self.path(key))
    }

    /// Whether the key has a value that somebody set.
    pub(crate) fn is_set(&self, key: &str) -> bool {
        self.setting(key)
            .is_some_and(|it| it.origin != Origin::Default)
    }

    /// The cloud that the configuration names, wherever the section is.
    pub(crate) fn cloud(&self) -> Cloud {
        let word = Self::new(self.settings, &[]).word("cloud");
        word.map(Cloud::of_word).unwrap_or_default()
    }

    pub(crate) fn text(&self, key: &str) -> Option<String> {
        match &self.setting(key)?.typed {
            Typed::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    pub(crate) fn secret(&self, key: &str) -> Option<Secret> {
        match &self.setting(key)?.typed {
            Typed::Secret(secret) => Some(secret.clone()),
            _ => None,
        }
    }

    pub(crate) fn word(&self, key: &str) -> Option<&'static str> {
        match &self.setting(key)?.typed {
            Typed::Word(word) => Some(word),
            _ => None,
        }
    }

    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        match &self.setting(key)?.typed {
            Typed::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    pub(crate) fn integer(&self, key: &str) -> Option<u64> {
        match &self.setting(key)?.typed {
            Typed::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The globs of a list; none when it is wrong or not there.
    pub(crate) fn globs(&self, key: &str) -> Vec<String> {
        match self.setting(key).map(|setting| &setting.typed) {
            Some(Typed::Globs(patterns)) => patterns.clone(),
            _ => Vec::new(),
        }
    }

    pub(crate) fn duration(&self, key: &str) -> Option<Duration> {
        match &self.setting(key)?.typed {
            Typed::Duration(duration) => Some(*duration),
            _ => None,
        }
    }

    pub(crate) fn bytes(&self, key: &str) -> Option<u64> {
        match &self.setting(key)?.typed {
            Typed::Bytes(size) => Some(*size),
            _ => None,
        }
    }

    /// An address to listen on; the inner `None` is `off`.
    pub(super) fn listen(&self, key: &str) -> Option<Option<SocketAddr>> {
        match self.setting(key)?.typed {
            Typed::Listen(listen) => Some(listen),
            _ => None,
        }
    }

    /// The texts of the keys below a table, by name.
    pub(crate) fn texts(&self, table: &str) -> BTreeMap<String, String> {
        let all = self.below(table);
        all.filter_map(|(name, setting)| match &setting.typed {
            Typed::Text(text) => Some((name.to_owned(), text.clone())),
            _ => None,
        })
        .collect()
    }

    /// The values of the keys below a table.
    pub(super) fn below(&self, table: &str) -> impl Iterator<Item = (&'a str, &'a Setting)> {
        let table = self.path(table);
        self.settings
            .values
            .iter()
            .filter_map(move |(path, setting)| {
                let (last, parent) = path.split_last()?;
                (parent == table.as_slice()).then_some((last.as_str(), setting))
            })
    }

    /// A problem with the value of a key, placed where that was set.
    pub(super) fn problem(
        &self,
        key: &str,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Problem {
        let origin = self.setting(key).map(|setting| setting.origin.clone());
        Problem {
            path: self.shown(key),
            found: found.into(),
            expected: expected.into(),
            hint: None,
            origin: origin.filter(|origin| *origin != Origin::Default),
        }
    }

    /// The problem of a key that is needed in this place but was not set.
    pub(super) fn missing(&self, key: &str) -> Problem {
        let path = self.path(key);
        let expected = match keys::place(&path) {
            keys::Place::Value(key) => key.kind.expected(),
            _ => "a value".to_owned(),
        };
        missing(&path, expected)
    }
}
