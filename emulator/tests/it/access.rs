//! Tokens, epochs, quirks, and connections that serve nothing.

use std::sync::Arc;
use std::time::Duration;

use azure_messaging_eventhubs::{OpenReceiverOptions, StartLocation};
use entra_forwarder_emulator::{
    Backlog, Emulator, HubOptions, ManualClock, Options, Rights, SharedKey,
};

use crate::support::*;

fn epoch(level: i64) -> OpenReceiverOptions {
    OpenReceiverOptions {
        owner_level: Some(level),
        ..earliest()
    }
}

#[tokio::test]
async fn a_higher_epoch_takes_over() {
    let emulator = emulator(1).await;
    emulator.append(HUB, 0, "x").unwrap();
    let (a, b) = (consumer(&emulator).await, consumer(&emulator).await);
    let low = receiver(&a, 0, epoch(1)).await.unwrap();
    receive(&low, 1).await;
    let high = receiver(&b, 0, epoch(2)).await.unwrap();
    let (ended, _) = tokio::join!(receive_to_end(&low), receive(&high, 1));
    assert!(
        ended.1.contains("ConsumerDisconnected") || ended.1.contains("stolen"),
        "{ended:?}"
    );
    for options in [epoch(1), earliest()] {
        let client = consumer(&emulator).await;
        let refused = receiver(&client, 0, options).await.unwrap();
        let (numbers, error) = receive_to_end(&refused).await;
        assert!(numbers.is_empty(), "{error}");
    }
    assert_eq!(emulator.readers(HUB, 0).unwrap(), 1);
    assert_eq!(emulator.attach_log()[1].epoch, Some(2));
    assert_eq!(
        emulator.attach_log()[2].refused.as_deref(),
        Some("amqp:link:stolen")
    );
}

#[tokio::test]
async fn unknown_groups_and_partitions() {
    let emulator = emulator(1).await;
    let string = emulator.connection_string(Some(HUB));
    let client = consumer_of(&emulator, &string, "nobody").await.unwrap();
    let reading = receiver(&client, 0, earliest()).await.unwrap();
    let (_, error) = receive_to_end(&reading).await;
    assert!(
        error.contains("NotFound") || error.contains("not-found"),
        "{error}"
    );
    let client = consumer(&emulator).await;
    let reading = receiver(&client, 9, earliest()).await.unwrap();
    assert!(receive_to_end(&reading).await.1.contains("between 0 and 0"));
}

#[tokio::test]
async fn links_go_when_their_token_expires() {
    let clock = ManualClock::new(entra_forwarder_emulator::Clock::now_ms(
        &entra_forwarder_emulator::SystemClock,
    ));
    let emulator = Emulator::start(Options {
        clock: Arc::new(clock.clone()),
        ..Options::with_hub(HUB, 1)
    })
    .await
    .unwrap();
    emulator.append(HUB, 0, "x").unwrap();
    let client = consumer(&emulator).await;
    let reading = receiver(&client, 0, earliest()).await.unwrap();
    receive(&reading, 1).await;
    clock.advance_ms(100 * 24 * 3600 * 1000);
    emulator.wake();
    let (_, error) = receive_to_end(&reading).await;
    assert!(
        error.contains("'Listen' claim(s) are required to perform this operation"),
        "{error}"
    );
}

