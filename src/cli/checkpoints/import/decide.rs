//! What is made of each position of the other consumer.

use std::time::Duration;

use super::super::change::Change;
use super::super::{Failure, Group};
use crate::checkpoint::layouts::StoredPosition;
use crate::event_hub::{HubProperties, PartitionId, Position, SequenceNumber, Timestamp};
use crate::partition::locate::{self, Located};

/// How much the clocks of hub and store may differ.
const CLOCKS: Duration = Duration::from_secs(300);

/// One partition.
pub(super) struct Row {
    pub(super) partition: PartitionId,
    pub(super) theirs: Option<StoredPosition>,
    pub(super) ours: Option<StoredPosition>,
    pub(super) outcome: Outcome,
}

/// What is to happen with a partition.
pub(super) enum Outcome {
    /// They have no position: nothing is written.
    NoPosition,
    /// It was not looked up, since somebody reads the partition.
    NotLookedUp,
    /// It cannot be taken over; why.
    Refused(String),
    /// It is written.
    Write {
        /// Where reading goes on behind.
        position: Position,
        /// Where theirs is, looked up.
        theirs: SequenceNumber,
        /// What there is to know about it.
        note: Option<String>,
        /// Whether ours is of the hub that is there, so that its number can be compared.
        comparable: bool,
    },
}

impl Row {
    /// Why this partition must not be written.
    pub(super) fn refusal(&self, force: bool) -> Option<String> {
        let partition = &self.partition;
        match &self.outcome {
            Outcome::Refused(why) => Some(format!("partition {partition}: {why}")),
            Outcome::Write {
                position,
                comparable: true,
                ..
            } if !force => {
                let ours = self.ours.as_ref().and_then(StoredPosition::number)?;
                let back = ours.0 - position.sequence.0;
                (back > 0).then(|| {
                    format!(
                        "partition {partition}: the checkpoint of this program is {back} events \
                         ahead of that, and would move back: add --force to deliver them again"
                    )
                })
            }
            _ => None,
        }
    }

    /// What is to be written; nothing when it is there already.
    pub(super) fn into_change(self) -> Option<Change> {
        let Outcome::Write {
            position,
            comparable,
            ..
        } = self.outcome
        else {
            return None;
        };
        let is_there = comparable
            && self.ours.as_ref().and_then(StoredPosition::number) == Some(position.sequence);
        (!is_there).then_some(Change {
            partition: self.partition,
            position,
            over: self.ours,
        })
    }
}

/// Looks a position up and goes back by `rewind`; without one nothing may be looked up.
pub(super) async fn decide(
    group: &Group<'_>,
    hub: &HubProperties,
    (partition, theirs, ours): (PartitionId, Option<StoredPosition>, Option<StoredPosition>),
    rewind: Option<Duration>,
) -> Result<Row, Failure> {
    let outcome = match (&theirs, rewind) {
        (None, _) => Outcome::NoPosition,
        (Some(theirs), _) if is_older(theirs, hub) => Outcome::Refused(format!(
            "their position ({}) is older than the hub, which was made {}: it is one of another \
             hub; use `checkpoints set`",
            theirs.path, hub.created_at
        )),
        (Some(_), None) => Outcome::NotLookedUp,
        (Some(theirs), Some(rewind)) => {
            let comparable = ours
                .as_ref()
                .is_some_and(|ours| ours.hub_created_at.is_none_or(|at| at == hub.created_at));
            write(group, &partition, theirs, rewind, comparable).await?
        }
    };
    Ok(Row {
        partition,
        theirs,
        ours,
        outcome,
    })
}

/// Whether a position is of a hub that was there before this one under its name.
fn is_older(theirs: &StoredPosition, hub: &HubProperties) -> bool {
    let is_another = theirs.hub_created_at.is_some_and(|at| at != hub.created_at);
    is_another || hub.created_at.since(theirs.modified_at) > CLOCKS
}

async fn write(
    group: &Group<'_>,
    partition: &PartitionId,
    theirs: &StoredPosition,
    rewind: Duration,
    comparable: bool,
) -> Result<Outcome, Failure> {
    let failed = |error| group.hub_failure(&error);
    let hub = group.hub.as_ref();
    let located = locate::reached(hub, partition, &theirs.reached)
        .await
        .map_err(failed)?;
    let (reached, note) = match located {
        Located::At(position) => (position, None),
        Located::Nothing(position) => {
            let note = "they have read nothing yet: begins at the first event".to_owned();
            (position, Some(note))
        }
        Located::Passed(position, lost) => {
            let lost = lost.map_or_else(|| "some".to_owned(), |lost| lost.to_string());
            let note = format!("{lost} events behind their position are past retention");
            (position, Some(note))
        }
        Located::Beyond(last) => {
            return Ok(Outcome::Refused(format!(
                "their position ({}) is beyond the last event ({last}): it is one of another hub; \
                 use `checkpoints set`",
                theirs.path
            )));
        }
    };
    let back = i64::try_from(rewind.as_millis()).unwrap_or(i64::MAX);
    let position = match reached.enqueued_at {
        Some(at) if back > 0 => {
            let moment = Timestamp(at.0.saturating_sub(back).max(0));
            locate::at_time(hub, partition, moment, &reached)
                .await
                .map_err(failed)?
        }
        _ => reached.clone(),
    };
    Ok(Outcome::Write {
        theirs: reached.sequence,
        position,
        note,
        comparable,
    })
}
