//! One part of a batch: the same bytes again and again, until the endpoint says what to do with it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::body::Built;
use super::bury::bury;
use super::{Charge, Delivery, Unsettled, is_wanted, slowly};
use crate::batch::Batch;
use crate::deliver::flow::{PARKED_MAX, STUCK_MAX, Setback, Slot};
use crate::deliver::http::Request;
use crate::deliver::response::{
    Answer, Fault, Objection, RecordVerdict, TransportError, Verdict, judge,
};
use crate::deliver::sink::{Outcome, SinkContext};
use crate::deliver::trial::{Failure, Trial};

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
            self.search.too_large(part, charge);
        } else {
            self.search.undecided();
            self.place.park(PARKED_MAX);
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
            if trial.has_failed() {
                context.stats.retries.fetch_add(1, Ordering::Relaxed);
            }
            let (verdict, kind) = attempt(&built, &context).await;
            let failure = match verdict {
                Verdict::Accepted => {
                    slot.accepted();
                    note_accepted(&context, &built);
                    self.accepted(built.part);
                    return None;
                }
                Verdict::PerRecord(verdicts) if tells(&verdicts, built.part.len()) => {
                    if close(slot, &verdicts, &context) {
                        note_accepted(&context, &built);
                    }
                    self.answered_per_record(built.part, verdicts);
                    return None;
                }
                Verdict::Faulty(fault, objection) => {
                    slot.objected(slowly(&context));
                    // Address and credentials are right.
                    context.condition.accepts();
                    let before = context.flow.accepted();
                    self.refused(built.part, fault, Charge::refused(fault, objection), before);
                    return None;
                }
                Verdict::PerRecord(verdicts) => {
                    let reason = untold(&verdicts, built.part.len());
                    context.condition.fails(reason);
                    slot.failed(as_asked(true, None));
                    reason.to_owned()
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
                    note_refusal(&context, trial, kind, &reason);
                    slot.failed(slowly(&context));
                    reason
                }
            };
            note_limit(&context);
            trial.failed(context.flow.accepted(), kind);
            match self.after_failure(&built, trial, failure) {
                Next::Again => {}
                Next::Rebuild => return Some(built.part),
                Next::Divide(charge) => {
                    self.refused(built.part, Fault::Size, charge, trial.accepted_before());
                    return None;
                }
            }
        }
    }

    /// What becomes of a part that has failed.
    fn after_failure(&mut self, built: &Built, trial: &Trial, failure: String) -> Next {
        self.search.forget_witness();
        if let Some(charge) = self.charge(built, trial, failure) {
            return Next::Divide(charge);
        }
        if trial.is_suspect() || self.is_poisoned {
            self.place.park(PARKED_MAX);
            // Its body may be all that there is room for.
            return Next::Rebuild;
        }
        // With more places than that, others find one anyway.
        if trial.is_stuck() && self.context.config.concurrency <= STUCK_MAX {
            self.place.park(STUCK_MAX);
        }
        Next::Again
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
            self.place.park(PARKED_MAX);
            return Some(Charge::poison(failure));
        }
        None
    }
}

/// What becomes of a part that has failed.
enum Next {
    /// The same bytes again.
    Again,
    /// The same, but without holding the memory until then.
    Rebuild,
    /// It is divided, since it is accused of this.
    Divide(Charge),
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

/// Whether an answer tells of each of so many records, and more than "not now".
fn tells(verdicts: &[RecordVerdict], records: usize) -> bool {
    let is_not_now = |it: &RecordVerdict| *it == RecordVerdict::NotNow;
    verdicts.len() == records && !verdicts.iter().all(is_not_now)
}

/// Why an answer per record settles nothing.
fn untold(verdicts: &[RecordVerdict], records: usize) -> &'static str {
    match verdicts.len() == records {
        true => "the endpoint takes none of the records now",
        false => "the answer does not tell of every record",
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

/// Others pass while this one is refused: then it is not the sink that refuses, unless it is for
/// its credentials.
fn note_refusal(context: &SinkContext, trial: &Trial, kind: Failure, reason: &str) {
    let is_its_own = trial.is_passed_by(context.flow.accepted());
    match is_its_own && kind != Failure::Unauthorized {
        true => context.condition.fails(reason),
        false => context.condition.refuses(reason),
    }
}

fn note_limit(context: &SinkContext) {
    let limit = context.flow.limit();
    context.stats.concurrency.store(limit, Ordering::Relaxed);
}

/// Gives what follows, and what kind of failure it is if it is one.
async fn attempt(built: &Built, context: &SinkContext) -> (Verdict, Failure) {
    let request = Request {
        body: built.body.bytes.clone(),
        content_type: context.format.content_type(),
        target: context.format.target(&mut built.part.records()),
        id: built.id,
        content_encoding: context.config.compression.content_encoding(),
    };
    let stats = &context.stats;
    stats.requests.fetch_add(1, Ordering::Relaxed);
    stats.request_bytes.note(request.body.len() as f64);
    let began = Instant::now();
    let answer = context.transport.send(request).await;
    if answer.is_ok() {
        stats.request_seconds.note(began.elapsed().as_secs_f64());
    }
    let kind = kind(&answer);
    let verdict = judge(&answer, context.format.as_ref(), built.part.len());
    stats.note(outcome(&verdict, kind));
    (verdict, kind)
}

/// What kind of failure it is, if it is one.
fn kind(answer: &Result<Answer, TransportError>) -> Failure {
    match answer {
        Err(TransportError::Broken(_)) => Failure::Broken,
        Err(TransportError::NoToken(_)) => Failure::Throttled,
        Ok(answer) if matches!(answer.status, 408 | 425 | 429) => Failure::Throttled,
        Ok(answer) if answer.retry_after.is_some() => Failure::Throttled,
        Ok(answer) if matches!(answer.status, 401 | 407) => Failure::Unauthorized,
        Err(TransportError::Refused(_)) => Failure::Unauthorized,
        Ok(_) | Err(_) => Failure::Plain,
    }
}

/// As it is counted.
fn outcome(verdict: &Verdict, kind: Failure) -> Outcome {
    match verdict {
        Verdict::Accepted => Outcome::Accepted,
        Verdict::PerRecord(_) => Outcome::PerRecord,
        Verdict::NotNow { .. } if kind == Failure::Throttled => Outcome::Throttled,
        Verdict::NotNow { .. } => Outcome::Failed,
        Verdict::Refused { .. } => Outcome::Refused,
        Verdict::Faulty(..) => Outcome::Rejected,
    }
}
