//! What is wrong with a configuration, said without showing a secret.

use std::fmt;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A line of the configuration file.
    File {
        /// Name of the file as it was given.
        name: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1; known for syntax errors only.
        column: Option<usize>,
    },
    /// The environment variable of this name.
    Environment(String),
    /// The content of a file that a `..._file` key names.
    SecretFile {
        /// Path of the file.
        path: String,
        /// Where the path was given.
        named_by: Box<Origin>,
    },
    /// Taken out of the value of another key.
    Key(String),
}

impl Origin {
    /// Whether an environment variable gave the value or the path of its file.
    pub(super) fn is_environment(&self) -> bool {
        match self {
            Self::Environment(_) => true,
            Self::SecretFile { named_by, .. } => named_by.is_environment(),
            _ => false,
        }
    }

    /// Order of problems: the file from top to bottom, then the environment, then the rest.
    fn rank(&self) -> (u8, usize, &str) {
        match self {
            Self::File { line, .. } => (0, *line, ""),
            Self::SecretFile { named_by, .. } => named_by.rank(),
            Self::Environment(name) => (1, 0, name),
            Self::Key(path) => (2, 0, path),
            Self::Default => (3, 0, ""),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File {
                name,
                line,
                column: None,
            } => {
                write!(f, "{} line {line}", name.escape_debug())
            }
            Self::File {
                name,
                line,
                column: Some(column),
            } => {
                write!(f, "{} line {line} column {column}", name.escape_debug())
            }
            Self::Environment(name) => write!(f, "{}", name.escape_debug()),
            Self::SecretFile { path, named_by } => {
                write!(f, "content of {} ({named_by})", path.escape_debug())
            }
            Self::Key(path) => write!(f, "from {path}"),
        }
    }
}

/// One mistake. Its `Display` is one sentence: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, e.g. `sinks.siem.timeout`.
    pub path: String,
    /// What is there instead; never a secret, and never a long text that might be one.
    pub found: String,
    /// What would be right.
    pub expected: String,
    /// What to do, or the nearest right key.
    pub hint: Option<String>,
    /// Where it was found; `None` when something is missing.
    pub origin: Option<Origin>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = self
            .origin
            .as_ref()
            .filter(|origin| **origin != Origin::Default)
        {
            write!(f, "{origin}: ")?;
        }
        write!(
            f,
            "{} is {}, expected {}",
            self.path, self.found, self.expected
        )?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// All mistakes of a configuration: at least one, in the order of the file, then of the
/// environment, then what is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Sorts; the order of those at one place is kept.
    pub(super) fn new(mut list: Vec<Problem>) -> Self {
        list.sort_by(|a, b| {
            let rank = |problem: &Problem| {
                let (class, line, name) = problem
                    .origin
                    .as_ref()
                    .map_or((4, 0, ""), |origin| origin.rank());
                (class, line, name.to_owned())
            };
            rank(a).cmp(&rank(b))
        });
        Self(list)
    }

    /// The mistakes one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
