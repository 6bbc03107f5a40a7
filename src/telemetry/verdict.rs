//! Whether everything arrives, in one sentence.

use super::snapshot::{SinkState, Snapshot, Verdict};
use crate::event_hub::Timestamp;

/// Share of a source's retention from which waiting is dangerous.
pub const RETENTION_ALARM: f64 = 0.5;

/// Age of the oldest unsettled event from which it is late, whatever the retention.
const LATE_SECONDS: f64 = 30.0 * 60.0;
/// For how long dead letters are news.
const NEWS_MS: i64 = 60 * 60 * 1_000;

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
        _ => {
            let some = |number: usize, what: &str| match number {
                1 => format!("1 {what}"),
                more => format!("{more} {what}s"),
            };
            let (partitions, sinks) =
                (some(owned, "partition"), some(snapshot.sinks.len(), "sink"));
            format!(
                "Everything arrives: {partitions}, {sinks}, the oldest unsettled event is {age:.0} \
                 s old."
            )
        }
    }
}

/// Dead letters of the last hour, as far as they are remembered one by one.
fn recently_dead(snapshot: &Snapshot) -> usize {
    let Some(now) = Timestamp::parse_rfc3339(&snapshot.at) else {
        return 0;
    };
    let letters = snapshot.recent_dead_letters.iter();
    let seen = letters.filter_map(|it| Timestamp::parse_rfc3339(&it.first_seen));
    seen.filter(|seen| now.0 - seen.0 < NEWS_MS).count()
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
    if snapshot.oldest_unsettled_seconds >= LATE_SECONDS {
        let minutes = snapshot.oldest_unsettled_seconds / 60.0;
        reasons.push(format!(
            "the oldest unsettled event is {minutes:.0} min old"
        ));
    }
    let dead = recently_dead(snapshot);
    if dead > 0 {
        reasons.push(format!(
            "{dead} records or more became dead letters within the last hour"
        ));
    }
    let holds = |name: &str| {
        let mut credentials = snapshot.credentials.iter();
        credentials.any(|it| it.seconds_left > 0.0 && name == format!("signature of {}", it.place))
    };
    let components = snapshot.components.iter();
    // One that ends soon keeps nothing from arriving yet.
    let mut components: Vec<_> = components.filter(|it| !holds(&it.name)).collect();
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
pub(super) mod tests {
    use super::*;
    use crate::telemetry::snapshot::{
        Balance, Component, Credential, Memory, Process, RecentDeadLetter,
    };

    fn component(name: &str, reason: Option<&str>, is_failing: bool) -> Component {
        Component {
            name: name.to_owned(),
            reason: reason.map(str::to_owned),
            is_failing,
            since_seconds: 1.0,
        }
    }

    pub(in crate::telemetry) fn snapshot(components: Vec<Component>) -> Snapshot {
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

    #[test]
    fn what_is_late_and_what_was_given_up_is_told_and_what_ends_soon_is_not() {
        let mut late = snapshot(Vec::new());
        late.oldest_unsettled_seconds = 1_799.0;
        assert!(of(&late).is_well);
        late.oldest_unsettled_seconds = 7_200.0;
        assert!(of(&late).sentence.contains("120 min old"));

        let mut dead = snapshot(Vec::new());
        let letter = |first_seen: &str| RecentDeadLetter {
            first_seen: first_seen.to_owned(),
            source: "entra".to_owned(),
            sink: None,
            reason: "refused".to_owned(),
            partition: "0".to_owned(),
            sequence: 1,
            index: None,
        };
        dead.at = "2026-11-21T12:00:00.000Z".to_owned();
        dead.recent_dead_letters = vec![letter("2026-11-21T10:59:00.000Z")];
        assert!(of(&dead).is_well);
        dead.recent_dead_letters
            .push(letter("2026-11-21T11:30:00.000Z"));
        assert!(of(&dead).sentence.contains("1 records or more became dead"));

        let place = "checkpoints.container_url";
        let ends = format!("signature of {place}");
        let mut signed = snapshot(vec![component(&ends, Some("it ends"), false)]);
        assert!(!of(&signed).is_well);
        signed.credentials = vec![Credential {
            place: place.to_owned(),
            kind: "signature".to_owned(),
            ends_at: String::new(),
            seconds_left: 60.0,
        }];
        assert!(of(&signed).is_well);
        signed.credentials[0].seconds_left = -1.0;
        assert!(!of(&signed).is_well);
    }
}
