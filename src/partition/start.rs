//! Where a partition starts whose checkpoint is none, or of no use: resolved once to a position, and
//! stored.

use std::time::Duration;

use crate::config::Start;
use crate::event_hub::{
    Offset, OpenAt, PartitionId, PartitionProperties, Position, SequenceNumber, Source,
    SourceError, SourceErrorKind,
};

/// Longest wait for the first event that a receiver brings.
const FIRST_EVENT_WAIT: Duration = Duration::from_secs(30);

/// The position to store as a first checkpoint: everything up to it is not wanted. `properties` are
/// what the hub has just said of the partition; only a time needs more than that.
///
/// An offset is never invented: it is the one of an event that the service named, or
/// [`Offset::beginning`], from which other SDKs start at the beginning (repeats, no loss).
///
/// | start | position |
/// |---|---|
/// | earliest | before the first event that can be read |
/// | latest | the last event |
/// | sequence N | N - 1, or the last event when there are fewer: what comes later is wanted |
/// | time | before the first event of that time; the last event when there is none |
///
/// # Errors
/// As the hub answered; the caller tries again.
pub async fn first_position(
    source: &dyn Source,
    partition: &PartitionId,
    start: Start,
    properties: &PartitionProperties,
) -> Result<Position, SourceError> {
    match start {
        Start::Earliest => Ok(before(properties.first_readable())),
        // Partitions are of different lengths, and the service refuses a start behind the end.
        Start::Sequence(sequence) => Ok(before(sequence.min(properties.last_sequence.next()))),
        Start::Latest => Ok(last(properties)),
        Start::Time(moment) => match properties.last_enqueued_at {
            Some(enqueued_at) if enqueued_at >= moment && !properties.is_empty => {
                let first = first_event(source, partition, OpenAt::FromTime(moment)).await?;
                Ok(before(first.sequence))
            }
            _ => Ok(last(properties)),
        },
    }
}

/// How many events a first start will deliver, as the hub tells it.
pub fn backlog(properties: &PartitionProperties, position: &Position) -> u64 {
    let first = properties.first_readable().max(position.sequence.next());
    u64::try_from(properties.last_sequence.0 - first.0 + 1).unwrap_or(0)
}

/// The position that an offset without a number stands for: everything up to it is done.
///
/// The event at that offset tells its number; when it has expired, the first one behind it does.
///
/// # Errors
/// As the hub answered; the caller tries again.
pub async fn position_at(
    source: &dyn Source,
    partition: &PartitionId,
    offset: &Offset,
) -> Result<Position, SourceError> {
    if *offset == Offset::beginning() {
        let properties = source.partition_properties(partition).await?;
        return Ok(before(properties.first_readable()));
    }
    let at = OpenAt::FromOffset(offset.clone());
    if let Some(event) = next_event(source, partition, at).await? {
        return Ok(match event {
            found if found.offset == *offset => found,
            later => before(later.sequence),
        });
    }
    let properties = source.partition_properties(partition).await?;
    if properties.is_empty || properties.last_offset == *offset {
        return Ok(last(&properties));
    }
    Err(none_came())
}

/// The last event that the hub names.
pub(super) fn last(properties: &PartitionProperties) -> Position {
    if properties.last_sequence < SequenceNumber(0) {
        return Position::before_first();
    }
    Position {
        sequence: properties.last_sequence,
        offset: match properties.last_offset.as_str() {
            "" => Offset::beginning(),
            _ => properties.last_offset.clone(),
        },
        enqueued_at: properties.last_enqueued_at,
    }
}

/// The position before the event of this number, of which nothing else is known.
pub(super) fn before(sequence: SequenceNumber) -> Position {
    Position {
        sequence: sequence.previous(),
        ..Position::before_first()
    }
}

/// The first event that a receiver brings which is opened there.
///
/// # Errors
/// As the hub answered, or that none came for a while.
pub(super) async fn first_event(
    source: &dyn Source,
    partition: &PartitionId,
    at: OpenAt,
) -> Result<Position, SourceError> {
    next_event(source, partition, at)
        .await?
        .ok_or_else(none_came)
}

fn none_came() -> SourceError {
    let message = format!("no event came from there within {FIRST_EVENT_WAIT:?}");
    SourceError::new(SourceErrorKind::Unavailable, message)
}

/// The same; `None` when there is none for a while.
async fn next_event(
    source: &dyn Source,
    partition: &PartitionId,
    at: OpenAt,
) -> Result<Option<Position>, SourceError> {
    let mut stream = source.open(partition, at, 1).await?;
    let first = tokio::time::timeout(FIRST_EVENT_WAIT, stream.next()).await;
    stream.close().await;
    first
        .ok()
        .map(|event| event.map(|event| event.position))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_hub::Timestamp;

    fn properties(begin: i64, last: i64, is_empty: bool) -> PartitionProperties {
        PartitionProperties {
            begin_sequence: SequenceNumber(begin),
            last_sequence: SequenceNumber(last),
            last_offset: Offset::new("4711"),
            last_enqueued_at: (last >= 0).then_some(Timestamp(9)),
            is_empty,
        }
    }

    #[test]
    fn the_last_event_of_a_partition_that_was_never_used_is_none() {
        assert_eq!(last(&properties(-1, -1, true)), Position::before_first());
        let position = last(&properties(3, 8, false));
        assert_eq!(
            (position.sequence, position.offset.as_str()),
            (SequenceNumber(8), "4711")
        );
    }

    #[test]
    fn the_backlog_counts_what_is_retained_behind_the_position() {
        let before = Position::before_first();
        assert_eq!(backlog(&properties(-1, -1, true), &before), 0);
        assert_eq!(backlog(&properties(0, 9, false), &before), 10);
        assert_eq!(backlog(&properties(5, 9, false), &before), 5);
        assert_eq!(backlog(&properties(5, 9, true), &before), 0);
        let at_seven = Position {
            sequence: SequenceNumber(7),
            ..before
        };
        assert_eq!(backlog(&properties(5, 9, false), &at_seven), 2);
    }
}
