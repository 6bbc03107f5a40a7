//! Which categories came in the last 24 hours, by a bounded look at the newest events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use wildmatch::WildMatch;

use super::{Log, Point, Subject, Timestamp};
use crate::config::Start;
use crate::envelope;
use crate::event_hub::{Body, SequenceNumber};
use crate::filter::NO_CATEGORY;
use crate::record::{HubName, Origin, Record};
use crate::tools::{Read, Reader, ToolsError, ToolsHub, Until, Wanted, Window, windows};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Events that are looked at, of all partitions together.
const EVENTS_MAX: u64 = 2_000;
/// Bytes of them.
const BYTES_MAX: usize = 32 << 20;
/// Time that it may take.
const TIME_MAX: Duration = Duration::from_secs(15);
/// How long what passes by itself is tried again.
const PATIENCE: Duration = Duration::from_secs(5);
/// Categories that are named.
const NAMED_MAX: usize = 20;
/// Longest name that is shown.
const NAME_MAX: usize = 64;

/// What was seen.
#[derive(Default)]
struct Seen {
    /// Records by category.
    records: BTreeMap<String, u64>,
    events: u64,
    bytes: usize,
}

/// Reads some events and says which categories they have, and which of the routing they lack.
pub(super) async fn look(log: &Log, subject: &Subject<'_>, tools: &ToolsHub) {
    let since = SystemTime::now().checked_sub(DAY);
    let since = Timestamp::from(since.unwrap_or(SystemTime::UNIX_EPOCH));
    let partitions = tools.partitions(&[]).unwrap_or_default();
    let found = windows(tools, &partitions, Start::Time(since), Until::End, PATIENCE).await;
    let read = match found {
        Ok(mut found) => {
            let there = found.iter().filter_map(Window::events).sum::<u64>();
            newest(&mut found);
            let seen = read(subject, tools, &found).await;
            seen.map(|seen| (seen, there))
        }
        Err(error) => Err(error),
    };
    match read {
        Ok((seen, there)) => report(log, subject, &seen, there),
        Err(error) => log.note(
            Point::Categories,
            format!("could not be looked at: {error}"),
            "see the other points, and try again",
        ),
    }
}

/// Leaves the newest events of every window.
fn newest(windows: &mut Vec<Window>) {
    windows.retain(|window| window.events().is_some_and(|events| events > 0));
    let each = EVENTS_MAX / windows.len().max(1) as u64;
    let each = i64::try_from(each.max(1)).unwrap_or(1);
    for window in windows {
        if let Some(last) = window.last {
            window.first = window.first.max(SequenceNumber(last.0 - each + 1));
        }
    }
}

async fn read(
    subject: &Subject<'_>,
    tools: &ToolsHub,
    windows: &[Window],
) -> Result<Seen, ToolsError> {
    let mut seen = Seen::default();
    let wanted = Wanted {
        hub: tools,
        windows: windows.to_vec(),
        event_bytes_max: subject.source.max_event_size,
    };
    let mut reader = Reader::open(&[wanted], PATIENCE)?;
    let deadline = Instant::now() + TIME_MAX;
    let hub = HubName::new(&subject.source.namespace, &subject.source.event_hub);
    let hub = Arc::new(hub);
    let mut ended = Ok(());
    while seen.bytes < BYTES_MAX && seen.events < EVENTS_MAX {
        match tokio::time::timeout_at(deadline, reader.next()).await {
            Ok(Some(Ok(event))) => {
                let most = subject.config.limits.expansion_max;
                seen.take(event, &hub, most);
            }
            Ok(Some(Err(error))) => {
                ended = Err(error);
                break;
            }
            Ok(None) | Err(_) => break,
        }
    }
    reader.close().await;
    ended.map(|()| seen)
}

impl Seen {
    fn take(&mut self, read: Read, hub: &Arc<HubName>, expansion_max: u64) {
        let Read {
            partition, event, ..
        } = read;
        self.events += 1;
        let Body::Bytes(bytes) = event.body else {
            return;
        };
        self.bytes += bytes.len();
        let origin = Origin {
            hub: Arc::clone(hub),
            partition,
            position: event.position,
        };
        let records = envelope::split(&bytes, expansion_max);
        for piece in records.all() {
            let category = Record::new(piece, &origin).category();
            let category = category.as_deref().unwrap_or(NO_CATEGORY);
            *self.records.entry(shown(category)).or_default() += 1;
        }
    }
}

/// A category is a short word; anything else is somebody's data, and not shown.
fn shown(category: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_. ".contains(letter);
    let fits = category.len() <= NAME_MAX && category.chars().all(is_plain);
    match fits || category == NO_CATEGORY {
        true => category.to_owned(),
        false => "<other>".to_owned(),
    }
}

fn report(log: &Log, subject: &Subject<'_>, seen: &Seen, there: u64) {
    if there == 0 {
        let remedy = "look at the diagnostic setting of Entra ID, and that it names this hub";
        return log.note(Point::Categories, "no event came in the last 24 h", remedy);
    }
    let mut counts: Vec<_> = seen.records.iter().collect();
    counts.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
    let more = counts.len().saturating_sub(NAMED_MAX);
    let counts = counts.into_iter().take(NAMED_MAX);
    let counts: Vec<_> = counts
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    let more = match more {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let looked = format!(
        "in {} of the {there} events of the last 24 h: {}{more}",
        seen.events,
        counts.join(", ")
    );
    let missing = missing(subject, seen);
    if missing.is_empty() {
        return log.ok(Point::Categories, looked);
    }
    let seen = format!("{looked}; never seen: {}", missing.join(", "));
    let remedy = "check the names in include_categories and exclude_categories, and which \
                  categories the diagnostic setting exports; rare ones may just not have come";
    log.note(Point::Categories, seen, remedy);
}

/// What sinks select and nothing of what was seen matches.
fn missing(subject: &Subject<'_>, seen: &Seen) -> Vec<String> {
    let sinks = subject.config.sinks.values();
    let globs = sinks.flat_map(|sink| {
        sink.categories
            .include
            .iter()
            .chain(&sink.categories.exclude)
    });
    let mut missing: Vec<String> = globs
        .filter(|glob| {
            let glob = WildMatch::new_case_insensitive(glob);
            !seen.records.keys().any(|name| glob.matches(name))
        })
        .cloned()
        .collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_hub::PartitionId;
    use crate::tools::Gone;

    #[test]
    fn names_are_short_words() {
        assert_eq!(
            shown("NonInteractiveUserSignInLogs"),
            "NonInteractiveUserSignInLogs"
        );
        assert_eq!(shown(NO_CATEGORY), NO_CATEGORY);
        for odd in ["x".repeat(65).as_str(), "a@contoso.com", "a\nb"] {
            assert_eq!(shown(odd), "<other>");
        }
    }

    #[test]
    fn the_newest_events_of_every_partition_are_looked_at() {
        let window = |first, last| Window {
            partition: PartitionId::new("0"),
            first: SequenceNumber(first),
            last: Some(SequenceNumber(last)),
            gone: Gone::Nothing,
            not_yet: 0,
        };
        let mut found = vec![window(5, 4), window(0, 99_999), window(10, 20)];
        newest(&mut found);
        assert_eq!(found, [window(99_000, 99_999), window(10, 20)]);
    }
}
