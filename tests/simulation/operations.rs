//! What can happen, and lists of it drawn from a seed.

use std::time::Duration;

use entra_forwarder::event_hub::SourceErrorKind as Ends;

pub(crate) use super::dice::Dice;
use super::endpoint::Reply;
use super::foreigner::Stay;
use super::hub::Opening;
use super::records::Kind;
use super::store::{Call, Fault};

mod replicas;
mod setup;

pub(crate) use setup::{Setup, SinkSetup};

/// One thing that happens. Partitions, sinks and replicas are taken modulo their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Wait {
        ms: u32,
    },
    Produce {
        partition: u8,
        kind: Kind,
        times: u8,
    },
    Detach {
        partition: u8,
        kind: Ends,
    },
    SlowLink {
        partition: u8,
        ms: u16,
        seconds: u8,
    },
    NextOpen {
        partition: u8,
        opening: Opening,
        times: u8,
    },
    LoseOnLink {
        partition: u8,
    },
    GoBack {
        partition: u8,
        events: u8,
    },
    Hole {
        partition: u8,
        numbers: u8,
    },
    Trim {
        partition: u8,
        keep: u8,
    },
    BeginAnew {
        partition: u8,
        keeps_link: bool,
    },
    /// A fail-over loses so many events, and then others come.
    FailOver {
        partition: u8,
        loses: u8,
        produces: u8,
    },
    /// The hub is made again, and grows: beyond the numbers that were there, or not so far.
    Recreate {
        produces: u8,
        grows_past: bool,
    },
    /// Receivers keep silent.
    Wedge {
        partition: u8,
        links: u8,
    },
    /// Everything expires, and nothing comes for a long time.
    Expire {
        partition: u8,
    },
    FailProperties {
        times: u8,
    },
    Answers {
        sink: u8,
        reply: Reply,
        times: u8,
    },
    /// An endpoint refuses all records, whatever they are: with 400, 413 or 422.
    RefuseRecords {
        sink: u8,
        status: u16,
        seconds: u8,
    },
    SlowSink {
        sink: u8,
        ms: u16,
        seconds: u8,
    },
    StoreFault {
        call: Call,
        fault: Fault,
        times: u8,
    },
    StoreDown {
        seconds: u8,
    },
    Touch {
        partition: u8,
    },
    Steal {
        partition: u8,
        stay: Stay,
    },
    LettersFail {
        times: u8,
    },
    Crash {
        replica: u8,
        down_ms: u32,
    },
    Stop {
        replica: u8,
        grace_ms: u32,
        down_ms: u32,
    },
    /// A further replica starts.
    Join,
    /// A replica goes for good, unless it is the only one.
    Leave {
        replica: u8,
        is_killed: bool,
    },
    /// A replica stands still for so long, and then goes on with everything.
    Pause {
        replica: u8,
        seconds: u8,
    },
    /// A replica sees lists of owners that are so old.
    StaleLists {
        replica: u8,
        age_s: u8,
        seconds: u8,
    },
    /// The hub gets twice as many partitions.
    AddPartitions,
    /// A sink refuses one replica.
    RefuseReplica {
        replica: u8,
        sink: u8,
        seconds: u8,
    },
}

/// One run, whole: the same case gives the same run.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// For the jitter of the stages.
    pub(crate) seed: u64,
    pub(crate) setup: Setup,
    pub(crate) operations: Vec<Operation>,
}

/// Makes another seed of a seed.
const SELECTIONS: u64 = 0x5e1e_c710_0000_0000;
const DEMANDS: u64 = 0xde3a_0d50_0000_0000;

impl Case {
    /// The case of a seed.
    pub(crate) fn draw(seed: u64) -> Self {
        let dice = Dice::new(seed);
        let mut setup = Setup::draw(&dice);
        // With dice of its own, so that the other draws stay what they were.
        setup.select(&Dice::new(seed ^ SELECTIONS));
        setup.demand(&Dice::new(seed ^ DEMANDS));
        let mut operations = Vec::new();
        for _ in 0..dice.between(30, 90) {
            replicas::draw(&dice, setup.replicas, &mut operations);
            operations.push(draw_operation(&dice));
            let ms = match dice.between(0, 99) {
                0..30 => continue,
                30..75 => dice.between(1, 500),
                75..95 => dice.between(500, 5_000),
                _ => dice.between(5_000, 70_000),
            };
            let ms = u32::try_from(ms).unwrap();
            operations.push(Operation::Wait { ms });
        }
        Self {
            seed,
            setup,
            operations,
        }
    }
}

fn draw_operation(dice: &Dice) -> Operation {
    let partition = dice.byte(0, 7);
    let sink = dice.byte(0, 2);
    match dice.between(0, 99) {
        0..38 => draw_events(dice, partition),
        38..54 => draw_hub_fault(dice, partition),
        54..57 => Operation::RefuseRecords {
            sink,
            status: dice.pick(&[400, 400, 413, 422]),
            seconds: dice.byte(1, 60),
        },
        57..68 => Operation::Answers {
            sink,
            reply: draw_reply(dice),
            times: dice.byte(1, 5),
        },
        68..73 => Operation::SlowSink {
            sink,
            ms: dice.word(100, 20_000),
            seconds: dice.byte(2, 60),
        },
        73..82 => draw_store_fault(dice, partition),
        82..89 => Operation::Steal {
            partition,
            stay: Stay {
                touches_after: dice.pick(&[0, 20, 200, 3_000]),
                receives: dice.chance(50),
                delivers: dice.byte(0, 6),
                writes_time: dice.chance(50),
                lasts: dice.pick(&[0, 1, 2, 3, 30]),
                releases: dice.chance(75),
            },
        },
        89..91 => Operation::LettersFail {
            times: dice.byte(1, 4),
        },
        91..97 => Operation::Crash {
            replica: dice.byte(0, 2),
            down_ms: draw_pause(dice),
        },
        _ => Operation::Stop {
            replica: dice.byte(0, 2),
            grace_ms: u32::try_from(dice.between(500, 25_000)).unwrap(),
            down_ms: draw_pause(dice),
        },
    }
}

