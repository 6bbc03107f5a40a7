//! Positions as this program and others lay them out in a container or a directory: read only.
//!
//! `checkpoints show` looks at our own through it, without the copying that a reader of partitions
//! does; `checkpoints import` looks at those of a consumer that is being replaced. The layouts,
//! where each comes from, and what is read of it are in the table at [`Layout`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{ETag, GroupKey, StoreError};
use crate::event_hub::{Offset, PartitionId, SequenceNumber, Timestamp};

mod lease;
mod place;
mod sdk;

use place::Object;
pub use place::Place;

/// How positions are laid out. `{p}` is a partition; the case of paths and of names in them does
/// not matter.
///
/// | layout | object | what | written by |
/// |---|---|---|---|
/// | `Sdk` | `{namespace}/{hub}/{group}/checkpoint/{p}` | metadata `sequencenumber`, `offset` | this program, every current Azure SDK, the Functions host from extension 5 on, Filebeat from version 2 of its processor on, the OpenTelemetry receiver |
/// | `FunctionsLegacy` | `{namespace}/{hub}/{group}/{p}` | JSON lease `Offset`, `SequenceNumber` | the Functions host before that, .NET's Event Processor Host |
/// | `Logstash` | `{group}/{p}` | JSON lease `offset`, `sequenceNumber` | Logstash, Java's Event Processor Host |
/// | `BeatsV1` | `{p}` | JSON lease with a `checkpoint` inside | Filebeat's first processor, Go's Event Processor Host |
///
/// Sources: <https://github.com/Azure/azure-sdk-for-net>
/// (`BlobCheckpointStoreInternal`, which also reads the legacy leases),
/// <https://github.com/Azure/azure-event-hubs-go/blob/master/storage/storage.go>,
/// <https://github.com/Azure/azure-event-hubs-java> (`AzureStorageCheckpointLeaseManager`),
/// <https://github.com/elastic/beats/blob/main/x-pack/filebeat/input/azureeventhub/README.md>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layout {
    /// Metadata, one blob for the position and one for the owner.
    Sdk,
    /// Leases of .NET's Event Processor Host.
    FunctionsLegacy,
    /// Leases of Java's Event Processor Host.
    Logstash,
    /// Leases of Go's Event Processor Host.
    BeatsV1,
}

impl Layout {
    /// All, in the order in which they are believed: a program that was upgraded leaves its old
    /// ones behind, and goes on in the new one.
    pub const ALL: [Self; 4] = [
        Self::Sdk,
        Self::FunctionsLegacy,
        Self::Logstash,
        Self::BeatsV1,
    ];

    /// The word for it on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sdk => "sdk",
            Self::FunctionsLegacy => "functions-legacy",
            Self::Logstash => "logstash",
            Self::BeatsV1 => "beats-v1",
        }
    }

    /// Where the position of a partition is, in lower case.
    fn path(self, prefix: &str, group: &str, partition: &PartitionId) -> String {
        match self {
            Self::Sdk => format!("{prefix}checkpoint/{partition}"),
            Self::FunctionsLegacy => format!("{prefix}{partition}"),
            Self::Logstash => format!("{group}/{partition}"),
            Self::BeatsV1 => partition.to_string(),
        }
    }
}

/// Whose positions are looked for. The case of the names does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whose {
    /// Fully qualified namespace.
    pub namespace: String,
    /// Name of the hub.
    pub event_hub: String,
    /// The consumer group; without one it is the only one there, or `$Default`, whose name the
    /// paths of some layouts do not tell.
    pub group: Option<String>,
}

/// How far a consumer has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It has read nothing yet, whatever number stands beside that: offset -1 is where every SDK
    /// starts at the beginning (Filebeat writes it with number 0).
    Nothing,
    /// Up to this number, and the offset of that event where one is kept.
    Number(SequenceNumber, Option<Offset>),
    /// Up to this offset; its number is not kept.
    Offset(Offset),
}

/// The position of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPosition {
    /// Where it was found, as it is written there.
    pub path: String,
    /// How it is laid out.
    pub layout: Layout,
    /// How far the consumer has come.
    pub reached: Reached,
    /// When the service took that event in, where it is kept.
    pub enqueued_at: Option<Timestamp>,
    /// When the hub was created, where it is kept.
    pub hub_created_at: Option<Timestamp>,
    /// When the position was stored, by the store's clock.
    pub modified_at: Timestamp,
    /// Time since then, by that clock.
    pub age: Duration,
    /// Version of the object.
    pub etag: ETag,
}

impl StoredPosition {
    /// The number up to which everything was read, where it is known.
    pub fn number(&self) -> Option<SequenceNumber> {
        match &self.reached {
            Reached::Nothing => Some(SequenceNumber::BEFORE_FIRST),
            Reached::Number(number, _) => Some(*number),
            Reached::Offset(_) => None,
        }
    }
}

/// Somebody who has a partition, or had it when he died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The partition.
    pub partition: PartitionId,
    /// His name for himself.
    pub owner: String,
    /// What says whether he is alive.
    pub life: Life,
}

/// What says whether somebody is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// A storage lease, which runs out by itself: whether it is held now.
    Lease(bool),
    /// The time since he last wrote that the partition is his.
    Renewed(Duration),
}

