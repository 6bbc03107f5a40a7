//! How much a partition may have read and not settled, or not stored.

use std::sync::Arc;
use std::time::Duration;

use crate::budget::Share;
use crate::checkpoint::ledger::Backlog;

/// How long a checkpoint may fail to be stored until nothing more is read.
const UNSTORED_MAX: Duration = Duration::from_secs(5 * 60);

/// Bounds of one partition.
#[derive(Clone, Debug)]
pub struct ReadLimits {
    /// Most events that are read and not settled.
    pub open_events_max: u64,
    /// Bounds the bytes of them; a single larger event is let in when nothing else is open.
    pub share: Arc<Share>,
    /// Most events that are read beyond the stored checkpoint.
    pub uncommitted_max: u64,
}

impl ReadLimits {
    pub(super) fn has_room(&self, backlog: Backlog) -> bool {
        self.full(backlog).is_none()
    }

    /// Which bound is reached, and what that means; `None` when there is room.
    pub(super) fn full(&self, backlog: Backlog) -> Option<&'static str> {
        if backlog.uncommitted >= self.uncommitted_max || backlog.unstored_for >= UNSTORED_MAX {
            Some(
                "reads no further beyond the stored checkpoint (limits.uncommitted_max, or 5 minutes): the checkpoint store takes none",
            )
        } else if backlog.open_events >= self.open_events_max {
            Some("reads no further than limits.open_events_max: a sink does not take what was read")
        } else if backlog.open_bytes >= self.share.open_bytes_max() && backlog.open_events > 0 {
            Some(
                "reads no further than its share of limits.memory_budget: a sink does not take what was read",
            )
        } else {
            None
        }
    }
}
