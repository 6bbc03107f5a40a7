//! Templates: names for an endpoint, made of what a record says.
//!
//! Text stands for itself; `{{ ... }}` is read from left to right: a name, a path or a text in
//! quotes, then any number of `|| alternative` and `| filter`. An alternative is taken when there
//! is nothing so far, a filter works on whatever there is so far:
//!
//! ```text
//! {{ properties.appDisplayName || category | lower || "entra" }}
//! ```
//!
//! is the application's or the category's name in lower case, and `entra` when there is neither.
//! The grammar is in `parse`, what names mean in `eval`, the page for users is `docs/templates.md`.

use std::borrow::Cow;
use std::fmt::Debug;

use crate::record::{Path, Record};

mod bounded;
mod cursor;
mod date;
mod eval;
mod parse;

pub use bounded::{Bounded, OTHER};

use date::Pattern;

/// The most characters that one value of a record adds to a text.
pub const VALUE_MAX: usize = 256;

/// A compiled template.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: expected {expected}")]
pub struct TemplateError {
    /// Where it was noticed, in characters from 1; behind the last one at the end of the text.
    pub column: usize,
    /// What is expected there; shows nothing of the text.
    pub expected: Cow<'static, str>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    /// Begins with an alternative.
    Expression(Vec<Step>),
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    /// Taken when there is nothing so far.
    Or(Operand),
    /// Works on what there is so far.
    Filter(Filter),
}

#[derive(Clone, Debug, PartialEq)]
enum Operand {
    Literal(String),
    /// Something of the record, and how the template writes it.
    Read {
        written: String,
        from: Source,
    },
}

#[derive(Clone, Debug, PartialEq)]
enum Source {
    Known(Known),
    Path(Path),
}

/// A name with a meaning of its own.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    Category,
    Enqueued,
    Hub,
    Id,
    Namespace,
    OwnId,
    Partition,
    ResourceProvider,
    Sequence,
    Severity,
    Tenant,
    Time,
}

#[derive(Clone, Debug, PartialEq)]
enum Filter {
    Date(Pattern),
    Lower,
    Slug,
    Trim,
    Truncate(usize),
    Upper,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The first place at which the text is none.
    pub fn compile(text: &str) -> Result<Self, TemplateError> {
        parse::parse(text).map(|parts| Self { parts })
    }

    /// Adds the text for a record. Without control characters, and without line breaks therefore.
    pub fn render(&self, record: &Record<'_>, out: &mut String) {
        let mut reader = eval::Reader::new(*record);
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Expression(steps) => reader.expression(steps, out),
            }
        }
    }

    /// Whether the text is the same for every record.
    pub fn is_constant(&self) -> bool {
        self.paths().next().is_none()
    }

    /// The names and paths that it reads, as they are written, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        let steps = self.parts.iter().flat_map(|part| match part {
            Part::Text(_) => [].iter(),
            Part::Expression(steps) => steps.iter(),
        });
        steps.filter_map(|step| match step {
            Step::Or(Operand::Read { written, .. }) => Some(written.as_str()),
            Step::Or(Operand::Literal(_)) | Step::Filter(_) => None,
        })
    }
}

#[cfg(test)]
mod tests;
