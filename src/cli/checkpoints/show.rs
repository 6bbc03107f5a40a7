//! `checkpoints show`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use super::super::ConfigFile;
use super::super::config::print;
use super::super::exit::Exit;
use super::table::{Table, or_dash, short};
use super::{Failure, Group, Session};
use crate::checkpoint::layouts::{self, Reached, StoredPosition};
use crate::checkpoint::{Ownership, StoreError};
use crate::event_hub::{
    HubProperties, PartitionId, PartitionProperties, Position, SequenceNumber, Timestamp,
};
use crate::partition::start;

mod json;

/// Arguments of `checkpoints show`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    file: ConfigFile,

    /// Only this source; all of them without it.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,

    /// Print JSON (fields: docs/checkpoints.md) instead of a table.
    #[arg(long)]
    json: bool,
}

/// What is known of one source.
struct Report {
    source: String,
    group: String,
    hub: Option<HubProperties>,
    rows: Vec<Row>,
    problems: Vec<Failure>,
}

/// What is known of one partition.
struct Row {
    partition: PartitionId,
    owner: Option<Ownership>,
    is_live: bool,
    properties: Option<PartitionProperties>,
    stored: Option<StoredPosition>,
    notes: Vec<String>,
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let session = Session::open(&args.file)?;
    let groups = match &args.source {
        Some(name) => vec![session.group(Some(name))?],
        None => session.groups(),
    };
    let mut reports = Vec::new();
    for group in &groups {
        reports.push(look(group).await);
    }
    drop(groups);
    session.close().await;
    let printed = if args.json {
        print(&json::text(&reports))
    } else {
        print(&reports.iter().map(text).collect::<Vec<_>>().join("\n"))
    };
    let problems = reports.into_iter().flat_map(|report| report.problems);
    let exits: Vec<_> = problems.map(Failure::report).collect();
    Ok(exits.first().copied().unwrap_or(printed))
}

/// Asks hub and store; what fails is a problem, and the rest is shown.
async fn look(group: &Group<'_>) -> Report {
    let mut problems = Vec::new();
    let hub = match group.hub.hub_properties().await {
        Ok(hub) => Some(hub),
        Err(error) => {
            problems.push(group.hub_failure(&error));
            None
        }
    };
    let owners = match group.owners().await {
        Ok(owners) => owners,
        Err(failure) => {
            problems.push(failure);
            Vec::new()
        }
    };
    // The same store: what it says once is enough.
    let stored = match layouts::own(&group.session.place, &group.key).await {
        Ok(stored) => stored,
        Err(error)
            if problems
                .iter()
                .all(|problem| problem.exit != Exit::from(&error)) =>
        {
            problems.push(Failure::of_store("checkpoints", &error));
            BTreeMap::new()
        }
        Err(_) => BTreeMap::new(),
    };
    let mut rows = rows(group, hub.as_ref(), owners, stored);
    if hub.is_some() {
        for row in &mut rows {
            match group.hub.partition_properties(&row.partition).await {
                Ok(properties) => row.properties = Some(properties),
                Err(error) => {
                    // The others would wait for the same.
                    problems.push(group.hub_failure(&error));
                    break;
                }
            }
        }
    }
    for row in &mut rows {
        row.note(hub.as_ref());
    }
    Report {
        source: group.name.clone(),
        group: group.key.case_kept_prefix(),
        hub,
        rows,
        problems,
    }
}

fn rows(
    group: &Group<'_>,
    hub: Option<&HubProperties>,
    owners: Vec<Ownership>,
    mut stored: BTreeMap<PartitionId, Result<StoredPosition, StoreError>>,
) -> Vec<Row> {
    let mut owners: BTreeMap<_, _> = owners
        .into_iter()
        .map(|owner| (owner.partition.clone(), owner))
        .collect();
    let known = hub.map(|hub| hub.partitions.clone()).unwrap_or_default();
    let mut partitions: BTreeSet<_> = known.iter().cloned().collect();
    partitions.extend(owners.keys().cloned());
    partitions.extend(stored.keys().cloned());
    let mut partitions: Vec<_> = partitions.into_iter().collect();
    partitions.sort_by_key(super::in_order);
    let row = |partition: PartitionId| {
        let owner = owners.remove(&partition).filter(|it| it.owner.is_some());
        let mut notes = Vec::new();
        let stored = match stored.remove(&partition) {
            Some(Ok(stored)) => Some(stored),
            Some(Err(error)) => {
                notes.push(error.to_string());
                None
            }
            None => None,
        };
        Row {
            is_live: owner.as_ref().is_some_and(|owner| group.is_live(owner)),
            partition,
            owner,
            properties: None,
            stored,
            notes,
        }
    };
    partitions.into_iter().map(row).collect()
}

impl Row {
    /// Number up to which everything is done.
    fn sequence(&self) -> Option<SequenceNumber> {
        self.stored.as_ref()?.number()
    }

    /// Events that are there behind the checkpoint.
    fn lag(&self) -> Option<u64> {
        let position = Position {
            sequence: self.sequence()?,
            ..Position::before_first()
        };
        Some(start::backlog(self.properties.as_ref()?, &position))
    }

    fn note(&mut self, hub: Option<&HubProperties>) {
        let Some(stored) = &self.stored else {
            return;
        };
        if let Reached::Offset(offset) = &stored.reached {
            let offset = offset.as_str();
            self.notes.push(format!(
                "stands at offset {offset}; its number is not stored"
            ));
        }
        if let (Some(hub), Some(created_at)) = (hub, stored.hub_created_at)
            && hub.created_at != created_at
        {
            self.notes.push(format!(
                "the checkpoint is one of another hub (made {created_at}; this one {})",
                hub.created_at
            ));
        }
        if let (Some(sequence), Some(properties)) = (self.sequence(), &self.properties) {
            if sequence > properties.last_sequence {
                self.notes
                    .push("the checkpoint is beyond the last event".to_owned());
            }
            let lost = properties.first_readable().0 - sequence.next().0;
            if lost > 0 && sequence >= SequenceNumber(0) {
                self.notes.push(format!(
                    "{lost} events behind the checkpoint are past retention"
                ));
            }
        }
    }
}

fn text(report: &Report) -> String {
    let mut table = Table::new(
        &[
            "part",
            "owner",
            "seen",
            "first",
            "last",
            "checkpoint",
            "lag",
            "stored",
            "event",
        ],
        1,
    );
    let now = Timestamp::from(SystemTime::now());
    for row in &report.rows {
        let owner = row.owner.as_ref().and_then(|owner| owner.owner.as_deref());
        let stored = row.stored.as_ref();
        let event = stored.and_then(|stored| stored.enqueued_at);
        table.row(vec![
            row.partition.to_string(),
            match (owner, row.is_live) {
                (Some(owner), true) => owner.to_owned(),
                (Some(_), false) => "(expired)".to_owned(),
                (None, _) => "-".to_owned(),
            },
            or_dash(row.owner.as_ref().map(|owner| short(owner.age))),
            or_dash(
                row.properties
                    .as_ref()
                    .map(PartitionProperties::first_readable),
            ),
            or_dash(row.properties.as_ref().map(|it| it.last_sequence)),
            or_dash(row.sequence()),
            or_dash(row.lag()),
            or_dash(stored.map(|stored| short(stored.age))),
            or_dash(event.map(|event| short(now.since(event)))),
        ]);
    }
    let mut text = format!("source {}: {}\n{table}", report.source, report.group);
    for row in &report.rows {
        for note in &row.notes {
            text.push_str(&format!("partition {}: {note}\n", row.partition));
        }
    }
    text
}
