//! `views/azure/workbook.json`: the workbook.

use serde_json::Value;

use crate::files::json;
use crate::kql::{Query, read};

/// Every query in it, with the name of its part.
pub(crate) fn queries() -> Vec<(String, Query)> {
    let workbook = json("views/azure/workbook.json");
    let mut found = Vec::new();
    for item in workbook["items"].as_array().unwrap() {
        let name = item["name"].as_str().unwrap();
        let parameters = item["content"]["parameters"].as_array();
        let asking = parameters.into_iter().flatten().chain([&item["content"]]);
        for part in asking.filter(|it| it["queryType"] == 0) {
            let text = part["query"].as_str().unwrap();
            let query = read(&text.replace("{Table}", "ContainerAppConsoleLogs"));
            found.push((name.to_owned(), query));
        }
    }
    found
}

#[test]
fn it_is_a_workbook() {
    let workbook = json("views/azure/workbook.json");
    assert_eq!(workbook["version"], "Notebook/1.0");
    let items = workbook["items"].as_array().unwrap();
    let parameters = items.iter().find(|it| it["type"] == 9).unwrap();
    let parameters = parameters["content"]["parameters"].as_array().unwrap();
    let names: Vec<_> = parameters
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Workspace", "TimeRange", "Table", "App"]);
    let tables: Value = serde_json::from_str(parameters[2]["jsonData"].as_str().unwrap()).unwrap();
    let values: Vec<_> = tables
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["value"])
        .collect();
    assert_eq!(
        values,
        ["ContainerAppConsoleLogs", "ContainerAppConsoleLogs_CL"]
    );
    let shown: Vec<_> = items.iter().filter(|it| it["type"] == 3).collect();
    assert!(shown.len() >= 10, "{}", shown.len());
    for item in shown {
        let content = &item["content"];
        let query = content["query"].as_str().unwrap();
        assert!(query.contains("\n| where app == \"{App}\"\n"), "{query}");
        assert_eq!(content["timeContextFromParameter"], "TimeRange");
        assert_eq!(content["crossComponentResources"][0], "{Workspace}");
        assert!(content["title"].as_str().is_some_and(|it| !it.is_empty()));
    }
}

/// Columns that a table colours are there.
#[test]
fn colours_are_those_of_columns() {
    let workbook = json("views/azure/workbook.json");
    let queries = queries();
    for item in workbook["items"].as_array().unwrap() {
        let formatters = item["content"]["gridSettings"]["formatters"].as_array();
        for formatter in formatters.into_iter().flatten() {
            let column = formatter["columnMatch"].as_str().unwrap();
            let (_, query) = queries
                .iter()
                .find(|(name, _)| item["name"] == *name)
                .unwrap();
            let is_there = query.columns.iter().any(|it| it == column);
            assert!(is_there, "{}: {column}", item["name"]);
        }
    }
}
