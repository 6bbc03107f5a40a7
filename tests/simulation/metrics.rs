//! The metrics of stages that run, as the parsers of Prometheus' own client read them.

use std::collections::BTreeMap;
use std::time::Duration;

use entra_forwarder::telemetry::metrics::{Kind, Value, exposition, families, negotiated};
use entra_forwarder::telemetry::snapshot::Snapshot;
use serde_json::json;

use super::python;
use super::scene::Scene;

/// Samples by name and labels.
type Samples = BTreeMap<String, f64>;

fn key(name: &str, labels: impl IntoIterator<Item = (String, String)>) -> String {
    let labels: BTreeMap<String, String> = labels.into_iter().collect();
    format!("{name}{labels:?}")
}

/// What the picture says, by the names that are documented.
fn expected(picture: &Snapshot) -> Samples {
    let mut samples = Samples::new();
    for family in families() {
        for point in (family.points)(picture) {
            let labels = family.labels.iter().map(|it| (*it).to_owned());
            let labels: Vec<_> = labels.zip(point.labels).collect();
            let name = family.full_name();
            let mut add = |ending: &str, extra: Option<f64>, value: f64| {
                let bound = extra.map(|bound| ("le".to_owned(), bound.to_string()));
                let name = key(
                    &format!("{name}{ending}"),
                    labels.iter().cloned().chain(bound),
                );
                assert!(samples.insert(name, value).is_none());
            };
            match point.value {
                Value::Count(count) => add("", None, count as f64),
                Value::Whole(number) => add("", None, number as f64),
                Value::Number(number) => add("", None, number),
                Value::Distribution(it) => {
                    add("_sum", None, it.sum);
                    add("_count", None, it.count() as f64);
                    let bounds = it.bounds.iter().copied().chain([f64::INFINITY]);
                    let mut below = 0;
                    for (bound, count) in bounds.zip(it.counts) {
                        below += count;
                        add("_bucket", Some(bound), below as f64);
                    }
                }
            }
        }
    }
    samples
}

fn found(families: &serde_json::Value) -> Samples {
    let mut samples = Samples::new();
    for family in families.as_array().unwrap() {
        for sample in family["samples"].as_array().unwrap() {
            let labels = sample[1].as_object().unwrap().iter();
            let labels = labels.map(|(name, value)| {
                let text = value.as_str().unwrap();
                // Bounds are numbers, however they are written.
                let text = match name == "le" {
                    true => text
                        .replace("+Inf", "inf")
                        .parse::<f64>()
                        .unwrap()
                        .to_string(),
                    false => text.to_owned(),
                };
                (name.clone(), text)
            });
            let name = key(sample[0].as_str().unwrap(), labels);
            let value = sample[2].as_f64().unwrap();
            assert!(samples.insert(name, value).is_none());
        }
    }
    samples
}

/// Counts of a picture that must not fall.
fn counts(picture: &Snapshot) -> Samples {
    let mut counts = Samples::new();
    for family in families() {
        for point in (family.points)(picture) {
            let name = format!("{}{:?}", family.full_name(), point.labels);
            match (family.kind, point.value) {
                (Kind::Counter, Value::Count(count)) => {
                    counts.insert(name, count as f64);
                }
                (Kind::Histogram, Value::Distribution(it)) => {
                    counts.insert(format!("{name} sum"), it.sum);
                    for (place, count) in it.counts.iter().enumerate() {
                        counts.insert(format!("{name} {place}"), *count as f64);
                    }
                }
                _ => {}
            }
        }
    }
    counts
}

#[tokio::test(start_paused = true)]
async fn what_runs_is_read_by_prometheus() {
    let scene = Scene::new(5, 2);
    let observer = scene.app.observer();
    let mut before = Samples::new();
    for round in 0..40 {
        // Now and then the endpoint is away, and dislikes a record.
        match round % 10 {
            3 => scene.endpoint.answers(|_| Some(503)),
            5 => scene.endpoint.answers(|_| None),
            7 => scene.endpoint.answers(|ids| match ids.len() {
                1 => Some(200),
                _ => Some(413),
            }),
            9 => scene.endpoint.answers(|_| Some(200)),
            _ => {}
        }
        scene.produce(3, 4);
        tokio::time::sleep(Duration::from_millis(700)).await;
        let now = counts(&observer.snapshot());
        for (name, before) in &before {
            assert!(now[name] >= *before, "{name} fell");
        }
        before = now;
    }
    tokio::time::sleep(Duration::from_secs(600)).await;
    let picture = observer.snapshot();
    assert_eq!(picture.balance.received, 480);
    assert_eq!(picture.sinks[0].balance.delivered, 480);
    assert!(picture.sinks[0].retries > 0 && picture.sinks[0].divided > 0);
    let (_, open_metrics) = exposition(&picture);
    let (_, classic) = negotiated(&picture, None);
    let given = json!({"openMetrics": open_metrics, "classic": classic});
    if let Some(read) = python::ask("metrics.py", &given) {
        let expected = expected(&picture);
        assert!(expected.len() > 150, "{}", expected.len());
        assert_eq!(found(&read["openMetrics"]), expected);
        assert_eq!(found(&read["classic"]), expected);
        for family in read["openMetrics"].as_array().unwrap() {
            let name = family["name"].as_str().unwrap();
            let defined = families().find(|it| it.base_name() == name);
            let defined = defined.unwrap_or_else(|| panic!("{name}"));
            assert_eq!(family["kind"], defined.kind.name(), "{name}");
            assert_eq!(family["help"], defined.help, "{name}");
            assert_eq!(
                family["unit"],
                defined.unit.name().unwrap_or_default(),
                "{name}"
            );
        }
    }
    scene.ends_with(480, 0).await;
}
