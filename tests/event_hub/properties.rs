//! Questions to the management node.

use std::time::Duration;

use entra_forwarder::event_hub::{SequenceNumber, Source, SourceErrorKind, Timestamp};
use entra_forwarder_emulator::{Action, Emulator, Fault, HubOptions, Options};
use futures::FutureExt;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_says_its_partitions() {
    let emulator = emulator().await;
    let source = source(&emulator);
    let hub = source.hub_properties().await.unwrap();
    assert_eq!(
        hub.partitions,
        [partition(0), partition(1), partition(2), partition(3)]
    );
    assert!(hub.created_at > Timestamp(1_600_000_000_000), "{hub:?}");
    assert_eq!(source.hub_properties().await.unwrap(), hub);
    leave(source, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_says_its_ends() {
    let emulator = emulator().await;
    let source = source(&emulator);
    let fresh = source.partition_properties(&partition(0)).await.unwrap();
    assert_eq!(fresh.last_sequence, SequenceNumber::BEFORE_FIRST);
    assert_eq!(fresh.last_offset.as_str(), "-1");
    assert_eq!(fresh.last_enqueued_at, None);
    assert!(fresh.is_empty);
    assert_eq!(fresh.first_readable(), SequenceNumber(0));

    append(&emulator, 0, 5);
    let used = source.partition_properties(&partition(0)).await.unwrap();
    let state = emulator.partition_state(HUB, 0).unwrap();
    assert_eq!(used.begin_sequence, SequenceNumber(0));
    assert_eq!(used.last_sequence, SequenceNumber(4));
    assert_eq!(used.last_offset.as_str(), state.last_offset);
    assert_eq!(used.last_enqueued_at, state.last_enqueued_ms.map(Timestamp));
    assert!(!used.is_empty);

    emulator.trim_before(HUB, 0, 5).unwrap();
    let emptied = source.partition_properties(&partition(0)).await.unwrap();
    assert!(emptied.is_empty);
    assert_eq!(emptied.first_readable(), SequenceNumber(5));
    leave(source, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_names_are_not_found() {
    let emulator = emulator().await;
    let known = source(&emulator);
    let unknown = partition(17);
    assert_eq!(
        kind(known.partition_properties(&unknown).await),
        SourceErrorKind::NotFound
    );
    assert!(known.partition_properties(&partition(0)).await.is_ok());
    leave(known, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_is_nobodys_answer() {
    let emulator = emulator().await;
    let source = source(&emulator);
    for id in 0..4 {
        for _ in 0..=id {
            emulator.append(HUB, id, "x").unwrap();
        }
    }
    let last = async |id| {
        source
            .partition_properties(&partition(id))
            .await
            .map(|p| p.last_sequence)
    };
    assert_eq!(last(0).await.unwrap(), SequenceNumber(0));
    let late = TIMEOUTS.call.as_millis() as u64 + 500;
    emulator
        .faults()
        .inject(Fault::once(Action::ManagementDelay { ms: late }));
    assert_eq!(kind(last(0).await), SourceErrorKind::Unavailable);
    for round in 0..3 {
        for id in 0..4 {
            assert_eq!(
                last(id).await.unwrap(),
                SequenceNumber(i64::from(id)),
                "{round}"
            );
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    leave(source, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_question_moves_no_answer() {
    let emulator = emulator().await;
    let source = source(&emulator);
    for id in 0..4 {
        for _ in 0..=id {
            emulator.append(HUB, id, "x").unwrap();
        }
    }
    for round in 0..40_u64 {
        let asked = partition((round % 4) as u32);
        let question = source.partition_properties(&asked);
        drop(tokio::time::timeout(Duration::from_millis(round), question).await);
        assert!(source.hub_properties().now_or_never().is_none());
        let id = ((round + 1) % 4) as u32;
        let answer = source.partition_properties(&partition(id)).await.unwrap();
        assert_eq!(
            answer.last_sequence,
            SequenceNumber(i64::from(id)),
            "{round}"
        );
    }
    leave(source, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_unauthorized() {
    let emulator = emulator().await;
    let source = source(&emulator);
    let refusal = Action::RefuseToken {
        status: 401,
        description: "InvalidSignature".to_owned(),
    };
    emulator.faults().inject(Fault::once(refusal));
    assert_eq!(
        kind(source.hub_properties().await),
        SourceErrorKind::Unauthorized
    );
    assert!(source.hub_properties().await.is_ok());
    leave(source, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_questions_are_throttled() {
    let hub = HubOptions::new(1).group(GROUP);
    let mut options = Options {
        hubs: vec![(HUB.to_owned(), hub)],
        ..Options::default()
    };
    options.quirks.management_calls = Some(0);
    let emulator = Emulator::start(options).await.unwrap();
    let source = source(&emulator);
    assert_eq!(
        kind(source.hub_properties().await),
        SourceErrorKind::Throttled
    );
    leave(source, emulator).await;
}
