//! A hub whose partitions never have an event.

use async_trait::async_trait;
use entra_forwarder::event_hub::{
    EventStream, HubProperties, Offset, OpenAt, PartitionId, PartitionProperties, ReceivedEvent,
    SequenceNumber, Source, SourceError, Timestamp,
};

pub(crate) struct Quiet {
    pub(crate) partitions: usize,
}

#[async_trait]
impl Source for Quiet {
    async fn hub_properties(&self) -> Result<HubProperties, SourceError> {
        Ok(HubProperties {
            created_at: Timestamp(1_000),
            partitions: (0..self.partitions)
                .map(|id| PartitionId::new(id.to_string()))
                .collect(),
        })
    }

    async fn partition_properties(
        &self,
        _partition: &PartitionId,
    ) -> Result<PartitionProperties, SourceError> {
        Ok(PartitionProperties {
            begin_sequence: SequenceNumber(-1),
            last_sequence: SequenceNumber(-1),
            last_offset: Offset::new(""),
            last_enqueued_at: None,
            is_empty: true,
        })
    }

    async fn open(
        &self,
        _partition: &PartitionId,
        _at: OpenAt,
        _prefetch: u32,
    ) -> Result<Box<dyn EventStream>, SourceError> {
        Ok(Box::new(Nothing))
    }
}

struct Nothing;

#[async_trait]
impl EventStream for Nothing {
    async fn next(&mut self) -> Result<ReceivedEvent, SourceError> {
        std::future::pending().await
    }

    async fn close(self: Box<Self>) {}
}
