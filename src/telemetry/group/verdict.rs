//! Whether everything arrives, whoever brings it, in one sentence.

use super::picture::{GroupPartition, SourceGroup};
use crate::telemetry::snapshot::Verdict;

/// A checkpoint that has not moved for this time, with events behind it, stands still: it is stored
/// every 30 s at most, and every few minutes at the highest setting.
const STANDSTILL_SECONDS: f64 = 300.0;
/// So many events behind a checkpoint have not come just now, after a time without any.
const MANY: u64 = 1_000;
/// Partitions that a reason names at most.
const NAMED_MAX: usize = 6;

/// What the numbers say.
pub(super) fn of(sources: &[SourceGroup]) -> Verdict {
    let reasons: Vec<String> = sources.iter().flat_map(reasons).collect();
    let sentence = match reasons.as_slice() {
        [] => well(sources),
        [first] => format!("Not everything arrives: {first}."),
        [first, others @ ..] => {
            let others = others.len();
            format!("Not everything arrives: {first} (and {others} more).")
        }
    };
    Verdict {
        is_well: reasons.is_empty(),
        sentence,
        reasons,
    }
}

fn well(sources: &[SourceGroup]) -> String {
    let partitions: usize = sources.iter().map(|it| it.partitions.len()).sum();
    let lag: u64 = sources.iter().map(|it| it.lag_events).sum();
    let mut owners: Vec<_> = sources
        .iter()
        .flat_map(|it| &it.partitions)
        .filter_map(|it| it.owner.as_deref())
        .collect();
    owners.sort_unstable();
    owners.dedup();
    let replicas = match owners.len() {
        1 => "1 replica".to_owned(),
        more => format!("{more} replicas"),
    };
    format!(
        "Everything arrives: all {partitions} partitions have a live owner ({replicas}), {lag} \
         events are behind the checkpoints."
    )
}

/// The most important first.
fn reasons(source: &SourceGroup) -> Vec<String> {
    let name = &source.name;
    let mut reasons = Vec::new();
    let mut tell = |holds: fn(&GroupPartition) -> bool, what: &str| {
        let found = source.partitions.iter().filter(|it| holds(it));
        let ids: Vec<_> = found.map(|it| it.id.as_str()).collect();
        if let Some(which) = named(&ids) {
            reasons.push(format!("source {name}, {which}: {what}"));
        }
    };
    tell(|it| !it.notes.is_empty(), "the checkpoint is in doubt");
    if !source
        .problems
        .iter()
        .any(|it| it.starts_with("checkpoints"))
    {
        tell(|it| !it.is_live, "no live owner");
    }
    tell(
        stands_still,
        "events are there, and the checkpoint stands still",
    );
    reasons.extend(source.problems.iter().cloned());
    if source.partitions.is_empty() && source.problems.is_empty() {
        reasons.push(format!("source {name}: no partition is known"));
    }
    reasons
}

fn stands_still(partition: &GroupPartition) -> bool {
    let old = |age: Option<f64>| age.is_some_and(|age| age > STANDSTILL_SECONDS);
    let lag = partition.lag_events.unwrap_or(0);
    // After a quiet time the checkpoint is old, too: then the events have just come.
    lag > 0
        && old(partition.checkpoint_age_seconds)
        && (lag >= MANY || old(partition.last_age_seconds))
}

fn named(ids: &[&str]) -> Option<String> {
    let more = ids.len().saturating_sub(NAMED_MAX);
    let shown: Vec<_> = ids.iter().take(NAMED_MAX).copied().collect();
    match (ids.len(), more) {
        (0, _) => None,
        (1, _) => Some(format!("partition {}", shown.join(""))),
        (_, 0) => Some(format!("partitions {}", shown.join(", "))),
        _ => Some(format!("partitions {} and {more} more", shown.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(id: &str) -> GroupPartition {
        GroupPartition {
            id: id.to_owned(),
            owner: Some("one".to_owned()),
            is_live: true,
            owner_age_seconds: Some(1.0),
            first_sequence: Some(0),
            last_sequence: Some(9),
            last_age_seconds: Some(1.0),
            checkpoint: Some(9),
            checkpoint_age_seconds: Some(3_600.0),
            lag_events: Some(0),
            notes: Vec::new(),
        }
    }

    fn verdict(partition: GroupPartition) -> Verdict {
        of(&[SourceGroup {
            name: "entra".to_owned(),
            group: String::new(),
            problems: Vec::new(),
            lag_events: 0,
            partitions: vec![partition],
        }])
    }

    #[test]
    fn a_quiet_partition_and_a_fresh_event_are_well() {
        assert!(verdict(partition("0")).is_well);
        let fresh = GroupPartition {
            lag_events: Some(3),
            ..partition("0")
        };
        assert!(verdict(fresh).is_well);
    }

    #[test]
    fn a_checkpoint_that_stands_still_is_told() {
        let old = GroupPartition {
            lag_events: Some(1),
            last_age_seconds: Some(301.0),
            ..partition("0")
        };
        let many = GroupPartition {
            lag_events: Some(1_000),
            ..partition("0")
        };
        for still in [old, many] {
            let told = verdict(still.clone());
            assert!(
                told.sentence.contains("partition 0: events are there"),
                "{told:?}"
            );
            let moving = GroupPartition {
                checkpoint_age_seconds: Some(20.0),
                ..still
            };
            assert!(verdict(moving).is_well);
        }
    }

    #[test]
    fn an_owner_that_is_gone_is_told() {
        let lost = GroupPartition {
            is_live: false,
            ..partition("7")
        };
        let told = verdict(lost);
        assert_eq!(
            told.sentence,
            "Not everything arrives: source entra, partition 7: no live owner."
        );
        let ids: Vec<String> = (0..9).map(|id| id.to_string()).collect();
        let ids: Vec<_> = ids.iter().map(String::as_str).collect();
        let shown = named(&ids).unwrap();
        assert_eq!(shown, "partitions 0, 1, 2, 3, 4, 5 and 3 more");
    }
}
