//! Records that are given up: confirmed as dead letters, then settled.

use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::{Charge, is_wanted};
use crate::batch::Batch;
use crate::checkpoint::ledger::Settlement;
use crate::deliver::dead_letter::{DeadLetter, write_until_confirmed};
use crate::deliver::sink::SinkContext;
use crate::event_hub::Timestamp;
use crate::record::Origin;

/// Letters of one event, with what they settle.
struct Event {
    source: String,
    origin: Origin,
    letters: Vec<DeadLetter>,
    records: Vec<Batch>,
}

/// Writes records to the dead letters, for as long as that takes, and settles them. Those of one
/// event are written together. What belongs to partitions that are lost is left to their owners.
pub(super) async fn bury(context: &SinkContext, guilty: Vec<(Batch, Charge)>) {
    let mut events: Vec<Event> = Vec::new();
    let first_seen = context.clock.now();
    for (part, charge) in guilty {
        let source = part
            .slices()
            .first()
            .and_then(|slice| context.ledgers.source(slice.receipts()));
        let letter = letter(&part, &charge, (context, first_seen), source);
        let Some(letter) = letter else { continue };
        let event = events
            .iter_mut()
            .find(|it| it.source == letter.source && it.origin == letter.origin);
        match event {
            Some(event) => {
                event.letters.push(letter);
                event.records.push(part);
            }
            None => events.push(Event {
                source: letter.source.clone(),
                origin: letter.origin.clone(),
                letters: vec![letter],
                records: vec![part],
            }),
        }
    }
    for event in events {
        write(context, event).await;
    }
}

async fn write(context: &SinkContext, event: Event) {
    let Event {
        source,
        origin,
        letters,
        records,
    } = event;
    if !records.iter().any(|part| is_wanted(part, context)) {
        return;
    }
    let store = context.dead_letters.as_ref();
    write_until_confirmed(store, &letters, &context.status, context.rng.as_ref()).await;
    let count = letters.len() as u64;
    let (sink, reason) = (&context.name, letters.first().map_or("", |it| it.reason));
    let stats = &context.stats;
    let unsaid = stats.given_up_unsaid.note(|unsaid| *unsaid += count);
    if let Some(records) = unsaid {
        tracing::warn!(
            event = "records_given_up",
            sink,
            source,
            partition = %origin.partition,
            sequence = origin.position.sequence.0,
            records,
            reason,
            "sink {sink} does not take {count} records of one event: they are dead letters now"
        );
    }
    stats
        .records_dead_lettered
        .fetch_add(count, Ordering::Relaxed);
    for part in records {
        let receipts = part.into_receipts(context.id);
        context.ledgers.settle(receipts, Settlement::DeadLettered);
    }
}

fn letter(
    part: &Batch,
    charge: &Charge,
    (context, first_seen): (&SinkContext, Timestamp),
    source: Option<String>,
) -> Option<DeadLetter> {
    let record = part.records().next()?;
    Some(DeadLetter {
        source: source?,
        origin: record.origin().clone(),
        index: Some(record.index()),
        sink: Some(context.name.clone()),
        reason: charge.reason,
        answer: Some(charge.objection.in_full()),
        first_seen,
        body: Bytes::copy_from_slice(record.original()),
    })
}
