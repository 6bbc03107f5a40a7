//! Counts and says what was no plain record, and what no sink wants; not more often than somebody
//! wants to read it.

use std::sync::atomic::Ordering;

use super::Stages;
use crate::checkpoint::ledgers::Received;
use crate::envelope::{BodyEncoding, RecordKind, Records, Repairs, Unparsable};
use crate::event_hub::{PartitionId, SequenceNumber};
use crate::record::Origin;
use crate::telemetry::seldom::Seldom;

/// Events that are told of one by one, before they are only counted.
const TOLD_AT_ONCE: u32 = 5;

/// What was not said yet.
#[derive(Debug)]
pub struct Oddities {
    unsaid: Seldom<Unsaid>,
    unrouted: Seldom,
    unsupported: Seldom,
    panicked: Seldom,
    undecodable: Seldom,
}

#[derive(Debug, Default)]
struct Unsaid {
    repaired: u64,
    unparsable: u64,
}

impl Default for Oddities {
    fn default() -> Self {
        Self {
            unsaid: Seldom::default(),
            unrouted: Seldom::default(),
            unsupported: Seldom::of(TOLD_AT_ONCE),
            panicked: Seldom::of(TOLD_AT_ONCE),
            undecodable: Seldom::of(TOLD_AT_ONCE),
        }
    }
}

impl Oddities {
    /// Counts the records that no sink wants, and says so when it is time.
    pub(super) fn note_unrouted(&self, stages: &Stages, origin: &Origin, received: Received) {
        if received.unrouted == 0 {
            return;
        }
        let records = u64::from(received.unrouted);
        stages.stats.unrouted.fetch_add(records, Ordering::Relaxed);
        let Some(records) = self.unrouted.note(|unsaid| *unsaid += records) else {
            return;
        };
        tracing::info!(
            event = "unrouted",
            source = stages.source,
            partition = %origin.partition,
            sequence = origin.position.sequence.0,
            records,
            "since the last such line, {records} records were dropped, since no sink selects their \
             categories and `unrouted` is \"drop\"; this is the last event with some",
        );
    }

    /// An event carries no bytes, but an AMQP value of this kind.
    pub(super) fn note_unsupported(
        &self,
        stages: &Stages,
        partition: &PartitionId,
        sequence: SequenceNumber,
        kind: &str,
    ) {
        if let Some(events) = self.unsupported.once_more() {
            tracing::warn!(
                event = "unsupported_body",
                source = stages.source,
                %partition,
                sequence = sequence.0,
                kind,
                events,
                "the event carries an AMQP {kind}, no bytes: it goes to the dead letters"
            );
        }
    }

    /// Reading an event panicked.
    pub(super) fn note_panic(&self, stages: &Stages, origin: &Origin) {
        if let Some(events) = self.panicked.once_more() {
            tracing::error!(
                event = "event_panicked",
                source = stages.source,
                partition = %origin.partition,
                sequence = origin.position.sequence.0,
                events,
                "bug: reading the event panicked: it goes to the dead letters"
            );
        }
    }

    /// A message cannot be decoded, and is passed over.
    pub(in crate::partition) fn note_undecodable(
        &self,
        stages: &Stages,
        partition: &PartitionId,
        sequence: SequenceNumber,
    ) {
        if let Some(events) = self.undecodable.once_more() {
            tracing::error!(
                event = "undecodable",
                source = stages.source,
                %partition,
                sequence = sequence.0,
                events,
                "the message cannot be decoded: passed over, with a dead letter that says where it \
                 was"
            );
        }
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
        let in_all: u64 = unparsable.iter().sum();
        if repaired + in_all == 0 {
            return;
        }
        let unsaid = self.unsaid.note(|unsaid| {
            unsaid.repaired += repaired;
            unsaid.unparsable += in_all;
        });
        let Some(unsaid) = unsaid else {
            return;
        };
        let kinds = Unparsable::ALL.iter().zip(unparsable);
        let kinds: Vec<_> = kinds.filter(|it| it.1 > 0).map(|it| it.0.name()).collect();
        tracing::warn!(
            event = "no_plain_json",
            source = stages.source,
            partition = %origin.partition,
            sequence = origin.position.sequence.0,
            repaired = unsaid.repaired,
            repairs = repairs.names().collect::<Vec<_>>().join(","),
            unparsable = unsaid.unparsable,
            kinds = kinds.join(","),
            "since the last such line, {} records were repaired and {} pieces were no JSON; this is \
             the last event with some",
            unsaid.repaired,
            unsaid.unparsable,
        );
    }
}
