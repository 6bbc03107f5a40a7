//! The category of a record.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::deliver::dead_letter::StoredLetter;
use crate::envelope;
use crate::record::Record;

/// Largest size to which a compressed event is unpacked to look for a category.
const EXPANSION_MAX: u64 = 64 << 20;

/// Whether a letter's record, or one of its event's records, has this category, in any case.
pub(super) fn has_category(letter: &StoredLetter, category: &str) -> bool {
    let origin = letter.facts.origin();
    let look = || {
        let records = match letter.facts.index {
            Some(index) => envelope::alone(&letter.body, index),
            None => envelope::split(&letter.body, EXPANSION_MAX),
        };
        records.all().any(|piece| {
            let found = Record::new(piece, &origin).category();
            found.is_some_and(|found| found.eq_ignore_ascii_case(category))
        })
    };
    // What ends here as a whole event may be what splitting fails on.
    catch_unwind(AssertUnwindSafe(look)).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::deliver::dead_letter::memory::MemoryDeadLetters;
    use crate::deliver::dead_letter::{DeadLetter, DeadLetterArchive, DeadLetterStore};
    use crate::event_hub::Timestamp;
    use crate::record::Origin;

    async fn stored(index: Option<u32>, body: &str) -> StoredLetter {
        let store = MemoryDeadLetters::new();
        let letter = DeadLetter {
            source: "entra".to_owned(),
            origin: Origin::any(),
            index,
            sink: None,
            reason: "internal",
            answer: None,
            first_seen: Timestamp(0),
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        store.write(std::slice::from_ref(&letter)).await.unwrap();
        let read = store.read(&letter.name()).await.unwrap();
        read.unwrap().letters.remove(0)
    }

    #[tokio::test]
    async fn a_record_has_one_and_an_event_those_of_its_records() {
        let check = async |index, body, expected| {
            let letter = stored(index, body).await;
            assert_eq!(has_category(&letter, "SignInLogs"), expected, "{body}");
        };
        check(Some(0), r#"{"a":1,"category":"signinlogs"}"#, true).await;
        check(Some(0), r#"{"category":"AuditLogs"}"#, false).await;
        check(Some(0), r#"{"records":[{"category":"SignInLogs"}]}"#, false).await;
        check(Some(0), "SignInLogs", false).await;
        let event = r#"{"records":[{"category":"AuditLogs"},{"category":"SignInLogs"}]}"#;
        check(None, event, true).await;
        check(None, "", false).await;
    }
}
