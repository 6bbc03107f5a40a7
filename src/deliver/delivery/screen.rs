//! The limits that a sink sets for single records: what is over them is given up without asking the
//! endpoint, and so without a witness and outside of `refusals_max`.

use std::sync::Arc;

use super::bury::bury;
use super::{Charge, Delivery};
use crate::batch::Batch;
use crate::deliver::flow::PARKED_MAX;
use crate::deliver::response::Objection;
use crate::deliver::sink::SinkContext;
use crate::event_hub::Timestamp;
use crate::format::Unfit;

/// A part of which every record is within the limits.
pub(super) struct Screened {
    pub(super) part: Batch,
    /// From when on that must be asked again; `None` when it never changes.
    pub(super) until: Option<Timestamp>,
}

impl Delivery {
    /// Asks for a part that is about to be built. When something in it may not leave, that becomes
    /// dead letters, and the rest goes back to the search.
    pub(super) async fn screen(&mut self, part: Batch) -> Option<Screened> {
        let context = Arc::clone(&self.context);
        if context.config.record.is_unlimited() {
            return Some(Screened { part, until: None });
        }
        let now = context.clock.now();
        let mut until: Option<Timestamp> = None;
        let mut charges = Vec::new();
        let sorted = part.sorted(|record| match context.format.check(record, now) {
            Ok(moment) => {
                until = [until, moment].into_iter().flatten().min();
                true
            }
            Err(unfit) => {
                charges.push(Charge::unfit(unfit));
                false
            }
        });
        let (mut fit, mut unfit) = (None, Batch::default());
        for (is_fit, records) in sorted {
            match is_fit {
                true => fit = Some(records),
                false => unfit = records,
            }
        }
        if charges.is_empty() {
            return fit.map(|part| Screened { part, until });
        }
        self.place.park(PARKED_MAX);
        // Whether the rest is taken tells nothing of a part that was larger.
        self.search.undecided();
        if let Some(fit) = fit {
            self.search.again(fit);
        }
        bury_by_event(&context, unfit, charges).await;
        None
    }
}

/// All of a backlog may be too old: no more than one event's records are copied at a time.
async fn bury_by_event(context: &SinkContext, unfit: Batch, charges: Vec<Charge>) {
    let mut event: Vec<(Batch, Charge)> = Vec::new();
    for (record, charge) in unfit.into_singles().zip(charges) {
        let is_next = match (event.first(), record.records().next()) {
            (Some((first, _)), Some(record)) => first
                .records()
                .next()
                .is_some_and(|first| first.origin() != record.origin()),
            _ => false,
        };
        if is_next {
            bury(context, std::mem::take(&mut event)).await;
        }
        event.push((record, charge));
    }
    bury(context, event).await;
}

impl Charge {
    fn unfit(unfit: Unfit) -> Self {
        Self {
            reason: unfit.reason(),
            objection: Objection {
                reason: unfit.to_string(),
                quote: String::new(),
            },
        }
    }
}
