//! The text formats of Prometheus.
//!
//! **Sources**: <https://prometheus.io/docs/specs/om/open_metrics_spec/>,
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit as EncodedUnit};

use super::{Family, Kind, PREFIX, Unit, Value, families};
use crate::telemetry::snapshot::Snapshot;

/// Media type of OpenMetrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Media type of the format before it.
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The picture in OpenMetrics: media type and text.
pub fn exposition(snapshot: &Snapshot) -> (&'static str, String) {
    (OPEN_METRICS, open_metrics(snapshot))
}

/// The same for a request with this `Accept`: OpenMetrics for whoever names it, else the format
/// before it, which everybody reads, browsers included.
pub fn negotiated(snapshot: &Snapshot, accept: Option<&str>) -> (&'static str, String) {
    match accept.is_some_and(|accept| accept.contains("application/openmetrics-text")) {
        true => exposition(snapshot),
        false => (CLASSIC, classic(&open_metrics(snapshot))),
    }
}

fn open_metrics(snapshot: &Snapshot) -> String {
    let mut registry = Registry::with_prefix(PREFIX);
    registry.register_collector(Box::new(Picture(snapshot.clone())));
    let mut text = String::new();
    // Writing into a text cannot fail; what cannot be encoded would be left out by its family.
    match encode(&mut text, &registry) {
        Ok(()) => text,
        Err(fmt::Error) => "# EOF\n".to_owned(),
    }
}

#[derive(Debug)]
struct Picture(Snapshot);

impl Collector for Picture {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        for family in families() {
            let points = (family.points)(&self.0);
            if points.is_empty() {
                continue;
            }
            let unit = unit(family.unit);
            let kind = kind(family.kind);
            let mut metric =
                encoder.encode_descriptor(family.name, family.help, unit.as_ref(), kind)?;
            for point in &points {
                let values = point.labels.iter().map(String::as_str);
                let labels: Vec<_> = family.labels.iter().copied().zip(values).collect();
                write(family, &labels, &point.value, &mut metric)?;
            }
        }
        Ok(())
    }
}

fn write(
    family: &Family,
    labels: &Vec<(&str, &str)>,
    value: &Value,
    metric: &mut MetricEncoder,
) -> fmt::Result {
    if family.kind == Kind::Info {
        return metric.encode_info(labels);
    }
    match labels.is_empty() {
        // Rather than with empty braces.
        true => write_value(family.kind, value, metric),
        false => write_value(family.kind, value, &mut metric.encode_family(labels)?),
    }
}

fn write_value(kind: Kind, value: &Value, metric: &mut MetricEncoder) -> fmt::Result {
    match (kind, value) {
        (Kind::Counter, Value::Count(count)) => {
            metric.encode_counter::<NoLabelSet, _, f64>(count, None)
        }
        (Kind::Gauge, Value::Count(count)) => metric.encode_gauge(count),
        (Kind::Gauge, Value::Whole(number)) => metric.encode_gauge(number),
        (Kind::Gauge, Value::Number(number)) => metric.encode_gauge(number),
        (Kind::Histogram, Value::Distribution(it)) => {
            let bounds = it.bounds.iter().copied().chain([f64::INFINITY]);
            let buckets: Vec<_> = bounds.zip(it.counts.iter().copied()).collect();
            metric.encode_histogram::<NoLabelSet>(it.sum, it.count(), &buckets, None)
        }
        // A test goes through all families: none has points of another kind.
        _ => Err(fmt::Error),
    }
}

fn kind(kind: Kind) -> MetricType {
    match kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
        Kind::Info => MetricType::Info,
    }
}

fn unit(unit: Unit) -> Option<EncodedUnit> {
    match unit {
        Unit::None => None,
        Unit::Seconds => Some(EncodedUnit::Seconds),
        Unit::Bytes => Some(EncodedUnit::Bytes),
        // Prometheus and its rules have it in the singular.
        Unit::Ratio => Some(EncodedUnit::Other("ratio".to_owned())),
    }
}

/// The classic format differs in what stands around the values: the name of a counter has its
/// ending there, too, there are no units, no `info`, and no mark at the end.
fn classic(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut kinds = families().map(|family| (family.base_name(), family));
    let mut current = kinds.next();
    for line in open_metrics.lines() {
        let described = line.strip_prefix("# ").and_then(|it| it.split_once(' '));
        match described {
            None if line.starts_with('#') => {}
            None => push(&mut text, &[line]),
            Some(("UNIT", _)) => {}
            Some((word, rest)) => {
                let Some((name, rest)) = rest.split_once(' ') else {
                    continue;
                };
                while current.as_ref().is_some_and(|(known, _)| known != name) {
                    current = kinds.next();
                }
                let Some((_, family)) = &current else {
                    continue;
                };
                let rest = if rest == "info" { "gauge" } else { rest };
                push(
                    &mut text,
                    &["# ", word, " ", &family.full_name(), " ", rest],
                );
            }
        }
    }
    text
}

fn push(text: &mut String, parts: &[&str]) {
    text.extend(parts.iter().copied());
    text.push('\n');
}
