//! One batch from its records to its settled receipts.
//!
//! The batch is sent whole, and divided only when something in it is not taken. Each part is built,
//! compressed and repeated by `part`; what is given up in the end goes through `bury`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::flow::{PARKED_MAX, Place, Setback};
use super::halving::{Divide, Halving, Step};
use super::refusals::{Held, WINDOW};
use super::response::{Fault, Objection, RecordVerdict};
use super::sink::SinkContext;
use crate::batch::Batch;
use crate::checkpoint::ledger::Settlement;
use crate::format::Format;

mod body;
mod bury;
mod part;
mod screen;

use bury::bury;

/// A delivery lost its records: a bug.
#[derive(Debug)]
pub(super) struct Unsettled;

/// Delivers a batch: every record of it is accepted or confirmed as a dead letter in the end.
/// Returns without settling only what belongs to partitions that are lost.
///
/// # Cancel safety
/// A dropped delivery leaves its records owed: they are read again by the next owner.
pub(super) async fn deliver(
    batch: Batch,
    place: Place,
    context: Arc<SinkContext>,
) -> Result<(), Unsettled> {
    let mut delivery = Delivery {
        place,
        search: Halving::of(grouped(batch, context.format.as_ref())),
        context,
        objected_at: None,
        is_poisoned: false,
        held: None,
    };
    loop {
        match delivery.search.next() {
            Step::Send(part) => delivery.send(part).await?,
            Step::Rest => delivery.conclude().await,
        }
        if delivery.search.is_done() {
            return Ok(());
        }
    }
}

/// Parts of which each can be one request.
fn grouped(batch: Batch, format: &dyn Format) -> Vec<Batch> {
    let is_one = {
        let mut groups = batch.records().map(|record| format.group(&record));
        let first = groups.next().flatten();
        groups.all(|group| group == first)
    };
    if is_one {
        return vec![batch];
    }
    let sorted = batch.sorted(|record| format.group(record));
    sorted.into_iter().map(|(_, part)| part).collect()
}

struct Delivery {
    place: Place,
    context: Arc<SinkContext>,
    search: Halving<Batch, Charge>,
    /// How many requests of the sink had been accepted when something was first refused.
    objected_at: Option<u64>,
    /// The batch failed for long while others passed: its parts get no long trial.
    is_poisoned: bool,
    /// It waits since nothing of what is left is taken.
    held: Option<Held>,
}

/// What a record is accused of.
#[derive(Clone, Debug)]
struct Charge {
    /// A stable word, for the dead letter.
    reason: &'static str,
    objection: Objection,
}

impl Divide for Batch {
    fn count(&self) -> usize {
        self.len()
    }

    fn divide(self, records: usize) -> (Self, Self) {
        self.split_at(records)
    }
}

impl Delivery {
    /// The endpoint has a part.
    fn accepted(&mut self, part: Batch) {
        self.settle_accepted(part);
        self.search.accepted();
        self.mended();
    }

    fn settle_accepted(&self, part: Batch) {
        let records = part.len() as u64;
        self.context
            .stats
            .records_accepted
            .fetch_add(records, Ordering::Relaxed);
        self.context.refusals.accepted(records);
        self.settle(part, Settlement::Delivered);
        self.context.condition.accepts();
    }

    fn settle(&self, part: Batch, settlement: Settlement) {
        let receipts = part.into_receipts(self.context.id);
        self.context.ledgers.settle(receipts, settlement);
    }

    /// The endpoint does not take a part; so many requests had been accepted `before` it began to
    /// say so.
    fn refused(&mut self, part: Batch, fault: Fault, charge: Charge, before: u64) {
        self.objected_at.get_or_insert(before);
        if part.len() > 1 {
            let divided = self.context.stats.divided.fetch_add(1, Ordering::Relaxed) + 1;
            // Whoever sends too much does so again and again: said at 1, 10, 100, ...
            if fault == Fault::Size && divided == 10_u64.pow(divided.ilog10()) {
                let (sink, reason) = (&self.context.name, &charge.objection.reason);
                tracing::warn!(
                    event = "batch_divided",
                    sink,
                    divided,
                    "sink {sink} does not take a batch of {} records in one piece: {reason}",
                    part.len()
                );
            }
        }
        self.search.refused(part, fault, charge);
    }

