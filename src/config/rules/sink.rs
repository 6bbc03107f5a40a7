//! Rules of one sink, and of what all of them select.

use super::{in_order, is_loopback};
use crate::config::CategoriesConfig;
use crate::config::keys::keys;
use crate::config::kind::bytes;
use crate::config::problem::{Origin, Problem};
use crate::config::settings::Settings;
use crate::config::view::View;
use crate::filter;

/// Keys that a sink takes which sends nothing.
const OF_NULL: [&str; 3] = ["type", "include_categories", "exclude_categories"];

/// Checks the rules between the keys of a sink.
pub(super) fn check(
    view: &View<'_>,
    budget: Option<u64>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) {
    match view.word("type") {
        Some("null") => return unused(view, warnings),
        Some("http") if !view.is_tried("endpoint") => problems.push(view.missing("endpoint")),
        _ => {}
    }
    in_order(view, "retry.initial", 1, "retry.max", problems);
    in_order(view, "connect_timeout", 1, "timeout", problems);
    if let (Some(batch), Some(budget)) = (view.bytes("batch.bytes"), budget)
        && batch > budget / 8
    {
        let mut problem = view.problem(
            "batch.bytes",
            bytes(batch),
            format!(
                "at most an eighth of limits.memory_budget ({} of {})",
                bytes(budget / 8),
                bytes(budget)
            ),
        );
        problem.hint = Some(format!(
            "lower it, or raise limits.memory_budget to {}",
            bytes(batch.saturating_mul(8))
        ));
        problems.push(problem);
    }
    let url = view
        .secret("endpoint")
        .and_then(|endpoint| url::Url::parse(endpoint.expose()).ok());
    if url.is_some_and(|url| url.scheme() == "http" && !is_loopback(&url)) {
        warnings.push(format!(
            "{} starts with http://: records and headers travel unencrypted",
            view.shown("endpoint")
        ));
    }
}

/// Warns about what a sink does not use that sends nothing.
fn unused(view: &View<'_>, warnings: &mut Vec<String>) {
    for key in keys() {
        let Some(short) = key.path.strip_prefix("sinks.*.") else {
            continue;
        };
        let name = short.trim_end_matches(".*");
        let is_set = |key: &str| view.problem(key, "", "").origin.is_some();
        let is_set = match short.ends_with(".*") {
            true => view.below(name).any(|(_, it)| it.origin != Origin::Default),
            false => is_set(name),
        };
        if is_set && !OF_NULL.contains(&name) {
            warnings.push(format!(
                "{} is not used: {} is \"null\"",
                view.shown(name),
                view.shown("type")
            ));
        }
    }
}

/// Checks that it is said what becomes of a record that no sink selects.
pub(super) fn check_unrouted(
    settings: &Settings,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) {
    let (whole, names) = (View::new(settings, &[]), settings.names_in("sinks"));
    let lists = ["include_categories", "exclude_categories"];
    let sinks: Vec<_> = names
        .iter()
        .map(|name| View::new(settings, &["sinks", name]))
        .collect();
    // A list that is wrong has a problem already, and may have selected anything.
    let is_wrong = |view: &View<'_>, list| view.is_tried(list) && view.globs(list).is_empty();
    if sinks
        .iter()
        .any(|view| lists.iter().any(|list| is_wrong(view, list)))
    {
        return;
    }
    let categories: Vec<_> = sinks
        .iter()
        .map(|view| {
            let [include, exclude] = lists.map(|list| view.globs(list));
            CategoriesConfig { include, exclude }
        })
        .collect();
    let is_needed = !names.is_empty() && filter::may_leave_some(&categories);
    let known = || format!("known sinks: {}", names.join(", "));
    let Some(chosen) = whole.text("unrouted") else {
        if is_needed && !whole.is_tried("unrouted") {
            let mut problem = whole.missing("unrouted");
            problem.found =
                "missing, and every sink selects: a record could be left without one".into();
            problem.hint = Some(format!(
                "\"drop\" counts such records and sends them nowhere; {}",
                known()
            ));
            problems.push(problem);
        }
        return;
    };
    let is_sink = names.contains(&chosen);
    let (found, hint) = match (chosen.as_str(), is_sink) {
        ("drop", true) => (
            "\"drop\", which is also the name of a sink",
            "give the sink another name".to_owned(),
        ),
        ("drop", false) | (_, true) => {
            if !is_needed && !names.is_empty() {
                warnings.push("unrouted is not used: every record goes to some sink".to_owned());
            }
            return;
        }
        _ => ("no sink of this name", known()),
    };
    let mut problem = whole.problem(
        "unrouted",
        found,
        "\"drop\", or the name of one of [sinks.<name>]",
    );
    problem.hint = Some(hint);
    problems.push(problem);
}
