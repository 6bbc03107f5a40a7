//! The task of one sink: collects batches and lets each be delivered by a task of its own.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::condition::Condition;
use super::delivery::{Unsettled, deliver};
use super::http::Transport;
use crate::batch::Batcher;
use crate::checkpoint::ledger::SinkId;
use crate::checkpoint::ledgers::Ledgers;
use crate::clock::Rng;
use crate::compress::Compressor;
use crate::config::SinkConfig;
use crate::format::Format;
use crate::record::Slice;

/// What the deliveries of one sink share.
pub struct SinkContext {
    /// Place in the order of the configuration.
    pub id: SinkId,
    /// Name in the configuration.
    pub name: String,
    /// Its settings.
    pub config: SinkConfig,
    /// Its wire format.
    pub format: Format,
    /// Sends requests.
    pub transport: Arc<dyn Transport>,
    /// Builds bodies; shared by all sinks.
    pub compressor: Arc<dyn Compressor>,
    /// Settles receipts; shared by all sinks.
    pub ledgers: Arc<Ledgers>,
    /// Jitter.
    pub rng: Arc<dyn Rng>,
    /// Cancelled when the process is told to stop: waits are cut short once.
    pub draining: CancellationToken,
    /// Whether the endpoint accepts.
    pub condition: Arc<Condition>,
    /// Counts.
    pub stats: SinkStats,
    /// Deliveries that have begun and not ended.
    pub under_way: AtomicUsize,
    /// Until when the endpoint asked everybody to wait.
    pub held_until: Mutex<Option<Instant>>,
}

impl SinkContext {
    /// Makes every delivery of this sink wait at least this long from now.
    pub(super) fn hold(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut held = self
            .held_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *held = Some(held.map_or(until, |held| held.max(until)));
    }

    /// Whether no delivery is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) == 0
    }

    /// The moment before which no retry of this sink is sent.
    pub(super) fn held_until(&self) -> Instant {
        let held = self
            .held_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        held.unwrap_or_else(Instant::now)
    }
}

/// Counts of one sink since the start.
#[derive(Debug, Default)]
pub struct SinkStats {
    /// Attempts.
    pub requests: AtomicU64,
    /// Attempts that were not accepted.
    pub requests_failed: AtomicU64,
    /// Records in accepted requests.
    pub records_accepted: AtomicU64,
    /// Bytes of accepted bodies before compression.
    pub bytes_plain: AtomicU64,
    /// Bytes of accepted bodies on the wire.
    pub bytes_sent: AtomicU64,
}

/// Runs one sink until its queue is closed and everything in it is delivered.
///
/// A batch is taken when it is full or old enough, and then waits for a free slot: while it waits,
/// nothing more is taken from the queue, so that an endpoint that is slow holds the readers back.
///
/// A delivery that ends without settling is a bug, which only reading again from the checkpoint
/// repairs: then this ends too, and with it the process.
///
/// # Cancel safety
/// Dropping it ends its deliveries; their records stay owed.
pub async fn run(queue: mpsc::Receiver<Slice>, context: Arc<SinkContext>) {
    if let Err(Unsettled) = collect(queue, &context).await {
        tracing::error!(
            event = "delivery_died",
            sink = context.name,
            "bug: a delivery ended without settling; its records are read again at the next start"
        );
    }
}

async fn collect(
    mut queue: mpsc::Receiver<Slice>,
    context: &Arc<SinkContext>,
) -> Result<(), Unsettled> {
    let mut batcher = Batcher::new(context.config.batch, context.format.clone());
    let mut deliveries = JoinSet::new();
    let mut open = true;
    while open {
        tokio::select! {
            // Finished deliveries first: they make room. Age before arrivals, so that a steady
            // stream cannot keep a batch from being closed.
            biased;
            Some(ended) = deliveries.join_next() => settled(ended)?,
            () = due(&batcher) => send(&mut batcher, &mut deliveries, context).await?,
            slice = queue.recv() => match slice {
                Some(slice) => {
                    let mut rest = Some(slice);
                    while let Some(slice) = rest.take() {
                        rest = batcher.push(slice);
                        if batcher.is_full() {
                            send(&mut batcher, &mut deliveries, context).await?;
                        }
                    }
                }
                None => open = false,
            },
        }
    }
    send(&mut batcher, &mut deliveries, context).await?;
    while let Some(ended) = deliveries.join_next().await {
        settled(ended)?;
    }
    Ok(())
}

async fn due(batcher: &Batcher) {
    match batcher.due_at() {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Waits for a free slot and starts a delivery in it.
async fn send(
    batcher: &mut Batcher,
    deliveries: &mut JoinSet<Result<(), Unsettled>>,
    context: &Arc<SinkContext>,
) -> Result<(), Unsettled> {
    let Some(batch) = batcher.take() else {
        return Ok(());
    };
    while deliveries.len() >= context.config.concurrency {
        if let Some(ended) = deliveries.join_next().await {
            settled(ended)?;
        }
    }
    let context = Arc::clone(context);
    deliveries.spawn(async move {
        let _counted = UnderWay::new(&context);
        deliver(batch, Arc::clone(&context)).await
    });
    Ok(())
}

/// Counts a delivery for as long as it lives.
struct UnderWay<'a>(&'a AtomicUsize);

impl<'a> UnderWay<'a> {
    fn new(context: &'a SinkContext) -> Self {
        context.under_way.fetch_add(1, Ordering::Relaxed);
        Self(&context.under_way)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A delivery that panicked has not settled either.
fn settled(ended: Result<Result<(), Unsettled>, JoinError>) -> Result<(), Unsettled> {
    ended.unwrap_or(Err(Unsettled))
}

#[cfg(test)]
mod tests;
