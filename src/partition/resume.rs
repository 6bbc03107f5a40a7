//! Where reading goes on after a claim: behind the stored position, when that belongs to the hub that
//! is there.

use std::fmt;
use std::time::Duration;

use super::inquiry::Inquiry;
use crate::checkpoint::checkpointer::Checkpointer;
use crate::checkpoint::{Checkpoint, ETag, GroupKey, Recorded, StoreError, StoredCheckpoint};
use crate::event_hub::{Offset, PartitionId, Position, SequenceNumber, SourceError, Timestamp};

/// How far the clocks of the hub and of the store may be apart.
const CLOCKS_APART_MAX: Duration = Duration::from_secs(5 * 60);

/// Why a position does not belong to the hub that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stale {
    /// The hub was created at another time than the one of the position. Without a time of its own,
    /// `written_at` says when the position was stored, which was before.
    OtherHub {
        /// Creation time of the position's hub, when it is known.
        known: Option<Timestamp>,
        /// When the position was stored.
        written_at: Option<Timestamp>,
        /// Creation time of the hub that is there.
        found: Timestamp,
    },
    /// The hub refuses to begin there, in its words.
    Refused(String),
    /// It lies behind the last event that the hub knows.
    Ahead {
        /// Number of that one.
        last: SequenceNumber,
    },
    /// A number that was there before came on a later event.
    Rewound {
        /// That number.
        found: SequenceNumber,
    },
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherHub {
                known: Some(known),
                found,
                ..
            } => write!(
                f,
                "it belongs to a hub that was created at {known}, and the one that is there was \
                 created at {found}"
            ),
            Self::OtherHub {
                written_at: Some(written_at),
                found,
                ..
            } => write!(
                f,
                "it was stored at {written_at}, before the hub that is there was created, at {found}"
            ),
            Self::OtherHub { found, .. } => {
                write!(f, "the hub that is there was created at {found}")
            }
            Self::Refused(words) => write!(f, "the hub refuses it: {words}"),
            Self::Ahead { last } => write!(f, "the partition ends at sequence number {last}"),
            Self::Rewound { found } => write!(
                f,
                "sequence number {found} came again on a later event: a fail-over, or a hub made \
                 again under its name"
            ),
        }
    }
}

/// What a reader begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Where.
    pub at: ResumeAt,
    /// When the hub of that place was created, as far as the owner knows.
    pub hub_created_at: Timestamp,
}

/// Where a reader begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResumeAt {
    /// Behind this position. Its checkpoint was written back: no former owner can write any more.
    Behind(Position),
    /// The position, if one is known, does not belong to the hub. The stored checkpoint was left as
    /// it is, since its age may be all that says so.
    Stale(Option<Position>, Stale),
    /// Behind the event at this offset, whose number is to be found out.
    Offset(Offset),
}

impl Resume {
    /// The position behind which the ledger begins, when that is known.
    pub fn position(&self) -> Option<&Position> {
        match &self.at {
            ResumeAt::Behind(position) => Some(position),
            ResumeAt::Stale(..) | ResumeAt::Offset(_) => None,
        }
    }
}

/// Why a checkpoint cannot be taken over now.
#[derive(Debug, thiserror::Error)]
pub enum TakeOverError {
    /// As the store answered; [`StoreError::Conflict`] when somebody else wrote meanwhile.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// As the hub answered.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Takes over what is stored for a partition that was just claimed, and gives the version to write
/// over. `None` when nothing is stored. `hub_created_at` is what the owner knows of the hub.
///
/// # Errors
/// When the store or the hub does not answer.
pub async fn take_over(
    checkpointer: &Checkpointer,
    inquiry: &Inquiry,
    group: &GroupKey,
    partition: &PartitionId,
    hub_created_at: Timestamp,
) -> Result<Option<(Resume, ETag)>, TakeOverError> {
    let Some(stored) = checkpointer.read(group, partition).await? else {
        return Ok(None);
    };
    let is_marked = stored
        .checkpoint()
        .is_some_and(|it| it.hub_created_at.is_some());
    let hub_created_at = if is_marked {
        // If it is outdated, the reader finds out.
        hub_created_at
    } else {
        // It will be marked as this hub's.
        inquiry.created_at().await?
    };
    let at = judge(&stored, hub_created_at);
    let etag = match &at {
        ResumeAt::Behind(position) => {
            let checkpoint = Checkpoint {
                position: position.clone(),
                hub_created_at: Some(hub_created_at),
            };
            checkpointer
                .take_over(group, partition, &checkpoint, stored.etag)
                .await?
        }
        ResumeAt::Stale(..) | ResumeAt::Offset(_) => stored.etag,
    };
    let resume = Resume { at, hub_created_at };
    Ok(Some((resume, etag)))
}

/// Whether what is stored belongs to a hub that was created at `found`.
fn judge(stored: &StoredCheckpoint, found: Timestamp) -> ResumeAt {
    let (position, known) = match &stored.recorded {
        Recorded::Checkpoint(it) => (Some(it.position.clone()), it.hub_created_at),
        Recorded::OffsetOnly(_) => (None, None),
    };
    let margin = i64::try_from(CLOCKS_APART_MAX.as_millis()).unwrap_or(i64::MAX);
    let is_stale = match known {
        Some(known) => known != found,
        None => found.0.saturating_sub(margin) > stored.modified_at.0,
    };
    if is_stale {
        let stale = Stale::OtherHub {
            known,
            written_at: Some(stored.modified_at),
            found,
        };
        return ResumeAt::Stale(position, stale);
    }
    match &stored.recorded {
        Recorded::Checkpoint(it) => ResumeAt::Behind(it.position.clone()),
        Recorded::OffsetOnly(offset) => ResumeAt::Offset(offset.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODIFIED: Timestamp = Timestamp(1_000_000_000);

    fn stored(recorded: Recorded) -> StoredCheckpoint {
        StoredCheckpoint {
            recorded,
            etag: ETag::new("1"),
            modified_at: MODIFIED,
        }
    }

    fn checkpoint(hub_created_at: Option<Timestamp>) -> StoredCheckpoint {
        stored(Recorded::Checkpoint(Checkpoint {
            position: Position::before_first(),
            hub_created_at,
        }))
    }

    fn is_stale(stored: &StoredCheckpoint, found: i64) -> bool {
        matches!(judge(stored, Timestamp(found)), ResumeAt::Stale(..))
    }

    #[test]
    fn another_creation_time_is_another_hub() {
        let own = checkpoint(Some(Timestamp(7)));
        assert!(!is_stale(&own, 7));
        assert!(is_stale(&own, 8));
        assert!(is_stale(&own, 6));
    }

    #[test]
    fn a_foreign_checkpoint_is_older_than_a_hub_that_came_later() {
        let five_minutes = 300_000;
        let offset = stored(Recorded::OffsetOnly(Offset::new("9")));
        for foreign in [checkpoint(None), offset] {
            assert!(!is_stale(&foreign, 7));
            assert!(!is_stale(&foreign, MODIFIED.0 + five_minutes));
            assert!(is_stale(&foreign, MODIFIED.0 + five_minutes + 1));
        }
    }

    #[test]
    fn an_offset_is_to_be_found() {
        let offset = Offset::new("9");
        let found = judge(&stored(Recorded::OffsetOnly(offset.clone())), Timestamp(7));
        assert_eq!(found, ResumeAt::Offset(offset));
    }
}
