//! Does the stream go on where it stopped? Decided for each event, from its number and its time.

use crate::event_hub::{Position, SequenceNumber, Timestamp};

/// How an event follows the last one that was handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// It is the next event, or the first one there is.
    Next,
    /// It is the last event again, which a reopening asks for: proof that nothing was missed, and
    /// that the hub is the same one.
    Proof,
    /// It has the number of the last event, whose time is not known: it may be another hub's.
    SameNumber,
    /// It was handed on before.
    Duplicate,
    /// Numbers between the last event and this one are missing.
    Gap {
        /// The number that was due.
        expected: SequenceNumber,
    },
    /// A lower or equal number on a *later* event: the partition began anew (a fail-over, a hub
    /// made again under its name). Never passed over.
    Rewound,
}

/// The last event that was handed on, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Last {
    /// Its number.
    pub sequence: SequenceNumber,
    /// Its time; `None` for a position that no event has, and for a foreign checkpoint.
    pub enqueued_at: Option<Timestamp>,
}

impl Last {
    /// The part of a position that events are compared with.
    pub fn of(position: &Position) -> Self {
        Self {
            sequence: position.sequence,
            enqueued_at: position.enqueued_at,
        }
    }
}

/// Compares an event with the last one; `None` means that nothing was handed on before.
pub fn follows(last: Option<&Last>, sequence: SequenceNumber, enqueued_at: Timestamp) -> Follows {
    let Some(last) = last else {
        return Follows::Next;
    };
    if sequence > last.sequence {
        let expected = last.sequence.next();
        return if sequence == expected {
            Follows::Next
        } else {
            Follows::Gap { expected }
        };
    }
    match last.enqueued_at {
        Some(last_time) if enqueued_at > last_time => Follows::Rewound,
        Some(last_time) if sequence == last.sequence && enqueued_at == last_time => Follows::Proof,
        None if sequence == last.sequence => Follows::SameNumber,
        _ => Follows::Duplicate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(last: Option<(i64, Option<i64>)>, event: (i64, i64), expected: Follows) {
        let last = last.map(|(sequence, time)| Last {
            sequence: SequenceNumber(sequence),
            enqueued_at: time.map(Timestamp),
        });
        let found = follows(last.as_ref(), SequenceNumber(event.0), Timestamp(event.1));
        assert_eq!(found, expected, "{last:?} {event:?}");
    }

    #[test]
    fn every_case() {
        check(None, (7, 1), Follows::Next);
        check(Some((-1, None)), (0, 1), Follows::Next);
        check(Some((6, Some(5))), (7, 5), Follows::Next);
        check(Some((6, Some(5))), (6, 5), Follows::Proof);
        check(Some((6, Some(5))), (6, 4), Follows::Duplicate);
        check(Some((6, None)), (6, 5), Follows::SameNumber);
        check(Some((6, Some(5))), (4, 3), Follows::Duplicate);
        check(Some((6, None)), (4, 9), Follows::Duplicate);
        check(
            Some((6, Some(5))),
            (9, 6),
            Follows::Gap {
                expected: SequenceNumber(7),
            },
        );
        check(Some((6, Some(5))), (6, 9), Follows::Rewound);
        check(Some((6, Some(5))), (0, 9), Follows::Rewound);
    }
}
