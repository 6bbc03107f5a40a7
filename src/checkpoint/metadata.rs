//! How a checkpoint reads as names and values: the metadata of a blob, the keys of a JSON file.
//!
//! `sequencenumber` and `offset` are what every Azure SDK and KEDA read; the others are ours.
//! Reading is tolerant of what the others write: any case of the names, empty values, and
//! `no offset`, which older .NET versions wrote.

use std::collections::{BTreeMap, HashMap};

use super::layouts::Reached;
use super::{Checkpoint, Recorded, StoreError};
use crate::event_hub::{Offset, Position, SequenceNumber, Timestamp};

/// Name of the number.
const SEQUENCE: &str = "sequencenumber";
/// Name of the offset.
const OFFSET: &str = "offset";
/// Name of the moment at which the service took the event in.
pub(super) const ENQUEUED: &str = "enqueuedtime";
/// Name of the moment at which the hub was created.
pub(super) const HUB_CREATED: &str = "hubcreatedon";
/// Name of the moment at which a position was written that was copied from another path since.
const COPIED_FROM: &str = "copiedfrommodified";
/// Name of the owner; an empty value means that the partition was released.
const OWNER: &str = "ownerid";

/// Names and values as they are read, names in lower case.
pub(super) type Fields = BTreeMap<String, String>;

/// Takes names of any case; several that differ in case only are one.
pub(super) fn fields(pairs: impl IntoIterator<Item = (String, String)>) -> Fields {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect()
}

/// The fields of a checkpoint; what is not known is left out.
pub(super) fn of_checkpoint(checkpoint: &Checkpoint) -> HashMap<String, String> {
    let position = &checkpoint.position;
    let mut fields = HashMap::from([
        (SEQUENCE.to_owned(), position.sequence.to_string()),
        (OFFSET.to_owned(), position.offset.as_str().to_owned()),
    ]);
    let moments = [
        (ENQUEUED, position.enqueued_at),
        (HUB_CREATED, checkpoint.hub_created_at),
    ];
    for (name, moment) in moments {
        if let Some(moment) = moment {
            fields.insert(name.to_owned(), moment.to_rfc3339());
        }
    }
    fields
}

/// The fields of a copy of what another program stored, with the moment at which it did: from that
/// follows whether its hub is the one that is there.
pub(super) fn of_copy(recorded: &Recorded, modified_at: Timestamp) -> HashMap<String, String> {
    let mut fields = match recorded {
        Recorded::Checkpoint(checkpoint) => of_checkpoint(checkpoint),
        Recorded::OffsetOnly(offset) => {
            HashMap::from([(OFFSET.to_owned(), offset.as_str().to_owned())])
        }
    };
    fields.insert(COPIED_FROM.to_owned(), modified_at.to_rfc3339());
    fields
}

/// When the position was written, given when the object was.
pub(super) fn modified_at(fields: &Fields, object: Timestamp) -> Timestamp {
    moment(fields, COPIED_FROM).map_or(object, |copied| copied.min(object))
}

/// The fields of an ownership; without an owner it is a released one.
pub(super) fn of_owner(owner: Option<&str>) -> HashMap<String, String> {
    HashMap::from([(OWNER.to_owned(), owner.unwrap_or_default().to_owned())])
}

/// Who owns a partition: an empty or missing name means that it was released.
pub(super) fn owner(fields: &Fields) -> Option<String> {
    value(fields, OWNER).map(str::to_owned)
}

/// Reads what this program or an Azure SDK wrote at `place`.
pub(super) fn recorded(place: &str, fields: &Fields) -> Result<Recorded, StoreError> {
    let (sequence, offset) = match reached(place, fields)? {
        Reached::Nothing => (SequenceNumber::BEFORE_FIRST, None),
        Reached::Number(sequence, offset) => (sequence, offset),
        Reached::Offset(offset) => return Ok(Recorded::OffsetOnly(offset)),
    };
    Ok(Recorded::Checkpoint(Checkpoint {
        position: Position {
            sequence,
            offset: offset.unwrap_or_else(Offset::beginning),
            enqueued_at: moment(fields, ENQUEUED),
        },
        hub_created_at: moment(fields, HUB_CREATED),
    }))
}

