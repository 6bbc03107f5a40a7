//! The table: a block per component, a line per point, and below what is not ok what to do.

use std::fmt::Write;
use std::io::IsTerminal;

use crate::check::destinations::Destination;
use crate::check::finding::{Finding, Outcome};

/// Whether standard output is a terminal that shows colours, and nobody minds
/// (<https://no-color.org/>).
pub(super) fn has_colours() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    std::io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb
}

/// Nothing is cut short: commands are copied out of it.
pub(super) fn findings(findings: &[Finding], has_colours: bool) -> String {
    let point = |finding: &Finding| match &finding.of {
        Some(of) => format!("{} {of}", finding.point.word()),
        None => finding.point.word().to_owned(),
    };
    let width = findings.iter().map(|it| point(it).chars().count()).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    let mut component = "";
    for finding in findings {
        if finding.component != component {
            component = &finding.component;
            let _in_memory = writeln!(text, "{component}");
        }
        let outcome = format!("{:<7}", finding.outcome.word());
        let outcome = match has_colours {
            true => coloured(finding.outcome, &outcome),
            false => outcome,
        };
        let (point, seen) = (point(finding), one_line(&finding.seen));
        let _in_memory = writeln!(text, "  {outcome}  {point:<width$}  {seen}");
        if let Some(remedy) = &finding.remedy {
            let gap = " ".repeat(2 + 7 + 2 + width + 2);
            let _in_memory = writeln!(text, "{gap}-> {}", one_line(remedy));
        }
    }
    text.push_str(&summary(findings));
    text
}

fn summary(findings: &[Finding]) -> String {
    let count = |word: &str| {
        let of_word = findings.iter().filter(|it| it.outcome.word() == word);
        (of_word.count(), word.to_owned())
    };
    let counts = ["failed", "warning", "note", "skipped", "ok"].map(count);
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<_> = counts
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    format!("{}\n", counts.join(", "))
}

fn coloured(outcome: Outcome, text: &str) -> String {
    let code = match outcome {
        Outcome::Ok => 32,
        Outcome::Note => 36,
        Outcome::Warning => 33,
        Outcome::Failed(_) => 31,
        Outcome::Skipped => 90,
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// Whatever a peer has said, it stays on its line and moves no cursor.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

pub(super) fn destinations(found: &[Destination]) -> String {
    let rows = found.iter().map(|it| {
        let protocol = it.address.protocol.word();
        (protocol, it.address.to_string(), it)
    });
    let rows: Vec<_> = rows.collect();
    let width = rows.iter().map(|(_, address, _)| address.len()).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    for (protocol, address, destination) in rows {
        let wanted_by = destination.wanted_by.join(", ");
        let proxy = destination.proxy.as_ref();
        let proxy = proxy.map(|it| format!("  by the proxy {it}"));
        let _in_memory = writeln!(
            text,
            "{protocol:<5}  {address:<width$}  {wanted_by}{}",
            proxy.unwrap_or_default()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::finding::{Cause, Point};

    fn finding(point: Point, outcome: Outcome) -> Finding {
        Finding {
            component: "sources.entra".to_owned(),
            point,
            of: None,
            outcome,
            seen: "what was\nseen\u{1b}[2J".to_owned(),
            remedy: (outcome != Outcome::Ok).then(|| "what to do".to_owned()),
        }
    }

    #[test]
    fn columns_stand_below_each_other_and_every_finding_has_one_line() {
        let all = [
            finding(Point::Name, Outcome::Ok),
            finding(Point::ConsumerGroup, Outcome::Failed(Cause::Other)),
        ];
        let text = findings(&all, false);
        assert_eq!(
            text,
            "sources.entra\n  ok       name            what was seen [2J\n  failed   consumer_group  \
             what was seen [2J\n                           -> what to do\n1 failed, 1 ok\n"
        );
        let coloured = findings(&all, true);
        assert!(
            coloured.contains("\u{1b}[31mfailed \u{1b}[0m"),
            "{coloured}"
        );
    }
}
