//! Rules between keys. Each is checked whatever else is wrong, so that all mistakes are said at
//! once.

use std::net::IpAddr;
use std::time::Duration;

use super::problem::Problem;
use super::settings::Settings;
use super::view::View;
use crate::destination;

mod admin;
mod cloud;
mod identity;
mod sink;
mod sink_connection;
mod source;

/// Checks every rule, and fills in what follows from other keys. Gives the warnings.
pub(super) fn check(settings: &mut Settings, problems: &mut Vec<Problem>) -> Vec<String> {
    let mut warnings = Vec::new();
    for section in ["sources", "sinks"] {
        let told = problems
            .iter()
            .any(|problem| problem.path.split('.').next() == Some(section));
        if settings.names_in(section).is_empty() && !told {
            problems.push(at_least_one(section));
        }
    }
    let cloud = cloud::named(settings);
    for name in settings.names_in("sources") {
        cloud::complete_namespace(settings, &name, cloud);
        source::fill_in(settings, &name, problems);
        source::check(&View::new(settings, &["sources", &name]), problems);
    }
    source::check_apart(settings, problems);
    let budget = View::new(settings, &["limits"]).bytes("memory_budget");
    let sinks = settings.names_in("sinks");
    let sending: Vec<_> = sinks
        .iter()
        .filter(|name| View::new(settings, &["sinks", name]).word("type") == Some("http"))
        .collect();
    for name in &sending {
        let view = View::new(settings, &["sinks", name]);
        sink::check_memory(&view, budget, sending.len() as u64, &mut warnings);
    }
    for name in &sinks {
        sink::check(
            &View::new(settings, &["sinks", name]),
            budget,
            problems,
            &mut warnings,
        );
        identity::check_reference(
            &View::new(settings, &["sinks", name.as_str(), "azure_monitor"]),
            problems,
        );
        sink_connection::check(
            &View::new(settings, &["sinks", name]),
            &View::new(settings, &["sinks", name, "auth"]),
            problems,
            &mut warnings,
        );
        let archive = View::new(settings, &["sinks", name, destination::AZURE_BLOB]);
        if archive.is_tried("container_url") {
            container(&archive, problems, &mut warnings);
        }
        identity::check_reference(&archive, problems);
    }
    sink::check_unrouted(settings, problems, &mut warnings);
    for name in settings.names_in("credentials") {
        identity::check(&View::new(settings, &["credentials", &name]), problems);
    }
    checkpoints(
        &View::new(settings, &["checkpoints"]),
        problems,
        &mut warnings,
    );
    cloud::check(settings, cloud, &mut warnings);
    ownership(&View::new(settings, &["ownership"]), problems);
    admin::check(settings, problems, &mut warnings);
    let (whole, shares) = (
        View::new(settings, &[]),
        View::new(settings, &["ownership"]),
    );
    stopping(&whole, &shares, &mut warnings);
    let letters = View::new(settings, &["dead_letters"]);
    place(&letters, problems, &mut warnings);
    warnings
}

fn at_least_one(section: &str) -> Problem {
    let example = match section {
        "sources" => "SOURCES__ENTRA__EVENT_HUB",
        _ => "SINKS__SIEM__ENDPOINT",
    };
    Problem {
        path: section.to_owned(),
        found: "missing".to_owned(),
        expected: format!("at least one [{section}.<name>]"),
        hint: Some(format!(
            "in the environment the name is part of the variable: {}{example}",
            super::load::PREFIX
        )),
        origin: None,
    }
}

/// Checks that `times` the first duration is at most the second. Blames the one that was set; the
/// other may be a default.
fn in_order(view: &View<'_>, smaller: &str, times: u32, larger: &str, problems: &mut Vec<Problem>) {
    let (Some(small), Some(large)) = (view.duration(smaller), view.duration(larger)) else {
        return;
    };
    if small * times <= large {
        return;
    }
    let factor = match times {
        1 => String::new(),
        _ => format!("{times} times "),
    };
    let part = match times {
        1 => String::new(),
        _ => format!("1/{times} of "),
    };
    let smaller_is_set = view.problem(smaller, "", "").origin.is_some();
    let (key, found, expected) = if smaller_is_set {
        let bound = format!("at most {part}{} ({})", view.shown(larger), shown(large));
        (smaller, small, bound)
    } else {
        let bound = format!(
            "at least {factor}{} ({})",
            view.shown(smaller),
            shown(small)
        );
        (larger, large, bound)
    };
    problems.push(view.problem(key, shown(found), expected));
}

