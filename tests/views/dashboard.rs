//! `views/grafana`: the dashboard.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::files::json;
use crate::promql::labels_of;

fn dashboard() -> Value {
    json("views/grafana/entra-forwarder.json")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Panels that show something.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(&dashboard["panels"])
        .iter()
        .filter(|it| it["type"] != "row")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// What Grafana puts in before it asks.
fn filled(expression: &str) -> String {
    expression.replace("$__rate_interval", "5m")
}

#[test]
fn panels_ask_for_what_there_is() {
    let dashboard = dashboard();
    let mut asked = 0;
    for panel in panels(&dashboard) {
        let title = text(&panel["title"]);
        for target in list(&panel["targets"]) {
            let labels = labels_of(&filled(text(&target["expr"])));
            let labels = labels.unwrap_or_else(|error| panic!("{title}: {error}"));
            for used in text(&target["legendFormat"]).split("{{").skip(1) {
                let used = used.split("}}").next().unwrap();
                assert!(labels.contains(used), "{title}: no label {used}");
            }
            asked += 1;
        }
    }
    assert!(asked > 40, "{asked}");
    for annotation in list(&dashboard["annotations"]["list"]).iter().skip(1) {
        labels_of(&filled(text(&annotation["expr"]))).unwrap();
    }
}

#[test]
fn variables_choose_from_what_there_is() {
    let dashboard = dashboard();
    let variables = list(&dashboard["templating"]["list"]);
    let names: Vec<_> = variables.iter().map(|it| text(&it["name"])).collect();
    assert_eq!(names, ["datasource", "job", "replica", "source", "sink"]);
    for variable in &variables[1..] {
        let query = text(&variable["definition"]);
        let inner = query.strip_prefix("label_values(").expect(query);
        let (expression, label) = inner.strip_suffix(')').unwrap().rsplit_once(", ").unwrap();
        assert!(labels_of(expression).unwrap().contains(label), "{query}");
        assert_eq!(variable["query"]["query"], query);
    }
    let used = dashboard["panels"].to_string();
    for name in &names {
        let ways = [format!("${name}\\\""), format!("${{{name}}}")];
        assert!(
            ways.iter().any(|it| used.contains(it)),
            "${name} is not used"
        );
    }
}

#[test]
fn panels_say_what_they_show_and_where_they_are() {
    let dashboard = dashboard();
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in list(&dashboard["panels"]) {
        assert!(ids.insert(panel["id"].as_u64()), "{panel}");
        let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        for x in place("x")..place("x") + place("w") {
            assert!(x < 24, "{panel}");
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{} lies on another", panel["title"]);
            }
        }
    }
    for panel in panels(&dashboard) {
        let description = text(&panel["description"]);
        assert!(description.contains("Normal: "), "{description}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}");
        for target in list(&panel["targets"]) {
            assert_eq!(target["datasource"]["uid"], "${datasource}");
        }
    }
    let first = text(&dashboard["panels"][0]["title"]);
    assert_eq!(first, "Is everything arriving?");
    assert!(dashboard["schemaVersion"].as_u64() >= Some(39));
}
