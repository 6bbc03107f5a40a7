//! The consumer groups as plain data, for `status` and the status page.

use serde::{Deserialize, Serialize};

use super::{Report, Row, verdict};
use crate::event_hub::{PartitionProperties, Timestamp};
use crate::telemetry::snapshot::Verdict;

/// All sources, seen by their consumer groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Groups {
    /// When it was asked for.
    pub at: String,
    /// Whether everything arrives, whoever brings it.
    pub verdict: Verdict,
    /// Per source, by name.
    pub sources: Vec<SourceGroup>,
}

/// One source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceGroup {
    /// Its name in the configuration.
    pub name: String,
    /// `<namespace>/<hub>/<group>`.
    pub group: String,
    /// Why something is not known.
    pub problems: Vec<String>,
    /// Events behind the checkpoints, as far as they are known.
    pub lag_events: u64,
    /// All partitions, by number.
    pub partitions: Vec<GroupPartition>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupPartition {
    /// Its id.
    pub id: String,
    /// Who owns it; `None` when nobody does.
    pub owner: Option<String>,
    /// Whether the owner has renewed his claim in time.
    pub is_live: bool,
    /// Time since then.
    pub owner_age_seconds: Option<f64>,
    /// Number of the first event that the hub still has.
    pub first_sequence: Option<i64>,
    /// Number of the last event.
    pub last_sequence: Option<i64>,
    /// Time since the hub took that in.
    pub last_age_seconds: Option<f64>,
    /// Number in the checkpoint.
    pub checkpoint: Option<i64>,
    /// Time since that was stored.
    pub checkpoint_age_seconds: Option<f64>,
    /// Events behind the checkpoint.
    pub lag_events: Option<u64>,
    /// What is odd.
    pub notes: Vec<String>,
}

impl Groups {
    /// What was found, at this moment.
    pub fn of(reports: &[Report], now: Timestamp) -> Self {
        let sources: Vec<_> = reports.iter().map(|it| source(it, now)).collect();
        Self {
            at: now.to_rfc3339(),
            verdict: verdict::of(&sources),
            sources,
        }
    }
}

fn source(report: &Report, now: Timestamp) -> SourceGroup {
    SourceGroup {
        name: report.source.clone(),
        group: report.group.clone(),
        problems: report.problems.iter().map(ToString::to_string).collect(),
        lag_events: report.rows.iter().filter_map(Row::lag).sum(),
        partitions: report.rows.iter().map(|it| partition(it, now)).collect(),
    }
}

fn partition(row: &Row, now: Timestamp) -> GroupPartition {
    let (owner, hub) = (row.owner.as_ref(), row.properties.as_ref());
    let last = hub.and_then(|it| it.last_enqueued_at);
    GroupPartition {
        id: row.partition.as_str().to_owned(),
        owner: owner.and_then(|it| it.owner.clone()),
        is_live: row.is_live,
        owner_age_seconds: owner.map(|it| it.age.as_secs_f64()),
        first_sequence: hub.map(PartitionProperties::first_readable).map(|it| it.0),
        last_sequence: hub.map(|it| it.last_sequence.0),
        last_age_seconds: last.map(|it| now.since(it).as_secs_f64()),
        checkpoint: row.sequence().map(|it| it.0),
        checkpoint_age_seconds: row.stored.as_ref().map(|it| it.age.as_secs_f64()),
        lag_events: row.lag(),
        notes: row.notes.clone(),
    }
}
