//! Rules of one source, and what its connection string says in place of other keys.

use super::{identity, is_loopback};
use crate::config::connection_string::ConnectionString;
use crate::config::keys;
use crate::config::kind::{Typed, namespace};
use crate::config::problem::{Origin, Problem};
use crate::config::settings::{Setting, Settings};
use crate::config::view::View;

/// Takes namespace, hub and endpoint from the connection string, unless keys of their own say
/// the same. Those that say something else are problems.
pub(super) fn fill_in(settings: &mut Settings, name: &str, problems: &mut Vec<Problem>) {
    let mut derived = Vec::new();
    let view = View::new(settings, &["sources", name]);
    let Some(secret) = view.secret("connection_string") else {
        return;
    };
    let Ok(parts) = ConnectionString::parse(secret.expose()) else {
        return;
    };
    match namespace(&parts.host) {
        // The host is a full one even when it has no dots (an emulator's `localhost`).
        Ok(_) => derived.push(("namespace", parts.host.clone())),
        Err(mistake) => {
            let mut problem = view.problem(
                "connection_string",
                format!("one whose Endpoint is {}", mistake.found),
                "the namespace's own name there",
            );
            problem.hint = mistake.hint;
            problems.push(problem);
        }
    }
    derived.extend(parts.entity_path.clone().map(|hub| ("event_hub", hub)));
    for (key, said) in &derived {
        if let Some(own) = view.text(key)
            && !own.eq_ignore_ascii_case(said)
        {
            let part = if *key == "namespace" {
                "Endpoint"
            } else {
                "EntityPath"
            };
            let mut problem = view.problem(
                key,
                "another one than in connection_string",
                format!("the {part} of {}", view.shown("connection_string")),
            );
            problem.hint = Some(format!("remove {key}, or take the right connection string"));
            problems.push(problem);
        }
    }
    let endpoint = parts.custom_endpoint(view.word("transport") == Some("websocket"));
    derived.extend(endpoint.map(|endpoint| ("custom_endpoint", endpoint)));
    let origin = Origin::Key(view.shown("connection_string"));
    let derived: Vec<_> = derived
        .into_iter()
        .filter(|(key, _)| !view.is_tried(key))
        .map(|(key, written)| (view.path(key), format!("sources.*.{key}"), written))
        .collect();
    for (path, pattern, written) in derived {
        if let Some(key) = keys::by_pattern(&pattern) {
            let typed = Typed::Text(written.clone());
            settings.values.insert(
                path,
                Setting {
                    key,
                    typed,
                    written,
                    origin: origin.clone(),
                },
            );
        }
    }
}

/// Checks the rules between the keys of a source.
pub(super) fn check(view: &View<'_>, problems: &mut Vec<Problem>) {
    let by_string = view.is_tried("connection_string");
    if by_string && view.is_tried("credential") {
        problems.push(view.problem(
            "credential",
            "given beside connection_string",
            "at most one of the two",
        ));
    } else {
        identity::check_reference(view, problems);
    }
    // A wrong connection string has a problem already, and might have said these.
    let wrong_string = by_string && view.secret("connection_string").is_none();
    for key in ["namespace", "event_hub"] {
        let told = by_string && key == "namespace";
        if !view.is_tried(key) && !wrong_string && !told {
            problems.push(view.missing(key));
        }
    }
    let group = view.text("consumer_group");
    if group.is_some_and(|group| group.eq_ignore_ascii_case("$default"))
        && view.flag("allow_default_group") == Some(false)
    {
        let mut problem = view.problem(
            "consumer_group",
            "\"$Default\"",
            "a consumer group made for this purpose",
        );
        problem.hint = Some(
            "an epoch receiver throws other readers of the group off; if there are none, set \
             allow_default_group = true"
                .to_owned(),
        );
        problems.push(problem);
    }
    let endpoint = view
        .text("custom_endpoint")
        .and_then(|text| url::Url::parse(&text).ok());
    if let Some(url) = &endpoint {
        check_scheme(view, url.scheme(), problems);
    }
    let is_plain = endpoint.is_some_and(|url| url.scheme() == "amqp" && !is_loopback(&url));
    if is_plain && !by_string {
        problems.push(view.problem(
            "custom_endpoint",
            "a URL without TLS",
            "amqps://, since the identity's token is sent there",
        ));
    }
}

/// Checks that the endpoint is one for the transport.
fn check_scheme(view: &View<'_>, scheme: &str, problems: &mut Vec<Problem>) {
    let (wanted, fits) = match view.word("transport") {
        Some("websocket") => ("wss://host:port", scheme == "wss"),
        Some(_) => ("amqps://host:port", scheme != "wss"),
        None => return,
    };
    if fits {
        return;
    }
    let found = format!("a URL that starts with {scheme}://");
    let mut problem = view.problem("custom_endpoint", found, wanted);
    problem.hint = Some(match scheme {
        "wss" => format!("set {} = \"websocket\"", view.shown("transport")),
        "amqp" => "plain AMQP, as the development emulator speaks it, has no WebSocket: remove \
                   transport"
            .to_owned(),
        _ => "give the port on which the endpoint takes WebSockets".to_owned(),
    });
    problems.push(problem);
}

/// Checks that no two sources read the same hub with the same group: each would throw the other
/// off its partitions, and both would write the same checkpoints.
pub(super) fn check_apart(settings: &Settings, problems: &mut Vec<Problem>) {
    check_tools_apart(settings, problems);
    let mut known: Vec<(Vec<String>, String)> = Vec::new();
    for name in settings.names_in("sources") {
        let view = View::new(settings, &["sources", &name]);
        let keys = ["namespace", "event_hub", "consumer_group"];
        let Some(reads) = keys
            .iter()
            .map(|key| Some(view.text(key)?.to_ascii_lowercase()))
            .collect()
        else {
            continue;
        };
        if let Some((_, other)) = known.iter().find(|(known, _)| *known == reads) {
            let mut problem = view.problem(
                "consumer_group",
                format!("the one with which sources.{other} reads the same hub"),
                "a consumer group of its own for every source",
            );
            problem.hint = Some("remove one of the two, or give it another group".to_owned());
            problems.push(problem);
        }
        known.push((reads, name));
    }
}

/// Checks that the commands that look on have a group that nothing is forwarded with: an exclusive
/// reader and one that is not cannot be in the same.
fn check_tools_apart(settings: &Settings, problems: &mut Vec<Problem>) {
    let names = settings.names_in("sources");
    let views = || {
        names
            .iter()
            .map(|name| View::new(settings, &["sources", name]))
    };
    let hub = |view: &View<'_>| {
        let keys = ["namespace", "event_hub"];
        keys.map(|key| view.text(key).unwrap_or_default().to_ascii_lowercase())
    };
    for view in views() {
        let Some(group) = view.text("tools_consumer_group") else {
            continue;
        };
        let is_forwarding = |other: &View<'_>| {
            let with = other.text("consumer_group");
            hub(other) == hub(&view) && with.is_some_and(|with| with.eq_ignore_ascii_case(&group))
        };
        if let Some(other) = views().find(is_forwarding) {
            let found = format!("{}, the same", other.shown("consumer_group"));
            let mut problem = view.problem(
                "tools_consumer_group",
                found,
                "a consumer group of its own, in which nothing reads exclusively",
            );
            problem.hint = Some("create one on the hub, or leave the key out".to_owned());
            problems.push(problem);
        }
    }
}
