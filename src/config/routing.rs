//! Which records go to which sink.

use super::Secret;

/// What becomes of the records of a sink.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SinkKind {
    /// They are posted to a URL.
    #[default]
    Http,
    /// They become blobs of a container.
    Blob {
        /// URL of the container; may carry a signature, so it is never printed.
        container_url: Secret,
        /// Name of the identity to use; `None` is `auto`, unless the URL is signed.
        credential: Option<String>,
    },
    /// They are counted, and nothing is sent.
    Null,
}

/// What a sink selects, as globs over categories: see [`crate::filter`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CategoriesConfig {
    /// Wanted; empty is everything.
    pub include: Vec<String>,
    /// Not wanted, whatever is included.
    pub exclude: Vec<String>,
}

impl CategoriesConfig {
    /// Whether it selects at all.
    pub fn selects(&self) -> bool {
        !self.include.is_empty() || !self.exclude.is_empty()
    }
}

/// Where records go that no sink selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unrouted {
    /// Nowhere: they are counted.
    Drop,
    /// To the sink of this name.
    Sink(String),
}
