//! The last fifteen minutes, so that a page that was just opened has charts at once.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::telemetry::snapshot::Snapshot;

/// Time between two samples.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);
/// Fifteen minutes of them.
const SAMPLES_MAX: usize = 180;

/// How much went through in one interval, and what was left at its end.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Sample {
    /// The end of the interval, as an RFC 3339 text.
    pub(super) at: String,
    /// Records that were read, per second.
    pub(super) received: f64,
    /// Records that were accepted, per second and per sink in the order of the configuration.
    pub(super) delivered: Vec<f64>,
    /// Bytes of the events that were read, per second.
    pub(super) bytes_received: f64,
    /// Bytes that all endpoints together have accepted, as they travelled, per second.
    pub(super) bytes_sent: f64,
    /// Events that the hub has and that are not settled, in this process's partitions.
    pub(super) lag_events: u64,
    /// Age of the oldest of them, in seconds.
    pub(super) oldest_seconds: f64,
}

/// What is counted since the start.
#[derive(Clone, Debug)]
struct Counts {
    at: Instant,
    received: u64,
    delivered: Vec<u64>,
    bytes_received: u64,
    bytes_sent: u64,
}

/// The samples, the oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    last: Option<Counts>,
    samples: VecDeque<Sample>,
}

impl History {
    /// Notes what the process looks like now.
    pub(super) fn note(&mut self, snapshot: &Snapshot) {
        let counts = Counts::of(snapshot);
        if let Some(last) = &self.last {
            let seconds = counts.at.duration_since(last.at).as_secs_f64().max(0.001);
            let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
            let delivered = counts.delivered.iter().zip(&last.delivered);
            let partitions = snapshot.sources.iter().flat_map(|it| &it.partitions);
            if self.samples.len() == SAMPLES_MAX {
                self.samples.pop_front();
            }
            self.samples.push_back(Sample {
                at: snapshot.at.clone(),
                received: rate(counts.received, last.received),
                delivered: delivered.map(|(now, before)| rate(*now, *before)).collect(),
                bytes_received: rate(counts.bytes_received, last.bytes_received),
                bytes_sent: rate(counts.bytes_sent, last.bytes_sent),
                lag_events: partitions.filter_map(|it| it.lag_events).sum(),
                oldest_seconds: snapshot.oldest_unsettled_seconds,
            });
        }
        self.last = Some(counts);
    }

    /// All samples.
    pub(super) fn samples(&self) -> &VecDeque<Sample> {
        &self.samples
    }
}

impl Counts {
    fn of(snapshot: &Snapshot) -> Self {
        let partitions = snapshot.sources.iter().flat_map(|it| &it.partitions);
        let sinks = &snapshot.sinks;
        Self {
            at: Instant::now(),
            received: snapshot.balance.received,
            delivered: sinks.iter().map(|it| it.balance.delivered).collect(),
            bytes_received: partitions.map(|it| it.bytes).sum(),
            bytes_sent: sinks.iter().map(|it| it.bytes_sent).sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::verdict::tests::snapshot;

    #[tokio::test(start_paused = true)]
    async fn rates_are_differences_and_the_oldest_sample_goes() {
        let mut history = History::default();
        let mut now = snapshot(Vec::new());
        history.note(&now);
        assert!(history.samples().is_empty());
        for round in 0..=SAMPLES_MAX as u64 {
            tokio::time::advance(INTERVAL).await;
            now.balance.received += 5 * round;
            now.at = round.to_string();
            history.note(&now);
        }
        let samples = history.samples();
        assert_eq!(samples.len(), SAMPLES_MAX);
        assert_eq!((samples[0].at.as_str(), samples[0].received), ("1", 1.0));
        let last = samples.back().unwrap();
        assert_eq!((last.at.as_str(), last.received), ("180", 180.0));
    }
}
