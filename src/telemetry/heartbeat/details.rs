//! The lines of every five minutes: partitions, categories, credentials.

use std::collections::BTreeMap;

use super::summary::to_renew;
use super::{grown, rounded};
use crate::telemetry::snapshot::{Category, Partition, Snapshot, Source};

/// The counts of the lines before, by source and partition or category.
#[derive(Debug, Default)]
pub(super) struct Details {
    partitions: BTreeMap<(String, String), Counts>,
    records: BTreeMap<(String, String), u64>,
}

#[derive(Debug, Default)]
struct Counts {
    events: u64,
    missing: u64,
}

impl Details {
    pub(super) fn write(&mut self, snapshot: &Snapshot) {
        for source in &snapshot.sources {
            for partition in source.partitions.iter().filter(|it| it.is_owned) {
                self.partition(source, partition);
            }
            for (name, category) in &source.categories {
                self.category(source, name, category);
            }
        }
        for credential in to_renew(snapshot) {
            tracing::info!(
                event = "credential",
                place = credential.place,
                kind = credential.kind,
                ends_at = credential.ends_at,
                seconds_left = rounded(credential.seconds_left),
                "the {} in {} ends at {}",
                credential.kind,
                credential.place,
                credential.ends_at
            );
        }
    }

    fn partition(&mut self, source: &Source, partition: &Partition) {
        let key = (source.name.clone(), partition.id.clone());
        let before = self.partitions.entry(key).or_default();
        let used = partition.lag_seconds.zip(source.retention_seconds);
        tracing::info!(
            event = "partition",
            source = source.name,
            partition = partition.id,
            reason = partition.reason,
            lag_events = partition.lag_events,
            lag_seconds = partition.lag_seconds.map(rounded),
            retention_used = used.map(|(lag, retention)| rounded(lag / retention.max(1.0))),
            last_enqueued = partition.last_enqueued,
            last_received = partition.received,
            last_settled = partition.settled,
            last_checkpointed = partition.checkpointed,
            open_events = partition.open_events,
            open_bytes = partition.open_bytes,
            uncommitted = partition.uncommitted,
            events = partition.events,
            events_new = grown(&mut before.events, partition.events),
            body_bytes = partition.bytes,
            duplicates = partition.duplicates,
            gaps = partition.gaps,
            missing = partition.missing,
            missing_new = grown(&mut before.missing, partition.missing),
            rewinds = partition.rewinds,
            stale = partition.stale,
            reopenings = partition.reopenings,
            stalls = partition.stalls,
            expiries = partition.expiries,
            stolen = partition.stolen,
            "source {} partition {}",
            source.name,
            partition.id
        );
    }

    fn category(&mut self, source: &Source, name: &str, category: &Category) {
        let key = (source.name.clone(), name.to_owned());
        let before = self.records.entry(key).or_default();
        tracing::info!(
            event = "category",
            source = source.name,
            category = name,
            records = category.records,
            records_new = grown(before, category.records),
            silent_seconds = category.silent_seconds.map(rounded),
            "source {} category {name}",
            source.name
        );
    }
}
