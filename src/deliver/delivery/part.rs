//! One part of a batch: the same bytes again and again, until the endpoint says what to do with it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::body::Built;
use super::bury::bury;
use super::{Charge, Delivery, Unsettled, slowly};
use crate::batch::Batch;
use crate::deliver::flow::{Setback, Slot};
use crate::deliver::http::Request;
use crate::deliver::response::{Fault, Objection, RecordVerdict, TransportError, Verdict, judge};
use crate::deliver::sink::SinkContext;
use crate::deliver::trial::Trial;

impl Delivery {
    /// Sends a part until something is known of it.
    pub(super) async fn send(&mut self, part: Batch) -> Result<(), Unsettled> {
        let context = Arc::clone(&self.context);
        let mut trial = Trial::default();
        let mut next = Some(part);
        while let Some(part) = next.take() {
            self.place.ready(&context.draining).await;
            let Some(screened) = self.screen(part).await else {
                return Ok(());
            };
            let built = Built::of(screened, &context).await?;
            let bytes = built.body.bytes.len() as u64;
            match context.config.batch.compressed_bytes {
                Some(most) if bytes > most => self.too_large(built.part, bytes, most).await,
                _ => next = self.attempts(built, &mut trial).await,
            }
        }
        Ok(())
    }

    /// A body is larger than the sink allows: the endpoint need not be asked.
    async fn too_large(&mut self, part: Batch, bytes: u64, most: u64) {
        let reason = format!("{bytes} bytes after compression, of {most} allowed");
        let quote = String::new();
        let charge = Charge::refused(Fault::Size, Objection { reason, quote });
        if part.len() > 1 {
            self.search.refused(part, Fault::Size, charge);
        } else {
            self.search.undecided();
            bury(&self.context, vec![(part, charge)]).await;
        }
    }

    /// Repeats the same bytes. Gives the part back when it should free its memory between attempts,
    /// and when a record in it has come of age: those bytes may not be sent any more.
    async fn attempts(&mut self, built: Built, trial: &mut Trial) -> Option<Batch> {
        let context = Arc::clone(&self.context);
        loop {
            let wire_bytes = built.body.bytes.len() as u64;
            let slot = self.place.slot(wire_bytes, &context.draining).await;
            if !is_wanted(&built.part, &context) {
                // Their next owner reads them again; sending them too would only make duplicates.
                self.search.undecided();
                return None;
            }
            if built.is_outdated(context.clock.as_ref()) {
                return Some(built.part);
            }
            let (verdict, broke) = attempt(&built, &context).await;
            let failure = match verdict {
                Verdict::Accepted => {
                    slot.accepted();
                    note_accepted(&context, &built);
                    self.accepted(built.part);
                    return None;
                }
                Verdict::PerRecord(verdicts) if verdicts.len() == built.part.len() => {
                    if close(slot, &verdicts, &context) {
                        note_accepted(&context, &built);
                    }
                    self.answered_per_record(built.part, verdicts);
                    return None;
                }
                Verdict::Faulty(fault, objection) => {
                    slot.objected(slowly(&context));
                    let before = context.flow.accepted();
                    self.refused(built.part, fault, Charge::refused(fault, objection), before);
                    return None;
                }
                Verdict::PerRecord(_) => {
                    let reason = "the answer does not tell of every record".to_owned();
                    context.condition.fails(&reason);
                    slot.failed(slowly(&context));
                    reason
                }
                Verdict::NotNow {
                    reason,
                    retry_after,
                    is_overload,
                } => {
                    context.condition.fails(&reason);
                    slot.failed(as_asked(is_overload, retry_after));
                    reason
                }
                Verdict::Refused { reason } => {
                    context.condition.refuses(&reason);
                    slot.failed(slowly(&context));
                    reason
                }
            };
            note_limit(&context);
            trial.failed(context.flow.accepted(), broke);
            if let Some(charge) = self.charge(&built, trial, failure) {
                self.refused(built.part, Fault::Size, charge, trial.accepted_before());
                return None;
            }
            if trial.is_stuck() || self.is_poisoned {
                self.place.park();
                return Some(built.part);
            }
        }
    }

    /// What a part that fails is accused of, if it should be divided.
    fn charge(&mut self, built: &Built, trial: &Trial, failure: String) -> Option<Charge> {
        let (records, bytes) = (built.part.len(), built.body.bytes.len() as u64);
        if trial.may_be_too_large(bytes, records) {
            return Some(Charge::unanswered(failure));
        }
        let accepted = self.context.flow.accepted();
        if trial.is_guilty(accepted, records, self.is_poisoned) {
            self.is_poisoned = true;
            self.place.park();
            return Some(Charge::poison(failure));
        }
        None
    }
}

/// Waits as the endpoint asks for.
fn as_asked(is_overload: bool, retry_after: Option<Duration>) -> Setback {
    Setback {
        is_overload,
        retry_after: retry_after.unwrap_or_default(),
        wait_min: Duration::ZERO,
    }
}

impl Charge {
    /// There is no answer, and it is large.
    fn unanswered(reason: String) -> Self {
        let quote = String::new();
        Self::refused(Fault::Size, Objection { reason, quote })
    }

    /// It fails, and others pass.
    fn poison(reason: String) -> Self {
        let quote = String::new();
        Self {
            reason: "poison",
            objection: Objection { reason, quote },
        }
    }
}

/// Ends an attempt whose answer told of every record; says whether any was accepted.
fn close(slot: Slot<'_>, verdicts: &[RecordVerdict], context: &SinkContext) -> bool {
    let is_throttled = verdicts.contains(&RecordVerdict::NotNow);
    let has_accepted = verdicts.contains(&RecordVerdict::Accepted);
    let setback = Setback {
        is_overload: true,
        retry_after: Duration::ZERO,
        wait_min: Duration::ZERO,
    };
    match (has_accepted, is_throttled) {
        (true, false) => slot.accepted(),
        (true, true) => slot.accepted_in_part(setback),
        (false, true) => slot.failed(setback),
        (false, false) => slot.objected(slowly(context)),
    }
    has_accepted
}

fn is_wanted(part: &Batch, context: &SinkContext) -> bool {
    let mut slices = part.slices().iter();
    slices.any(|slice| context.ledgers.are_wanted(slice.receipts()))
}

fn note_accepted(context: &SinkContext, built: &Built) {
    let stats = &context.stats;
    stats
        .bytes_plain
        .fetch_add(built.body.plain_bytes, Ordering::Relaxed);
    stats
        .bytes_sent
        .fetch_add(built.body.bytes.len() as u64, Ordering::Relaxed);
    note_limit(context);
}

fn note_limit(context: &SinkContext) {
    let limit = context.flow.limit();
    context.stats.concurrency.store(limit, Ordering::Relaxed);
}

/// Gives what follows, and whether the connection broke before there was a whole answer.
async fn attempt(built: &Built, context: &SinkContext) -> (Verdict, bool) {
    let request = Request {
        body: built.body.bytes.clone(),
        content_type: context.format.content_type(),
        target: context.format.target(&mut built.part.records()),
        id: built.id,
        content_encoding: context.config.compression.content_encoding(),
    };
    let stats = &context.stats;
    stats.requests.fetch_add(1, Ordering::Relaxed);
    let answer = context.transport.send(request).await;
    let broke = matches!(answer, Err(TransportError::Broken(_)));
    let verdict = judge(&answer, context.format.as_ref(), built.part.len());
    if verdict != Verdict::Accepted {
        stats.requests_failed.fetch_add(1, Ordering::Relaxed);
    }
    (verdict, broke)
}
