//! Positions looked up in the hub: the one event there is read, to learn its number, offset and
//! time.
//!
//! Every look-up attaches a receiver in the source's consumer group, which ends another reader of
//! the partition: nobody may read it meanwhile.

use super::start::{self, before, first_event};
use crate::checkpoint::layouts::Reached;
use crate::config::Start;
use crate::event_hub::{
    Offset, OpenAt, PartitionId, PartitionProperties, Position, SequenceNumber, Source,
    SourceError, SourceErrorKind, Timestamp,
};

/// What the hub knows of a position that another program stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Located {
    /// Everything up to here was read.
    At(Position),
    /// Nothing was read yet: the position before the first event that can be read.
    Nothing(Position),
    /// The event there and some behind it are past retention: the position before the first event
    /// that can be read, and the number of events that were not read and are gone, where the hub
    /// tells.
    Passed(Position, Option<u64>),
    /// It is beyond the last event: the position belongs to another hub.
    Beyond(SequenceNumber),
}

/// Looks up a position that another program stored.
///
/// # Errors
/// As the hub answered.
pub async fn reached(
    source: &dyn Source,
    partition: &PartitionId,
    reached: &Reached,
) -> Result<Located, SourceError> {
    let properties = source.partition_properties(partition).await?;
    let first = properties.first_readable();
    match reached {
        Reached::Nothing => Ok(Located::Nothing(before(first))),
        Reached::Number(number, _) if *number > properties.last_sequence => {
            Ok(Located::Beyond(properties.last_sequence))
        }
        Reached::Number(number, offset) if *number < first => {
            let lost = u64::try_from(first.0 - number.next().0).unwrap_or(0);
            Ok(match (lost, offset) {
                (0, Some(offset)) => Located::At(Position {
                    sequence: *number,
                    offset: offset.clone(),
                    enqueued_at: None,
                }),
                (0, None) => Located::At(before(first)),
                (lost, _) => Located::Passed(before(first), Some(lost)),
            })
        }
        Reached::Number(number, _) => {
            let event = first_event(source, partition, OpenAt::FromSequence(*number)).await?;
            Ok(Located::At(match event.sequence == *number {
                true => event,
                // The numbers jump here: what comes next is what was not read.
                false => before(event.sequence),
            }))
        }
        Reached::Offset(_) if properties.is_empty || properties.last_sequence.0 < 0 => {
            Ok(Located::Passed(before(first), None))
        }
        Reached::Offset(offset) => {
            match first_event(source, partition, OpenAt::FromOffset(offset.clone())).await {
                Ok(event) if event.offset == *offset => Ok(Located::At(event)),
                Ok(event) => Ok(Located::Passed(before(event.sequence), None)),
                Err(error) if error.kind == SourceErrorKind::PositionRefused => {
                    Ok(Located::Beyond(properties.last_sequence))
                }
                Err(error) => Err(error),
            }
        }
    }
}

/// The position before the first event that was taken in at this moment or later, and never
/// behind `limit`.
///
/// # Errors
/// As the hub answered.
pub async fn at_time(
    source: &dyn Source,
    partition: &PartitionId,
    moment: Timestamp,
    limit: &Position,
) -> Result<Position, SourceError> {
    let properties = source.partition_properties(partition).await?;
    let start = Start::Time(moment);
    let position = start::first_position(source, partition, start, &properties).await?;
    if position.sequence >= limit.sequence {
        return Ok(limit.clone());
    }
    with_offset(source, partition, position, &properties).await
}

/// The position with its event's own offset and time, where that event can still be read: every
/// other SDK resumes from the offset, and one is never invented.
///
/// # Errors
/// As the hub answered.
pub async fn with_offset(
    source: &dyn Source,
    partition: &PartitionId,
    position: Position,
    properties: &PartitionProperties,
) -> Result<Position, SourceError> {
    if position.offset != Offset::beginning() || !is_readable(properties, position.sequence) {
        return Ok(position);
    }
    let event = first_event(source, partition, OpenAt::FromSequence(position.sequence)).await?;
    Ok(if event.sequence == position.sequence {
        event
    } else {
        position
    })
}

fn is_readable(properties: &PartitionProperties, sequence: SequenceNumber) -> bool {
    (properties.first_readable()..=properties.last_sequence).contains(&sequence)
}
