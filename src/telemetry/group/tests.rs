use super::*;
use crate::checkpoint::ETag;

const LAST_YEAR: Timestamp = Timestamp(1_700_000_000_000);
const TODAY: Timestamp = Timestamp(1_750_000_000_000);

/// What is noted of a checkpoint with this number that a hub of this time has made, now that the hub
/// is of today and the partition is empty.
fn notes(sequence: i64, hub_created_at: Timestamp) -> Vec<String> {
    let mut row = Row {
        partition: PartitionId::new("0"),
        owner: None,
        is_live: false,
        properties: None,
        stored: Some(StoredPosition {
            path: String::new(),
            layout: Layout::Sdk,
            reached: Reached::Number(SequenceNumber(sequence), None),
            enqueued_at: None,
            hub_created_at: Some(hub_created_at),
            modified_at: TODAY,
            age: Duration::ZERO,
            etag: ETag::new("1"),
        }),
        notes: Vec::new(),
    };
    let hub = HubProperties {
        created_at: TODAY,
        partitions: vec![row.partition.clone()],
    };
    row.note(Some(&hub));
    row.notes
}

#[test]
fn a_checkpoint_before_the_first_event_belongs_to_every_hub() {
    assert_eq!(notes(-1, LAST_YEAR), Vec::<String>::new());
    assert_eq!(notes(0, TODAY), Vec::<String>::new());
    let noted = notes(0, LAST_YEAR);
    assert!(noted[0].contains("one of another hub"), "{noted:?}");
}
