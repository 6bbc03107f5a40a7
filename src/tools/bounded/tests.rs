use std::collections::VecDeque;

use bytes::Bytes;

use super::*;
use crate::event_hub::{Body, Offset, Position, Timestamp};

/// A hub that holds these numbers and brings those.
struct Hub {
    holds: (i64, i64),
    brings: Vec<i64>,
}

struct Stream(VecDeque<i64>);

fn position(sequence: i64) -> Position {
    Position {
        sequence: SequenceNumber(sequence),
        offset: Offset::new("1"),
        enqueued_at: Some(Timestamp(9)),
    }
}

#[async_trait]
impl Source for Hub {
    async fn hub_properties(&self) -> Result<HubProperties, SourceError> {
        unreachable!("nobody asks for it")
    }

    async fn partition_properties(
        &self,
        _partition: &PartitionId,
    ) -> Result<PartitionProperties, SourceError> {
        let (begin, last) = self.holds;
        Ok(PartitionProperties {
            begin_sequence: SequenceNumber(begin),
            last_sequence: SequenceNumber(last),
            last_offset: Offset::new("1"),
            last_enqueued_at: Some(Timestamp(9)),
            is_empty: begin > last,
        })
    }

    async fn open(
        &self,
        _partition: &PartitionId,
        _at: OpenAt,
        _prefetch: u32,
    ) -> Result<Box<dyn EventStream>, SourceError> {
        Ok(Box::new(Stream(self.brings.clone().into())))
    }
}

#[async_trait]
impl EventStream for Stream {
    async fn next(&mut self) -> Result<ReceivedEvent, SourceError> {
        match self.0.pop_front() {
            None => std::future::pending().await,
            Some(sequence) => Ok(ReceivedEvent {
                position: position(sequence),
                body: Body::Bytes(Bytes::new()),
            }),
        }
    }

    async fn close(self: Box<Self>) {}
}

/// Reads behind 9 up to 20 until nothing more will come, and looks at the partition when nothing
/// does: what was received, and how many count as missing.
async fn read(holds: (i64, i64), brings: Vec<i64>) -> (Vec<i64>, u64) {
    let stats = Arc::<PartitionStats>::default();
    stats.begins(&position(9));
    let ended = CancellationToken::new();
    let hub = Arc::new(Hub { holds, brings });
    let bounded = Bounded::new(hub, SequenceNumber(20), Arc::clone(&stats), ended.clone());
    let partition = PartitionId::new("0");
    let at = OpenAt::FromSequence(SequenceNumber(10));
    let mut stream = bounded.open(&partition, at, 1).await.unwrap();
    let mut received = Vec::new();
    loop {
        tokio::select! {
            biased;
            event = stream.next() => {
                let position = event.unwrap().position;
                stats.handed_on(&position, 0);
                received.push(position.sequence.0);
            }
            () = ended.cancelled() => break,
            () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {
                bounded.partition_properties(&partition).await.unwrap();
            }
        }
    }
    // Once more changes nothing.
    bounded.partition_properties(&partition).await.unwrap();
    (received, stats.missing.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn it_ends_behind_the_last_event_of_the_window() {
    let all: Vec<i64> = (10..=20).collect();
    assert_eq!(read((0, 99), (10..30).collect()).await, (all.clone(), 0));
    assert_eq!(read((0, 20), all.clone()).await, (all.clone(), 0));
    // What was received is not missing when it expires.
    assert_eq!(read((50, 99), all.clone()).await, (all, 0));
}

#[tokio::test(start_paused = true)]
async fn what_retention_takes_of_the_end_is_counted_as_missing() {
    // An event behind the window says it, or the partition when nothing comes.
    let begun: Vec<i64> = (10..=12).collect();
    let and_behind: Vec<i64> = (10..=12).chain(50..60).collect();
    assert_eq!(read((50, 99), and_behind).await, (begun.clone(), 8));
    assert_eq!(read((50, 99), begun.clone()).await, (begun.clone(), 8));
    assert_eq!(read((100, 99), begun.clone()).await, (begun, 8));
    assert_eq!(read((50, 99), vec![50]).await, (Vec::new(), 11));
}
