//! What the partitions hold, who owns them, and what is left to do.

use std::collections::BTreeMap;

use super::{Claims, HubProperties, Log, Point, SourceError, Subject, clock_of_events};
use crate::check::finding::{Finding, Outcome};
use crate::check::store;
use crate::checkpoint::layouts::{self, Reached, StoredPosition};
use crate::checkpoint::{Ownership, StoreError};
use crate::config::Start;
use crate::event_hub::{PartitionId, PartitionProperties, Position, SequenceNumber};
use crate::partition::start;

/// What is stored for a group; `None` when it cannot be read.
type Stored = Option<BTreeMap<PartitionId, Result<StoredPosition, StoreError>>>;

/// Looks at all partitions.
pub(super) async fn look(
    log: &Log,
    subject: &Subject<'_>,
    hub: &HubProperties,
    claims: Option<&Claims>,
) {
    owners(log, subject, hub).await;
    let stored = match &subject.parts.place {
        // Why it cannot be read is told with the checkpoints.
        Some(place) => layouts::own(place, &subject.key()).await.ok(),
        None => Some(BTreeMap::new()),
    };
    let mut sums = Sums::default();
    let mut newest = None;
    for partition in &hub.partitions {
        let properties = subject.hub.partition_properties(partition).await;
        let properties = match properties {
            Ok(properties) => properties,
            Err(error) => return failed(log, subject, &error, claims),
        };
        newest = newest.max(properties.last_enqueued_at);
        let held = held(&properties);
        let left = sums.left(subject, hub, partition, &properties, &stored);
        log.put(Finding {
            component: log.component().to_owned(),
            point: Point::Partition,
            of: Some(partition.to_string()),
            outcome: left.outcome,
            seen: format!("{held}; {}", left.seen),
            remedy: left.remedy,
        });
    }
    sums.report(
        log,
        subject,
        stored.as_ref().is_some_and(|stored| !stored.is_empty()),
    );
    clock_of_events(log, subject, newest);
}

fn failed(log: &Log, subject: &Subject<'_>, error: &SourceError, claims: Option<&Claims>) {
    subject.report(log, Point::Backlog, error, claims);
}

/// What a partition holds.
fn held(properties: &PartitionProperties) -> String {
    let last = properties.last_sequence;
    if last < SequenceNumber(0) {
        return "never used".to_owned();
    }
    let when = properties.last_enqueued_at;
    let when = when.map(|when| format!(" of {when}")).unwrap_or_default();
    match properties.is_empty {
        true => format!("empty; the last event was {last}{when}"),
        false => format!("events {} to {last}{when}", properties.first_readable()),
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
        partition: &PartitionId,
        properties: &PartitionProperties,
        stored: &Stored,
    ) -> Left {
        let Some(stored) = stored else {
            self.unknown += 1;
            return Left::ok("its checkpoint cannot be read".to_owned());
        };
        match stored.get(partition) {
            Some(Ok(position)) => self.behind(hub, properties, position),
            Some(Err(error)) => {
                self.unknown += 1;
                let remedy = "set it: entra-forwarder checkpoints set";
                Left::warning(error.to_string(), remedy)
            }
            None => self.first(subject, partition, properties, stored.is_empty()),
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

    /// Of a partition without a checkpoint. Where its group has some, it is read from its beginning.
    fn first(
        &mut self,
        subject: &Subject<'_>,
        partition: &PartitionId,
        properties: &PartitionProperties,
        is_first_start: bool,
    ) -> Left {
        let own = subject.source.start_partitions.get(partition.as_str());
        let start = match is_first_start {
            true => *own.unwrap_or(&subject.source.start),
            false => Start::Earliest,
        };
        let last = properties.last_sequence;
        let before = match start {
            Start::Earliest => SequenceNumber::BEFORE_FIRST,
            Start::Latest => last,
            Start::Sequence(number) => number.min(last.next()).previous(),
            Start::Time(moment) => {
                let is_later = properties.last_enqueued_at.is_some_and(|it| it >= moment);
                if is_later && !properties.is_empty {
                    self.unknown += 1;
                    let seen = format!("a first start delivers what came from {moment} on");
                    return Left::ok(seen);
                }
                last
            }
        };
        let position = Position {
            sequence: before,
            ..Position::before_first()
        };
        let events = start::backlog(properties, &position);
        self.events += events;
        Left::ok(format!("a first start delivers {events} events"))
    }

    fn report(self, log: &Log, subject: &Subject<'_>, has_checkpoints: bool) {
        let Self { events, unknown } = self;
        let more = match unknown {
            0 => String::new(),
            _ => format!(", and what {unknown} partitions hold that cannot be counted"),
        };
        log.ok(
            Point::Backlog,
            match has_checkpoints {
                true => format!("{events} events are left behind the checkpoints{more}"),
                false => format!(
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

async fn owners(log: &Log, subject: &Subject<'_>, hub: &HubProperties) {
    let key = subject.key();
    let is_live =
        |owner: &Ownership| owner.owner.is_some() && owner.age < subject.config.ownership.expiry;
    let listed = async {
        let owners = subject.store.list_owners(&key).await?;
        let unseen = subject.store.list_unseen_owners(&key).await?;
        Ok::<_, StoreError>((owners, unseen))
    };
    let (owners, unseen) = match listed.await {
        Ok(listed) => listed,
        Err(error) => return store::report(log, Point::Owners, &error, None),
    };
    let unseen = unseen.iter().filter(|it| is_live(it)).count();
    if unseen > 0 {
        let seen = format!(
            "another program owns {unseen} partitions of this group under paths in another case: \
             it does not see this one's claims"
        );
        let remedy = "stop it first, or give this source a consumer group of its own";
        return log.warning(Point::Owners, seen, remedy);
    }
    let live: Vec<_> = owners.iter().filter(|it| is_live(it)).collect();
    let mut names: Vec<_> = live.iter().filter_map(|it| it.owner.as_deref()).collect();
    names.sort_unstable();
    names.dedup();
    log.ok(
        Point::Owners,
        match live.len() {
            0 => "nobody owns a partition now".to_owned(),
            count => format!(
                "{count} of {} partitions are owned by {} live forwarders",
                hub.partitions.len(),
                names.len()
            ),
        },
    );
}
