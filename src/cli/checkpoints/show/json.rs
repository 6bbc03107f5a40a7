//! `checkpoints show --json`. The fields are part of the command's interface: docs/checkpoints.md.

use serde_json::{Value, json};

use crate::checkpoint::layouts::Reached;
use crate::event_hub::{PartitionProperties, Timestamp};
use crate::telemetry::group::{Report, Row};

/// All sources as one JSON text.
pub(super) fn text(reports: &[Report]) -> String {
    let sources: Vec<_> = reports.iter().map(source).collect();
    let is_complete = reports.iter().all(|report| report.problems.is_empty());
    format!(
        "{:#}\n",
        json!({"complete": is_complete, "sources": sources})
    )
}

fn source(report: &Report) -> Value {
    let problems = report.problems.iter().map(ToString::to_string);
    json!({
        "source": report.source,
        "group": report.group,
        "hub_created_at": report.hub.as_ref().map(|hub| hub.created_at.to_rfc3339()),
        "problems": problems.collect::<Vec<_>>(),
        "partitions": report.rows.iter().map(partition).collect::<Vec<_>>(),
    })
}

fn partition(row: &Row) -> Value {
    let owner = row.owner.as_ref().map(|owner| {
        json!({
            "id": owner.owner,
            "live": row.is_live,
            "age_seconds": owner.age.as_secs(),
        })
    });
    let moment = |moment: Option<Timestamp>| moment.map(Timestamp::to_rfc3339);
    let checkpoint = row.stored.as_ref().map(|stored| {
        let offset = match &stored.reached {
            Reached::Number(_, offset) => offset.as_ref(),
            Reached::Offset(offset) => Some(offset),
            Reached::Nothing => None,
        };
        json!({
            "sequence": row.sequence().map(|sequence| sequence.0),
            "offset": offset.map(|offset| offset.as_str()),
            "enqueued_at": moment(stored.enqueued_at),
            "hub_created_at": moment(stored.hub_created_at),
            "stored_at": stored.modified_at.to_rfc3339(),
        })
    });
    let properties = row.properties.as_ref();
    json!({
        "partition": row.partition.as_str(),
        "owner": owner,
        "first_sequence": properties.map(PartitionProperties::first_readable).map(|it| it.0),
        "last_sequence": properties.map(|it| it.last_sequence.0),
        "checkpoint": checkpoint,
        "lag": row.lag(),
        "notes": row.notes,
    })
}
