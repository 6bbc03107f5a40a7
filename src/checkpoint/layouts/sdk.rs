//! Positions and owners as names and values: the layout of the Azure SDKs.

use super::{Holder, Layout, Life, Object, Reached, StoredPosition};
use crate::checkpoint::StoreError;
use crate::checkpoint::metadata::{self, ENQUEUED, Fields, HUB_CREATED, OFFSET, SEQUENCE};
use crate::event_hub::{Offset, PartitionId, SequenceNumber, Timestamp};

/// Reads the position that an object holds.
pub(super) fn position(object: &Object) -> Result<StoredPosition, StoreError> {
    let moment = |name| metadata::value(&object.fields, name).and_then(Timestamp::parse_rfc3339);
    let hub_created_at = moment(HUB_CREATED);
    let reached = reached(&object.fields, hub_created_at.is_some()).ok_or_else(|| {
        StoreError::Unreadable {
            place: object.name.clone(),
            problem: format!("it holds neither `{SEQUENCE}` nor `{OFFSET}`"),
        }
    })?;
    Ok(StoredPosition {
        path: object.name.clone(),
        layout: Layout::Sdk,
        reached,
        enqueued_at: moment(ENQUEUED),
        hub_created_at,
        modified_at: object.modified_at,
        age: object.age,
        etag: object.etag.clone(),
    })
}

/// What other SDKs resume from is the offset, and -1 is the beginning for them, whatever number is
/// beside it. Only this program, whose mark `is_ours` is, writes -1 beside a number that counts.
fn reached(fields: &Fields, is_ours: bool) -> Option<Reached> {
    let offset =
        metadata::value(fields, OFFSET).filter(|text| !text.eq_ignore_ascii_case("no offset"));
    // .NET means the smallest number of all by "none".
    let number = metadata::value(fields, SEQUENCE)
        .and_then(|text| text.parse().ok())
        .filter(|number| *number != i64::MIN);
    Some(match (number, offset) {
        (None, None) => return None,
        (_, Some(Offset::BEGINNING_TEXT)) if !is_ours => Reached::Nothing,
        (None, Some(Offset::BEGINNING_TEXT)) => Reached::Nothing,
        (Some(number), _) if number < 0 => Reached::Nothing,
        (Some(number), offset) => Reached::Number(
            SequenceNumber(number),
            offset
                .filter(|text| *text != Offset::BEGINNING_TEXT)
                .map(Offset::new),
        ),
        (None, Some(offset)) => Reached::Offset(Offset::new(offset)),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Option<Reached> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let fields = metadata::fields(pairs);
        let is_ours = fields.contains_key(HUB_CREATED);
        reached(&fields, is_ours)
    }

    fn number(number: i64, offset: Option<&str>) -> Option<Reached> {
        Some(Reached::Number(
            SequenceNumber(number),
            offset.map(Offset::new),
        ))
    }

    #[test]
    fn what_other_programs_write_is_read() {
        let check = |pairs: &[(&str, &str)], expected| {
            assert_eq!(read(pairs), expected, "{pairs:?}");
        };
        check(
            &[("SequenceNumber", "42"), ("Offset", "7000")],
            number(42, Some("7000")),
        );
        check(
            &[("sequencenumber", "42"), ("offset", "")],
            number(42, None),
        );
        check(
            &[("sequencenumber", "42"), ("offset", "No Offset")],
            number(42, None),
        );
        check(
            &[("sequencenumber", ""), ("offset", "7000")],
            Some(Reached::Offset(Offset::new("7000"))),
        );
        check(
            &[
                ("sequencenumber", "-9223372036854775808"),
                ("offset", "7000"),
            ],
            Some(Reached::Offset(Offset::new("7000"))),
        );
        check(&[("sequencenumber", ""), ("offset", "no offset")], None);
        check(&[("clientidentifier", "x")], None);
    }

    #[test]
    fn the_beginning_of_others_is_before_the_first_event() {
        // Filebeat, after it took over leases of its first version that nothing had moved.
        let filebeat = [("sequencenumber", "0"), ("offset", "-1")];
        assert_eq!(read(&filebeat), Some(Reached::Nothing));
        assert_eq!(read(&[("offset", "-1")]), Some(Reached::Nothing));
        let ours = [
            ("sequencenumber", "41"),
            ("offset", "-1"),
            ("hubcreatedon", "2025-01-01T00:00:00Z"),
        ];
        assert_eq!(read(&ours), number(41, None));
        let first = [
            ("sequencenumber", "-1"),
            ("offset", "-1"),
            ("hubcreatedon", "2025-01-01T00:00:00Z"),
        ];
        assert_eq!(read(&first), Some(Reached::Nothing));
    }
}
