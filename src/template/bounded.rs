//! Templates for endpoints that pay for every distinct value.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use super::Template;
use crate::record::Record;

/// What stands for the values beyond the bound.
pub const OTHER: &str = "other";

/// A template of which only so many distinct values are given, those that come first in this
/// process; every other value becomes [`OTHER`].
pub struct Bounded {
    template: Template,
    max: usize,
    values: RwLock<HashSet<Box<str>>>,
    others: AtomicU64,
}

impl fmt::Debug for Bounded {
    // Shows settings alone: formats that show the same are the same. Values are payload.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounded")
            .field("template", &self.template)
            .field("max", &self.max)
            .finish_non_exhaustive()
    }
}

impl Bounded {
    /// Bounds the distinct values to `max`, and [`OTHER`].
    pub fn new(template: Template, max: usize) -> Self {
        Self {
            template,
            max,
            values: RwLock::default(),
            others: AtomicU64::new(0),
        }
    }

    /// Adds the text for a record, or [`OTHER`].
    pub fn render(&self, record: &Record<'_>, out: &mut String) {
        let start = out.len();
        self.template.render(record, out);
        if self.admits(out.get(start..).unwrap_or_default()) {
            return;
        }
        self.others.fetch_add(1, Ordering::Relaxed);
        out.truncate(start);
        out.push_str(OTHER);
    }

    /// How often a value was replaced.
    pub fn others(&self) -> u64 {
        self.others.load(Ordering::Relaxed)
    }

    fn admits(&self, value: &str) -> bool {
        if value == OTHER {
            return true;
        }
        {
            let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
            if values.contains(value) {
                return true;
            }
            if values.len() >= self.max {
                return false;
            }
        }
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        // Others may have added to it in between.
        if values.len() >= self.max {
            return values.contains(value);
        }
        values.insert(value.into());
        true
    }
}
