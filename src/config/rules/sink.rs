//! Rules of one sink, and of what all of them select.

use super::{in_order, is_clear};
use crate::compress::{Compression, bytes_to_build};
use crate::config::CategoriesConfig;
use crate::config::keys::{Key, keys};
use crate::config::kind::bytes;
use crate::config::problem::{Origin, Problem};
use crate::config::settings::Settings;
use crate::config::view::View;
use crate::destination::{self, Destination};
use crate::filter;

/// Keys that a sink takes which sends nothing.
const OF_NULL: [&str; 3] = [
    "sinks.*.type",
    "sinks.*.include_categories",
    "sinks.*.exclude_categories",
];

/// Keys of sinks that send records as they are.
const OF_PLAIN: [&str; 7] = [
    "sinks.*.encoding",
    "sinks.*.prefix",
    "sinks.*.suffix",
    "sinks.*.unwrap_office365",
    "sinks.*.success.statuses",
    "sinks.*.success.body_contains",
    "sinks.*.success.body_excludes",
];

/// What sinks do not use that post to no URL: keys, and beginnings of keys.
const OF_HTTP: [&str; 9] = [
    "sinks.*.auth.",
    "sinks.*.connect_timeout",
    "sinks.*.endpoint",
    "sinks.*.headers.",
    "sinks.*.http_version",
    "sinks.*.proxy",
    "sinks.*.query.",
    "sinks.*.request_id_header",
    "sinks.*.tls.",
];

/// Checks the rules between the keys of a sink.
pub(super) fn check(
    view: &View<'_>,
    budget: Option<u64>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) {
    match view.word("type").and_then(destination::by_name) {
        Some(destination) if destination.name == destination::NULL => {
            return sends_nothing(view, warnings);
        }
        Some(destination) => destined(view, destination, problems, warnings),
        None => {}
    }
    in_order(view, "retry.initial", 1, "retry.max", problems);
    in_order(view, "connect_timeout", 1, "timeout", problems);
    if let (Some(batch), Some(budget)) = (view.bytes("batch.bytes"), budget)
        && batch > budget / 16
    {
        let mut problem = view.problem(
            "batch.bytes",
            bytes(batch),
            format!(
                "at most a sixteenth of limits.memory_budget ({} of {})",
                bytes(budget / 16),
                bytes(budget)
            ),
        );
        problem.hint = Some(format!(
            "lower it, or raise limits.memory_budget to {}",
            bytes(batch.saturating_mul(16))
        ));
        problems.push(problem);
    }
    let url = view
        .secret("endpoint")
        .and_then(|endpoint| url::Url::parse(endpoint.expose()).ok());
    if url.as_ref().is_some_and(is_clear) {
        warnings.push(format!(
            "{} starts with http://: records and headers travel unencrypted",
            view.shown("endpoint")
        ));
    }
}

/// Warns when the memory budget allows less than what is configured. `sinks` is how many share what
/// there is for bodies on their way.
pub(super) fn check_memory(
    view: &View<'_>,
    budget: Option<u64>,
    sinks: u64,
    warnings: &mut Vec<String>,
) {
    let (Some(batch), Some(budget), Some(concurrency)) = (
        view.bytes("batch.bytes"),
        budget,
        view.integer("concurrency"),
    ) else {
        return;
    };
    let share = budget / 8;
    let (part, at_once) = (share / sinks.max(1), concurrency.min(2));
    if batch.saturating_mul(at_once) > part {
        warnings.push(format!(
            "{} is {}, and this sink's part of limits.memory_budget for bodies is {}: it sends one \
             at a time, whatever concurrency says; lower it, or raise limits.memory_budget",
            view.shown("batch.bytes"),
            bytes(batch),
            bytes(part)
        ));
    }
    if view.word("compression") == Some("zstd")
        && let Some(level) = view
            .integer("zstd_level")
            .and_then(|it| u8::try_from(it).ok())
    {
        let needed = bytes_to_build(batch, Compression::Zstd { level });
        if needed > share {
            warnings.push(format!(
                "{} is {level}: compressing one batch takes about {} MiB, more than \
                 limits.memory_budget has for it ({}); lower it or batch.bytes, or raise \
                 limits.memory_budget",
                view.shown("zstd_level"),
                needed >> 20,
                bytes(share)
            ));
        }
    }
}

/// Checks that a destination has what it needs, and warns about what is another's.
fn destined(
    view: &View<'_>,
    destination: &Destination,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) {
    for alternatives in destination.needs {
        if alternatives.iter().any(|key| view.is_tried(key)) {
            continue;
        }
        let Some((first, others)) = alternatives.split_first() else {
            continue;
        };
        let mut problem = view.missing(first);
        for other in others {
            let hint = problem.hint.get_or_insert_default();
            hint.push_str(&format!(", or set {}", view.shown(other)));
        }
        problems.push(problem);
    }
    let others = destination::ALL.iter();
    let foreign = others
        .filter(|it| it.name != destination.name)
        .flat_map(|it| it.section.keys);
    for key in foreign {
        unused(view, key, warnings);
    }
    if destination.name == destination::AZURE_BLOB {
        for key in keys().filter(|key| OF_HTTP.iter().any(|it| key.path.starts_with(it))) {
            unused(view, key, warnings);
        }
    }
    if !destination.takes_zstd && view.word("compression") == Some("zstd") {
        let mut problem = view.problem("compression", "\"zstd\"", "\"gzip\" or \"none\"");
        problem.hint = Some(format!("{} is not known to take zstd", destination.name));
        problems.push(problem);
    }
    if !destination.is_plain {
        for key in keys().filter(|key| OF_PLAIN.contains(&key.path)) {
            unused(view, key, warnings);
        }
    }
}

/// Warns about what a sink does not use that sends nothing.
fn sends_nothing(view: &View<'_>, warnings: &mut Vec<String>) {
    for key in keys().filter(|key| key.path.starts_with("sinks.*.")) {
        if !OF_NULL.contains(&key.path) {
            unused(view, key, warnings);
        }
    }
}

/// Warns about a key that is set and not used by this type of sink.
fn unused(view: &View<'_>, key: &Key, warnings: &mut Vec<String>) {
    let short = key.path.strip_prefix("sinks.*.").unwrap_or(key.path);
    let name = short.trim_end_matches(".*");
    let is_set = match short.ends_with(".*") {
        true => view.below(name).any(|(_, it)| it.origin != Origin::Default),
        false => view.problem(name, "", "").origin.is_some(),
    };
    if is_set {
        warnings.push(format!(
            "{} is not used: {} is \"{}\"",
            view.shown(name),
            view.shown("type"),
            view.word("type").unwrap_or_default()
        ));
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
