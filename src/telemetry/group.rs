//! The consumer groups as a whole, whoever owns which partition: asked of hub and store.
//!
//! `checkpoints show`, `status` and the status page are all made of a [`Report`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;

use crate::checkpoint::layouts::{self, Layout, Place, Reached, StoredPosition};
use crate::checkpoint::{CheckpointStore, GroupKey, Ownership, Recorded, StoreError};
use crate::config::{Config, SourceConfig};
use crate::event_hub::{
    HubProperties, PartitionId, PartitionProperties, Position, SequenceNumber, Source, SourceError,
    Timestamp,
};
use crate::partition::start;

pub mod picture;
mod verdict;
pub mod watch;

/// Partitions that are looked up in the hub at the same time.
const LOOKUPS_MAX: usize = 4;

/// One source: a hub, seen by one consumer group.
#[derive(Clone)]
pub struct Group {
    /// Its name in the configuration.
    pub name: String,
    /// The hub.
    pub hub: Arc<dyn Source>,
    /// Ownerships and checkpoints.
    pub store: Arc<dyn CheckpointStore>,
    /// Names under which they are stored.
    pub key: GroupKey,
    /// Age from which an ownership counts as given up.
    pub expiry: Duration,
    /// Where the store keeps the positions; `None` when it is the memory of this process.
    pub place: Option<Arc<Place>>,
}

/// What is known of one source.
pub struct Report {
    /// Its name in the configuration.
    pub source: String,
    /// `<namespace>/<hub>/<group>`.
    pub group: String,
    /// What the hub says of itself.
    pub hub: Option<HubProperties>,
    /// Per partition, by number.
    pub rows: Vec<Row>,
    /// What could not be asked.
    pub problems: Vec<Problem>,
}

/// Something could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The hub.
    #[error("sources.{0}: {1}")]
    Hub(String, SourceError),
    /// The store.
    #[error("checkpoints: {0}")]
    Store(StoreError),
}

/// What is known of one partition.
pub struct Row {
    /// The partition.
    pub partition: PartitionId,
    /// Who owns it.
    pub owner: Option<Ownership>,
    /// Whether that has renewed his claim in time.
    pub is_live: bool,
    /// What the hub says of it.
    pub properties: Option<PartitionProperties>,
    /// Its checkpoint.
    pub stored: Option<StoredPosition>,
    /// What is odd.
    pub notes: Vec<String>,
}

/// All sources of a configuration; `hubs` in its order.
pub fn of(
    config: &Config,
    hubs: &[Arc<dyn Source>],
    store: &Arc<dyn CheckpointStore>,
    place: Option<Place>,
) -> Vec<Group> {
    let place = place.map(Arc::new);
    let sources = config.sources.iter().zip(hubs);
    let group = |((name, source), hub): ((&String, &SourceConfig), &Arc<dyn Source>)| Group {
        name: name.clone(),
        hub: Arc::clone(hub),
        store: Arc::clone(store),
        key: GroupKey::new(&source.namespace, &source.event_hub, &source.consumer_group),
        expiry: config.ownership.expiry,
        place: place.clone(),
    };
    sources.map(group).collect()
}

impl Group {
    /// Whether somebody has the partition and has renewed his claim in time.
    pub fn is_live(&self, ownership: &Ownership) -> bool {
        ownership.owner.is_some() && ownership.age < self.expiry
    }

    /// Asks hub and store; what fails is a problem, and the rest is told.
    pub async fn look(&self) -> Report {
        let mut problems = Vec::new();
        let hub = match self.hub.hub_properties().await {
            Ok(hub) => Some(hub),
            Err(error) => {
                problems.push(Problem::Hub(self.name.clone(), error));
                None
            }
        };
        let partitions = hub.as_ref().map(|hub| hub.partitions.clone());
        let partitions = partitions.unwrap_or_default();
        let (mut owners, mut stored) = (Vec::new(), BTreeMap::new());
        match self.store.list_owners(&self.key).await {
            Ok(found) => owners = found,
            Err(error) => problems.push(Problem::Store(error)),
        }
        match self.stored(&partitions).await {
            Ok(found) => stored = found,
            // The same store: what it says once is enough.
            Err(_) if problems.iter().any(|it| matches!(it, Problem::Store(_))) => {}
            Err(error) => problems.push(Problem::Store(error)),
        }
        let mut rows = self.rows(&partitions, owners, stored);
        if hub.is_some() {
            let asked = rows
                .iter_mut()
                .map(async |row| {
                    let properties = self.hub.partition_properties(&row.partition).await?;
                    row.properties = Some(properties);
                    Ok(())
                })
                .collect::<Vec<_>>();
            let mut asked = futures::stream::iter(asked).buffer_unordered(LOOKUPS_MAX);
            while let Some(answer) = asked.next().await {
                if let Err(error) = answer {
                    // The others would wait for the same.
                    problems.push(Problem::Hub(self.name.clone(), error));
                    break;
                }
            }
        }
        for row in &mut rows {
            row.note(hub.as_ref());
        }
        Report {
            source: self.name.clone(),
            group: self.key.case_kept_prefix(),
            hub,
            rows,
            problems,
        }
    }

