//! Every case that ever failed, written out.

use entra_forwarder::config::Encoding;

use super::endpoint::Reply;
use super::foreigner::Stay;
use super::operations::{Case, Operation, Setup, SinkSetup};
use super::records::Kind;
use super::run::run;
use super::selection::Selection;
use super::store::{Call, Fault};
use super::taste::Demands;

fn setup() -> Setup {
    let sink = SinkSetup {
        encoding: Encoding::Ndjson,
        records: 20,
        bytes: 6_000,
        age_ms: 100,
        concurrency: 2,
        selection: Selection::default(),
        demands: Demands::default(),
    };
    Setup {
        open_events_max: 30,
        uncommitted_max: 40,
        skips_undecodable: true,
        ..Setup::plain(1, 128 << 10, vec![sink])
    }
}

fn check(operations: &[Operation]) {
    check_with(setup(), operations);
}

fn check_with(setup: Setup, operations: &[Operation]) {
    let case = Case {
        seed: 1,
        setup,
        operations: operations.to_vec(),
    };
    if let Err(failure) = run(&case) {
        println!("{:#?}", failure.lines);
        panic!("{:?}", failure.violation);
    }
}

fn produce(kind: Kind, times: u8) -> Operation {
    Operation::Produce {
        partition: 0,
        kind,
        times,
    }
}

/// A former owner took the new owner's checkpoint for an own write whose answer was lost, since
/// both stored the same position.
#[test]
fn a_position_that_a_new_owner_stores_too() {
    check(&[
        produce(Kind::Envelope(1), 3),
        Operation::Wait { ms: 1_600 },
        produce(Kind::Envelope(1), 2),
        Operation::StoreFault {
            call: Call::List,
            fault: Fault::Before,
            times: 2,
        },
        Operation::Steal {
            partition: 0,
            stay: Stay {
                touches_after: 0,
                receives: false,
                delivers: 2,
                writes_time: true,
                lasts: 10,
                releases: true,
            },
        },
        Operation::Wait { ms: 5_000 },
    ]);
}

/// A checkpoint at a message that had been passed over: it was met again after a restart, and the
/// event behind it was taken for the undecodable one.
#[test]
fn a_checkpoint_at_an_undecodable_message() {
    check(&[
        produce(Kind::Envelope(1), 3),
        produce(Kind::Undecodable, 1),
        Operation::Wait { ms: 20_000 },
        Operation::Crash {
            replica: 0,
            down_ms: 100,
        },
        produce(Kind::Envelope(1), 3),
        Operation::Wait { ms: 60_000 },
    ]);
}

/// A gap was confirmed by a second look that saw another gap: the event between was passed over.
#[test]
fn two_looks_that_see_different_gaps() {
    check(&[
        produce(Kind::Envelope(1), 3),
        Operation::Wait { ms: 2_000 },
        Operation::Hole {
            partition: 0,
            numbers: 3,
        },
        produce(Kind::Envelope(1), 1),
        Operation::Wait { ms: 1 },
        Operation::LoseOnLink { partition: 0 },
        produce(Kind::Envelope(1), 5),
        Operation::Wait { ms: 2_000 },
    ]);
}

/// What had been read before a partition began anew was given up, although nobody else had it.
#[test]
fn a_partition_that_begins_anew_with_records_in_flight() {
    check(&[
        produce(Kind::Envelope(1), 3),
        Operation::Wait { ms: 3_000 },
        Operation::Answers {
            sink: 0,
            reply: Reply::Status(503),
            times: 5,
        },
        produce(Kind::Envelope(2), 10),
        Operation::Wait { ms: 150 },
        Operation::BeginAnew {
            partition: 0,
            keeps_link: true,
        },
        produce(Kind::Envelope(3), 4),
        Operation::Wait { ms: 5_000 },
    ]);
}

/// Numbers that were missing before an undecodable message were gone through with growing waits.
#[test]
fn a_gap_before_an_undecodable_message() {
    check(&[
        produce(Kind::Envelope(1), 1),
        Operation::Hole {
            partition: 0,
            numbers: 12,
        },
        produce(Kind::Undecodable, 1),
        produce(Kind::Envelope(1), 1),
    ]);
}

/// A replica that an endpoint refuses kept its partitions: its reader waited for room in memory
/// that only a delivery makes.
#[test]
fn a_refused_replica_whose_reader_waits_for_memory() {
    let setup = Setup {
        partitions: 2,
        replicas: 2,
        memory_budget: 16 << 10,
        ..setup()
    };
    check_with(
        setup,
        &[
            Operation::Wait { ms: 120_000 },
            Operation::RefuseReplica {
                replica: 0,
                sink: 0,
                seconds: 250,
            },
            produce(Kind::Large(3), 20),
            Operation::Produce {
                partition: 1,
                kind: Kind::Large(3),
                times: 20,
            },
            Operation::Wait { ms: 240_000 },
        ],
    );
}

/// A replica that could not renew its claim for long looked for a time with a receiver, which throws
/// off whoever owns the partition by then.
#[test]
fn a_search_with_an_old_claim() {
    check(&[
        produce(Kind::Envelope(1), 3),
        Operation::Wait { ms: 5_000 },
        Operation::StoreDown { seconds: 58 },
        Operation::Wait { ms: 45_000 },
        Operation::BeginAnew {
            partition: 0,
            keeps_link: true,
        },
        produce(Kind::Envelope(1), 2),
        Operation::Wait { ms: 30_000 },
    ]);
}

/// Partitions that are added later begin at their first event, whatever `start` says.
#[test]
fn partitions_that_are_added_to_a_group_that_started_at_the_end() {
    let setup = Setup {
        partitions: 4,
        starts_latest: true,
        ..setup()
    };
    let mut operations = vec![Operation::Wait { ms: 5_000 }, Operation::AddPartitions];
    operations.extend((0..8).map(|partition| Operation::Produce {
        partition,
        kind: Kind::Envelope(2),
        times: 3,
    }));
    operations.push(Operation::Wait { ms: 80_000 });
    check_with(setup, &operations);
}

/// A replica that stood still for longer than the expiry goes on with everything that it wanted to
/// do, among it writes.
#[test]
fn a_replica_that_stood_still_for_longer_than_the_expiry() {
    let setup = Setup {
        partitions: 4,
        replicas: 2,
        ..setup()
    };
    let mut operations = vec![Operation::Wait { ms: 10_000 }];
    for round in 0..10 {
        operations.extend((0..4).map(|partition| Operation::Produce {
            partition,
            kind: Kind::Envelope(2),
            times: 4,
        }));
        operations.push(Operation::Wait { ms: 300 });
        if round == 3 {
            operations.push(Operation::Pause {
                replica: 0,
                seconds: 90,
            });
        }
    }
    operations.push(Operation::Wait { ms: 100_000 });
    check_with(setup, &operations);
}

/// The last checkpoint was given up after three seconds, however much time there was left.
#[test]
fn a_slow_store_at_the_end() {
    let case = Case {
        seed: 1,
        setup: setup(),
        operations: vec![
            produce(Kind::Envelope(1), 3),
            Operation::Wait { ms: 5_000 },
            produce(Kind::Envelope(1), 3),
            Operation::StoreFault {
                call: Call::Write,
                fault: Fault::Slow(4_000),
                times: 3,
            },
            Operation::Stop {
                replica: 0,
                grace_ms: 25_000,
                down_ms: 100,
            },
        ],
    };
    let report = run(&case).unwrap();
    assert_eq!(report.counts.get("stopped Unsettled"), None);
    assert!(report.counts["store Write Slow"] > 0);
}
