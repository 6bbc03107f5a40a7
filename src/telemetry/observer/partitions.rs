//! Where the partitions of one source stand.

use super::{Observed, load};
use crate::checkpoint::ledgers::Standing;
use crate::event_hub::{PartitionId, Timestamp};
use crate::partition::inquiry::Known;
use crate::partition::reader::component;
use crate::partition::stats::PartitionStats;
use crate::telemetry::snapshot::Partition;
use crate::telemetry::status;

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
    let received = stats.received();
    let received_number = received.as_ref().map(number).max(settled);
    let of_hub = hub.map(|it| it.properties.last_sequence.0);
    // Answers of the hub are seconds old.
    let last_enqueued = of_hub.map(|of_hub| of_hub.max(received_number.unwrap_or(of_hub)));
    let lag_events = last_enqueued.zip(settled).map(|(last, settled)| {
        let lag = last.saturating_sub(settled);
        u64::try_from(lag).unwrap_or(0)
    });
    let lag_seconds = lag_events.map(|lag| match lag {
        0 => 0.0,
        _ => oldest_age(standing, stats, hub, now),
    });
    Partition {
        is_owned: true,
        reason,
        last_enqueued,
        received: received_number,
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

/// Age of the first event that is not settled. Of one that is not read yet, the age is not known:
/// then it is that of the last one that the hub has, or the time for which the hub has told of
/// it, which is the least that it can be.
fn oldest_age(
    standing: &Standing,
    stats: &PartitionStats,
    hub: Option<&Known>,
    now: Timestamp,
) -> f64 {
    let age = |moment: Timestamp| now.since(moment).as_secs_f64();
    if let Some(read) = standing.oldest.as_ref().and_then(|it| it.enqueued_at) {
        return age(read);
    }
    let last = hub.and_then(|it| it.properties.last_enqueued_at);
    let unread = stats.unread_for().as_secs_f64();
    last.map_or(0.0, age).max(unread)
}
