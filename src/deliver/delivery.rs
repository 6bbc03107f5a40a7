//! One batch from its records to its settled receipts.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::flow::{Place, Setback};
use super::http::Request;
use super::request_id::RequestId;
use super::response::{Verdict, judge};
use super::sink::SinkContext;
use crate::batch::Batch;
use crate::checkpoint::ledger::Settlement;
use crate::compress::{Compressed, WriteBody};
use crate::record::Slice;

/// A delivery lost its records: a bug.
#[derive(Debug)]
pub(super) struct Unsettled;

/// Delivers a batch: builds and compresses its body, sends the same bytes until the endpoint has
/// them, settles. Returns without settling only when all partitions of the batch are lost.
///
/// # Cancel safety
/// A dropped delivery leaves its records owed: they are read again by the next owner.
pub(super) async fn deliver(
    batch: Batch,
    mut place: Place,
    context: Arc<SinkContext>,
) -> Result<(), Unsettled> {
    // Room first: whoever builds a body never waits for more.
    let mut room = context
        .bodies
        .reserve(body_bytes_max(&batch, &context))
        .await;
    let (body, batch) = build(batch, &context).await.ok_or(Unsettled)?;
    let id = RequestId::of(&batch, &body.bytes);
    let wire_bytes = body.bytes.len() as u64;
    room.shrink_to(wire_bytes);
    loop {
        let slot = place.slot(wire_bytes, &context.draining).await;
        if !batch
            .slices()
            .iter()
            .map(Slice::receipts)
            .any(|it| context.ledgers.are_wanted(it))
        {
            // Their next owner reads them again; sending them too would only make duplicates.
            return Ok(());
        }
        match attempt(&body, id, &context).await {
            Verdict::Accepted => {
                slot.accepted();
                note_limit(&context);
                let stats = &context.stats;
                stats
                    .records_accepted
                    .fetch_add(batch.len() as u64, Ordering::Relaxed);
                stats
                    .bytes_plain
                    .fetch_add(body.plain_bytes, Ordering::Relaxed);
                stats.bytes_sent.fetch_add(wire_bytes, Ordering::Relaxed);
                context
                    .ledgers
                    .settle(batch.into_receipts(context.id), Settlement::Delivered);
                context.condition.accepts();
                return Ok(());
            }
            Verdict::NotNow {
                reason,
                retry_after,
                is_overload,
            } => {
                context.condition.fails(&reason);
                slot.failed(Setback {
                    is_overload,
                    retry_after: retry_after.unwrap_or_default(),
                    wait_min: Duration::ZERO,
                });
            }
            Verdict::Refused { reason } => {
                context.condition.refuses(&reason);
                slot.failed(Setback {
                    is_overload: false,
                    retry_after: Duration::ZERO,
                    // Nobody mends an address within a second: start slower, end at the same bound.
                    wait_min: context.config.retry.initial,
                });
            }
        }
        note_limit(&context);
    }
}

fn note_limit(context: &SinkContext) {
    let limit = context.flow.limit();
    context.stats.concurrency.store(limit, Ordering::Relaxed);
}

/// More bytes than the body can have, however badly it compresses.
fn body_bytes_max(batch: &Batch, context: &SinkContext) -> u64 {
    let records = batch.records();
    let plain: u64 = records
        .map(|record| context.format.record_bytes_max(&record))
        .sum();
    // gzip adds 5 bytes per stored block, zstd 3 per 128 KiB.
    (plain + context.format.frame_bytes()) / 64 * 65 + 256
}

async fn build(batch: Batch, context: &SinkContext) -> Option<(Compressed, Batch)> {
    let batch = Arc::new(batch);
    let body = loop {
        let (records, format) = (Arc::clone(&batch), context.format.clone());
        let bytes = batch
            .records()
            .map(|record| record.original().len() as u64 + 1)
            .sum();
        let write: WriteBody = Box::new(move |out| format.write(records.records(), out));
        match context
            .compressor
            .compress(write, bytes, context.config.compression)
            .await
        {
            Ok(body) => break body,
            Err(error) => {
                context.condition.fails(&error.to_string());
                tokio::time::sleep(context.config.retry.max).await;
            }
        }
    };
    let batch = Arc::into_inner(batch);
    if batch.is_none() {
        tracing::error!(
            event = "batch_shared",
            "bug: a body was built and its writer kept"
        );
    }
    Some((body, batch?))
}

async fn attempt(body: &Compressed, id: RequestId, context: &SinkContext) -> Verdict {
    let request = Request {
        body: body.bytes.clone(),
        content_type: context.format.content_type(),
        id,
        content_encoding: context.config.compression.content_encoding(),
    };
    context.stats.requests.fetch_add(1, Ordering::Relaxed);
    let verdict = judge(&context.transport.send(request).await);
    if verdict != Verdict::Accepted {
        context
            .stats
            .requests_failed
            .fetch_add(1, Ordering::Relaxed);
    }
    verdict
}
