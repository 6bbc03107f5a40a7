//! `views/azure`: the queries, and the data of the alert rules that ask them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::files::{assert_runbook, json, path, text};
use crate::kql::{Query, read};

const FOLDER: &str = "views/azure";
/// <https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-log-alert-rule>.
const WINDOWS: [&str; 14] = [
    "PT1M", "PT5M", "PT10M", "PT15M", "PT30M", "PT45M", "PT1H", "PT2H", "PT3H", "PT4H", "PT5H",
    "PT6H", "P1D", "P2D",
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Alerts {
    tables: BTreeMap<String, [String; 2]>,
    rules: Vec<Rule>,
}

/// The words of `Microsoft.Insights/scheduledQueryRules`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Rule {
    name: String,
    display_name: String,
    description: String,
    runbook: String,
    query: String,
    severity: u8,
    evaluation_frequency: String,
    window_size: String,
    time_aggregation: String,
    metric_measure_column: Option<String>,
    operator: String,
    threshold: f64,
    dimensions: Vec<String>,
    failing_periods: FailingPeriods,
    auto_mitigate: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct FailingPeriods {
    number_of_evaluation_periods: u8,
    min_failing_periods_to_alert: u8,
}

fn alerts() -> Alerts {
    serde_json::from_value(json(&format!("{FOLDER}/alerts.json"))).unwrap()
}

/// The queries by the names of their files.
pub(crate) fn queries() -> BTreeMap<String, Query> {
    let files = std::fs::read_dir(path(FOLDER)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let queries = names.filter(|name| name.ends_with(".kql"));
    queries
        .map(|name| {
            let query = read(&text(&format!("{FOLDER}/{name}")));
            (name, query)
        })
        .collect()
}

#[test]
fn every_query_has_a_rule() {
    let asked: BTreeSet<_> = alerts().rules.into_iter().map(|it| it.query).collect();
    assert!(queries().into_keys().eq(asked), "one rule for each query");
}

#[test]
fn rules_use_what_their_queries_give() {
    let queries = queries();
    for rule in alerts().rules {
        let (name, columns) = (&rule.name, &queries[&rule.query].columns);
        assert!(columns.contains(&"TimeGenerated".to_owned()), "{name}");
        let measured = rule.metric_measure_column.iter();
        for column in rule.dimensions.iter().chain(measured) {
            assert!(
                columns.contains(column),
                "{name}: {column} is none of {columns:?}"
            );
        }
        let counts = rule.time_aggregation == "Count";
        assert_eq!(rule.metric_measure_column.is_none(), counts, "{name}");
        assert!(rule.dimensions.iter().any(|it| it == "app"), "{name}");
    }
}

#[test]
fn rules_say_what_azure_understands() {
    let mut names = BTreeSet::new();
    for rule in alerts().rules {
        let name = rule.name.as_str();
        assert!(names.insert(name.to_owned()), "{name} is there twice");
        assert!(rule.display_name.starts_with("entra-forwarder: "), "{name}");
        assert!(rule.description.ends_with('.'), "{name}");
        assert_runbook(&rule.runbook, name);
        assert!(rule.severity <= 4, "{name}");
        let index = |text: &str| WINDOWS.iter().position(|it| *it == text).expect(text);
        assert!(
            index(&rule.evaluation_frequency) <= index(&rule.window_size),
            "{name}"
        );
        let aggregations = ["Average", "Count", "Maximum", "Minimum", "Total"];
        assert!(
            aggregations.contains(&rule.time_aggregation.as_str()),
            "{name}"
        );
        let operators = [
            "GreaterThan",
            "GreaterThanOrEqual",
            "LessThan",
            "LessThanOrEqual",
        ];
        assert!(operators.contains(&rule.operator.as_str()), "{name}");
        assert!(
            rule.threshold.is_finite() && rule.dimensions.len() <= 6,
            "{name}"
        );
        let periods = rule.failing_periods;
        // The queries look at the whole window: more periods would stretch it.
        assert_eq!(periods.number_of_evaluation_periods, 1, "{name}");
        assert_eq!(periods.min_failing_periods_to_alert, 1, "{name}");
        // Its window forgets what was before two days.
        assert_eq!(rule.auto_mitigate, name != "no-heartbeat", "{name}");
    }
}

#[test]
fn tables_of_both_destinations_are_named() {
    let tables = alerts().tables;
    let names: Vec<_> = tables.keys().map(String::as_str).collect();
    assert_eq!(names, ["azure-monitor", "log-analytics"]);
    for (modern, custom) in tables["azure-monitor"].iter().zip(&tables["log-analytics"]) {
        assert_eq!(custom, &format!("{modern}_CL"));
        // Replacing the name in a query changes its first line and nothing else.
        for name in queries().keys() {
            let text = text(&format!("{FOLDER}/{name}"));
            let lines = text.lines().filter(|line| line.contains(modern.as_str()));
            assert!(lines.into_iter().all(|line| line == modern), "{name}");
        }
    }
}
