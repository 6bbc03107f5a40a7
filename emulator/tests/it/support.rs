//! Clients and waiting.

use std::time::{Duration, Instant};

use azure_core::time::Duration as AzureDuration;
use azure_messaging_eventhubs::models::ReceivedEventData;
use azure_messaging_eventhubs::{
    ConsumerClient, EventReceiver, OpenReceiverOptions, ProducerClient, RetryOptions,
    StartLocation, StartPosition,
};
use entra_forwarder_emulator::{Emulator, Options};
use futures::StreamExt;

/// Longer than anything takes here; a test that waits so long has failed.
pub const LONG: Duration = Duration::from_secs(15);
pub const HUB: &str = "insights";

pub async fn emulator(partitions: u32) -> Emulator {
    Emulator::start(Options::with_hub(HUB, partitions))
        .await
        .unwrap()
}

fn endpoint(emulator: &Emulator) -> String {
    format!("amqp://127.0.0.1:{}", emulator.address().port())
}

fn no_retries() -> RetryOptions {
    RetryOptions {
        initial_delay: AzureDuration::milliseconds(1),
        max_retries: 0,
        ..RetryOptions::default()
    }
}

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

pub async fn consumer(emulator: &Emulator) -> ConsumerClient {
    consumer_of(emulator, &emulator.connection_string(Some(HUB)), "$Default")
        .await
        .unwrap()
}

pub async fn consumer_of(
    emulator: &Emulator,
    connection_string: &str,
    group: &str,
) -> Result<ConsumerClient, Failure> {
    let opening = ConsumerClient::builder()
        .with_consumer_group(group.to_owned())
        .with_retry_options(no_retries())
        .with_custom_endpoint(endpoint(emulator))
        .open_with_connection_string(connection_string, None);
    Ok(tokio::time::timeout(LONG, opening).await??)
}

pub async fn producer(emulator: &Emulator) -> ProducerClient {
    producer_of(emulator, &emulator.connection_string(Some(HUB)))
        .await
        .unwrap()
}

pub async fn producer_of(
    emulator: &Emulator,
    connection_string: &str,
) -> Result<ProducerClient, Failure> {
    let opening = ProducerClient::builder()
        .with_retry_options(no_retries())
        .with_custom_endpoint(endpoint(emulator))
        .open_with_connection_string(connection_string, None);
    Ok(tokio::time::timeout(LONG, opening).await??)
}

pub fn from(location: StartLocation, inclusive: bool) -> OpenReceiverOptions {
    OpenReceiverOptions {
        start_position: Some(StartPosition {
            location,
            inclusive,
        }),
        ..OpenReceiverOptions::default()
    }
}

pub fn earliest() -> OpenReceiverOptions {
    from(StartLocation::Earliest, false)
}

pub async fn receiver(
    client: &ConsumerClient,
    partition: u32,
    options: OpenReceiverOptions,
) -> Result<EventReceiver, Failure> {
    let opening = client.open_receiver_on_partition(partition.to_string(), Some(options));
    Ok(tokio::time::timeout(LONG, opening).await??)
}

/// Receives `count` events.
pub async fn receive(receiver: &EventReceiver, count: usize) -> Vec<ReceivedEventData> {
    let mut stream = std::pin::pin!(receiver.stream_events());
    let mut events = Vec::new();
    while events.len() < count {
        let next = tokio::time::timeout(LONG, stream.next()).await;
        let event = next.unwrap_or_else(|_| panic!("only {} of {count}", events.len()));
        events.push(event.unwrap().unwrap());
    }
    events
}

/// Receives until the stream fails; gives the numbers and the error as text.
pub async fn receive_to_end(receiver: &EventReceiver) -> (Vec<i64>, String) {
    let mut stream = std::pin::pin!(receiver.stream_events());
    let mut numbers = Vec::new();
    loop {
        match tokio::time::timeout(LONG, stream.next())
            .await
            .expect("an end")
        {
            Some(Ok(event)) => numbers.push(event.sequence_number().unwrap()),
            Some(Err(error)) => return (numbers, format!("{error:?}")),
            None => return (numbers, "end of stream".into()),
        }
    }
}

pub fn sequences(events: &[ReceivedEventData]) -> Vec<i64> {
    events
        .iter()
        .map(|event| event.sequence_number().unwrap())
        .collect()
}

pub fn bodies(events: &[ReceivedEventData]) -> Vec<String> {
    events
        .iter()
        .map(|event| {
            let body = event.event_data().body().unwrap_or_default();
            String::from_utf8(body.to_vec()).unwrap()
        })
        .collect()
}

/// Waits until something holds.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + LONG;
    while !holds() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.expect("in time")
}
