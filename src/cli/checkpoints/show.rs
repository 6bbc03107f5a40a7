//! `checkpoints show`.

use std::time::SystemTime;

use super::super::ConfigFile;
use super::super::config::print;
use super::super::exit::Exit;
use super::table::{Table, or_dash, short};
use super::{Failure, Session};
use crate::event_hub::{PartitionProperties, Timestamp};
use crate::telemetry::group::Report;

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

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let session = Session::open(&args.file)?;
    let groups = match &args.source {
        Some(name) => vec![session.group(Some(name))?],
        None => session.groups(),
    };
    let mut reports = Vec::new();
    for group in &groups {
        reports.push(group.group.look().await);
    }
    drop(groups);
    session.close().await;
    let printed = if args.json {
        print(&json::text(&reports))
    } else {
        print(&reports.iter().map(text).collect::<Vec<_>>().join("\n"))
    };
    let problems = reports.into_iter().flat_map(|report| report.problems);
    let exits: Vec<_> = problems.map(|it| Failure::from(it).report()).collect();
    Ok(exits.first().copied().unwrap_or(printed))
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
