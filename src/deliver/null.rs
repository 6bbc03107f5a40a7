//! A sink that counts and sends nothing, for runs beside another consumer.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::http::{Request, Transport};
use super::response::{Answer, TransportError};
use super::sink::SinkContext;
use crate::checkpoint::ledger::Settlement;
use crate::record::Slice;

/// What stands where another sink has its connections: reaches nobody, and is always accepted.
#[derive(Debug, Default)]
pub struct NullTransport;

#[async_trait]
impl Transport for NullTransport {
    async fn send(&self, _request: Request) -> Result<Answer, TransportError> {
        Ok(Answer {
            status: 204,
            retry_after: None,
            body: Bytes::new(),
        })
    }
}

/// Settles what comes, until the queue is closed. The bytes that are counted are those of the
/// records as they would be sent in NDJSON; nothing is compressed, so that none are counted as sent,
/// and no request either.
///
/// # Cancel safety
/// What is in the queue when it is dropped stays owed.
pub async fn run(mut queue: mpsc::Receiver<Slice>, context: Arc<SinkContext>) {
    let mut lines = Vec::new();
    while let Some(slice) = queue.recv().await {
        lines.clear();
        context.format.write(&mut slice.records(), &mut lines);
        let stats = &context.stats;
        stats
            .records_accepted
            .fetch_add(slice.len() as u64, Ordering::Relaxed);
        stats
            .bytes_plain
            .fetch_add(lines.len() as u64, Ordering::Relaxed);
        // One large event would keep its memory for ever.
        lines.shrink_to(LINES_KEPT);
        let receipts = slice.into_receipts();
        context.ledgers.settle(receipts, Settlement::Delivered);
    }
}

/// Bytes of the buffer that are kept from one event to the next.
const LINES_KEPT: usize = 64 * 1024;

#[cfg(test)]
mod tests;
