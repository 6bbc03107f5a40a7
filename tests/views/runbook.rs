//! `docs/operations.md`: what it names is there. That its commands parse is tested with those of all
//! pages, in `src/cli/tests.rs`.

use std::collections::BTreeSet;

use entra_forwarder::telemetry::metrics::families;

use crate::files::{anchors, text};

const PAGE: &str = "docs/operations.md";

/// What stands in backticks.
fn quoted(page: &str) -> Vec<&str> {
    let mut is_code = false;
    let lines = page.lines().filter(|line| {
        is_code ^= line.starts_with("```");
        !is_code && !line.starts_with("```")
    });
    lines
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn events_are_those_of_the_log() {
    let page = text(PAGE);
    let logs = text("docs/logs.md");
    let named = |text: &str| -> BTreeSet<String> {
        let parts = text.split("event=").skip(1);
        let end = |part: &str| part.find(|c: char| !c.is_ascii_lowercase() && c != '_');
        parts
            .map(|part| part[..end(part).unwrap_or(part.len())].to_owned())
            .collect()
    };
    let events = named(&page);
    assert!(events.len() > 12, "{events:?}");
    // A row of the table of events has the level behind the name.
    let levels = ["error", "warn", "info", "debug"];
    for event in events {
        let rows = levels.map(|level| format!("\n| `{event}` | {level}"));
        let is_there = rows.iter().any(|row| logs.contains(row));
        assert!(is_there, "no event {event} in docs/logs.md");
    }
}

#[test]
fn metrics_are_those_of_the_table() {
    let names: BTreeSet<_> = families().map(|it| it.full_name()).collect();
    let page = text(PAGE);
    for word in quoted(&page) {
        if word.starts_with("entra_forwarder_") {
            assert!(names.contains(word), "no metric {word}");
        }
    }
}

#[test]
fn links_lead_somewhere() {
    let page = text(PAGE);
    let mut links = 0;
    for link in page.split("](").skip(1) {
        let link = link.split(')').next().unwrap();
        if link.starts_with("http") {
            continue;
        }
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = match file {
            "" => page.clone(),
            file => text(&format!("docs/{file}")),
        };
        assert!(
            anchor.is_empty() || anchors(&target).contains(anchor),
            "{link}"
        );
        links += 1;
    }
    assert!(links > 20, "{links}");
}

/// Somebody who is woken up finds the same parts in the same order.
#[test]
fn every_incident_has_the_same_parts() {
    let page = text(PAGE);
    let incidents = page.split("\n## ").skip(1);
    let incidents: Vec<_> = incidents
        .filter(|it| it.contains("**What you see.**"))
        .collect();
    assert!(incidents.len() >= 14, "{}", incidents.len());
    for incident in &incidents {
        let title = incident.lines().next().unwrap();
        let mut rest = *incident;
        for part in [
            "What you see",
            "In the log",
            "How long it may wait",
            "What to do",
            "It is over when",
        ] {
            let mark = format!("**{part}.**");
            let at = rest
                .find(&mark)
                .unwrap_or_else(|| panic!("{title}: no {mark} in its place"));
            rest = &rest[at..];
        }
        let anchor = anchors(&format!("# {title}")).pop_first().unwrap();
        let link = format!("](#{anchor})");
        assert!(page.contains(&link), "{title} is not in the table");
    }
}
