//! What the partitions hold, and what of it is left to do.

use std::collections::BTreeMap;

use futures::StreamExt;

use super::{HubProperties, Log, Point, Subject, clock_of_events, reading};
use crate::check::finding::{Finding, Outcome};
use crate::checkpoint::StoreError;
use crate::checkpoint::layouts::{self, Reached, StoredPosition};
use crate::config::Start;
use crate::event_hub::{
    PartitionId, PartitionProperties, Position, SequenceNumber, SourceError, Timestamp,
};
use crate::partition::start;
use crate::tools::ToolsHub;

/// Partitions that are looked at at the same time.
const AT_ONCE: usize = 8;

/// What is stored for a group; `None` when it cannot be read.
type Stored = Option<BTreeMap<PartitionId, Result<StoredPosition, StoreError>>>;

/// Looks at all partitions.
pub(super) async fn look(
    log: &Log,
    subject: &Subject<'_>,
    hub: &HubProperties,
    tools: Option<&ToolsHub>,
) {
    let stored = match &subject.parts.place {
        // Why it cannot be read is told with the checkpoints.
        Some(place) => layouts::own(place, &subject.key()).await.ok(),
        None => Some(BTreeMap::new()),
    };
    let is_first_start = stored.as_ref().is_some_and(BTreeMap::is_empty);
    let mut asked = futures::stream::iter(hub.partitions.iter())
        .map(|partition| ask(subject, partition, tools, is_first_start))
        .buffered(AT_ONCE);
    let mut sums = Sums::default();
    let mut newest = None;
    while let Some(asked) = asked.next().await {
        let known = match asked {
            Ok(known) => known,
            // The others would wait for the same.
            Err(error) => return subject.report(log, Point::Backlog, &error, None),
        };
        newest = newest.max(known.properties.last_enqueued_at);
        let left = sums.left(subject, hub, &known, &stored);
        log.put(Finding {
            component: log.component().to_owned(),
            point: Point::Partition,
            of: Some(known.partition.to_string()),
            outcome: left.outcome,
            seen: format!("{}; {}", held(&known), left.seen),
            remedy: left.remedy,
        });
    }
    sums.report(log, subject, is_first_start);
    clock_of_events(log, subject, newest);
}

/// What the hub tells of a partition.
struct Known<'a> {
    partition: &'a PartitionId,
    properties: PartitionProperties,
    /// When the first retained event was taken in.
    first_at: Option<Timestamp>,
    /// The position before what a first start would deliver; `None` when it is not known.
    first_start: Option<Position>,
}

async fn ask<'a>(
    subject: &Subject<'_>,
    partition: &'a PartitionId,
    tools: Option<&ToolsHub>,
    is_first_start: bool,
) -> Result<Known<'a>, SourceError> {
    let properties = subject.hub.partition_properties(partition).await?;
    let first_at = match tools {
        Some(tools) if !properties.is_empty => reading::first_event(tools, partition).await,
        _ => None,
    };
    let own = subject.source.start_partitions.get(partition.as_str());
    // Where its group has a checkpoint, a partition without one is read from its beginning.
    let start = match is_first_start {
        true => *own.unwrap_or(&subject.source.start),
        false => Start::Earliest,
    };
    // To look a time up takes a receiver, which must be none of the forwarder's own group.
    let by = match (start, tools) {
        (_, Some(tools)) => Some(tools.source.as_ref()),
        (Start::Time(_), None) => None,
        (_, None) => Some(subject.hub.as_ref()),
    };
    let first_start = match by {
        Some(by) => {
            let found = start::first_position(by, partition, start, &properties);
            found.await.ok()
        }
        None => None,
    };
    Ok(Known {
        partition,
        properties,
        first_at,
        first_start,
    })
}

/// What a partition holds.
fn held(known: &Known<'_>) -> String {
    let properties = &known.properties;
    let last = properties.last_sequence;
    if last < SequenceNumber(0) {
        return "never used".to_owned();
    }
    let when = properties.last_enqueued_at;
    let when = when.map(|when| format!(" of {when}")).unwrap_or_default();
    match properties.is_empty {
        true => format!("empty; the last event was {last}{when}"),
        false => {
            let since = known.first_at.map(|it| format!(" of {it}"));
            let first = properties.first_readable();
            format!(
                "events {first}{} to {last}{when}",
                since.unwrap_or_default()
            )
        }
    }
}