/// Three tries to renew a claim before it expires, and a look at the owners before each of them.
fn ownership(view: &View<'_>, problems: &mut Vec<Problem>) {
    in_order(view, "renew_interval", 3, "expiry", problems);
    in_order(view, "balance_interval", 1, "renew_interval", problems);
}

/// While it stops, a process renews nothing: what is not delivered before its claims expire is
/// delivered by others too.
fn stopping(whole: &View<'_>, ownership: &View<'_>, warnings: &mut Vec<String>) {
    let durations = (
        whole.duration("shutdown_grace"),
        ownership.duration("renew_interval"),
        ownership.duration("expiry"),
    );
    if let (Some(grace), Some(renew), Some(expiry)) = durations
        && grace + renew > expiry
    {
        warnings.push(format!(
            "shutdown_grace ({}) and ownership.renew_interval ({}) are longer than \
             ownership.expiry ({}): what takes longer at the end may be delivered twice",
            shown(grace),
            shown(renew),
            shown(expiry)
        ));
    }
}

fn checkpoints(view: &View<'_>, problems: &mut Vec<Problem>, warnings: &mut Vec<String>) {
    let store = view.word("store");
    if store == Some("memory") {
        warnings.push(
            "checkpoints.store is \"memory\": after a restart everything is read and delivered again"
                .to_owned(),
        );
    }
    in_order(view, "interval", 1, "interval_max", problems);
    place(view, problems, warnings);
}

/// Checks where a store is: its keys, and that a container can be used as it is given.
fn place(view: &View<'_>, problems: &mut Vec<Problem>, warnings: &mut Vec<String>) {
    match view.word("store") {
        Some("blob") if !view.is_tried("container_url") => {
            problems.push(view.missing("container_url"))
        }
        Some("blob") => container(view, problems, warnings),
        Some("directory") if !view.is_tried("directory") => {
            problems.push(view.missing("directory"))
        }
        _ => {}
    }
    identity::check_reference(view, problems);
    for (key, fits) in [
        ("container_url", "blob"),
        ("credential", "blob"),
        ("directory", "directory"),
    ] {
        unused(view, key, fits, warnings);
    }
}

fn container(view: &View<'_>, problems: &mut Vec<Problem>, warnings: &mut Vec<String>) {
    let Some(url) = view
        .secret("container_url")
        .and_then(|url| url::Url::parse(url.expose()).ok())
    else {
        return;
    };
    let is_signed = url
        .query_pairs()
        .any(|(name, value)| name == "sig" && !value.is_empty());
    match (is_signed, view.is_tried("credential")) {
        (true, true) => warnings.push(format!(
            "{} is not used: {} carries a signature",
            view.shown("credential"),
            view.shown("container_url")
        )),
        (true, false) => {}
        (false, _) if url.scheme() != "https" => problems.push(view.problem(
            "container_url",
            "a URL without https and without a signature (not shown)",
            "https, since the identity's token is sent there, or a signature (sig=)",
        )),
        (false, _) => {}
    }
}

fn unused(view: &View<'_>, key: &str, fits: &str, warnings: &mut Vec<String>) {
    if let Some(store) = view.word("store")
        && store != fits
        && view.setting(key).is_some()
    {
        warnings.push(format!(
            "{} is not used: {} is \"{store}\"",
            view.shown(key),
            view.shown("store")
        ));
    }
}

/// Whether what is sent to this URL travels unencrypted over a network.
pub(crate) fn is_clear(url: &url::Url) -> bool {
    url.scheme() == "http" && !is_loopback(url)
}

/// Whether the URL leads to this machine.
fn is_loopback(url: &url::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<IpAddr>();
    address.map_or(host == "localhost" || host.ends_with(".localhost"), |ip| {
        ip.is_loopback()
    })
}

fn shown(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}
