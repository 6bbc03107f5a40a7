//! The management node.

use crate::support::*;
use entra_forwarder_emulator::{Action, Emulator, Fault, Options};

#[tokio::test]
async fn hub_and_partitions() {
    let emulator = emulator(3).await;
    let client = consumer(&emulator).await;
    let hub = in_time(client.get_eventhub_properties()).await.unwrap();
    assert_eq!(hub.name, HUB);
    assert_eq!(hub.partition_ids, ["0", "1", "2"]);
    let created = hub.created_on.unwrap();

    let never = in_time(client.get_partition_properties("1")).await.unwrap();
    assert_eq!(never.beginning_sequence_number, -1);
    assert_eq!(never.last_enqueued_sequence_number, -1);
    assert_eq!(never.last_enqueued_offset, "-1");
    assert!(never.is_empty);

    for _ in 0..5 {
        emulator.append(HUB, 1, "x").unwrap();
    }
    emulator.trim_before(HUB, 1, 2).unwrap();
    let used = in_time(client.get_partition_properties("1")).await.unwrap();
    assert_eq!(
        (
            used.beginning_sequence_number,
            used.last_enqueued_sequence_number
        ),
        (2, 4)
    );
    assert!(!used.is_empty);

    emulator.add_partitions(HUB, 2).unwrap();
    let hub = in_time(client.get_eventhub_properties()).await.unwrap();
    assert_eq!(hub.partition_ids.len(), 5);

    emulator.recreate_hub(HUB).unwrap();
    let hub = in_time(client.get_eventhub_properties()).await.unwrap();
    assert!(hub.created_on.unwrap() > created);
    assert_eq!(emulator.append(HUB, 1, "x").unwrap().sequence, 0);
    let missing = in_time(client.get_partition_properties("9")).await;
    assert!(format!("{missing:?}").contains("404"), "{missing:?}");
}

#[tokio::test]
async fn stale_wrong_and_delayed_answers() {
    let emulator = emulator(1).await;
    let client = consumer(&emulator).await;
    emulator.append(HUB, 0, "x").unwrap();
    let faults = emulator.faults();
    faults.inject(Fault::once(Action::ManagementStale { ms: 60_000 }).partition(0));
    let stale = in_time(client.get_partition_properties("0")).await.unwrap();
    assert_eq!(stale.last_enqueued_sequence_number, -1);
    let fresh = in_time(client.get_partition_properties("0")).await.unwrap();
    assert_eq!(fresh.last_enqueued_sequence_number, 0);

    faults.inject(Fault::once(Action::ManagementStatus {
        status: 503,
        description: "busy".into(),
    }));
    let wrong = in_time(client.get_partition_properties("0")).await;
    assert!(format!("{wrong:?}").contains("503"), "{wrong:?}");

    let client = consumer(&emulator).await;
    let delay = faults.inject(Fault::once(Action::ManagementDelay { ms: 200 }));
    let before = std::time::Instant::now();
    in_time(client.get_partition_properties("0")).await.unwrap();
    assert!(before.elapsed().as_millis() >= 200);
    assert_eq!(faults.fired(delay), 1);

    let drop = faults.inject(Fault::once(Action::ManagementDrop));
    let waiting = std::time::Duration::from_millis(300);
    let dropped = tokio::time::timeout(waiting, client.get_partition_properties("0")).await;
    assert!(dropped.is_err());
    assert_eq!(faults.fired(drop), 1);
}

#[tokio::test]
async fn too_many_questions_are_throttled() {
    let mut options = Options::with_hub(HUB, 1);
    options.quirks.management_calls = Some(3);
    let emulator = Emulator::start(options).await.unwrap();
    let client = consumer(&emulator).await;
    let throttled = async {
        loop {
            if let Err(error) = client.get_partition_properties("0").await {
                return format!("{error:?}");
            }
        }
    };
    let text = in_time(throttled).await;
    assert!(text.contains("503") && text.contains("50002"), "{text}");
    // Questions that come in time are answered.
    let client = consumer(&emulator).await;
    for _ in 0..3 {
        tokio::time::sleep(std::time::Duration::from_millis(350)).await;
    }
    in_time(client.get_partition_properties("0")).await.unwrap();
}