    async fn stored(&self, partitions: &[PartitionId]) -> Result<Stored, StoreError> {
        if let Some(place) = &self.place {
            return layouts::own(place, &self.key).await;
        }
        let mut found = BTreeMap::new();
        for partition in partitions {
            if let Some(checkpoint) = self.store.read(&self.key, partition).await? {
                let now = Timestamp::from(std::time::SystemTime::now());
                let (reached, enqueued_at, hub_created_at) = match checkpoint.recorded {
                    Recorded::OffsetOnly(offset) => (Reached::Offset(offset), None, None),
                    Recorded::Checkpoint(it) => {
                        let Position {
                            sequence, offset, ..
                        } = it.position;
                        let reached = Reached::Number(sequence, Some(offset));
                        (reached, it.position.enqueued_at, it.hub_created_at)
                    }
                };
                let stored = StoredPosition {
                    path: self.key.checkpoint(partition),
                    layout: Layout::Sdk,
                    reached,
                    enqueued_at,
                    hub_created_at,
                    modified_at: checkpoint.modified_at,
                    age: now.since(checkpoint.modified_at),
                    etag: checkpoint.etag,
                };
                found.insert(partition.clone(), Ok(stored));
            }
        }
        Ok(found)
    }

    fn rows(&self, known: &[PartitionId], owners: Vec<Ownership>, mut stored: Stored) -> Vec<Row> {
        let mut owners: BTreeMap<_, _> = owners
            .into_iter()
            .map(|owner| (owner.partition.clone(), owner))
            .collect();
        let mut partitions: BTreeSet<_> = known.iter().cloned().collect();
        partitions.extend(owners.keys().cloned());
        partitions.extend(stored.keys().cloned());
        let mut partitions: Vec<_> = partitions.into_iter().collect();
        partitions.sort_by_key(in_order);
        let row = |partition: PartitionId| {
            let owner = owners.remove(&partition).filter(|it| it.owner.is_some());
            let mut notes = Vec::new();
            let stored = match stored.remove(&partition) {
                Some(Ok(stored)) => Some(stored),
                Some(Err(error)) => {
                    notes.push(error.to_string());
                    None
                }
                None => None,
            };
            Row {
                is_live: owner.as_ref().is_some_and(|owner| self.is_live(owner)),
                partition,
                owner,
                properties: None,
                stored,
                notes,
            }
        };
        partitions.into_iter().map(row).collect()
    }
}

type Stored = BTreeMap<PartitionId, Result<StoredPosition, StoreError>>;

/// What partitions are sorted by: numbers as numbers.
pub fn in_order(partition: &PartitionId) -> (u32, PartitionId) {
    let number = partition.as_str().parse().unwrap_or(u32::MAX);
    (number, partition.clone())
}

impl Row {
    /// Number up to which everything is done.
    pub fn sequence(&self) -> Option<SequenceNumber> {
        self.stored.as_ref()?.number()
    }

    /// Events that are there behind the checkpoint.
    pub fn lag(&self) -> Option<u64> {
        let position = Position {
            sequence: self.sequence()?,
            ..Position::before_first()
        };
        Some(start::backlog(self.properties.as_ref()?, &position))
    }

    fn note(&mut self, hub: Option<&HubProperties>) {
        let Some(stored) = &self.stored else {
            return;
        };
        if let Reached::Offset(offset) = &stored.reached {
            let offset = offset.as_str();
            self.notes.push(format!(
                "stands at offset {offset}; its number is not stored"
            ));
        }
        // Before the first event is the same place in every hub.
        let is_before_first = self.sequence().is_some_and(|it| it < SequenceNumber(0));
        if let (Some(hub), Some(created_at)) = (hub, stored.hub_created_at)
            && hub.created_at != created_at
            && !is_before_first
        {
            self.notes.push(format!(
                "the checkpoint is one of another hub (made {created_at}; this one {})",
                hub.created_at
            ));
        }
        if let (Some(sequence), Some(properties)) = (self.sequence(), &self.properties) {
            if sequence > properties.last_sequence {
                self.notes
                    .push("the checkpoint is beyond the last event".to_owned());
            }
            let lost = properties.first_readable().0 - sequence.next().0;
            if lost > 0 && sequence >= SequenceNumber(0) {
                self.notes.push(format!(
                    "{lost} events behind the checkpoint are past retention"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests;
