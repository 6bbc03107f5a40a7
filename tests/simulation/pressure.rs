//! Many partitions, little room everywhere: nothing may wait in a circle.

use std::time::Duration;

use entra_forwarder::config::Encoding;

use super::endpoint::Reply;
use super::operations::{Case, Dice, Operation, Setup, SinkSetup};
use super::records::Kind;
use super::run::run;
use super::selection::Selection;
use super::taste::Demands;

/// Runs whose sum takes about five seconds in a debug build.
const SEEDS: u64 = 60;
/// Without lasting faults everything is through after this time.
const BOUND: Duration = Duration::from_secs(60);

#[test]
fn little_room_and_many_partitions_make_progress() {
    for seed in 0..SEEDS {
        let case = draw(seed);
        match run(&case) {
            Ok(report) if report.settled_after <= BOUND => {}
            Ok(report) => panic!("seed {seed}: settled after {:?}", report.settled_after),
            Err(failure) => {
                println!("{case:#?}\n{:#?}", failure.lines);
                panic!("seed {seed}: {:?}", failure.violation);
            }
        }
    }
}

fn draw(seed: u64) -> Case {
    let dice = Dice::new(seed);
    let sink = |encoding| SinkSetup {
        encoding,
        records: dice.between(1, 3) as usize,
        bytes: 500,
        age_ms: 10,
        concurrency: 1,
        selection: Selection::default(),
        demands: Demands::default(),
    };
    let sinks = [Encoding::Ndjson, Encoding::JsonArray, Encoding::Ndjson].map(sink);
    let setup = Setup {
        open_events_max: dice.between(1, 4),
        uncommitted_max: dice.between(1, 8),
        checkpoint_ms: 200,
        ..Setup::plain(8, 4 << 10, sinks.to_vec())
    };
    let mut operations = Vec::new();
    for partition in 0..8 {
        operations.push(Operation::Produce {
            partition,
            kind: dice.pick(&[Kind::Envelope(1), Kind::Envelope(8), Kind::Large(3)]),
            times: 8,
        });
        operations.push(Operation::Answers {
            sink: partition % 3,
            reply: dice.pick(&[
                Reply::Status(503),
                Reply::Status(200),
                Reply::NoConnection,
                Reply::TimeoutAccepted(100),
            ]),
            times: 2,
        });
        operations.push(Operation::Wait { ms: 50 });
    }
    Case {
        seed,
        setup,
        operations,
    }
}
