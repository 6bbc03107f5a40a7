//! Asks an endpoint whether it would accept, with a request that holds no record.
//!
//! Before the first partition is claimed, and again when an endpoint refuses and nothing is on its
//! way to it any more: then no delivery finds out that somebody has mended it.

use std::sync::Arc;
use std::time::Duration;

use super::condition::{Condition, Standing};
use super::dead_letter::DeadLetterStore;
use super::http::Request;
use super::request_id::RequestId;
use super::response::{Verdict, judge_probe};
use super::retry::Backoff;
use super::sink::SinkContext;
use crate::clock::Rng;
use crate::compress::WriteBody;

/// Probes for ever, whenever it is of use.
///
/// # Cancel safety
/// Safe.
pub async fn run(context: Arc<SinkContext>) {
    let retry = context.config.retry;
    let mut backoff = Backoff::new(retry.initial, retry.max);
    loop {
        let known = context.flow.renewals();
        let is_of_use = match context.condition.standing() {
            Standing::Unknown => true,
            Standing::Accepts => false,
            Standing::Refuses { .. } => context.flow.is_idle(),
        };
        let wait = if !is_of_use {
            backoff.reset();
            retry.max
        } else {
            match probe(&context).await {
                Verdict::Accepted => {
                    context.condition.accepts();
                    continue;
                }
                Verdict::NotNow { reason, .. } => context.condition.fails(&reason),
                Verdict::Refused { reason } => context.condition.refuses(&reason),
                Verdict::PerRecord(_) | Verdict::Faulty(..) => {}
            }
            backoff.next_from(retry.initial / 2, context.rng.as_ref())
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = context.flow.renewed(known) => {}
        }
    }
}

/// Asks the dead-letter store until it answers; gives up nothing before.
///
/// # Cancel safety
/// Safe.
pub async fn reach_dead_letters(store: &dyn DeadLetterStore, condition: &Condition, rng: &dyn Rng) {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    while let Err(error) = store.reach().await {
        condition.fails(&error.to_string());
        tokio::time::sleep(backoff.next(rng)).await;
    }
    condition.accepts();
}

async fn probe(context: &SinkContext) -> Verdict {
    let format = Arc::clone(&context.format);
    let write: WriteBody = Box::new(move |out| format.write(&mut std::iter::empty(), out));
    let compression = context.config.compression;
    let body = match context.compressor.compress(write, 0, compression).await {
        Ok(body) => body.bytes,
        Err(error) => {
            return Verdict::NotNow {
                reason: error.to_string(),
                retry_after: None,
                is_overload: false,
            };
        }
    };
    let request = Request {
        id: RequestId::of_probe(&body),
        body,
        content_type: context.format.content_type(),
        target: None,
        content_encoding: compression.content_encoding(),
    };
    let answer = context.transport.send(request).await;
    judge_probe(&answer, context.format.as_ref())
}