impl Life {
    /// Whether he must be taken to be alive, when the slowest renews within `expiry`.
    pub fn is_fresh(self, expiry: Duration) -> bool {
        match self {
            Self::Lease(is_held) => is_held,
            Self::Renewed(age) => age < expiry,
        }
    }
}

/// What is kept for a group.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The group, in lower case.
    pub group: String,
    /// Positions by partition.
    pub positions: BTreeMap<PartitionId, StoredPosition>,
    /// Partitions that somebody has or had; released ones are left out.
    pub holders: Vec<Holder>,
    /// Groups of the hub whose positions are there, in lower case.
    pub groups: BTreeSet<String>,
}

/// Why positions are not found.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The store cannot be asked, or holds something else.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It must be said which group is meant.
    #[error("there are positions of several consumer groups")]
    SeveralGroups(BTreeSet<String>),
}

/// The group that every hub has.
const DEFAULT_GROUP: &str = "$default";

/// Looks for the positions of these partitions in the layouts given, best first.
///
/// Of several objects whose paths differ in case only, the one written last counts.
///
/// # Errors
/// As the store answered; [`StoreError::Unreadable`] for an object that stands where a position
/// is, and is none.
pub async fn find(
    place: &Place,
    whose: &Whose,
    layouts: &[Layout],
    partitions: &[PartitionId],
) -> Result<Found, FindError> {
    let objects = place.list("").await?;
    let groups = groups(
        &objects,
        &format!("{}/{}/", whose.namespace, whose.event_hub),
    );
    let group = match (&whose.group, groups.iter().next()) {
        (Some(group), _) => group.to_lowercase(),
        (None, Some(only)) if groups.len() == 1 => only.clone(),
        (None, None) => DEFAULT_GROUP.to_owned(),
        (None, Some(_)) => return Err(FindError::SeveralGroups(groups)),
    };
    let mut found = Found {
        group: group.clone(),
        groups,
        ..Found::default()
    };
    let prefix = format!("{}/{}/{group}/", whose.namespace, whose.event_hub).to_lowercase();
    for partition in partitions {
        let position = layouts.iter().find_map(|&layout| {
            let path = layout.path(&prefix, &group, partition);
            Some((layout, newest(&objects, layout, &path)?))
        });
        if let Some((layout, object)) = position {
            read(place, partition, layout, object, &mut found).await?;
        }
        let owner = format!("{prefix}ownership/{partition}");
        let owner =
            newest(&objects, Layout::Sdk, &owner).filter(|_| layouts.contains(&Layout::Sdk));
        let holder = owner.and_then(|object| sdk::holder(object, partition));
        found.holders.extend(holder);
    }
    Ok(found)
}

/// What is kept for a group of ours, where this program looks for it: at the lower-case path, or
/// at the one with the case kept when there is none. Reads checkpoints only.
///
/// # Errors
/// As the store answered.
pub async fn own(
    place: &Place,
    group: &GroupKey,
) -> Result<BTreeMap<PartitionId, Result<StoredPosition, StoreError>>, StoreError> {
    let mut found = BTreeMap::new();
    // The second one wins.
    let mut prefixes = vec![group.case_kept_prefix(), group.prefix().to_owned()];
    prefixes.dedup();
    for prefix in prefixes {
        let prefix = format!("{prefix}/checkpoint/");
        for object in place.list(&prefix).await? {
            let Some(id) = object.name.strip_prefix(&prefix) else {
                continue;
            };
            found.insert(PartitionId::new(id), sdk::position(&object));
        }
    }
    Ok(found)
}

/// The object at this path, of any case. Leases have a body and positions of SDKs need none.
fn newest<'a>(objects: &'a [Object], layout: Layout, path: &str) -> Option<&'a Object> {
    objects
        .iter()
        .filter(|object| object.name.to_lowercase() == path)
        .filter(|object| layout == Layout::Sdk || object.size > 0)
        .max_by_key(|object| object.modified_at)
}

async fn read(
    place: &Place,
    partition: &PartitionId,
    layout: Layout,
    object: &Object,
    found: &mut Found,
) -> Result<(), StoreError> {
    let position = if layout == Layout::Sdk {
        Some(sdk::position(object)?)
    } else {
        let body = place.body(object).await?;
        let lease = lease::read(layout, object, &body)?;
        found.holders.extend(lease.holder(object, partition));
        lease.position(layout, object)
    };
    if let Some(position) = position {
        found.positions.insert(partition.clone(), position);
    }
    Ok(())
}

/// Groups of a hub of which there are positions, in lower case.
fn groups(objects: &[Object], hub: &str) -> BTreeSet<String> {
    let hub = hub.to_lowercase();
    let group = |object: &Object| {
        let name = object.name.to_lowercase();
        let parts: Vec<&str> = name.strip_prefix(&hub)?.split('/').collect();
        match parts.as_slice() {
            [group, "checkpoint", _] => Some((*group).to_owned()),
            [group, _] if object.size > 0 => Some((*group).to_owned()),
            _ => None,
        }
    };
    objects.iter().filter_map(group).collect()
}