/// What of a partition is left to do.
struct Left {
    outcome: Outcome,
    seen: String,
    remedy: Option<String>,
}

impl Left {
    fn ok(seen: String) -> Self {
        Self {
            outcome: Outcome::Ok,
            seen,
            remedy: None,
        }
    }

    fn warning(seen: String, remedy: &str) -> Self {
        Self {
            outcome: Outcome::Warning,
            seen,
            remedy: Some(remedy.to_owned()),
        }
    }
}

/// What is left in all partitions together.
#[derive(Default)]
struct Sums {
    events: u64,
    /// Partitions of which it is not known.
    unknown: usize,
}

impl Sums {
    fn left(
        &mut self,
        subject: &Subject<'_>,
        hub: &HubProperties,
        known: &Known<'_>,
        stored: &Stored,
    ) -> Left {
        let Some(stored) = stored else {
            self.unknown += 1;
            return Left::ok("its checkpoint cannot be read".to_owned());
        };
        match stored.get(known.partition) {
            Some(Ok(position)) => self.behind(hub, &known.properties, position),
            Some(Err(error)) => {
                self.unknown += 1;
                let remedy = "set it: entra-forwarder checkpoints set";
                Left::warning(error.to_string(), remedy)
            }
            None => self.first(subject, known),
        }
    }

    /// Behind a checkpoint.
    fn behind(
        &mut self,
        hub: &HubProperties,
        properties: &PartitionProperties,
        stored: &StoredPosition,
    ) -> Left {
        let Some(sequence) = stored.number() else {
            self.unknown += 1;
            let offset = match &stored.reached {
                Reached::Offset(offset) => offset.as_str(),
                _ => "-1",
            };
            let seen = format!("the checkpoint stands at offset {offset}, without a number");
            return Left::ok(seen);
        };
        let position = Position {
            sequence,
            ..Position::before_first()
        };
        let events = start::backlog(properties, &position);
        self.events += events;
        let seen = format!("the checkpoint stands at {sequence}, {events} events are left");
        let lost = properties.first_readable().0 - sequence.next().0;
        let is_other = stored.hub_created_at.is_some_and(|it| it != hub.created_at);
        if is_other || sequence > properties.last_sequence {
            let seen = format!("{seen}: it belongs to another hub of this name");
            let remedy = "see on_stale_checkpoint, or set it: entra-forwarder checkpoints set";
            Left::warning(seen, remedy)
        } else if lost > 0 && sequence >= SequenceNumber(0) {
            let seen = format!("{seen}; {lost} before them are past retention");
            Left::warning(seen, "forward in time: they are gone")
        } else {
            Left::ok(seen)
        }
    }

    /// Of a partition without a checkpoint.
    fn first(&mut self, subject: &Subject<'_>, known: &Known<'_>) -> Left {
        let Some(before) = &known.first_start else {
            self.unknown += 1;
            let start = shown(subject.source.start);
            return Left::ok(format!("a first start delivers what came from {start} on"));
        };
        let events = start::backlog(&known.properties, before);
        self.events += events;
        Left::ok(format!("a first start delivers {events} events"))
    }

    fn report(self, log: &Log, subject: &Subject<'_>, is_first_start: bool) {
        let Self { events, unknown } = self;
        let more = match unknown {
            0 => String::new(),
            _ => format!(", and what {unknown} partitions hold that cannot be counted"),
        };
        log.ok(
            Point::Backlog,
            match is_first_start {
                false => format!("{events} events are left behind the checkpoints{more}"),
                true => format!(
                    "no checkpoint yet: a first start (start = {}) delivers {events} events{more}",
                    shown(subject.source.start)
                ),
            },
        );
    }
}

fn shown(start: Start) -> String {
    match start {
        Start::Earliest => "\"earliest\"".to_owned(),
        Start::Latest => "\"latest\"".to_owned(),
        Start::Time(moment) => format!("\"{moment}\""),
        Start::Sequence(number) => number.to_string(),
    }
}
