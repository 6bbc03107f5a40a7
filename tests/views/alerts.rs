//! `views/prometheus`: the alerts, and what promtool says of them.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::process::Command;

use serde::Deserialize;

use crate::files::{assert_runbook, path, text};
use crate::promql::labels_of;

const FOLDER: &str = "views/prometheus";

#[derive(Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    alert: String,
    expr: String,
    #[serde(default, rename = "for")]
    lasts: Option<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

fn rules() -> Vec<Rule> {
    let file: Rules = serde_saphyr::from_str(&text(&format!("{FOLDER}/alerts.yaml"))).unwrap();
    file.groups.into_iter().flat_map(|it| it.rules).collect()
}

#[test]
fn rules_ask_for_what_there_is() {
    for rule in rules() {
        let labels = labels_of(&rule.expr).unwrap();
        let texts = rule.annotations.values().map(String::as_str);
        for text in texts {
            for used in text.split("$labels.").skip(1) {
                let used = used.split([' ', '}']).next().unwrap();
                assert!(labels.contains(used), "{}: no label {used}", rule.alert);
            }
        }
    }
}

#[test]
fn rules_say_what_to_do() {
    let rules = rules();
    assert!(rules.len() > 15);
    for rule in &rules {
        let name = &rule.alert;
        assert!(name.starts_with("EntraForwarder"), "{name}");
        let keys: Vec<_> = rule.annotations.keys().map(String::as_str).collect();
        assert_eq!(keys, ["description", "runbook_url", "summary"], "{name}");
        assert_runbook(&rule.annotations["runbook_url"], name);
        let severity = rule.labels["severity"].as_str();
        assert!(["critical", "warning"].contains(&severity), "{name}");
        // What looks back over a while needs no other one.
        let looks_back = rule.expr.contains('[');
        assert!(rule.lasts.is_some() || looks_back, "{name}");
    }
}

/// Which of them fire when is in `alerts-tests.yaml`.
#[test]
fn every_rule_is_seen_to_fire() {
    let tests = text(&format!("{FOLDER}/alerts-tests.yaml"));
    for rule in rules() {
        let expected = format!("alertname=\"{}\"", rule.alert);
        assert!(tests.contains(&expected), "{expected}");
    }
}

/// Skipped where promtool is not installed (`apt-get install prometheus`).
#[test]
fn promtool_agrees() {
    for arguments in [
        ["check", "rules", "alerts.yaml"],
        ["test", "rules", "alerts-tests.yaml"],
    ] {
        let mut command = Command::new("promtool");
        let output = match command.args(arguments).current_dir(path(FOLDER)).output() {
            Ok(output) => output,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                assert!(
                    std::env::var_os("REQUIRE_PROMTOOL").is_none_or(|it| it.is_empty()),
                    "no promtool"
                );
                println!("skipped: promtool is not installed");
                return;
            }
            Err(error) => panic!("{error}"),
        };
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(output.status.success(), "{arguments:?}: {said}");
    }
}
