//! What arrives, by the category that records name.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::histogram::Distribution;
use crate::envelope::Records;
use crate::event_hub::Timestamp;
use crate::record::{Field, Origin, Record};

/// The category of records that name none, or none that may be shown.
pub const OTHER: &str = "other";
/// Categories that are counted apart per source; there are fewer than a hundred in Entra ID, and a
/// sender must not be able to fill the memory of whoever stores the metrics.
const CATEGORIES_MAX: usize = 100;
/// Bytes of a category's name at most.
const NAME_BYTES_MAX: usize = 64;
/// Bounds of the lateness, in seconds.
const LATENESS: [f64; 9] = [
    1.0, 10.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 604_800.0,
];

/// The categories of one source.
#[derive(Debug, Default)]
pub struct Categories(Mutex<BTreeMap<String, Category>>);

/// What is known of one category.
#[derive(Clone, Debug)]
pub struct Category {
    /// Records since the start.
    pub records: u64,
    /// Seconds from what happened, as the record says, until the hub had it.
    pub lateness: Distribution,
    /// When the hub took the last of them in.
    pub last_at: Option<Timestamp>,
}

impl Default for Category {
    fn default() -> Self {
        Self {
            records: 0,
            lateness: Distribution::new(&LATENESS),
            last_at: None,
        }
    }
}

impl Categories {
    /// Counts the records of one event.
    pub fn note(&self, records: &Records, origin: &Origin) {
        let enqueued_at = origin.position.enqueued_at;
        let mut known = self.lock();
        for piece in records.all() {
            let mut fields = Record::new(piece, origin).read(&[Field::Category, Field::Time]);
            let name = fields.category().filter(|name| is_name(name));
            let name = name.as_deref().unwrap_or(OTHER);
            let category = match known.contains_key(name) || known.len() >= CATEGORIES_MAX {
                // Without making a text of each record's name.
                true => known.get_mut(name),
                false => Some(known.entry(name.to_owned()).or_default()),
            };
            let category = match category {
                Some(category) => category,
                None => known.entry(OTHER.to_owned()).or_default(),
            };
            category.records += 1;
            category.last_at = category.last_at.max(enqueued_at);
            if let Some((happened, _)) = fields.time()
                && let Some(enqueued_at) = enqueued_at
            {
                let late = enqueued_at
                    .0
                    .saturating_sub(happened.nanoseconds() / 1_000_000);
                category.lateness.note(late.max(0) as f64 / 1_000.0);
            }
        }
    }

    /// What was counted, by name.
    pub fn read(&self) -> BTreeMap<String, Category> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Category>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a text may be shown as a category: it comes from a record, and may be anything.
fn is_name(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " _-./".contains(c);
    !text.is_empty() && text.len() <= NAME_BYTES_MAX && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::envelope;
    use crate::event_hub::Position;

    fn note(categories: &Categories, body: &str) {
        let records = envelope::split(&Bytes::copy_from_slice(body.as_bytes()), 1 << 20);
        let enqueued_at = Timestamp::parse_rfc3339("2026-11-21T08:00:10Z");
        let origin = Origin {
            position: Position {
                enqueued_at,
                ..Position::before_first()
            },
            ..Origin::any()
        };
        categories.note(&records, &origin);
    }

    #[test]
    fn records_are_counted_by_category_with_their_lateness() {
        let categories = Categories::default();
        note(
            &categories,
            r#"{"records":[{"category":"AuditLogs","time":"2026-11-21T08:00:05Z"},{"category":"AuditLogs"},{"a":1}]}"#,
        );
        let read = categories.read();
        assert_eq!(read.keys().collect::<Vec<_>>(), ["AuditLogs", OTHER]);
        let audit = &read["AuditLogs"];
        assert_eq!(audit.records, 2);
        assert_eq!(
            audit.last_at,
            Timestamp::parse_rfc3339("2026-11-21T08:00:10Z")
        );
        assert_eq!(audit.lateness.sum, 5.0);
    }

    #[test]
    fn what_a_sender_names_is_bounded() {
        let categories = Categories::default();
        let names = (0..200).map(|number| format!("Category{number}"));
        let odd = ["<script>".to_owned(), "x".repeat(65), "a\nb".to_owned()];
        for name in names.chain(odd) {
            note(&categories, &format!(r#"[{{"category":"{name}"}}]"#));
        }
        let read = categories.read();
        assert_eq!(read.len(), CATEGORIES_MAX + 1);
        assert_eq!(read[OTHER].records, 103);
    }
}
