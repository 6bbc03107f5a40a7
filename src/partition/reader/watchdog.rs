//! The watchdog: does a receiver that brings nothing miss something?
//!
//! It is a part of the wait for an event, so its clock runs only while the reader asks for one: not
//! while no receiver is open, nor while the reader waits for room, memory or a sink. It asks over
//! the connection for questions, since a connection that hangs does not tell.

use std::time::Duration;

use tokio::time::Instant;

use super::receive::Link;
use super::{Assignment, End, Reader, component};
use crate::event_hub::{PartitionProperties, SequenceNumber};
use crate::partition::resume::Stale;
use crate::partition::start;

/// How long answers must agree that a position lies behind the end: they lag behind by seconds.
const AHEAD_FOR: Duration = Duration::from_secs(30);
/// How many of them.
const AHEAD_ANSWERS: u32 = 3;
/// An emptied partition is passed over when its last event was taken in so long ago.
const EXPIRED_AGE: Duration = Duration::from_secs(30 * 60);

/// What is wrong with a receiver that brings nothing.
pub(super) enum Alarm {
    /// There are events up to this number.
    Stalled(SequenceNumber),
    /// The partition ends before the position, at this number.
    Ahead(SequenceNumber),
    /// Everything behind the position has expired.
    Expired(PartitionProperties),
}

/// Looks at the partition while nothing comes behind `last`, until there is something to say.
///
/// # Cancel safety
/// Safe: the next wait for an event begins with a new clock.
pub(super) async fn watch(given: &Assignment, last: SequenceNumber) -> Alarm {
    let timeout = given.policy.stall_timeout;
    let interval = timeout / 4;
    // Since when nothing comes; moved on by the time in which the hub could not be asked.
    let mut since = Instant::now();
    let mut looked_at = since;
    let mut before: Option<PartitionProperties> = None;
    let mut ahead: Option<(Instant, u32)> = None;
    tokio::time::sleep(timeout - interval).await;
    loop {
        let asked_at = Instant::now();
        let answer = given.inquiry.look(&given.partition).await;
        let now = Instant::now();
        match answer {
            Ok(found) => {
                if found.last_sequence == last {
                    says_nothing_is_missed(given);
                }
                let is_missed = |it: &PartitionProperties| it.last_sequence > last && !it.is_empty;
                if now - since >= timeout
                    && is_missed(&found)
                    && before.as_ref().is_some_and(is_missed)
                {
                    return Alarm::Stalled(found.last_sequence);
                }
                if found.is_empty && found.last_sequence > last && before.as_ref() == Some(&found) {
                    let clock_now = given.stages.clock.now();
                    let age = found.last_enqueued_at.map(|it| clock_now.since(it));
                    if age.is_some_and(|age| age > EXPIRED_AGE) {
                        return Alarm::Expired(found);
                    }
                }
                ahead = (found.last_sequence < last).then(|| {
                    let (first, answers) = ahead.unwrap_or((now, 0));
                    (first, answers + 1)
                });
                if ahead.is_some_and(|(first, answers)| {
                    answers >= AHEAD_ANSWERS && now - first >= AHEAD_FOR
                }) {
                    return Alarm::Ahead(found.last_sequence);
                }
                before = Some(found);
            }
            Err(_) => {
                // The hub may have been out of reach since the last answer, or since one look ago.
                let earliest = asked_at.checked_sub(interval).unwrap_or(looked_at);
                since += now - looked_at.max(earliest);
            }
        }
        looked_at = now;
        tokio::time::sleep(interval).await;
    }
}

/// A partition that failed since nothing came is well when there is nothing to come.
fn says_nothing_is_missed(given: &Assignment) {
    let (status, component) = (
        &given.stages.status,
        component(&given.stages.source, &given.partition),
    );
    if status.is_failing(&component) {
        status.is_well(&component);
    }
}

impl Reader {
    /// What an alarm means for the receiver; `None` when it stays open.
    pub(super) async fn alarmed(&mut self, alarm: Alarm, link: &mut Link) -> Option<End> {
        match alarm {
            Alarm::Stalled(last) => Some(End::Stalled(last)),
            Alarm::Ahead(last) => Some(End::Stale(Stale::Ahead { last })),
            Alarm::Expired(properties) => {
                let end = self.make_sure(link).await;
                if end.is_some() {
                    return end;
                }
                self.pass_expired(&properties)
            }
        }
    }

    /// Moves behind what has expired, so that nobody counts it as backlog for ever.
    fn pass_expired(&mut self, properties: &PartitionProperties) -> Option<End> {
        let position = start::last(properties);
        let (id, generation) = self.given.ledger;
        let ledgers = &self.given.stages.ledgers;
        if let Err(error) = ledgers.pass(id, generation, position.clone()) {
            return Some(End::Broken(error));
        }
        self.confirm_gap(self.last.sequence.next(), position.sequence.next());
        self.known_time = position.enqueued_at.or(self.known_time);
        self.stats.begins(&position);
        self.last = position;
        self.is_last_received = false;
        self.went_on();
        None
    }
}
