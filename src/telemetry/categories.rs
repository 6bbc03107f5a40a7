//! What arrives, by the category that records name.

use std::borrow::Cow;
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
/// How the names of most categories end
/// (<https://learn.microsoft.com/entra/identity/monitoring-health/concept-diagnostic-settings-logs-options>).
const ENDS: [&str; 5] = ["Logs", "Events", "Alerts", "Insights", "Metrics"];
/// Those of Entra, Intune and the activity log that end otherwise
/// (<https://learn.microsoft.com/azure/azure-monitor/platform/activity-log-schema>).
const OTHERS: [&str; 14] = [
    "RiskyUsers",
    "RiskyServicePrincipals",
    "RiskyAgents",
    "RemoteNetworkHealth",
    "DeviceComplianceOrg",
    "Devices",
    "Administrative",
    "Security",
    "ServiceHealth",
    "ResourceHealth",
    "Recommendation",
    "Policy",
    "Autoscale",
    "Alert",
];
/// Bounds of the lateness, in seconds.
const LATENESS: [f64; 9] = [
    1.0, 10.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0, 604_800.0,
];

/// The categories of one source.
#[derive(Debug, Default)]
pub struct Categories {
    named: Vec<String>,
    counted: Mutex<BTreeMap<String, Category>>,
}

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

impl Category {
    fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.lateness.add(&other.lateness);
        self.last_at = self.last_at.max(other.last_at);
    }
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
    /// Those that may be shown beside the usual ones: what the configuration names to the letter.
    pub fn new(named: impl IntoIterator<Item = String>) -> Self {
        Self {
            named: named.into_iter().collect(),
            counted: Mutex::default(),
        }
    }

    /// Counts the records of one event.
    pub fn note(&self, records: &Records, origin: &Origin) {
        let enqueued_at = origin.position.enqueued_at;
        // Read before the lock is taken: others wait behind it.
        let mut found: Vec<(Cow<'_, str>, Category)> = Vec::new();
        for piece in records.all() {
            let mut fields = Record::new(piece, origin).read(&[Field::Category, Field::Time]);
            let name = fields.category().filter(|name| self.may_be_shown(name));
            let name = name.unwrap_or(Cow::Borrowed(OTHER));
            let place = found.iter().position(|(known, _)| *known == name);
            let place = place.unwrap_or_else(|| {
                found.push((name, Category::default()));
                found.len() - 1
            });
            let Some((_, category)) = found.get_mut(place) else {
                continue;
            };
            category.records += 1;
            category.last_at = enqueued_at;
            if let Some((happened, _)) = fields.time()
                && let Some(enqueued_at) = enqueued_at
            {
                let happened = happened.nanoseconds() / 1_000_000;
                let late = enqueued_at.0.saturating_sub(happened);
                category.lateness.note(late.max(0) as f64 / 1_000.0);
            }
        }
        let mut known = self.lock();
        for (name, category) in found {
            let is_full = known.len() >= CATEGORIES_MAX && !known.contains_key(name.as_ref());
            let name = if is_full { OTHER } else { name.as_ref() };
            match known.get_mut(name) {
                Some(sum) => sum.add(&category),
                None => {
                    known.insert(name.to_owned(), category);
                }
            }
        }
    }

    /// Whether a text may be shown as a category: it comes from a record, and may be anything. The
    /// categories of Azure are words, most of which end alike.
    fn may_be_shown(&self, text: &str) -> bool {
        let is_word =
            |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphabetic());
        if text.len() > NAME_BYTES_MAX {
            return false;
        }
        let hunting = text.strip_prefix("AdvancedHunting-");
        let has_usual_end = ENDS.iter().any(|end| text.ends_with(end));
        hunting.is_some_and(is_word)
            || has_usual_end && text.chars().all(|c| c.is_ascii_alphanumeric())
            || OTHERS.iter().any(|known| known.eq_ignore_ascii_case(text))
            || self
                .named
                .iter()
                .any(|known| known.eq_ignore_ascii_case(text))
    }

    /// What was counted, by name.
    pub fn read(&self) -> BTreeMap<String, Category> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Category>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    fn what_the_configuration_names_is_shown() {
        let categories = Categories::new(["Contoso audit".to_owned()]);
        note(
            &categories,
            r#"[{"category":"contoso audit"},{"category":"AdvancedHunting-Devices"},{"category":"riskyusers"}]"#,
        );
        let read = categories.read();
        let expected = ["AdvancedHunting-Devices", "contoso audit", "riskyusers"];
        assert_eq!(read.keys().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_a_sender_names_is_bounded() {
        let categories = Categories::default();
        let names = (0..200).map(|number| format!("Category{number}Logs"));
        let odd = ["<script>Logs", "Jane Doe", "Jane", "a\\nLogs"].map(str::to_owned);
        let long = format!("{}Logs", "x".repeat(65));
        for name in names.chain(odd).chain([long]) {
            note(&categories, &format!(r#"[{{"category":"{name}"}}]"#));
        }
        let read = categories.read();
        assert_eq!(read.len(), CATEGORIES_MAX + 1);
        assert_eq!(read[OTHER].records, 105);
    }
}