fn draw_pause(dice: &Dice) -> u32 {
    u32::try_from(dice.between(1, 8_000)).unwrap()
}

fn draw_events(dice: &Dice, partition: u8) -> Operation {
    let (kind, most) = match dice.between(0, 99) {
        0..60 => (Kind::Envelope(dice.byte(1, 8)), 12),
        60..66 => (Kind::Envelope(0), 3),
        66..72 => (Kind::Json, 5),
        72..78 => (Kind::Text, 5),
        78..82 => (Kind::Broken, 3),
        82..86 => (Kind::Blank, 3),
        86..91 => (Kind::Large(dice.byte(10, 90)), 2),
        91..96 => (Kind::Unsupported, 2),
        _ => (Kind::Undecodable, 2),
    };
    let times = dice.byte(1, most);
    Operation::Produce {
        partition,
        kind,
        times,
    }
}

fn draw_hub_fault(dice: &Dice, partition: u8) -> Operation {
    let kinds = [
        Ends::Unavailable,
        Ends::Throttled,
        Ends::Unauthorized,
        Ends::Protocol,
    ];
    match dice.between(0, 20) {
        0..4 => Operation::Detach {
            partition,
            kind: dice.pick(&kinds),
        },
        4 => Operation::SlowLink {
            partition,
            ms: dice.word(50, 10_000),
            seconds: dice.byte(1, 30),
        },
        5..9 => Operation::NextOpen {
            partition,
            opening: match dice.between(0, 5) {
                0 => Opening::Hangs,
                1 => Opening::Refused(dice.pick(&kinds)),
                _ => Opening::Older(dice.byte(1, 9)),
            },
            times: dice.byte(1, 2),
        },
        9..11 => Operation::LoseOnLink { partition },
        11 => Operation::GoBack {
            partition,
            events: dice.byte(1, 5),
        },
        12 => Operation::Hole {
            partition,
            numbers: dice.byte(1, 5),
        },
        13 => Operation::Trim {
            partition,
            keep: dice.byte(0, 10),
        },
        14 => Operation::BeginAnew {
            partition,
            keeps_link: dice.chance(50),
        },
        15 | 16 => Operation::FailOver {
            partition,
            loses: dice.byte(1, 6),
            produces: dice.byte(0, 9),
        },
        17 => Operation::Recreate {
            produces: dice.byte(0, 9),
            grows_past: dice.chance(50),
        },
        18 => Operation::Wedge {
            partition,
            links: dice.pick(&[1, 1, 1, 2, 5]),
        },
        19 if dice.chance(30) => Operation::Expire { partition },
        _ => Operation::FailProperties {
            times: dice.byte(1, 3),
        },
    }
}

/// Statuses with which endpoints answer at random.
pub(crate) const STATUSES: [u16; 28] = [
    200, 201, 202, 204, 205, 203, 206, 207, 226, 260, 301, 302, 303, 307, 308, 401, 403, 404, 405,
    407, 408, 409, 425, 429, 500, 502, 503, 504,
];
/// Statuses with which they answer to records that they do not take.
pub(crate) const OBJECTIONS: [u16; 3] = [400, 413, 422];

fn draw_reply(dice: &Dice) -> Reply {
    match dice.between(0, 9) {
        0..4 => Reply::Status(dice.pick(&STATUSES)),
        4 => Reply::RetryAfter(dice.pick(&[429, 503]), dice.pick(&[0, 1, 5, 40])),
        5 => Reply::NoConnection,
        6 => Reply::TimeoutAccepted(dice.word(1, 15_000)),
        7 => Reply::TimeoutRefused,
        8 => Reply::BrokenAccepted,
        _ => Reply::BrokenRefused,
    }
}

fn draw_store_fault(dice: &Dice, partition: u8) -> Operation {
    if dice.chance(10) {
        return Operation::Touch { partition };
    }
    if dice.chance(10) {
        return Operation::StoreDown {
            seconds: dice.byte(1, 100),
        };
    }
    Operation::StoreFault {
        call: dice.pick(&[
            Call::List,
            Call::Claim,
            Call::Release,
            Call::Read,
            Call::Write,
            Call::Write,
            Call::Write,
        ]),
        fault: match dice.between(0, 6) {
            0..2 => Fault::Before,
            2..5 => Fault::After,
            5 => Fault::Late(dice.word(100, 12_000)),
            _ => Fault::Slow(dice.word(100, 12_000)),
        },
        times: dice.byte(1, 2),
    }
}

/// A time in milliseconds.
pub(crate) fn ms(ms: impl Into<u64>) -> Duration {
    Duration::from_millis(ms.into())
}
