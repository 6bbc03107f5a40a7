use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use smallvec::smallvec;

use super::*;
use crate::budget::Budget;
use crate::checkpoint::ledgers::Ledgers;
use crate::config::Encoding;
use crate::envelope;
use crate::event_hub::{Offset, PartitionId, Position, SequenceNumber};
use crate::format::Plain;
use crate::record::{EventBody, Origin};

async fn slice(records: &[&str]) -> Slice {
    let body = Bytes::from(format!("{{\"records\":[{}]}}", records.join(",")));
    let ledgers = Ledgers::new(1);
    let id = ledgers.add("logs", &PartitionId::new("0"));
    let generation = ledgers.start(id, None);
    let position = Position {
        sequence: SequenceNumber(0),
        offset: Offset::new("0"),
        enqueued_at: None,
    };
    let owed = records.len() as u32;
    let mut receipts = ledgers
        .open(id, generation, position, 1, owed, smallvec![owed])
        .unwrap();
    let permit = Budget::new(1 << 20).reserve(1).await;
    let split = envelope::split(&body, 0);
    Slice::whole(
        Arc::new(EventBody::new(split, Origin::any(), permit)),
        receipts.pop().unwrap(),
    )
}

fn batcher(records: usize, bytes: u64) -> Batcher {
    let config = BatchConfig {
        records,
        bytes,
        ..BatchConfig::default()
    };
    Batcher::new(config, Arc::new(Plain::new(Encoding::Ndjson, "", "")))
}

fn texts(batch: &Batch) -> Vec<String> {
    batch
        .records()
        .map(|record| String::from_utf8(record.original().to_vec()).unwrap())
        .collect()
}

#[tokio::test]
async fn a_batch_is_cut_at_the_number_of_records() {
    let mut batcher = batcher(2, 1_000);
    let rest = batcher
        .push(slice(&["1", "2", "3", "4", "5"]).await)
        .unwrap();
    assert!(batcher.is_full());
    assert_eq!(texts(&batcher.take().unwrap()), ["1", "2"]);
    let rest = batcher.push(rest).unwrap();
    let batch = batcher.take().unwrap();
    assert_eq!(texts(&batch), ["3", "4"]);
    assert_eq!(batch.into_receipts(SinkId(0)).records(), 2);
    assert!(batcher.push(rest).is_none());
    assert!(!batcher.is_full());
    assert_eq!(texts(&batcher.take().unwrap()), ["5"]);
    assert!(batcher.take().is_none());
}

#[tokio::test]
async fn a_batch_is_cut_at_its_bytes_and_a_larger_record_goes_alone() {
    let mut batcher = batcher(100, 14);
    // Two bytes of frame, three per empty object.
    assert!(batcher.push(slice(&["{}", "{}"]).await).is_none());
    let rest = batcher
        .push(slice(&["{\"a\":\"0123456789\"}", "{}"]).await)
        .unwrap();
    assert!(batcher.is_full());
    assert_eq!(texts(&batcher.take().unwrap()), ["{}", "{}"]);
    let rest = batcher.push(rest).unwrap();
    assert_eq!(texts(&batcher.take().unwrap()), ["{\"a\":\"0123456789\"}"]);
    assert!(batcher.push(rest).is_none());
    assert_eq!(texts(&batcher.take().unwrap()), ["{}"]);
}

#[tokio::test(start_paused = true)]
async fn age_counts_from_the_first_record() {
    let mut batcher = batcher(100, 1_000);
    assert_eq!(batcher.due_at(), None);
    assert!(batcher.push(slice(&[]).await).is_none());
    assert_eq!(batcher.due_at(), None);
    let first = Instant::now();
    assert!(batcher.push(slice(&["1"]).await).is_none());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(batcher.push(slice(&["2"]).await).is_none());
    assert_eq!(batcher.due_at(), Some(first + Duration::from_secs(5)));
}

#[tokio::test]
async fn a_part_of_an_event_divides_like_a_whole() {
    let body = r#"{"records":[{"n":0},{n:1},{"n":2},"3",{"n":4},{'n':5}]}"#;
    let records = envelope::split(&Bytes::from(body), 0);
    let whole: Vec<_> = records.all().map(|it| (it.index, it.original)).collect();
    let wanted: [u32; 4] = [1, 2, 3, 5];
    let expected: Vec<_> = wanted.map(|place| whole[place as usize]).to_vec();
    for middle in 0..=5 {
        let ledgers = Ledgers::new(1);
        let id = ledgers.add("logs", &PartitionId::new("0"));
        let generation = ledgers.start(id, None);
        let position = Position {
            sequence: SequenceNumber(0),
            offset: Offset::new("0"),
            enqueued_at: None,
        };
        let mut receipts = ledgers
            .open(id, generation, position, 1, 6, smallvec![4])
            .unwrap();
        let permit = Budget::new(1 << 20).reserve(1).await;
        let body = Arc::new(EventBody::new(records.clone(), Origin::any(), permit));
        let slice = Slice::part(body, Arc::from(wanted), receipts.pop().unwrap());
        let (first, rest) = slice.split_at(middle);
        assert_eq!(
            (first.len(), rest.len()),
            (middle.min(4), 4 - middle.min(4))
        );
        assert_eq!(first.receipts().records(), first.len() as u64);
        assert_eq!(rest.receipts().records(), rest.len() as u64);
        let both = first.records().chain(rest.records());
        let found: Vec<_> = both.map(|it| (it.index(), it.original())).collect();
        assert_eq!(found, expected);
    }
}

fn ids(batch: &Batch) -> Vec<String> {
    let records = batch.records();
    records
        .map(|record| String::from_utf8(record.original().to_vec()).unwrap())
        .collect()
}

async fn ten() -> Batch {
    let mut batcher = batcher(100, 1 << 20);
    for records in [
        &["0", "1", "2"][..],
        &["3"],
        &["4", "5", "6", "7", "8", "9"],
    ] {
        assert!(batcher.push(slice(records).await).is_none());
    }
    batcher.take().unwrap()
}

#[tokio::test]
async fn a_batch_divides_anywhere_with_its_receipts() {
    for middle in 0..=12 {
        let (first, rest) = ten().await.split_at(middle);
        assert_eq!(first.len(), middle.min(10));
        let both = [ids(&first), ids(&rest)].concat();
        assert!(both.into_iter().eq((0..10).map(|n| n.to_string())));
        for batch in [first, rest] {
            let records = batch.len() as u64;
            assert_eq!(batch.into_receipts(SinkId(0)).records(), records);
        }
    }
}

#[tokio::test]
async fn a_batch_is_sorted_by_record() {
    let sorted = ten().await.sorted(|record| record.original()[0] % 3);
    let classes: Vec<_> = sorted.iter().map(|(class, _)| *class).collect();
    assert_eq!(classes, [0, 1, 2]);
    let of = |class: usize| ids(&sorted[class].1);
    assert_eq!(of(0), ["0", "3", "6", "9"]);
    assert_eq!(of(1), ["1", "4", "7"]);
    assert_eq!(of(2), ["2", "5", "8"]);
    for (_, batch) in sorted {
        let records = batch.len() as u64;
        assert_eq!(batch.into_receipts(SinkId(0)).records(), records);
    }
}

#[tokio::test]
async fn each_record_alone_keeps_its_receipt() {
    let mut all = Vec::new();
    for single in ten().await.into_singles() {
        assert_eq!(single.len(), 1);
        all.extend(ids(&single));
        assert_eq!(single.into_receipts(SinkId(0)).records(), 1);
    }
    assert!(all.into_iter().eq((0..10).map(|n| n.to_string())));
}
