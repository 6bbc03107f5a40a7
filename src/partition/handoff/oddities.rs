//! Counts and says what was no plain record, and not more often than somebody wants to read it.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Stages;
use crate::envelope::{BodyEncoding, RecordKind, Records, Repairs, Unparsable};
use crate::record::Origin;

/// At most one line in this time; what comes in between is counted in the next one.
const PAUSE: Duration = Duration::from_secs(60);

/// What was not said yet.
#[derive(Debug, Default)]
pub struct Oddities(Mutex<Unsaid>);

#[derive(Debug, Default)]
struct Unsaid {
    said_at: Option<Instant>,
    repaired: u64,
    unparsable: u64,
}

impl Oddities {
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
        let mut unsaid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        unsaid.repaired += repaired;
        unsaid.unparsable += unparsable.iter().sum::<u64>();
        let is_due = unsaid
            .said_at
            .is_none_or(|said_at| said_at.elapsed() >= PAUSE);
        if !is_due || unsaid.repaired + unsaid.unparsable == 0 {
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
