//! Whether everything arrives, in one sentence.

use super::snapshot::{SinkState, Snapshot, Verdict};

/// Share of a source's retention from which waiting is dangerous.
pub const RETENTION_ALARM: f64 = 0.5;

/// Before it is known.
pub(super) fn unknown() -> Verdict {
    Verdict {
        is_well: false,
        sentence: String::new(),
        reasons: Vec::new(),
    }
}

/// What the numbers say.
pub(super) fn of(snapshot: &Snapshot) -> Verdict {
    let reasons = reasons(snapshot);
    let sentence = match reasons.first() {
        None => well(snapshot),
        Some(first) if reasons.len() == 1 => format!("Not everything arrives: {first}."),
        Some(first) => {
            let others = reasons.len() - 1;
            format!("Not everything arrives: {first} (and {others} more).")
        }
    };
    Verdict {
        is_well: reasons.is_empty(),
        sentence,
        reasons,
    }
}

fn well(snapshot: &Snapshot) -> String {
    let owned = snapshot
        .sources
        .iter()
        .flat_map(|source| &source.partitions)
        .filter(|partition| partition.is_owned)
        .count();
    let age = snapshot.oldest_unsettled_seconds;
    match owned {
        0 => "Nothing fails; this replica owns no partition.".to_owned(),
        _ => format!(
            "Everything arrives: {owned} partitions, {} sinks, the oldest unsettled event is {age:.0} \
             s old.",
            snapshot.sinks.len()
        ),
    }
}

/// The most important first.
fn reasons(snapshot: &Snapshot) -> Vec<String> {
    let mut reasons = Vec::new();
    if snapshot.balance.error != 0 {
        let error = snapshot.balance.error;
        reasons.push(format!(
            "the balance is off by {error} records, which is a bug"
        ));
    }
    if let Some(used) = snapshot.retention_used.filter(|it| *it >= RETENTION_ALARM) {
        reasons.push(format!(
            "the oldest unsettled event has used {:.0} % of the hub's retention",
            used * 100.0
        ));
    }
    let mut components: Vec<_> = snapshot.components.iter().collect();
    components.sort_by_key(|it| !it.is_failing);
    for component in components {
        if let Some(reason) = &component.reason {
            reasons.push(format!("{}: {reason}", component.name));
        }
    }
    for sink in &snapshot.sinks {
        if sink.state == SinkState::Unknown {
            reasons.push(format!("sink {} has not answered yet", sink.name));
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::snapshot::{Balance, Component, Memory, Process};

    fn component(name: &str, reason: Option<&str>, is_failing: bool) -> Component {
        Component {
            name: name.to_owned(),
            reason: reason.map(str::to_owned),
            is_failing,
            since_seconds: 1.0,
        }
    }

    fn snapshot(components: Vec<Component>) -> Snapshot {
        Snapshot {
            at: String::new(),
            process: Process {
                version: String::new(),
                owner: String::new(),
                started_at: String::new(),
                uptime_seconds: 0.0,
                resident_bytes: None,
                open_files: None,
            },
            verdict: unknown(),
            balance: Balance {
                events: 0,
                received: 0,
                wanted: 0,
                unrouted: 0,
                error: 0,
            },
            oldest_unsettled_seconds: 0.0,
            retention_used: None,
            sources: Vec::new(),
            sinks: Vec::new(),
            memory: Memory {
                budget_bytes: 0,
                events_bytes: 0,
                bodies_bytes: 0,
            },
            credentials: Vec::new(),
            components,
            dead_letters: Vec::new(),
            recent_dead_letters: Vec::new(),
        }
    }

    #[test]
    fn what_fails_comes_before_what_waits() {
        let verdict = of(&snapshot(vec![
            component("sink a", Some("down"), false),
            component("sink b", Some("refusing"), true),
            component("sink c", None, false),
        ]));
        assert!(!verdict.is_well);
        assert_eq!(verdict.reasons, ["sink b: refusing", "sink a: down"]);
        assert_eq!(
            verdict.sentence,
            "Not everything arrives: sink b: refusing (and 1 more)."
        );
        let well = of(&snapshot(vec![component("sink c", None, false)]));
        assert!(well.is_well && well.reasons.is_empty());
    }

    #[test]
    fn half_of_the_retention_and_a_wrong_balance_are_told() {
        let mut snapshot = snapshot(Vec::new());
        snapshot.retention_used = Some(0.49);
        assert!(of(&snapshot).is_well);
        snapshot.retention_used = Some(0.5);
        snapshot.balance.error = -3;
        let verdict = of(&snapshot);
        assert_eq!(verdict.reasons.len(), 2);
        assert!(verdict.reasons[0].contains("balance is off by -3"));
        assert!(verdict.reasons[1].contains("50 %"));
    }
}
