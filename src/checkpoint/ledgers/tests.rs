use super::*;
use crate::event_hub::{Offset, SequenceNumber};
use smallvec::smallvec;

fn position(sequence: i64) -> Position {
    Position {
        sequence: SequenceNumber(sequence),
        offset: Offset::new("x"),
        enqueued_at: None,
    }
}

fn open(
    ledgers: &Ledgers,
    id: LedgerId,
    generation: Generation,
    sequence: i64,
    owed: u32,
) -> Receipts {
    let mut receipts = ledgers
        .open(id, generation, position(sequence), 1, owed, smallvec![owed])
        .unwrap();
    receipts.pop().unwrap()
}

#[test]
fn receipts_divide_and_settle_in_parts() {
    let ledgers = Ledgers::new(1);
    let id = ledgers.add("logs", &PartitionId::new("0"));
    let generation = ledgers.start(id, None);
    let mut batch = Receipts::none(SinkId(0));
    batch.append(open(&ledgers, id, generation, 0, 3));
    batch.append(open(&ledgers, id, generation, 1, 2));
    assert_eq!(batch.records(), 5);
    let (first, rest) = batch.split_at(4);
    assert_eq!((first.records(), rest.records()), (4, 1));
    ledgers.settle(first, Settlement::Delivered);
    assert_eq!(ledgers.dirty(id, generation), Some((position(0), 1)));
    ledgers.settle(rest, Settlement::DeadLettered);
    assert_eq!(ledgers.dirty(id, generation), Some((position(1), 2)));
    let (none, all) = open(&ledgers, id, generation, 2, 2).split_at(0);
    assert_eq!((none.records(), all.records()), (0, 2));
}

#[test]
fn receipts_of_an_older_generation_settle_nothing() {
    let ledgers = Ledgers::new(1);
    let id = ledgers.add("logs", &PartitionId::new("0"));
    let old = ledgers.start(id, None);
    let late = open(&ledgers, id, old, 0, 1);
    let new = ledgers.start(id, None);
    let _unsettled = open(&ledgers, id, new, 0, 1);
    assert!(!ledgers.are_wanted(&late));
    ledgers.settle(late, Settlement::Delivered);
    assert_eq!(ledgers.dirty(id, new), None);
    let balance = ledgers.balance();
    assert_eq!(balance.error(), 0);
    assert_eq!(
        (balance.sinks[0].abandoned, balance.sinks[0].in_flight),
        (1, 1)
    );
    assert!(matches!(
        ledgers.open(id, old, position(9), 1, 1, smallvec![1]),
        Err(LedgerError::Ended)
    ));
}

#[tokio::test(start_paused = true)]
async fn room_is_announced() {
    let ledgers = Arc::new(Ledgers::new(1));
    let id = ledgers.add("logs", &PartitionId::new("0"));
    let generation = ledgers.start(id, None);
    let receipts = open(&ledgers, id, generation, 0, 1);
    let waiting = {
        let ledgers = Arc::clone(&ledgers);
        async move {
            ledgers
                .wait_for_room(id, generation, |backlog| backlog.open_events == 0)
                .await
        }
    };
    tokio::pin!(waiting);
    assert!(futures::poll!(&mut waiting).is_pending());
    ledgers.settle(receipts, Settlement::Delivered);
    waiting.await;
    ledgers.wait_until_settled().await;
}
