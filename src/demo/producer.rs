//! Sends generated events to a hub at a steady rate, with Microsoft's own producer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use azure_messaging_eventhubs::{EventDataBatchOptions, ProducerClient};
use bytes::Bytes;
use tokio::time::{Instant, MissedTickBehavior};

use super::generator::Generator;
use super::proof::Proof;
use crate::clock::{Clock, SystemClock};

/// How often a round of events is sent.
const TICK: Duration = Duration::from_millis(100);
/// Longest wait for one step of the client.
const STEP_MAX: Duration = Duration::from_secs(30);

/// What is produced.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Records per second, over all partitions.
    pub records_per_second: u64,
    /// Records in one event.
    pub records_per_event: usize,
    /// How long.
    pub duration: Duration,
    /// Partitions of the hub.
    pub partitions: u32,
}

/// Something kept the producer from producing.
#[derive(Debug, thiserror::Error)]
pub enum ProducerError {
    /// The client failed.
    #[error("the producer failed: {0}")]
    Client(#[from] azure_messaging_eventhubs::EventHubsError),
    /// It panicked.
    #[error("bug: the producer panicked")]
    Panicked,
    /// There is no thread for it.
    #[error("the producer gets no thread: {0}")]
    Thread(#[from] std::io::Error),
    /// The client did not answer.
    #[error("the producer got no answer within {STEP_MAX:?}")]
    Timeout(#[from] tokio::time::error::Elapsed),
}

/// Sends to one hub.
pub struct Producer {
    client: ProducerClient,
    generator: Generator,
    proof: Arc<Proof>,
}

impl Producer {
    /// Connects to the hub of a connection string at `address` (plain AMQP). Call this and
    /// [`Self::run`] on an [`AmqpRuntime`](crate::event_hub::runtime::AmqpRuntime).
    ///
    /// # Errors
    /// When the hub cannot be reached.
    pub async fn connect(
        connection_string: &str,
        address: std::net::SocketAddr,
        generator: Generator,
        proof: Arc<Proof>,
    ) -> Result<Self, ProducerError> {
        let opening = ProducerClient::builder()
            .with_custom_endpoint(format!("amqp://{address}"))
            .open_with_connection_string(connection_string, None);
        let client = tokio::time::timeout(STEP_MAX, opening).await??;
        Ok(Self {
            client,
            generator,
            proof,
        })
    }

    /// Produces the load, then closes. Records count as produced before they are sent.
    ///
    /// # Errors
    /// When the hub did not take a batch.
    pub async fn run(mut self, load: Load) -> Result<(), ProducerError> {
        let started = Instant::now();
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let total = per(load.records_per_second, load.duration);
        let mut targets = (0..load.partitions).cycle();
        while self.generator.made() < total {
            ticks.tick().await;
            let due = per(load.records_per_second, started.elapsed() + TICK).min(total);
            let mut rounds: BTreeMap<u32, Vec<Bytes>> = BTreeMap::new();
            while self.generator.made() < due {
                let left = usize::try_from(due - self.generator.made()).unwrap_or(usize::MAX);
                let event = self.event(load.records_per_event.min(left));
                let partition = targets.next().unwrap_or_default();
                rounds.entry(partition).or_default().push(event);
            }
            let sends = rounds
                .into_iter()
                .map(|(partition, events)| self.send(partition, events));
            futures::future::try_join_all(sends).await?;
        }
        // The process ends soon; a close that hangs must not keep it.
        let _closed = tokio::time::timeout(Duration::from_secs(2), self.client.close()).await;
        Ok(())
    }

    fn event(&mut self, records: usize) -> Bytes {
        let proof = &self.proof;
        self.generator
            .event(records, SystemClock.now(), |number, record| {
                proof.produced(number, record);
            })
    }

    async fn send(&self, partition: u32, events: Vec<Bytes>) -> Result<(), ProducerError> {
        let mut events = events.into_iter().peekable();
        while events.peek().is_some() {
            let creating = self.client.create_batch(Some(to_partition(partition)));
            let batch = tokio::time::timeout(STEP_MAX, creating).await??;
            while let Some(event) = events.peek() {
                if !batch.try_add_event_data(event.to_vec(), None)? {
                    break;
                }
                events.next();
            }
            tokio::time::timeout(STEP_MAX, self.client.send_batch(batch, None)).await??;
        }
        Ok(())
    }
}

fn to_partition(partition: u32) -> EventDataBatchOptions {
    EventDataBatchOptions {
        partition_id: Some(partition.to_string()),
        ..EventDataBatchOptions::default()
    }
}

/// What a rate makes in a time.
fn per(per_second: u64, time: Duration) -> u64 {
    let made = u128::from(per_second) * time.as_millis() / 1_000;
    u64::try_from(made).unwrap_or(u64::MAX)
}
