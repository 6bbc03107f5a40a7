use bytes::Bytes;

use super::*;

fn filled(first: i64, count: i64) -> PartitionLog {
    let mut log = PartitionLog::new(first, None, None, None);
    for n in 0..count {
        log.append(Content::data(Bytes::from(vec![0; 10])), 1000 + n * 10);
    }
    log
}

fn at(start: StartAt, inclusive: bool) -> Start {
    Start {
        at: start,
        inclusive,
    }
}

#[test]
fn numbers_offsets_and_times() {
    let mut log = PartitionLog::new(7, None, None, None);
    let a = log.append(Content::data(Bytes::from_static(b"a")), 50);
    let b = log.append(Content::data(Bytes::from_static(b"b")), 40);
    assert_eq!((a.sequence, b.sequence), (7, 8));
    assert_ne!(a.offset, "7");
    assert_eq!(b.enqueued_ms, 50, "times never decrease");
    assert_eq!(log.read(7).unwrap().content.data.unwrap(), "a");
    assert!(log.read(9).is_none());
}

#[test]
fn never_used_and_emptied() {
    let mut log = PartitionLog::new(0, None, None, None);
    let state = log.state();
    assert_eq!((state.begin_sequence, state.last_sequence), (-1, -1));
    assert!(state.is_empty && state.last_offset == "-1" && state.last_enqueued_ms.is_none());
    log.append(Content::data(Bytes::new()), 1);
    log.trim_before(100);
    let state = log.state();
    assert_eq!((state.begin_sequence, state.last_sequence), (1, 0));
    assert!(state.is_empty);
    assert_eq!(log.append(Content::data(Bytes::new()), 2).sequence, 1);
}

#[test]
fn starts() {
    let log = filled(100, 5);
    let offset = |n: i64| log.read(n).unwrap().offset.to_string();
    let cases = [
        (at(StartAt::Earliest, false), 100),
        (at(StartAt::Latest, false), 105),
        (at(StartAt::Sequence(102), false), 103),
        (at(StartAt::Sequence(102), true), 102),
        (at(StartAt::Sequence(104), false), 105),
        (at(StartAt::Offset(offset(101)), false), 102),
        (at(StartAt::Offset(offset(101)), true), 101),
        (at(StartAt::Time(1020), true), 102),
        (at(StartAt::Time(1020), false), 103),
        (at(StartAt::Time(9999), false), 105),
        (at(StartAt::Time(0), true), 100),
    ];
    for (start, expected) in cases {
        assert_eq!(log.resolve(&start), Ok(expected), "{start:?}");
    }
    let refused = log.resolve(&at(StartAt::Sequence(488), false)).unwrap_err();
    assert_eq!(
        refused,
        "The supplied sequence number '488' is invalid. The last sequence number in the system is '104'"
    );
    assert!(
        log.resolve(&at(StartAt::Offset("999999".into()), false))
            .is_err()
    );
    assert!(
        log.resolve(&at(StartAt::Offset("abc".into()), false))
            .is_err()
    );
}

#[test]
fn retention() {
    let mut log = PartitionLog::new(0, None, Some(3), Some(100));
    for n in 0..10 {
        log.append(Content::data(Bytes::new()), n);
    }
    assert_eq!(log.state().begin_sequence, 7);
    log.retain(108);
    assert_eq!(log.state().begin_sequence, 8);
    log.retain(1000);
    assert!(log.state().is_empty);
    assert_eq!(log.state().last_sequence, 9);
}

#[test]
fn generated_then_stored() {
    let backlog = Backlog {
        span_ms: 1000,
        ..Backlog::new(1000, 5, |n| Bytes::from(n.to_string()))
    };
    let mut log = PartitionLog::new(10, Some(backlog), None, None);
    assert_eq!(log.state().last_sequence, 1009);
    assert_eq!(log.read(10).unwrap().content.data.unwrap(), "0");
    assert_eq!(log.read(1009).unwrap().content.data.unwrap(), "999");
    assert_eq!(log.read(1009).unwrap().enqueued_ms, 1005);
    assert_eq!(log.append(Content::data("x".into()), 0).sequence, 1010);
    assert_eq!(log.read(1010).unwrap().content.data.unwrap(), "x");
    log.trim_before(500);
    assert_eq!(log.read(10).unwrap().sequence, 500);
    log.trim_before(1010);
    assert_eq!(log.read(10).unwrap().sequence, 1010);
    assert!(!log.set_backlog(Backlog::new(1, 0, |_| Bytes::new())));
}

#[test]
fn losing_the_end_reuses_numbers() {
    let mut log = filled(0, 5);
    log.lose_last(2);
    assert_eq!(log.last_sequence(), 2);
    assert_eq!(log.append(Content::data(Bytes::new()), 5000).sequence, 3);
    log.lose_last(100);
    assert_eq!(log.last_sequence(), -1);
    assert_eq!(log.append(Content::data(Bytes::new()), 5000).sequence, 0);
}
