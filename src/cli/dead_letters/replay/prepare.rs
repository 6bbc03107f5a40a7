//! Letters become records again.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::walk::Letter;
use crate::envelope::{self, Records};
use crate::record::{Origin, Record};

/// A letter whose records can be sent.
#[derive(Debug)]
pub(super) struct Loaded {
    /// Place of its object in the window.
    pub(super) object: usize,
    pub(super) address: String,
    pub(super) id: String,
    pub(super) size: u64,
    pub(super) records: Records,
    origin: Origin,
}

/// Some records of a letter.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) letter: std::sync::Arc<Loaded>,
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Part {
    pub(super) fn len(&self) -> usize {
        self.to - self.from
    }

    pub(super) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let pieces = self.letter.records.pieces(self.from, self.to);
        pieces.map(|piece| Record::new(piece, &self.letter.origin))
    }
}

/// Makes records of a letter: one of a record, those of its event of a whole event.
///
/// # Errors
/// Why it cannot be sent, as a sentence about several.
pub(super) fn load(letter: Letter, object: usize, expansion_max: u64) -> Result<Loaded, String> {
    let body = letter.body.unwrap_or_default();
    if body.is_empty() {
        let reason = &letter.facts.reason;
        return Err(format!(
            "they hold no bytes ({reason}), so there is nothing to send"
        ));
    }
    let split = || match letter.facts.index {
        Some(index) => envelope::alone(&body, index),
        None => envelope::split(&body, expansion_max),
    };
    // An event may be here since splitting it failed.
    let records = catch_unwind(AssertUnwindSafe(split))
        .map_err(|_| "splitting them fails: this is a bug".to_owned())?;
    Ok(Loaded {
        object,
        address: letter.address,
        id: letter.facts.id.clone(),
        size: letter.facts.size,
        origin: letter.facts.origin(),
        records,
    })
}
