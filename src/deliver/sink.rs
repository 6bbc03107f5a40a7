//! The task of one sink: collects batches and lets each be delivered by a task of its own.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::condition::Condition;
use super::dead_letter::DeadLetterStore;
use super::delivery::{Unsettled, deliver};
use super::flow::Flow;
use super::http::Transport;
use super::refusals::Refusals;
use crate::batch::Batcher;
use crate::budget::BodyShare;
use crate::checkpoint::ledger::SinkId;
use crate::checkpoint::ledgers::Ledgers;
use crate::clock::{Clock, Rng};
use crate::compress::Compressor;
use crate::config::SinkConfig;
use crate::format::Format;
use crate::record::Slice;
use crate::telemetry::status::Status;

mod stats;

pub use stats::{Outcome, SinkStats};

/// What the deliveries of one sink share.
pub struct SinkContext {
    /// Place in the order of the configuration.
    pub id: SinkId,
    /// Name in the configuration.
    pub name: String,
    /// Its settings.
    pub config: SinkConfig,
    /// Its wire format.
    pub format: Arc<dyn Format>,
    /// Sends requests.
    pub transport: Arc<dyn Transport>,
    /// Builds bodies; shared by all sinks.
    pub compressor: Arc<dyn Compressor>,
    /// Where records go that are given up; shared by all sinks.
    pub dead_letters: Arc<dyn DeadLetterStore>,
    /// How many may be given up.
    pub refusals: Arc<Refusals>,
    /// Who waits for what.
    pub status: Arc<Status>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
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
    /// Memory for compressed bodies.
    pub bodies: BodyShare,
    /// Who sends when.
    pub flow: Arc<Flow>,
}

/// Runs one sink until its queue is closed and everything in it is delivered.
///
/// A batch is taken when it is full or old enough, and then waits until fewer than `concurrency`
/// others are under way: while it waits, nothing more is taken from the queue, so that an endpoint
/// that is slow holds the readers back.
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
    let mut batcher = Batcher::new(context.config.batch, Arc::clone(&context.format));
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

/// Starts a delivery, as soon as fewer than `concurrency` are under way beside those that are put
/// aside: those that wait for their slots hold memory too.
async fn send(
    batcher: &mut Batcher,
    deliveries: &mut JoinSet<Result<(), Unsettled>>,
    context: &Arc<SinkContext>,
) -> Result<(), Unsettled> {
    let age = batcher.age();
    let Some(batch) = batcher.take() else {
        return Ok(());
    };
    let stats = &context.stats;
    stats.batch_records.note(batch.len() as f64);
    stats.batch_age.note(age.as_secs_f64());
    loop {
        let parked = context.flow.parked();
        if deliveries.len() < context.config.concurrency + parked {
            break;
        }
        tokio::select! {
            biased;
            Some(ended) = deliveries.join_next() => settled(ended)?,
            () = context.flow.parked_changed(parked) => {}
        }
    }
    // Taken here, so that the places are in the order of the batches.
    let place = context.flow.place();
    deliveries.spawn(deliver(batch, place, Arc::clone(context)));
    Ok(())
}

/// A delivery that panicked has not settled either.
fn settled(ended: Result<Result<(), Unsettled>, JoinError>) -> Result<(), Unsettled> {
    ended.unwrap_or(Err(Unsettled))
}

#[cfg(test)]
mod tests;
