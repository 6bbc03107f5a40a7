//! Counts and says what was no plain record, and what no sink wants; not more often than somebody
//! wants to read it.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Stages;
use crate::checkpoint::ledgers::Received;
use crate::envelope::{BodyEncoding, RecordKind, Records, Repairs, Unparsable};
use crate::record::Origin;

/// At most one line in this time; what comes in between is counted in the next one.
const PAUSE: Duration = Duration::from_secs(60);

/// What was not said yet.
#[derive(Debug, Default)]
pub struct Oddities {
    unsaid: Mutex<Unsaid>,
    unrouted: Mutex<Unrouted>,
}

#[derive(Debug, Default)]
struct Unsaid {
    said_at: Option<Instant>,
    repaired: u64,
    unparsable: u64,
}

#[derive(Debug, Default)]
struct Unrouted {
    said_at: Option<Instant>,
    records: u64,
}

impl Oddities {
    /// Counts the records that no sink wants, and says so when it is time.
    pub(super) fn note_unrouted(&self, stages: &Stages, origin: &Origin, received: Received) {
        if received.unrouted == 0 {
            return;
        }
        let records = u64::from(received.unrouted);
        stages.stats.unrouted.fetch_add(records, Ordering::Relaxed);
        let mut unsaid = self.unrouted.lock().unwrap_or_else(PoisonError::into_inner);
        unsaid.records += records;
        if !is_due(unsaid.said_at) {
            return;
        }
        tracing::info!(
            event = "unrouted",
            source = stages.source,
            partition = %origin.partition,
            sequence = %origin.position.sequence,
            records = unsaid.records,
            "since the last such line, {} records were dropped, since no sink selects their \
             categories and `unrouted` is \"drop\"; this is the last event with some",
            unsaid.records,
        );
        *unsaid = Unrouted {
            said_at: Some(Instant::now()),
            records: 0,
        };
    }

    /// Counts what an event was made of, and says so when it is time.
    pub(super) fn note(&self, stages: &Stages, origin: &Origin, records: &Records) {
        let stats = &stages.stats;
        if records.is_empty() {
            stats.count(|it| &it.empty);
        }
        if matches!(records.encoding(), BodyEncoding::Utf16 | BodyEncoding::Gzip) {
            stats.count(|it| &it.encoded);
        }
        if records.are_objects() {
            return;
        }
        let mut repairs = Repairs::default();
        let (mut repaired, mut unparsable) = (0, [0_u64; Unparsable::ALL.len()]);
        for piece in records.all() {
            match piece.kind {
                RecordKind::Object | RecordKind::Value => {}
                RecordKind::Repaired => {
                    repaired += 1;
                    repairs.add(piece.repaired.map(|(_, it)| it).unwrap_or_default());
                }
                RecordKind::Text(kind) => {
                    if let Some(count) = unparsable.get_mut(kind.index()) {
                        *count += 1;
                    }
                }
            }
        }
        stats.repaired.fetch_add(repaired, Ordering::Relaxed);
        for (total, count) in stats.unparsable.iter().zip(unparsable) {
            total.fetch_add(count, Ordering::Relaxed);
        }
        let mut unsaid = self.unsaid.lock().unwrap_or_else(PoisonError::into_inner);
        unsaid.repaired += repaired;
        unsaid.unparsable += unparsable.iter().sum::<u64>();
        if !is_due(unsaid.said_at) || unsaid.repaired + unsaid.unparsable == 0 {
            return;
        }
        let kinds = Unparsable::ALL.iter().zip(unparsable);
        let kinds: Vec<_> = kinds.filter(|it| it.1 > 0).map(|it| it.0.name()).collect();
        tracing::warn!(
            event = "no_plain_json",
            source = stages.source,
            partition = %origin.partition,
            sequence = %origin.position.sequence,
            repaired = unsaid.repaired,
            repairs = repairs.names().collect::<Vec<_>>().join(","),
            unparsable = unsaid.unparsable,
            kinds = kinds.join(","),
            "since the last such line, {} records were repaired and {} pieces were no JSON; this is \
             the last event with some",
            unsaid.repaired,
            unsaid.unparsable,
        );
        *unsaid = Unsaid {
            said_at: Some(Instant::now()),
            ..Unsaid::default()
        };
    }
}

/// Whether a line may be written when the last one was written then.
fn is_due(said_at: Option<Instant>) -> bool {
    said_at.is_none_or(|said_at| said_at.elapsed() >= PAUSE)
}