#[tokio::test]
async fn rights_are_apart() {
    let emulator = Emulator::start(Options {
        keys: vec![
            SharedKey::new("reader", "aGVsbG8=", Rights::LISTEN),
            SharedKey::new("writer", "d29ybGQ=", Rights::SEND),
        ],
        ..Options::with_hub(HUB, 1)
    })
    .await
    .unwrap();
    let string = |name: &str, key: &str| {
        format!(
            "Endpoint=sb://localhost/;SharedAccessKeyName={name};SharedAccessKey={key};EntityPath={HUB}"
        )
    };
    let (reader, writer) = (string("reader", "aGVsbG8="), string("writer", "d29ybGQ="));
    let client = producer_of(&emulator, &writer).await.unwrap();
    in_time(client.send_event("x", None)).await.unwrap();
    let client = producer_of(&emulator, &reader).await.unwrap();
    let error = in_time(client.send_event("y", None)).await.unwrap_err();
    assert!(format!("{error:?}").contains("'Send' claim"), "{error:?}");
    let client = consumer_of(&emulator, &reader, "$Default").await.unwrap();
    let reading = receiver(&client, 0, earliest()).await.unwrap();
    receive(&reading, 1).await;
    let client = consumer_of(&emulator, &writer, "$Default").await.unwrap();
    let reading = receiver(&client, 0, earliest()).await.unwrap();
    assert!(receive_to_end(&reading).await.1.contains("'Listen' claim"));
    assert_eq!(emulator.last_sequence(HUB, 0).unwrap(), 0);
}

#[tokio::test]
async fn minus_one_on_a_fresh_partition_is_dead() {
    let emulator = emulator(1).await;
    let client = consumer(&emulator).await;
    let start = from(StartLocation::SequenceNumber(-1), false);
    let reading = receiver(&client, 0, start).await.unwrap();
    let silent =
        async { tokio::time::timeout(Duration::from_millis(300), receive(&reading, 1)).await };
    let (silent, ()) = tokio::join!(silent, async {
        until("the attach", || emulator.readers(HUB, 0).unwrap() == 1).await;
        emulator.append(HUB, 0, "x").unwrap();
    });
    assert!(silent.is_err());
}

#[tokio::test]
async fn older_events_after_the_last() {
    let mut options = Options::with_hub(HUB, 1);
    options.quirks.older_events_after_last = 3;
    let emulator = Emulator::start(options).await.unwrap();
    for _ in 0..10 {
        emulator.append(HUB, 0, "x").unwrap();
    }
    let client = consumer(&emulator).await;
    let start = from(StartLocation::SequenceNumber(9), false);
    let reading = receiver(&client, 0, start).await.unwrap();
    assert_eq!(sequences(&receive(&reading, 3).await), [7, 8, 9]);
}

#[tokio::test]
async fn a_generated_backlog_costs_nothing() {
    let body = bytes::Bytes::from(vec![b'x'; 16_000]);
    let hub = HubOptions {
        backlog: Some(Backlog::new(1_000_000_000, 1_700_000_000_000, move |_| {
            body.clone()
        })),
        first_sequence: 500,
        ..HubOptions::new(1)
    };
    let emulator = Emulator::start(Options {
        hubs: vec![(HUB.into(), hub)],
        ..Options::default()
    })
    .await
    .unwrap();
    assert_eq!(emulator.last_sequence(HUB, 0).unwrap(), 1_000_000_499);
    let client = consumer(&emulator).await;
    let start = from(StartLocation::SequenceNumber(999_999_999), true);
    let reading = receiver(&client, 0, start).await.unwrap();
    let events = receive(&reading, 500).await;
    assert_eq!(sequences(&events)[499], 1_000_000_498);
}

#[tokio::test]
async fn idle_links_and_empty_connections_go() {
    let emulator = Emulator::start(Options {
        link_idle: Some(Duration::from_millis(100)),
        abandoned_connection: Duration::from_millis(100),
        unused_connection: Duration::from_millis(100),
        ..Options::with_hub(HUB, 1)
    })
    .await
    .unwrap();
    let client = consumer(&emulator).await;
    let reading = receiver(&client, 0, earliest()).await.unwrap();
    receive_to_end(&reading).await;
    until("the end", || emulator.open_connections() == 0).await;
    let silent = tokio::net::TcpStream::connect(emulator.address())
        .await
        .unwrap();
    until("the start", || emulator.open_connections() == 1).await;
    until("the end", || emulator.open_connections() == 0).await;
    drop(silent);
}
