//! With which consumer group a hub is read beside its forwarder.

use crate::config::{Config, SourceConfig};

/// The group that every hub has.
const DEFAULT: &str = "$Default";
/// What the name of a group is made of, for a forwarder that reads with `$Default`.
const PROGRAM: &str = "entra-forwarder";
/// Most characters of a group's name over AMQP
/// (<https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas>).
const NAME_MAX: usize = 50;

/// The groups to try, the best first: the configured one, or else `<consumer_group>-tools` and then
/// `$Default`. Never one that a source of the configuration reads the same hub with.
pub fn candidates(config: &Config, source: &SourceConfig) -> Vec<String> {
    if let Some(group) = &source.tools_consumer_group {
        return vec![group.clone()];
    }
    let base = match source.consumer_group.eq_ignore_ascii_case(DEFAULT) {
        true => PROGRAM,
        false => &source.consumer_group,
    };
    let own = format!("{base}-tools");
    let candidates = [own, DEFAULT.to_owned()].into_iter();
    let is_free = |group: &String| group.len() <= NAME_MAX && !is_forwarded(config, source, group);
    candidates.filter(is_free).collect()
}

/// Whether a source reads the hub of this one with the group.
fn is_forwarded(config: &Config, source: &SourceConfig, group: &str) -> bool {
    config.sources.values().any(|other| {
        other.namespace.eq_ignore_ascii_case(&source.namespace)
            && other.event_hub.eq_ignore_ascii_case(&source.event_hub)
            && other.consumer_group.eq_ignore_ascii_case(group)
    })
}

/// The sentence for a hub that has none of the candidates; `in_use` are those in which somebody
/// reads exclusively.
pub(super) fn none(
    name: &str,
    source: &SourceConfig,
    tried: &[String],
    in_use: &[String],
) -> String {
    let wanted = match tried.first() {
        Some(first) if first != DEFAULT && !in_use.contains(first) => first.clone(),
        _ => format!("{PROGRAM}-tools"),
    };
    let namespace = source.namespace.split('.').next().unwrap_or_default();
    let exclusive = match in_use {
        [] => String::new(),
        groups => format!(" (in {} somebody reads exclusively)", quoted(groups)),
    };
    let configured = match source.tools_consumer_group.as_deref() == Some(&wanted) {
        true => String::new(),
        false if tried.contains(&wanted) => String::new(),
        false => format!(", set sources.{name}.tools_consumer_group to it"),
    };
    format!(
        "sources.{name}: the hub has no consumer group to read with beside the forwarder: tried \
         {}{exclusive}; create one with `az eventhubs eventhub consumer-group create \
         --resource-group <resource group> --namespace-name {namespace} --eventhub-name {} --name \
         {wanted}`{configured} (the Basic tier has one group only, so that there it is impossible)",
        quoted(tried),
        source.event_hub,
    )
}

fn quoted(groups: &[String]) -> String {
    let groups: Vec<_> = groups.iter().map(|group| format!("`{group}`")).collect();
    groups.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{FileText, load};

    fn config(sources: &str) -> Config {
        let file = FileText {
            name: "forwarder.toml".to_owned(),
            text: format!(
                "{sources}\n[sinks.siem]\ntype = \"http\"\nendpoint = \"https://siem.example.com\"\n\
                 [checkpoints]\nstore = \"memory\"\n"
            ),
        };
        load(Some(file), []).unwrap().config
    }

    fn source(name: &str, hub: &str, more: &str) -> String {
        format!("[sources.{name}]\nnamespace = \"contoso\"\nevent_hub = \"{hub}\"\n{more}\n")
    }

    fn check(sources: &[String], expected: &[&str]) {
        let config = config(&sources.concat());
        let found = candidates(&config, &config.sources["a"]);
        assert_eq!(found, expected);
    }

    #[test]
    fn the_configured_one_or_one_that_nothing_is_forwarded_with() {
        let a = |more: &str| source("a", "logs", more);
        check(
            &[a("consumer_group = \"forwarder\"")],
            &["forwarder-tools", "$Default"],
        );
        let named = "consumer_group = \"forwarder\"\ntools_consumer_group = \"look\"";
        check(&[a(named)], &["look"]);
        let default = "consumer_group = \"$Default\"\nallow_default_group = true";
        check(&[a(default)], &["entra-forwarder-tools"]);
        let long = format!("consumer_group = \"{}\"", "x".repeat(45));
        check(&[a(&long)], &["$Default"]);
        let group = a("consumer_group = \"forwarder\"");
        check(
            &[group.clone(), source("b", "logs", default)],
            &["forwarder-tools"],
        );
        check(
            &[group.clone(), source("b", "other", default)],
            &["forwarder-tools", "$Default"],
        );
        let tools = "consumer_group = \"Forwarder-Tools\"";
        check(&[group, source("b", "logs", tools)], &["$Default"]);
    }

    #[test]
    fn the_sentence_says_what_to_create() {
        let config = config(&source("a", "logs", "consumer_group = \"forwarder\""));
        let source = &config.sources["a"];
        let tried = candidates(&config, source);
        let sentence = none("a", source, &tried, &["$Default".to_owned()]);
        for words in [
            "--namespace-name contoso --eventhub-name logs --name forwarder-tools`",
            "tried `forwarder-tools` and `$Default` (in `$Default` somebody reads exclusively)",
            "Basic",
        ] {
            assert!(sentence.contains(words), "{sentence}");
        }
        let sentence = none("a", source, &["$Default".to_owned()], &[]);
        assert!(
            sentence.contains(
                "--name entra-forwarder-tools`, set sources.a.tools_consumer_group to it"
            ),
            "{sentence}"
        );
    }
}
