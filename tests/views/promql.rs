//! What a PromQL expression asks for, held against the table of metrics.

use std::collections::BTreeSet;

use entra_forwarder::telemetry::metrics::{Family, Kind, families};
use entra_forwarder::telemetry::snapshot::SinkState;
use promql_parser::parser::{Expr, LabelModifier, VectorSelector, parse};

/// Labels that Prometheus gives to every series.
const TARGET: [&str; 2] = ["job", "instance"];

type Labels = BTreeSet<String>;

/// The labels that the result of an expression can have.
///
/// # Errors
/// When the expression cannot be read, or names a metric, a label or a value that there is not.
pub(crate) fn labels_of(expression: &str) -> Result<Labels, String> {
    let parsed = parse(expression).map_err(|error| format!("{expression}: {error}"))?;
    labels(&parsed).map_err(|error| format!("{expression}: {error}"))
}

fn labels(expression: &Expr) -> Result<Labels, String> {
    match expression {
        Expr::VectorSelector(it) => selected(it),
        Expr::MatrixSelector(it) => selected(&it.vs),
        Expr::Paren(it) => labels(&it.expr),
        Expr::Unary(it) => labels(&it.expr),
        Expr::Subquery(it) => labels(&it.expr),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Ok(Labels::new()),
        Expr::Call(it) => {
            let mut all = Labels::new();
            for argument in &it.args.args {
                all.extend(labels(argument)?);
            }
            Ok(all)
        }
        Expr::Aggregate(it) => {
            let inner = labels(&it.expr)?;
            match &it.modifier {
                None => Ok(Labels::new()),
                Some(LabelModifier::Include(by)) => known(&by.labels, &inner),
                Some(LabelModifier::Exclude(without)) => {
                    let without = known(&without.labels, &inner)?;
                    Ok(inner.difference(&without).cloned().collect())
                }
            }
        }
        Expr::Binary(it) => {
            let (left, right) = (labels(&it.lhs)?, labels(&it.rhs)?);
            let matching = it.modifier.as_ref().and_then(|it| it.matching.as_ref());
            if let Some(matching) = matching {
                known(&matching.labels().labels, &left)?;
                known(&matching.labels().labels, &right)?;
            }
            Ok(if left.is_empty() { right } else { left })
        }
        Expr::Extension(_) => Err("an extension".to_owned()),
    }
}

fn known(asked: &[String], there: &Labels) -> Result<Labels, String> {
    match asked.iter().find(|it| !there.contains(*it)) {
        Some(unknown) => Err(format!("no label {unknown} among {there:?}")),
        None => Ok(asked.iter().cloned().collect()),
    }
}

fn selected(selector: &VectorSelector) -> Result<Labels, String> {
    let name = selector
        .name
        .as_deref()
        .ok_or("a selector without a name")?;
    let mut there: Labels = TARGET.map(str::to_owned).into();
    if name != "up" {
        let (family, of_bucket) = family(name).ok_or_else(|| format!("no metric {name}"))?;
        there.extend(family.labels.iter().map(ToString::to_string));
        there.extend(of_bucket.map(str::to_owned));
    }
    if !selector.matchers.or_matchers.is_empty() {
        return Err("`or` in a selector is not looked at".to_owned());
    }
    for matcher in &selector.matchers.matchers {
        known(std::slice::from_ref(&matcher.name), &there)?;
        let states: Labels = SinkState::ALL.map(|it| it.name().to_owned()).into();
        if matcher.name == "state" {
            let asked: Vec<_> = matcher.value.split('|').map(str::to_owned).collect();
            known(&asked, &states)?;
        }
    }
    Ok(there)
}

/// The family of a series, and the label that its name adds.
fn family(series: &str) -> Option<(&'static Family, Option<&'static str>)> {
    families().find_map(|family| {
        let name = family.full_name();
        if family.kind != Kind::Histogram {
            return (series == name).then_some((family, None));
        }
        match series.strip_prefix(&name)? {
            "_bucket" => Some((family, Some("le"))),
            "_sum" | "_count" => Some((family, None)),
            _ => None,
        }
    })
}

#[test]
fn mistakes_are_found() {
    for right in [
        "sum by (job, sink) (rate(entra_forwarder_sink_requests_total{outcome=\"x\"}[5m])) > 0",
        "histogram_quantile(0.5, sum by (le) (rate(entra_forwarder_category_lateness_seconds_bucket[5m])))",
        "max(entra_forwarder_sink_state{state=~\"failing|refusing\"}) or vector(0)",
    ] {
        labels_of(right).unwrap();
    }
    for (wrong, why) in [
        ("entra_forwarder_sink_requests", "no metric"),
        ("entra_forwarder_sink_batch_records", "no metric"),
        ("entra_forwarder_sink_batch_records_total", "no metric"),
        (
            "sum by (partition) (entra_forwarder_sink_batches)",
            "no label partition",
        ),
        (
            "sum by (le) (entra_forwarder_sink_batch_records_sum)",
            "no label le",
        ),
        (
            "entra_forwarder_sink_batches{source=\"a\"}",
            "no label source",
        ),
        ("entra_forwarder_sink_state{state=\"bad\"}", "no label bad"),
        (
            "up and on (sink) entra_forwarder_sink_batches",
            "no label sink",
        ),
        ("sum(entra_forwarder_well", "unclosed"),
    ] {
        let error = labels_of(wrong).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}
