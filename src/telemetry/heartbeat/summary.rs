//! The lines of every minute: the process and its sinks.

use std::collections::BTreeMap;

use super::{grown, rounded};
use crate::telemetry::expiries::ExpiryKind;
use crate::telemetry::snapshot::{Credential, Partition, Sink, SinkState, Snapshot};

/// The counts of the lines before.
#[derive(Debug, Default)]
pub(super) struct Summary {
    received: u64,
    delivered: u64,
    dead_lettered: u64,
    sinks: BTreeMap<String, Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    delivered: u64,
    dead_lettered: u64,
    requests: u64,
    retries: u64,
}

impl Summary {
    pub(super) fn write(&mut self, snapshot: &Snapshot, is_last: bool) {
        self.process(snapshot, is_last);
        for sink in &snapshot.sinks {
            self.sink(sink);
        }
    }

    fn process(&mut self, snapshot: &Snapshot, is_last: bool) {
        let owned: Vec<_> = owned(snapshot).collect();
        let sum = |count: fn(&Sink) -> u64| -> u64 { snapshot.sinks.iter().map(count).sum() };
        let are = |state| snapshot.sinks.iter().filter(|it| it.state == state).count();
        let delivered = sum(|it| it.balance.delivered);
        let dead_lettered = snapshot.dead_letters.iter().map(|it| it.count).sum();
        let memory = &snapshot.memory;
        let credential = first_to_end(snapshot);
        tracing::info!(
            event = "heartbeat",
            last = is_last,
            well = snapshot.verdict.is_well,
            reason = snapshot.verdict.reasons.first(),
            reasons = snapshot.verdict.reasons.len(),
            version = snapshot.process.version,
            owner = snapshot.process.owner,
            uptime_seconds = rounded(snapshot.process.uptime_seconds),
            partitions_owned = owned.len(),
            partitions_waiting = owned.iter().filter(|it| it.reason.is_some()).count(),
            partitions_of_hub = snapshot
                .sources
                .iter()
                .map(|it| it.partitions_of_hub)
                .sum::<u64>(),
            lag_events = owned.iter().filter_map(|it| it.lag_events).sum::<u64>(),
            lag_seconds = rounded(
                owned
                    .iter()
                    .filter_map(|it| it.lag_seconds)
                    .fold(0.0, f64::max)
            ),
            oldest_unsettled_seconds = rounded(snapshot.oldest_unsettled_seconds),
            retention_used = snapshot.retention_used.map(rounded),
            received = snapshot.balance.received,
            received_new = grown(&mut self.received, snapshot.balance.received),
            wanted = snapshot.balance.wanted,
            unrouted = snapshot.balance.unrouted,
            delivered,
            delivered_new = grown(&mut self.delivered, delivered),
            dead_lettered,
            dead_lettered_new = grown(&mut self.dead_lettered, dead_lettered),
            abandoned = sum(|it| it.balance.abandoned),
            in_flight = sum(|it| it.balance.in_flight),
            balance_error = snapshot.balance.error,
            memory_used_bytes = memory.events_bytes + memory.bodies_bytes,
            memory_budget_bytes = memory.budget_bytes,
            sinks = snapshot.sinks.len(),
            sinks_accepting = are(SinkState::Accepting),
            sinks_failing = are(SinkState::Failing),
            sinks_refusing = are(SinkState::Refusing),
            sinks_misconfigured = are(SinkState::Misconfigured),
            credential = credential.map(|it| it.place.as_str()),
            credential_seconds_left = credential.map(|it| rounded(it.seconds_left)),
            "{}",
            snapshot.verdict.sentence
        );
    }

    fn sink(&mut self, sink: &Sink) {
        let before = self.sinks.entry(sink.name.clone()).or_default();
        let balance = &sink.balance;
        let requests = sink.requests.values().sum();
        tracing::info!(
            event = "sink",
            sink = sink.name,
            state = sink.state.name(),
            reason = sink.reason,
            state_seconds = sink.since_seconds.map(rounded),
            wanted = balance.wanted,
            delivered = balance.delivered,
            delivered_new = grown(&mut before.delivered, balance.delivered),
            dead_lettered = balance.dead_lettered,
            dead_lettered_new = grown(&mut before.dead_lettered, balance.dead_lettered),
            abandoned = balance.abandoned,
            in_flight = balance.in_flight,
            requests,
            requests_new = grown(&mut before.requests, requests),
            retries = sink.retries,
            retries_new = grown(&mut before.retries, sink.retries),
            divided = sink.divided,
            plain_bytes = sink.bytes_plain,
            sent_bytes = sink.bytes_sent,
            requests_in_flight = sink.requests_in_flight,
            concurrency = sink.concurrency,
            batches = sink.batches,
            parked = sink.parked,
            "sink {}: {}",
            sink.name,
            sink.state.name()
        );
    }
}

/// The partitions that this process owns.
fn owned(snapshot: &Snapshot) -> impl Iterator<Item = &Partition> {
    let partitions = snapshot.sources.iter().flat_map(|it| &it.partitions);
    partitions.filter(|it| it.is_owned)
}

/// Credentials that somebody has to renew.
pub(super) fn to_renew(snapshot: &Snapshot) -> impl Iterator<Item = &Credential> {
    let token = ExpiryKind::Token.name();
    snapshot
        .credentials
        .iter()
        .filter(move |it| it.kind != token)
}

fn first_to_end(snapshot: &Snapshot) -> Option<&Credential> {
    to_renew(snapshot).min_by(|a, b| a.seconds_left.total_cmp(&b.seconds_left))
}
