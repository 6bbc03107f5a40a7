//! Asks an endpoint whether it would accept, with a request that holds no record.
//!
//! Before the first partition is claimed, and again when an endpoint refuses and nothing is on its
//! way to it any more: then no delivery finds out that somebody has mended it.

use std::sync::Arc;
use std::time::Duration;

use super::condition::{Condition, Standing};
use super::dead_letter::DeadLetterStore;
use super::http::{Request, Transport};
use super::request_id::RequestId;
use super::response::{Verdict, judge_probe};
use super::retry::Backoff;
use super::sink::SinkContext;
use crate::clock::Rng;
use crate::compress::{Compression, Compressor, WriteBody};
use crate::format::Format;

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
    let by = Endpoint {
        format: &context.format,
        transport: context.transport.as_ref(),
        compressor: context.compressor.as_ref(),
        compression: context.config.compression,
    };
    by.ask().await.verdict
}

/// Whom a probe asks, and in which form.
pub(crate) struct Endpoint<'a> {
    /// The wire format.
    pub(crate) format: &'a Arc<dyn Format>,
    /// Sends the request.
    pub(crate) transport: &'a dyn Transport,
    /// Builds its body.
    pub(crate) compressor: &'a dyn Compressor,
    /// How that is compressed.
    pub(crate) compression: Compression,
}

/// What a probe found.
pub(crate) struct Probed {
    /// What follows from it.
    pub(crate) verdict: Verdict,
    /// Status of the answer, if there was one.
    pub(crate) status: Option<u16>,
}

impl Endpoint<'_> {
    /// Sends one request without records.
    pub(crate) async fn ask(&self) -> Probed {
        let format = Arc::clone(self.format);
        let write: WriteBody = Box::new(move |out| format.write(&mut std::iter::empty(), out));
        let body = match self.compressor.compress(write, 0, self.compression).await {
            Ok(body) => body.bytes,
            Err(error) => {
                let verdict = Verdict::NotNow {
                    reason: error.to_string(),
                    retry_after: None,
                    is_overload: false,
                };
                return Probed {
                    verdict,
                    status: None,
                };
            }
        };
        let request = Request {
            id: RequestId::of_probe(&body),
            body,
            content_type: self.format.content_type(),
            target: None,
            content_encoding: self.compression.content_encoding(),
        };
        let answer = self.transport.send(request).await;
        Probed {
            verdict: judge_probe(&answer, self.format.as_ref()),
            status: answer.ok().map(|answer| answer.status),
        }
    }
}
