//! How fast the emulator sends: `throughput <event bytes> <events> <partitions>`.
//! One client of the Rust SDK per partition, in the same process.

use std::time::Instant;

use azure_messaging_eventhubs::{
    ConsumerClient, OpenReceiverOptions, StartLocation, StartPosition,
};
use entra_forwarder_emulator::{Backlog, Emulator, HubOptions, Options};
use futures::StreamExt;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut args = std::env::args()
        .skip(1)
        .filter_map(|arg| arg.parse::<u64>().ok());
    let mut next = |default| args.next().unwrap_or(default);
    let (size, count, partitions) = (next(16_000), next(100_000), next(2));
    let body = bytes::Bytes::from(vec![b'x'; usize::try_from(size)?]);
    let hub = HubOptions {
        backlog: Some(Backlog::new(count, 0, move |_| body.clone())),
        ..HubOptions::new(u32::try_from(partitions)?)
    };
    let emulator = Emulator::start(Options {
        hubs: vec![("hub".into(), hub)],
        ..Options::default()
    })
    .await?;
    let string = emulator.connection_string(Some("hub"));
    let endpoint = format!("amqp://{}", emulator.address());
    let start = Instant::now();
    let mut readers = Vec::new();
    for partition in 0..partitions {
        let (string, endpoint) = (string.clone(), endpoint.clone());
        readers.push(tokio::spawn(async move {
            let client = ConsumerClient::builder()
                .with_custom_endpoint(endpoint)
                .open_with_connection_string(&string, None)
                .await?;
            let options = OpenReceiverOptions {
                prefetch: Some(300),
                start_position: Some(StartPosition {
                    location: StartLocation::Earliest,
                    inclusive: false,
                }),
                ..OpenReceiverOptions::default()
            };
            let receiver = client
                .open_receiver_on_partition(partition.to_string(), Some(options))
                .await?;
            let mut stream = std::pin::pin!(receiver.stream_events());
            for _ in 0..count {
                stream.next().await.ok_or("the stream ended")??;
            }
            Ok::<_, Failure>(())
        }));
    }
    for reader in readers {
        reader.await??;
    }
    let seconds = start.elapsed().as_secs_f64();
    #[allow(clippy::cast_precision_loss)]
    let events = (count * partitions) as f64;
    #[allow(clippy::cast_precision_loss)]
    let megabytes = events * size as f64 / 1e6;
    println!(
        "{:.0} events/s, {:.0} MB/s",
        events / seconds,
        megabytes / seconds
    );
    emulator.stop().await;
    Ok(())
}