/// How far the one who wrote at `place` had come.
///
/// What other SDKs resume from is the offset, and -1 is the beginning for them, whatever number is
/// beside it: some write 0, which here would be an event that is done. Only this program writes -1
/// beside a number that counts.
pub(super) fn reached(place: &str, fields: &Fields) -> Result<Reached, StoreError> {
    let unreadable = |problem: String| StoreError::Unreadable {
        place: place.to_owned(),
        problem,
    };
    let is_own = [HUB_CREATED, COPIED_FROM]
        .iter()
        .any(|name| value(fields, name).is_some());
    let offset = value(fields, OFFSET).filter(|text| !text.eq_ignore_ascii_case("no offset"));
    let is_beginning = offset == Some(Offset::BEGINNING_TEXT);
    let number: Option<i64> = value(fields, SEQUENCE)
        .map(|text| {
            text.parse()
                .map_err(|_| unreadable(format!("`{SEQUENCE}` is not a number: {text:?}")))
        })
        .transpose()?
        // .NET means the smallest number of all by "none".
        .filter(|number| *number != i64::MIN);
    Ok(match (number, offset) {
        (None, None) => {
            let problem = format!("it holds neither `{SEQUENCE}` nor `{OFFSET}`");
            return Err(unreadable(problem));
        }
        (None, _) if is_beginning => Reached::Nothing,
        (None, Some(offset)) => Reached::Offset(Offset::new(offset)),
        (Some(_), _) if is_beginning && !is_own => Reached::Nothing,
        (Some(number), offset) => Reached::Number(
            SequenceNumber(number),
            offset.filter(|_| !is_beginning).map(Offset::new),
        ),
    })
}

/// A moment that can be read.
pub(super) fn moment(fields: &Fields, name: &str) -> Option<Timestamp> {
    value(fields, name).and_then(Timestamp::parse_rfc3339)
}

/// A value that says something.
fn value<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields
        .get(name)
        .map(String::as_str)
        .filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded_of(pairs: &[(&str, &str)]) -> Result<Recorded, StoreError> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        recorded("here", &fields(pairs))
    }

    fn read(pairs: &[(&str, &str)]) -> Checkpoint {
        match recorded_of(pairs).unwrap() {
            Recorded::Checkpoint(checkpoint) => checkpoint,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_other_programs_write_is_read() {
        for (number, offset, expected) in [
            ("42", "8589934592", Offset::new("8589934592")),
            ("42", "", Offset::beginning()),
            ("42", "no offset", Offset::beginning()),
            ("42", "No Offset", Offset::beginning()),
        ] {
            let checkpoint = read(&[("SequenceNumber", number), ("Offset", offset)]);
            assert_eq!(checkpoint.position.sequence, SequenceNumber(42));
            assert_eq!(checkpoint.position.offset, expected);
            assert_eq!(checkpoint.hub_created_at, None);
        }
    }

    #[test]
    fn the_beginning_of_another_program_is_the_beginning() {
        // Filebeat, after it took over leases of its first version that nothing had moved.
        let foreign = [("sequencenumber", "0"), ("offset", "-1")];
        assert_eq!(read(&foreign).position, Position::before_first());
        assert_eq!(read(&[("offset", "-1")]).position, Position::before_first());
        let created = ("hubcreatedon", "2026-11-21T00:00:00Z");
        let own = [foreign[0], foreign[1], created];
        assert_eq!(read(&own).position.sequence, SequenceNumber(0));
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let number_only = Reached::Number(SequenceNumber(0), None);
        assert_eq!(reached("here", &fields(own)).unwrap(), number_only);
        let first = [("sequencenumber", "-1"), ("offset", "-1"), created];
        assert_eq!(read(&first).position, Position::before_first());
    }

    #[test]
    fn an_offset_without_a_number_is_read_as_that() {
        for pairs in [
            &[("sequencenumber", ""), ("offset", "12")][..],
            &[("Offset", "12")],
            &[("sequencenumber", "-9223372036854775808"), ("offset", "12")],
        ] {
            let expected = Recorded::OffsetOnly(Offset::new("12"));
            assert_eq!(recorded_of(pairs).unwrap(), expected);
        }
    }

    #[test]
    fn a_copy_keeps_the_moment_of_the_original() {
        let (then, now) = (Timestamp(1_000), Timestamp(9_000));
        let offset_only = Recorded::OffsetOnly(Offset::new("12"));
        let copy = fields(of_copy(&offset_only, then));
        assert_eq!(recorded("here", &copy).unwrap(), offset_only);
        assert_eq!(modified_at(&copy, now), then);
        let own = Checkpoint {
            position: Position::before_first(),
            hub_created_at: Some(then),
        };
        assert_eq!(modified_at(&fields(of_checkpoint(&own)), now), now);
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        for pairs in [
            &[("sequencenumber", "seven"), ("offset", "12")][..],
            &[("sequencenumber", ""), ("offset", "no offset")],
            &[("sequencenumber", "-9223372036854775808")],
            &[("clientidentifier", "x")],
            &[],
        ] {
            let error = recorded_of(pairs).unwrap_err();
            assert!(
                matches!(error, StoreError::Unreadable { .. }),
                "{pairs:?}: {error}"
            );
        }
    }
}
