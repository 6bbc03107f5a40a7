//! A picture of the process becomes the body of an export request.
//!
//! Names are those of Prometheus without the ending of counters, which whoever turns OTLP into
//! Prometheus puts back
//! (<https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/>).

use prost::Message;

use super::message::{
    CUMULATIVE, Data, Gauge, Histogram, HistogramDataPoint, Metric, Number, NumberDataPoint,
    Request, ResourceMetrics, ScopeMetrics, Sum,
};
use crate::event_hub::Timestamp;
use crate::otlp::{KeyValue, Resource, Scope};
use crate::telemetry::metrics::{Family, Kind, Point, Unit, Value, families};
use crate::telemetry::snapshot::Snapshot;

/// `ExportMetricsServiceRequest` in Protobuf. `attributes` are those of the resource.
pub(super) fn body(snapshot: &Snapshot, attributes: &[(String, String)]) -> Vec<u8> {
    let times = Times {
        start: nanoseconds(&snapshot.process.started_at),
        now: nanoseconds(&snapshot.at),
    };
    let metrics = families().filter_map(|family| times.metric(family, snapshot));
    let request = Request {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource(snapshot, attributes)),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(Scope::of_this()),
                metrics: metrics.collect(),
            }],
        }],
    };
    request.encode_to_vec()
}

/// What names this process; `attributes` win.
fn resource(snapshot: &Snapshot, attributes: &[(String, String)]) -> Resource {
    let process = &snapshot.process;
    let own = [
        ("service.name", env!("CARGO_PKG_NAME")),
        ("service.version", &process.version),
        ("service.instance.id", &process.owner),
    ];
    let is_given = |name: &str| attributes.iter().any(|(given, _)| given == name);
    let own = own.into_iter().filter(|(name, _)| !is_given(name));
    let own = own.map(|(name, value)| KeyValue::new(name, value));
    let given = attributes.iter();
    Resource {
        attributes: given
            .map(|(name, value)| KeyValue::new(name, value))
            .chain(own)
            .collect(),
    }
}

fn nanoseconds(moment: &str) -> u64 {
    let moment = Timestamp::parse_rfc3339(moment);
    let milliseconds = moment.and_then(|it| u64::try_from(it.0).ok());
    milliseconds.unwrap_or_default() * 1_000_000
}

/// When counting began, and until when it has gone on.
struct Times {
    start: u64,
    now: u64,
}

impl Times {
    fn metric(&self, family: &Family, snapshot: &Snapshot) -> Option<Metric> {
        let points = (family.points)(snapshot);
        if points.is_empty() {
            return None;
        }
        let data = match family.kind {
            Kind::Counter => Data::Sum(Sum {
                data_points: self.numbers(family, &points),
                aggregation_temporality: CUMULATIVE,
                is_monotonic: true,
            }),
            Kind::Gauge | Kind::Info => Data::Gauge(Gauge {
                data_points: self.numbers(family, &points),
            }),
            Kind::Histogram => Data::Histogram(Histogram {
                data_points: self.distributions(family, &points),
                aggregation_temporality: CUMULATIVE,
            }),
        };
        Some(Metric {
            name: match family.kind {
                Kind::Info => family.full_name(),
                _ => family.base_name(),
            },
            description: family.help.to_owned(),
            unit: unit(family.unit).to_owned(),
            data: Some(data),
        })
    }

    fn numbers(&self, family: &Family, points: &[Point]) -> Vec<NumberDataPoint> {
        let points = points.iter().filter_map(|point| {
            let value = match &point.value {
                Value::Count(count) => Number::Int(i64::try_from(*count).unwrap_or(i64::MAX)),
                Value::Whole(number) => Number::Int(*number),
                Value::Number(number) => Number::Double(*number),
                Value::Distribution(_) => return None,
            };
            Some(NumberDataPoint {
                start_time_unix_nano: match family.kind {
                    Kind::Counter => self.start,
                    _ => 0,
                },
                time_unix_nano: self.now,
                value: Some(value),
                attributes: attributes(family, point),
            })
        });
        points.collect()
    }

    fn distributions(&self, family: &Family, points: &[Point]) -> Vec<HistogramDataPoint> {
        let points = points.iter().filter_map(|point| {
            let Value::Distribution(distribution) = &point.value else {
                return None;
            };
            Some(HistogramDataPoint {
                start_time_unix_nano: self.start,
                time_unix_nano: self.now,
                count: distribution.count(),
                sum: Some(distribution.sum),
                bucket_counts: distribution.counts.clone(),
                explicit_bounds: distribution.bounds.clone(),
                attributes: attributes(family, point),
            })
        });
        points.collect()
    }
}

fn attributes(family: &Family, point: &Point) -> Vec<KeyValue> {
    let labels = family.labels.iter().zip(&point.labels);
    labels
        .map(|(name, value)| KeyValue::new(*name, value))
        .collect()
}

/// In the words of UCUM; none for things, since `1` means a ratio to many.
fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::None => "",
        Unit::Seconds => "s",
        Unit::Bytes => "By",
        Unit::Ratio => "1",
    }
}
