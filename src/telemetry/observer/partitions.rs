//! Where the partitions of one source stand.

use std::time::Duration;

use super::{Observed, load};
use crate::checkpoint::ledgers::Standing;
use crate::event_hub::{PartitionId, Timestamp};
use crate::partition::inquiry::Known;
use crate::partition::reader::component;
use crate::partition::stats::PartitionStats;
use crate::telemetry::snapshot::Partition;
use crate::telemetry::status;

/// How long an answer of the hub tells where it stands: some times longer than it is from one
/// question to the next.
const KNOWN_FOR: Duration = Duration::from_secs(90);

/// All partitions that this process owns or has owned, by number.
pub(super) fn of(
    source: &Observed,
    standings: &[Standing],
    now: Timestamp,
    components: &[status::Component],
) -> Vec<Partition> {
    let mut partitions: Vec<_> = source.stats.partitions();
    partitions.sort_by_key(|(id, _)| id.as_str().parse::<u64>().unwrap_or(u64::MAX));
    let partitions = partitions.into_iter().map(|(id, stats)| {
        let standing = standings
            .iter()
            .find(|it| it.source == source.name && it.partition == id);
        let name = component(&source.name, &id);
        let known = components.iter().find(|it| it.name == name);
        let reason = known.and_then(|it| it.reason.clone());
        match standing {
            Some(standing) => {
                let hub = source.inquiry.known(&id);
                owned(standing, &stats, hub.as_ref(), now, reason)
            }
            None => Partition {
                reason,
                ..counted(&id, &stats)
            },
        }
    });
    partitions.collect()
}

/// What is known of every partition.
fn counted(id: &PartitionId, stats: &PartitionStats) -> Partition {
    Partition {
        id: id.as_str().to_owned(),
        is_owned: false,
        reason: None,
        last_enqueued: None,
        received: None,
        settled: None,
        checkpointed: None,
        lag_events: None,
        lag_seconds: None,
        open_events: 0,
        open_bytes: 0,
        uncommitted: 0,
        events: load(&stats.events),
        bytes: load(&stats.bytes),
        duplicates: load(&stats.duplicates),
        gaps: load(&stats.gaps),
        missing: load(&stats.missing),
        rewinds: load(&stats.rewinds),
        stale: load(&stats.stale),
        reopenings: load(&stats.reopenings),
        stalls: load(&stats.stalls),
        expiries: load(&stats.expiries),
        stolen: load(&stats.stolen),
    }
}

/// The same of one that is owned.
fn owned(
    standing: &Standing,
    stats: &PartitionStats,
    hub: Option<&Known>,
    now: Timestamp,
    reason: Option<String>,
) -> Partition {
    let number = |position: &crate::event_hub::Position| position.sequence.0;
    let settled = standing.watermark.as_ref().map(number);
    let received = stats.received().as_ref().map(number).max(settled);
    let told_at = hub.map(|it| it.at);
    let fresh = hub.filter(|it| it.at.elapsed() <= KNOWN_FOR);
    let of_hub = fresh.map(|it| it.properties.last_sequence.0);
    // Answers of the hub are seconds old.
    let last_enqueued = of_hub.map(|of_hub| of_hub.max(received.unwrap_or(of_hub)));
    let lag_events = last_enqueued.zip(settled).map(|(last, settled)| {
        let lag = last.saturating_sub(settled);
        u64::try_from(lag).unwrap_or(0)
    });
    let lag_seconds = match lag_events {
        Some(0) => Some(0.0),
        Some(_) => Some(oldest_age(standing, stats, now).unwrap_or(0.0)),
        None => {
            // Nobody knows what has come since the hub last answered, or brought an event.
            let heard_at = told_at.max(stats.received_at());
            let unheard = heard_at.map(|at| at.elapsed().as_secs_f64());
            let known = oldest_age(standing, stats, now);
            known.into_iter().chain(unheard).reduce(f64::max)
        }
    };
    Partition {
        is_owned: true,
        reason,
        last_enqueued,
        received,
        settled,
        checkpointed: standing.checkpointed.map(|it| it.0),
        lag_events,
        lag_seconds,
        open_events: standing.backlog.open_events,
        open_bytes: standing.backlog.open_bytes,
        uncommitted: standing.backlog.uncommitted,
        ..counted(&standing.partition, stats)
    }
}

/// Age of the first event that is not settled; `None` when none is known. Of one that is not read
/// yet, the age of another one behind it is told, which is the least that it can be.
fn oldest_age(standing: &Standing, stats: &PartitionStats, now: Timestamp) -> Option<f64> {
    let age = |moment: Timestamp| now.since(moment).as_secs_f64();
    if let Some(read) = standing.oldest.as_ref().and_then(|it| it.enqueued_at) {
        return Some(age(read));
    }
    let unread = stats.unread()?;
    let known_for = unread.known_since.elapsed().as_secs_f64();
    Some(unread.enqueued_at.map_or(0.0, age).max(known_for))
}
