use std::collections::BTreeSet;

use super::*;
use crate::telemetry::snapshot::testing::rich;

mod page;

/// Names of labels that may be used: each has few values, whatever arrives.
const LABELS: [&str; 11] = [
    "source",
    "partition",
    "sink",
    "outcome",
    "category",
    "reason",
    "kind",
    "state",
    "place",
    "component",
    "version",
];

#[test]
fn every_family_is_well_formed() {
    let mut names = BTreeSet::new();
    let word =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    for family in families() {
        let name = family.full_name();
        assert!(names.insert(name.clone()), "{name} is there twice");
        assert!(word(family.name), "{name}");
        // Endings with a meaning in the text formats are those of the kind alone.
        let endings = ["_total", "_info", "_count", "_sum", "_bucket", "_created"];
        let base = family.base_name();
        assert!(endings.iter().all(|it| !base.ends_with(it)), "{name}");
        for label in family.labels {
            assert!(LABELS.contains(label), "{name}: {label}");
        }
        for text in [family.help, family.normal] {
            let is_line = text.ends_with('.') && !text.contains(['\n', '\\', '|', '"']);
            assert!(is_line && !text.contains("  "), "{name}: {text}");
        }
    }
}

#[test]
fn a_rich_picture_has_points_of_every_family() {
    let picture = rich();
    for family in families() {
        let name = family.full_name();
        let points = (family.points)(&picture);
        assert!(!points.is_empty(), "{name}");
        let mut seen = BTreeSet::new();
        for point in points {
            assert_eq!(point.labels.len(), family.labels.len(), "{name}");
            assert!(seen.insert(point.labels.clone()), "{name}: {point:?} twice");
            let is_right = match family.kind {
                Kind::Counter | Kind::Info => matches!(point.value, Value::Count(_)),
                Kind::Gauge => !matches!(point.value, Value::Distribution(_)),
                Kind::Histogram => matches!(point.value, Value::Distribution(_)),
            };
            assert!(is_right, "{name}: {point:?}");
        }
    }
}

#[test]
fn the_text_is_open_metrics() {
    let (kind, text) = exposition(&rich());
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    for line in [
        "# TYPE entra_forwarder_build info",
        "entra_forwarder_build_info{version=\"1.2.3\"} 1",
        "# UNIT entra_forwarder_partition_lag_seconds seconds",
        "entra_forwarder_partition_lag_seconds{source=\"entra\",partition=\"0\"} 12.5",
        "entra_forwarder_sink_requests_total{sink=\"siem\",outcome=\"accepted\"} 7",
        "entra_forwarder_sink_state{sink=\"siem\",state=\"refusing\"} 1",
        "entra_forwarder_sink_state{sink=\"siem\",state=\"accepting\"} 0",
        "entra_forwarder_category_lateness_seconds_bucket{le=\"+Inf\",source=\"entra\",category=\"AuditLogs\"} 3",
        "entra_forwarder_retention_used_ratio 0.25",
        r#"entra_forwarder_component_waiting{component="odd \"name\" with \\ and \nbreak"} 1"#,
    ] {
        assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
    }
    assert!(text.ends_with("# EOF\n"));
    assert_eq!(text.matches("# EOF").count(), 1);
}

#[test]
fn whoever_does_not_know_open_metrics_gets_the_classic_format() {
    let prometheus =
        "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3";
    assert_eq!(negotiated(&rich(), Some(prometheus)), exposition(&rich()));
    for accept in [None, Some("*/*"), Some("text/html")] {
        let (kind, text) = negotiated(&rich(), accept);
        assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
        for line in [
            "# TYPE entra_forwarder_build_info gauge",
            "# TYPE entra_forwarder_sink_requests_total counter",
            "# TYPE entra_forwarder_sink_request_size_bytes histogram",
            "# TYPE entra_forwarder_partition_lag_seconds gauge",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
        }
        assert!(!text.contains("# UNIT") && !text.contains("# EOF"));
        let values = |text: &str| {
            let lines = text.lines().filter(|it| !it.starts_with('#'));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(values(&text), values(&exposition(&rich()).1));
    }
}

/// What is not known is left out, rather than zero.
#[test]
fn nothing_is_said_of_what_is_not_known() {
    let mut picture = rich();
    picture.retention_used = None;
    picture.process.resident_bytes = None;
    for partition in &mut picture.sources[0].partitions {
        partition.is_owned = false;
        partition.lag_events = None;
        partition.lag_seconds = None;
    }
    let (_, text) = exposition(&picture);
    for name in [
        "retention_used",
        "resident_memory",
        "partition_lag",
        "partition_open",
    ] {
        assert!(!text.contains(name), "{name}");
    }
    assert!(text.contains("entra_forwarder_partition_events_total{"));
}
