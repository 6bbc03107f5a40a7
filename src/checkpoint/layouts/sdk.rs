//! Positions and owners as names and values: the layout of the Azure SDKs.

use super::{Holder, Layout, Life, Object, Reached, StoredPosition};
use crate::checkpoint::StoreError;
use crate::checkpoint::metadata::{self, ENQUEUED, HUB_CREATED};
use crate::event_hub::{PartitionId, SequenceNumber};

/// Reads the position that an object holds.
pub(super) fn position(object: &Object) -> Result<StoredPosition, StoreError> {
    let fields = &object.fields;
    let reached = match metadata::reached(&object.name, fields)? {
        // Whatever offset stands beside it.
        Reached::Number(SequenceNumber(..0), _) => Reached::Nothing,
        reached => reached,
    };
    Ok(StoredPosition {
        path: object.name.clone(),
        layout: Layout::Sdk,
        reached,
        enqueued_at: metadata::moment(fields, ENQUEUED),
        hub_created_at: metadata::moment(fields, HUB_CREATED),
        modified_at: object.modified_at,
        age: object.age,
        etag: object.etag.clone(),
    })
}

/// Who has the partition; `None` when it was released.
pub(super) fn holder(object: &Object, partition: &PartitionId) -> Option<Holder> {
    Some(Holder {
        partition: partition.clone(),
        owner: metadata::owner(&object.fields)?,
        life: Life::Renewed(object.age),
    })
}
