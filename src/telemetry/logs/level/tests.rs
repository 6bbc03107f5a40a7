use tokio::time::advance;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::FilterExt;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use super::super::ceiling;
use super::*;
use crate::telemetry::testing::Written;

/// A log of this thread with everything that the process's own has but its writer.
fn start(filter: &str) -> (Control, Written, DefaultGuard) {
    let (filter, control) = Control::new(filter).unwrap();
    let written = Written::default();
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_writer(written.clone());
    let log = tracing_subscriber::registry().with(lines.with_filter(filter.and(ceiling())));
    (control, written, tracing::subscriber::set_default(log))
}

/// Targets and levels of what is shown of one line of each.
fn shown(written: &Written) -> Vec<String> {
    written.take();
    macro_rules! say {
        ($($target:literal),*) => {$(
            tracing::trace!(target: $target, "x");
            tracing::debug!(target: $target, "x");
            tracing::info!(target: $target, "x");
            tracing::warn!(target: $target, "x");
            tracing::error!(target: $target, "x");
        )*};
    }
    say!(
        "entra_forwarder::deliver",
        "hyper::proto",
        "azure_core_amqp::fe2o3",
        "fe2o3_amqp",
        "a_library_of_tomorrow"
    );
    let lines = written.take();
    let of = |line: &serde_json::Value| {
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        format!("{} {}", text("target"), text("level"))
    };
    lines.iter().map(of).collect()
}

fn count(shown: &[String], words: &str) -> usize {
    shown.iter().filter(|it| it.contains(words)).count()
}

#[test]
fn no_filter_lifts_the_ceiling_of_the_libraries() {
    let (control, written, _guard) = start("info");
    assert_eq!(count(&shown(&written), "entra_forwarder"), 3);
    for filter in [
        "trace",
        "trace,hyper=trace",
        "hyper=trace,fe2o3_amqp=trace,azure_core_amqp=trace,a_library_of_tomorrow=trace,\
         entra_forwarder=trace",
        "info,[{x}]=trace,hyper::proto=trace,entra_forwarder=trace",
    ] {
        control.set(filter, None).unwrap();
        let shown = shown(&written);
        assert_eq!(count(&shown, "azure_") + count(&shown, "fe2o3_"), 0);
        assert_eq!(count(&shown, "entra_forwarder"), 5, "{filter}: {shown:?}");
        assert_eq!(
            count(&shown, "TRACE") + count(&shown, "DEBUG"),
            2,
            "{filter}: {shown:?}"
        );
    }
    control.set("off", None).unwrap();
    assert!(shown(&written).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_change_goes_back_after_its_time() {
    let (control, written, _guard) = start("warn");
    let set = control.set("debug", Some(LASTS)).unwrap();
    assert_eq!((set.filter.as_str(), set.remaining), ("debug", Some(LASTS)));
    let said = written.take();
    assert_eq!((said.len(), &said[0]["event"]), (1, &"log_level".into()));
    assert_eq!(said[0]["lasts_seconds"], 900);
    assert_eq!(count(&shown(&written), "entra_forwarder"), 4);
    advance(LASTS - Duration::from_millis(1)).await;
    control.go_back_if_due();
    assert_eq!(control.level().filter, "debug");
    advance(Duration::from_millis(1)).await;
    control.go_back_if_due();
    let said = written.take();
    assert_eq!(
        (&said[0]["filter"], &said[0]["before"]),
        (&"warn".into(), &"debug".into())
    );
    let level = control.level();
    assert_eq!((level.filter.as_str(), level.remaining), ("warn", None));
    assert_eq!(count(&shown(&written), "entra_forwarder"), 2);
}

#[tokio::test(start_paused = true)]
async fn the_last_change_counts() {
    let (control, _written, _guard) = start("info");
    control.set("debug", Some(Duration::from_secs(10))).unwrap();
    control
        .set("trace", Some(Duration::from_secs(100)))
        .unwrap();
    advance(Duration::from_secs(50)).await;
    control.go_back_if_due();
    assert_eq!(control.level().filter, "trace");
    control.set("error", None).unwrap();
    advance(Duration::from_secs(1_000)).await;
    control.go_back_if_due();
    assert_eq!(control.level().filter, "error");
    assert_eq!(control.level().started_with, "info");
}

#[test]
fn what_cannot_be_set_changes_nothing() {
    let (control, _written, _guard) = start("info");
    let hour = Some(Duration::from_secs(3_600));
    for (filter, lasts, words) in [
        ("loud", hour, "`loud` is no log filter"),
        ("entra_forwarder=loud", hour, "is no log filter"),
        (&"x".repeat(1_025), hour, "longer than 1024 bytes"),
        ("debug", Some(Duration::ZERO), "1s to 7d"),
        ("debug", Some(Duration::MAX), "1s to 7d"),
    ] {
        let error = control.set(filter, lasts).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    assert_eq!(control.level().filter, "info");
}
