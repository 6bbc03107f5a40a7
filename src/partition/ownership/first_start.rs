//! The first start of a consumer group: where each partition begins is decided and stored before
//! any of them is claimed.
//!
//! `start` counts only here. A partition that appears later, or whose checkpoint was deleted, is
//! read from its first event: to begin it elsewhere would pass over what came before it was seen.

use std::collections::BTreeMap;

use super::claims::ClaimError;
use super::{CLAIMS_MAX, Owner};
use crate::checkpoint::{Checkpoint, StoreError};
use crate::event_hub::{HubProperties, PartitionId, Position, Timestamp};
use crate::partition::start;
use crate::telemetry::turns::Turn;

/// Checkpoints that are created at the same time.
const CREATES_MAX: usize = 32;

/// What is known of the group's first start; kept when preparing it fails half-way, so that a
/// second try goes on there, and does not take the group for one that has started before.
#[derive(Debug, Default)]
pub(super) struct FirstStart {
    /// Whether the group had no checkpoint at all.
    is_first: bool,
    /// When the hub was created that was asked.
    hub_created_at: Option<Timestamp>,
    found: BTreeMap<PartitionId, Found>,
    is_prepared: bool,
}

/// Where a partition begins, and how many events there are behind it.
#[derive(Debug)]
struct Found {
    position: Position,
    backlog: u64,
}

impl FirstStart {
    /// When the group has no checkpoint at all, resolves where its partitions begin, all of them
    /// before the first is stored, and stores that.
    pub(super) async fn prepare(
        &mut self,
        owner: &Owner,
        hub: &HubProperties,
        turn: &Turn,
    ) -> Result<(), ClaimError> {
        if self.is_prepared {
            return Ok(());
        }
        if !self.is_first && has_checkpoints(owner, hub, turn).await? {
            self.is_prepared = true;
            return Ok(());
        }
        self.is_first = true;
        self.find(owner, hub, turn).await?;
        let found: Vec<_> = self.found.iter().collect();
        // As close together as can be: a replica that starts in between takes the group for one
        // that has started before, and begins the rest at the first events.
        for chunk in found.chunks(CREATES_MAX) {
            let mut creates = Vec::new();
            for (partition, found) in chunk {
                creates.push(create(owner, partition, &found.position, hub.created_at));
            }
            turn.goes_on();
            for created in futures::future::join_all(creates).await {
                created?;
            }
        }
        self.is_prepared = true;
        for (partition, found) in found {
            tracing::info!(
                event = "first_start",
                source = owner.stages.source,
                %partition,
                sequence = found.position.sequence.0,
                backlog = found.backlog,
                "no checkpoint: starts behind sequence number {}", found.position.sequence
            );
        }
        Ok(())
    }

    /// Finds out what is not known yet, one partition after the other: replicas often start
    /// together, and all of them ask.
    async fn find(
        &mut self,
        owner: &Owner,
        hub: &HubProperties,
        turn: &Turn,
    ) -> Result<(), ClaimError> {
        if self.hub_created_at.replace(hub.created_at) != Some(hub.created_at) {
            // It was made again, or is the first one.
            self.found.clear();
        }
        let (source, config) = (owner.source.as_ref(), &owner.config);
        for partition in &hub.partitions {
            if self.found.contains_key(partition) {
                continue;
            }
            let start = config.start_partitions.get(partition.as_str());
            let start = start.copied().unwrap_or(config.start);
            turn.goes_on();
            let properties = owner.inquiry.look(partition).await?;
            turn.goes_on();
            let position = start::first_position(source, partition, start, &properties).await?;
            let backlog = start::backlog(&properties, &position);
            let found = Found { position, backlog };
            self.found.insert(partition.clone(), found);
        }
        Ok(())
    }
}

async fn has_checkpoints(
    owner: &Owner,
    hub: &HubProperties,
    turn: &Turn,
) -> Result<bool, StoreError> {
    for chunk in hub.partitions.chunks(CLAIMS_MAX) {
        turn.goes_on();
        let mut reads = Vec::new();
        for partition in chunk {
            reads.push(owner.store.read(&owner.group, partition));
        }
        for stored in futures::future::join_all(reads).await {
            match stored {
                Ok(None) => {}
                // It is there, whatever is wrong with it; its own partition will say so.
                Ok(Some(_)) | Err(StoreError::Unreadable { .. }) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(false)
}

/// Stores the first checkpoint of a partition unless another replica was faster: then that counts.
async fn create(
    owner: &Owner,
    partition: &PartitionId,
    position: &Position,
    hub_created_at: Timestamp,
) -> Result<(), ClaimError> {
    let checkpoint = Checkpoint {
        position: position.clone(),
        hub_created_at: Some(hub_created_at),
    };
    let created = owner
        .checkpointer
        .create(&owner.group, partition, &checkpoint)
        .await;
    match created {
        Ok(_) | Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
