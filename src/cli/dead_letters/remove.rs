//! Taking letters out of the store.

use std::collections::BTreeSet;

use crate::checkpoint::ETag;
use crate::deliver::dead_letter::{DeadLetterArchive, DeadLetterError, Which};

/// Tries over an object that others change at the same time.
const TRIES: usize = 10;

/// Removes letters of an object, whatever others do to it meanwhile; `is_whole` says that in the
/// version that was seen there is nothing else.
///
/// # Errors
/// When the store did not answer, or refuses: then they may be there or not.
pub(super) async fn remove(
    store: &dyn DeadLetterArchive,
    name: &str,
    seen: &ETag,
    is_whole: bool,
    ids: &BTreeSet<String>,
) -> Result<(), DeadLetterError> {
    let which = match is_whole {
        true => Which::All,
        false => Which::These(ids),
    };
    let mut removed = store.remove(name, seen, which).await;
    for _ in 1..TRIES {
        if !matches!(removed, Err(DeadLetterError::Changed)) {
            break;
        }
        // Their ids are hashes of their bytes: what has one of them is what was meant.
        let Some(read) = store.read(name).await? else {
            return Ok(());
        };
        if read.letters.iter().all(|it| !ids.contains(&it.facts.id)) {
            return Ok(());
        }
        removed = store.remove(name, &read.version, Which::These(ids)).await;
    }
    removed
}
