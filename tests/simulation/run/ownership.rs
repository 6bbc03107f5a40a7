//! What must hold of ownership at every moment: nothing is left alone while somebody could take it,
//! and who cannot deliver leaves what it has to others.

use std::time::Duration;

use entra_forwarder::event_hub::PartitionId;
use tokio::time::Instant;

use super::World;
use super::replicas::Replica;
use crate::journal::Rule;

/// Longest time between two looks at the owners: of a replica that owns everything alone.
const ROUND_MAX: Duration = Duration::from_secs(10);
/// How often the hub is asked for its partitions.
const REFRESH: Duration = Duration::from_secs(60);
/// Time for calls on top, and for the wait after one that failed.
const SLACK: Duration = Duration::from_secs(12);
/// Time in which a replica that is refused must have given up what it has.
const GIVES_UP_WITHIN: Duration = Duration::from_secs(30);

/// Since when nothing disturbs the sharing of partitions.
pub(super) struct Health {
    /// The store and the hub answer.
    since: Instant,
    /// When each partition appeared.
    appeared: Vec<Instant>,
    /// How many there were at the beginning.
    at_begin: usize,
    /// Failures of the hub that are still to come.
    properties_failures: u32,
}

impl Health {
    pub(super) fn new(partitions: usize) -> Self {
        let now = Instant::now();
        Self {
            since: now,
            appeared: vec![now; partitions],
            at_begin: partitions,
            properties_failures: 0,
        }
    }
}

impl World {
    pub(super) fn add_partitions(&mut self) {
        let present = self.hub.lock().partitions.len();
        let number = present.min(8 - present);
        self.hub.add_partitions(number);
        self.store.partitions_added(present);
        self.journal.count("partition added", number as u64);
        let appeared = std::iter::repeat_n(Instant::now(), number);
        self.ownership.appeared.extend(appeared);
    }

    pub(super) fn check_ownership(&mut self) {
        let now = Instant::now();
        if self.is_disturbed() {
            self.ownership.since = now;
        }
        for replica in &mut self.replicas {
            replica.well_since = match replica.well_since {
                _ if !replica.gate.is_well() => None,
                None => Some(now),
                since => since,
            };
        }
        self.check_that_nothing_is_alone(now);
        for index in 0..self.replicas.len() {
            self.check_that_it_gives_up(index, now);
        }
    }

    /// Whether a call to the store or the hub has just failed, or will.
    fn is_disturbed(&mut self) -> bool {
        let failures = self.hub.lock().properties_failures;
        let before = std::mem::replace(&mut self.ownership.properties_failures, failures);
        let state = self.store.lock();
        let until = state.down_until.max(state.disturbed_at);
        until.is_some_and(|until| Instant::now() <= until + Duration::from_secs(1))
            || failures < before
    }

    /// While the store answers and somebody is there who can deliver, every claim is renewed, or
    /// replaced after its expiry.
    fn check_that_nothing_is_alone(&self, now: Instant) {
        let Some(well_since) = self.replicas.iter().filter_map(|it| it.well_since).min() else {
            return;
        };
        let healthy_since = well_since.max(self.ownership.since) + SLACK;
        let times = self.config.ownership;
        let state = self.store.lock();
        for (partition, appeared) in self.ownership.appeared.iter().enumerate() {
            let owned = state.owners.get(&PartitionId::new(partition.to_string()));
            // Each replica learns of a new partition by itself.
            let known_at = (*appeared).max(healthy_since) + REFRESH + ROUND_MAX;
            let due = match owned {
                Some(owned) if partition < self.ownership.at_begin => owned.at + times.expiry,
                Some(owned) => known_at.max(owned.at + times.expiry),
                None => known_at,
            };
            let bound =
                due.max(healthy_since) + 2 * times.balance_interval + Duration::from_secs(1);
            if now > bound {
                let (owner, at) = owned.map_or((None, *appeared), |it| (it.owner.clone(), it.at));
                let detail = format!(
                    "partition {partition} was left alone: {owner:?}, since {:?}",
                    now - at
                );
                self.journal.violate(Rule::Ownership, detail);
            }
        }
    }

    /// A replica that is refused for long has nothing any more when others are there.
    fn check_that_it_gives_up(&mut self, index: usize, now: Instant) {
        let times = self.config.ownership;
        let state = self.store.lock();
        let replica = &self.replicas[index];
        // What it has and does not renew is nobody's soon.
        let (mut renewed_at, mut others) = (None, false);
        for owned in state.owners.values() {
            let is_own = owned.owner.as_ref() == Some(&replica.process);
            if is_own {
                renewed_at = renewed_at.max(Some(owned.at));
            }
            others |= !is_own && owned.owner.is_some() && owned.at.elapsed() < times.expiry;
        }
        drop(state);
        let refused_since = replica.gate.refused_since();
        let is_long = refused_since.is_some_and(|since| since.elapsed() >= times.give_up_after);
        let is_due = is_long && others && !replica.gate.is_frozen();
        let is_due = is_due && replica.gate.lists_as_of().is_none();
        let replica: &mut Replica = &mut self.replicas[index];
        if !is_due || self.ownership.since == now {
            replica.overdue_since = None;
        } else if let Some(renewed_at) = renewed_at {
            let since = *replica.overdue_since.get_or_insert(now);
            if renewed_at > since + GIVES_UP_WITHIN {
                let process = &replica.process;
                let detail = format!("{process} is refused and keeps what it has");
                self.journal.violate(Rule::Admission, detail);
            }
        } else if replica.overdue_since.take().is_some() {
            self.journal.count("given up while refused", 1);
        }
    }

    /// Why the shares are not fair yet; `None` when they are.
    pub(super) fn uneven(&self) -> Option<String> {
        let state = self.store.lock();
        let mut shares: Vec<_> = self.replicas.iter().map(|it| (&it.process, 0)).collect();
        for partition in 0..self.ownership.appeared.len() {
            let owned = state.owners.get(&PartitionId::new(partition.to_string()));
            let owner = owned.and_then(|owned| owned.owner.as_ref());
            match shares
                .iter_mut()
                .find(|(process, _)| Some(*process) == owner)
            {
                Some((_, share)) => *share += 1,
                None => return Some(format!("partition {partition} is owned by {owner:?}")),
            }
        }
        let counts = shares.iter().map(|(_, share)| *share);
        let (least, most) = (counts.clone().min(), counts.max());
        (most > least.map(|least| least + 1)).then(|| format!("{shares:?}"))
    }
}
