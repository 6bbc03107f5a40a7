//! A name that an endpoint wants, made of each record by a template.

use crate::config::declare::View;
use crate::record::Record;
use crate::template::Template;

/// A template, and what stands for it when it gives nothing.
#[derive(Debug)]
pub(super) struct Name {
    template: Template,
    otherwise: &'static str,
}

impl Name {
    /// The template of a key, if it is set; `otherwise` is the name of a record for which it gives
    /// nothing.
    pub(super) fn of_key(view: &View<'_>, key: &str, otherwise: &'static str) -> Option<Self> {
        // What is no template was reported before.
        let template = Template::compile(&view.text(key)?).ok()?;
        Some(Self {
            template,
            otherwise,
        })
    }

    /// A template that is known to be one.
    pub(super) fn known(template: &str, otherwise: &'static str) -> Option<Self> {
        let template = Template::compile(template).ok()?;
        Some(Self {
            template,
            otherwise,
        })
    }

    /// Whether it is the same for every record.
    pub(super) fn is_constant(&self) -> bool {
        self.template.is_constant()
    }

    /// The name for a record.
    pub(super) fn of(&self, record: &Record<'_>) -> String {
        let mut name = String::new();
        self.template.render(record, &mut name);
        if name.is_empty() {
            name.push_str(self.otherwise);
        }
        name
    }

    /// At most how many bytes the name takes as a JSON text, with its quotes.
    pub(super) fn json_bytes_max(&self, record: &Record<'_>) -> u64 {
        // It holds no control character: two bytes for one at most (`\"`).
        2 * self.of(record).len() as u64 + 2
    }
}
