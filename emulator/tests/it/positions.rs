//! Start positions.

use crate::support::*;
use azure_messaging_eventhubs::StartLocation;
use entra_forwarder_emulator::StartAt;

#[tokio::test]
async fn every_kind_of_start() {
    let emulator = emulator(1).await;
    let positions: Vec<_> = (0..10)
        .map(|n| emulator.append(HUB, 0, format!("{n}")).unwrap())
        .collect();
    let client = consumer(&emulator).await;
    let cases = [
        (StartLocation::Earliest, false, 0),
        (StartLocation::SequenceNumber(4), false, 5),
        (StartLocation::SequenceNumber(4), true, 4),
        (StartLocation::Offset(positions[6].offset.clone()), false, 7),
        (StartLocation::Offset(positions[6].offset.clone()), true, 6),
        (StartLocation::EnqueuedTime(std::time::UNIX_EPOCH), true, 0),
    ];
    for (location, inclusive, first) in cases {
        let receiver = receiver(&client, 0, from(location, inclusive))
            .await
            .unwrap();
        assert_eq!(sequences(&receive(&receiver, 1).await), [first]);
        in_time(receiver.close()).await.unwrap();
    }
    let latest = receiver(&client, 0, from(StartLocation::Latest, false))
        .await
        .unwrap();
    // The client attaches only when it is asked for events.
    let (events, ()) = tokio::join!(receive(&latest, 1), async {
        until("the attach", || emulator.attach_log().len() == 7).await;
        emulator.append(HUB, 0, "10").unwrap();
    });
    assert_eq!(sequences(&events), [10]);

    let log = emulator.attach_log();
    assert_eq!(
        (&log[1].start, log[1].inclusive),
        (&StartAt::Sequence(4), false)
    );
    assert_eq!(
        (&log[2].start, log[2].inclusive),
        (&StartAt::Sequence(4), true)
    );
    assert_eq!(log[3].start, StartAt::Offset(positions[6].offset.clone()));
    assert_eq!(log[6].start, StartAt::Latest);
    assert!(
        log.iter()
            .all(|one| one.credit > 0 && one.refused.is_none())
    );
    assert_eq!(log[0].group, "$Default");
}

#[tokio::test]
async fn beyond_the_end_is_refused() {
    let emulator = emulator(1).await;
    emulator.append(HUB, 0, "x").unwrap();
    let client = consumer(&emulator).await;
    let beyond = from(StartLocation::SequenceNumber(488), false);
    let reading = receiver(&client, 0, beyond).await.unwrap();
    let (_, text) = receive_to_end(&reading).await;
    assert!(
        text.contains("The supplied sequence number '488' is invalid. The last sequence number in the system is '0'"),
        "{text}"
    );
    assert!(
        text.contains("argument-error") || text.contains("Argument"),
        "{text}"
    );
    let log = emulator.attach_log();
    assert_eq!(
        log[0].refused.as_deref(),
        Some("com.microsoft:argument-error")
    );
}