    /// The answer told of every record.
    fn answered_per_record(&mut self, part: Batch, verdicts: Vec<RecordVerdict>) {
        self.search.undecided();
        let before = self.context.flow.accepted();
        let mut verdicts = verdicts.into_iter();
        let mut objections = Vec::new();
        let sorted = part.sorted(|_record| match verdicts.next() {
            Some(RecordVerdict::Accepted) => Class::Accepted,
            Some(RecordVerdict::Faulty(objection)) => {
                objections.push(objection);
                Class::Faulty
            }
            Some(RecordVerdict::NotNow) | None => Class::Later,
        });
        let (mut faulty, mut later) = (Batch::default(), None);
        for (class, records) in sorted {
            match class {
                Class::Accepted => {
                    self.settle_accepted(records);
                    self.search.witness();
                    self.mended();
                }
                Class::Faulty => faulty = records,
                Class::Later => later = Some(records),
            }
        }
        for objection in objections {
            let (record, others) = faulty.split_at(1);
            faulty = others;
            let charge = Charge::refused(Fault::Content, objection);
            self.refused(record, Fault::Content, charge, before);
        }
        if let Some(records) = later {
            self.search.again(records);
        }
    }

    /// Something of what waited was accepted: what was refused before may be taken now.
    fn mended(&mut self) {
        if self.held.take().is_some() {
            self.search.acquit();
            self.join();
        }
    }

    /// Puts single records that are sent again into as few requests as there can be.
    fn join(&mut self) {
        let format = Arc::clone(&self.context.format);
        self.search.join(|singles| {
            let joined = Batch::of(singles);
            match joined.is_empty() {
                true => Vec::new(),
                false => grouped(joined, format.as_ref()),
            }
        });
    }

    /// Whether something else of the sink was accepted since something was refused, and lately.
    fn is_witnessed(&self) -> bool {
        let flow = &self.context.flow;
        let is_later = self.objected_at.is_some_and(|at| flow.accepted() > at);
        // Whoever waits asks again within that time.
        let lately = WITNESS_AGE_MAX.max(2 * self.context.config.retry.max);
        is_later && flow.accepted_within(lately)
    }

    /// Nothing is left to be sent: gives up what is guilty, and waits where that may not be.
    async fn conclude(&mut self) {
        let refusals = Arc::clone(&self.context.refusals);
        let context = Arc::clone(&self.context);
        self.search.retain(|part| is_wanted(part, &context));
        if self.search.is_done() {
            return;
        }
        let is_witnessed = self.is_witnessed();
        let is_provable = is_witnessed || !refusals.needs_witness();
        if is_provable && self.search.accusation().is_some() {
            match self.held.take() {
                // Somebody may have mended it meanwhile: what was refused before may be taken now.
                Some(_) if is_witnessed => {
                    self.search.retry();
                    self.join();
                }
                _ => self.search.witness(),
            }
            if self.search.has_more() {
                return;
            }
        }
        let guilty = self.search.guilty();
        if guilty.is_empty() {
            // Nothing is accepted: it is not the records that are wrong.
            let reason = self
                .search
                .accusation()
                .map(|it| it.objection.reason.clone());
            self.hold(&reason.unwrap_or_default());
            self.place.held_back(slowly(&self.context));
            self.search.retry();
            self.join();
        } else if refusals.give_up(guilty.len() as u64) {
            self.held = None;
            // The store may be away for long.
            self.place.park(PARKED_MAX);
            bury(&self.context, guilty).await;
        } else {
            let reason = guilty.first().map(|(_, it)| it.objection.reason.as_str());
            self.hold(&format!(
                "more than {} of the last {WINDOW} records are refused ({}): see \
                 `sinks.{}.refusals_max`",
                refusals.max(),
                reason.unwrap_or_default(),
                self.context.name
            ));
            // Others are accepted: this is its own wait alone.
            self.place.wait(slowly(&self.context));
            self.search.probe(guilty);
        }
    }

    /// Waits for a while, and lets other batches go meanwhile: they may be taken.
    fn hold(&mut self, reason: &str) {
        match &self.held {
            Some(held) => held.say(reason),
            None => self.held = Some(self.context.refusals.hold(reason)),
        }
        self.place.park(PARKED_MAX);
    }
}

/// How long an acceptance tells something of the endpoint, at least.
const WITNESS_AGE_MAX: Duration = Duration::from_secs(120);

/// Whether anybody still waits for a record of a part.
fn is_wanted(part: &Batch, context: &SinkContext) -> bool {
    let mut slices = part.slices().iter();
    slices.any(|slice| context.ledgers.are_wanted(slice.receipts()))
}

#[derive(PartialEq)]
enum Class {
    Accepted,
    Faulty,
    Later,
}

impl Charge {
    fn refused(fault: Fault, objection: Objection) -> Self {
        let reason = match fault {
            Fault::Content => "refused",
            Fault::Size => "oversize",
        };
        Self { reason, objection }
    }
}

/// Nobody mends an address or an encoding within a second: start slower, end at the same bound.
fn slowly(context: &SinkContext) -> Setback {
    Setback {
        is_overload: false,
        retry_after: Duration::ZERO,
        wait_min: context.config.retry.initial,
    }
}
