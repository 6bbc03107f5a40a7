//! What happens to replicas and their share of the partitions.

use super::{Dice, Operation};
use crate::records::Kind;

/// Draws something now and then, where several replicas run more often.
pub(super) fn draw(dice: &Dice, replicas: usize, operations: &mut Vec<Operation>) {
    if !dice.chance(if replicas > 1 { 15 } else { 2 }) {
        return;
    }
    let replica = dice.byte(0, 2);
    match dice.between(0, 99) {
        0..20 => operations.push(Operation::Join),
        20..38 => operations.push(Operation::Leave {
            replica,
            is_killed: dice.chance(60),
        }),
        38..58 => operations.push(Operation::Pause {
            replica,
            seconds: dice.byte(1, 150),
        }),
        58..73 => operations.push(Operation::StaleLists {
            replica,
            age_s: dice.byte(1, 60),
            seconds: dice.byte(5, 90),
        }),
        73..90 => return refuse(dice, replica, operations),
        _ => operations.push(Operation::AddPartitions),
    }
    if dice.chance(30) {
        let ms = u32::try_from(dice.between(10_000, 200_000)).unwrap();
        operations.push(Operation::Wait { ms });
    }
}

/// A sink refuses a replica: sometimes for so long that it leaves what it has to others, which it
/// finds out when there is something to deliver.
fn refuse(dice: &Dice, replica: u8, operations: &mut Vec<Operation>) {
    let is_long = dice.chance(40);
    operations.push(Operation::RefuseReplica {
        replica,
        sink: dice.byte(0, 2),
        seconds: if is_long {
            dice.byte(190, 255)
        } else {
            dice.byte(1, 120)
        },
    });
    if !is_long {
        return;
    }
    // Few: a hub of one partition gets them all, and reading may wait for each checkpoint.
    for partition in 0..4 {
        operations.push(Operation::Produce {
            partition,
            kind: Kind::Envelope(dice.byte(1, 4)),
            times: dice.byte(1, 6),
        });
    }
    operations.push(Operation::Wait { ms: 185_000 });
}
