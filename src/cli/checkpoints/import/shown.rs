//! What is said of an import.

use super::super::listed;
use super::super::table::{Table, or_dash, short, signed};
use super::decide::{Outcome, Row};
use crate::checkpoint::layouts::{Holder, Life, Reached, StoredPosition};

/// The partitions as a table, and what there is to know below it.
pub(super) fn table(rows: &[Row]) -> String {
    let mut table = Table::new(
        &[
            "part", "found as", "theirs", "stored", "ours", "between", "becomes", "repeats",
        ],
        1,
    );
    for row in rows {
        let theirs = row.theirs.as_ref();
        let ours = row.ours.as_ref().and_then(StoredPosition::number);
        let (number, becomes) = match &row.outcome {
            Outcome::Write {
                theirs, position, ..
            } => (Some(*theirs), Some(position.sequence)),
            _ => (theirs.and_then(StoredPosition::number), None),
        };
        let between = number
            .zip(ours)
            .map(|(number, ours)| signed(number.0 - ours.0));
        let repeats = number
            .zip(becomes)
            .map(|(number, becomes)| number.0 - becomes.0);
        table.row(vec![
            row.partition.to_string(),
            or_dash(theirs.map(|theirs| theirs.layout.name())),
            number.map_or_else(|| offset(theirs), |number| number.to_string()),
            or_dash(theirs.map(|theirs| short(theirs.age))),
            or_dash(ours),
            or_dash(between),
            match (&row.outcome, becomes) {
                (_, Some(becomes)) => becomes.to_string(),
                (Outcome::NotLookedUp, None) => "?".to_owned(),
                (_, None) => "-".to_owned(),
            },
            or_dash(repeats),
        ]);
    }
    let mut text = table.to_string();
    for row in rows {
        let note = match &row.outcome {
            Outcome::Write { note, .. } => note.as_deref(),
            Outcome::NoPosition if row.ours.is_none() => {
                Some("they have no position: `run` starts it where its configuration says")
            }
            Outcome::NoPosition => Some("they have no position: ours stays"),
            _ => None,
        };
        if let Some(note) = note {
            text.push_str(&format!("partition {}: {note}\n", row.partition));
        }
    }
    text
}

fn offset(theirs: Option<&StoredPosition>) -> String {
    match theirs.map(|theirs| &theirs.reached) {
        Some(Reached::Offset(offset)) => format!("offset {}", offset.as_str()),
        _ => "-".to_owned(),
    }
}

/// One sentence about a consumer that is alive.
pub(super) fn alive(holders: &[&Holder], same_group: bool) -> String {
    let partitions: Vec<_> = holders.iter().map(|it| it.partition.to_string()).collect();
    let since = holders
        .iter()
        .filter_map(|holder| match holder.life {
            Life::Renewed(age) => Some(age),
            Life::Lease(_) => None,
        })
        .min();
    let seen = match since {
        Some(age) => format!("seen {} ago", short(age)),
        None => "it holds a storage lease".to_owned(),
    };
    let advice = if same_group {
        "stop it first: it reads with the consumer group of this source"
    } else {
        "stop it first, so that its positions stand, or add --force to repeat what it reads from \
         now on"
    };
    let verb = if partitions.len() == 1 { "is" } else { "are" };
    format!(
        "{} {verb} read by the other consumer ({seen}): {advice}",
        listed(&partitions)
    )
}
