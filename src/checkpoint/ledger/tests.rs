use super::*;
use crate::event_hub::{Offset, Timestamp};
use smallvec::smallvec;

fn position(sequence: i64) -> Position {
    Position {
        sequence: SequenceNumber(sequence),
        offset: Offset::new(format!("{}", sequence * 100)),
        enqueued_at: Some(Timestamp(sequence)),
    }
}

fn ledger(sinks: usize) -> Ledger {
    Ledger::new(Generation(1), sinks, None)
}

fn settle(ledger: &mut Ledger, index: u64, sink: usize, records: u32) {
    ledger
        .settle(index, SinkId(sink), records, Settlement::Delivered)
        .unwrap();
}

#[test]
fn the_watermark_waits_for_the_oldest_event() {
    let mut ledger = ledger(1);
    let first = ledger.open(position(0), 10, smallvec![2]).unwrap();
    let second = ledger.open(position(1), 10, smallvec![1]).unwrap();
    settle(&mut ledger, second, 0, 1);
    assert_eq!(ledger.dirty(), None);
    settle(&mut ledger, first, 0, 1);
    assert_eq!(ledger.dirty(), None);
    settle(&mut ledger, first, 0, 1);
    assert_eq!(ledger.dirty(), Some((position(1), 2)));
    let backlog = ledger.backlog();
    assert_eq!(
        (backlog.open_events, backlog.open_bytes, backlog.uncommitted),
        (0, 0, 2)
    );
    ledger.stored(2, &position(2));
    assert_eq!(ledger.dirty(), None);
    assert_eq!(ledger.backlog().uncommitted, 0);
}

#[tokio::test(start_paused = true)]
async fn the_time_without_a_stored_checkpoint_counts_from_the_first_settled_event() {
    let mut ledger = ledger(1);
    let first = ledger.open(position(0), 1, smallvec![1]).unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(ledger.backlog().unstored_for, Duration::ZERO);
    settle(&mut ledger, first, 0, 1);
    tokio::time::advance(Duration::from_secs(60)).await;
    ledger.open(position(1), 1, smallvec![0]).unwrap();
    assert_eq!(ledger.backlog().unstored_for, Duration::from_secs(60));
    ledger.stored(1, &position(1));
    assert_eq!(ledger.backlog().unstored_for, Duration::ZERO);
    tokio::time::advance(Duration::from_secs(1)).await;
    ledger.stored(2, &position(2));
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(ledger.backlog().unstored_for, Duration::ZERO);
}

#[test]
fn an_event_that_owes_nothing_waits_its_turn() {
    let mut ledger = ledger(1);
    let first = ledger.open(position(0), 1, smallvec![1]).unwrap();
    ledger.open(position(1), 1, smallvec![0]).unwrap();
    assert_eq!(ledger.dirty(), None);
    settle(&mut ledger, first, 0, 1);
    assert_eq!(ledger.dirty(), Some((position(1), 2)));
}

#[test]
fn one_sink_cannot_pay_the_debt_of_another() {
    let mut ledger = ledger(2);
    let index = ledger.open(position(0), 1, smallvec![1, 1]).unwrap();
    settle(&mut ledger, index, 0, 1);
    let error = ledger
        .settle(index, SinkId(0), 1, Settlement::Delivered)
        .unwrap_err();
    assert_eq!(
        error,
        LedgerError::Oversettled {
            settled: 1,
            owed: 0
        }
    );
    assert_eq!(ledger.dirty(), None, "a frozen ledger stores nothing more");
    assert!(
        ledger
            .settle(index, SinkId(1), 1, Settlement::Delivered)
            .is_err()
    );
}

#[test]
fn settling_an_event_below_the_watermark_freezes() {
    let mut ledger = ledger(1);
    let index = ledger.open(position(0), 1, smallvec![1]).unwrap();
    settle(&mut ledger, index, 0, 1);
    assert!(
        ledger
            .settle(index, SinkId(0), 1, Settlement::Delivered)
            .is_err()
    );
    assert!(ledger.broken().is_some());
}

#[test]
fn order_comes_from_reading_and_gaps_are_fine() {
    let mut ledger = Ledger::new(Generation(1), 1, Some(position(4)));
    assert!(matches!(
        Ledger::new(Generation(1), 1, Some(position(4))).open(position(4), 1, smallvec![0]),
        Err(LedgerError::OutOfOrder { .. })
    ));
    ledger.open(position(9), 1, smallvec![0]).unwrap();
    assert_eq!(ledger.dirty(), Some((position(9), 1)));
}

#[test]
fn the_balance_holds_at_every_moment_and_an_end_abandons() {
    let mut ledger = ledger(1);
    let first = ledger.open(position(0), 1, smallvec![5]).unwrap();
    settle(&mut ledger, first, 0, 2);
    ledger
        .settle(first, SinkId(0), 1, Settlement::DeadLettered)
        .unwrap();
    let expected = SinkBalance {
        wanted: 5,
        delivered: 2,
        dead_lettered: 1,
        abandoned: 0,
        in_flight: 2,
    };
    assert_eq!(ledger.balance(), &[expected]);
    assert_eq!(expected.error(), 0);
    let ended = ledger.end();
    assert_eq!(
        ended.as_slice(),
        &[SinkBalance {
            abandoned: 2,
            in_flight: 0,
            ..expected
        }]
    );
    assert_eq!(
        SinkBalance {
            wanted: 6,
            ..expected
        }
        .error(),
        1
    );
}
