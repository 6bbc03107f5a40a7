//! A hub that ends where a window does, for a reader that never ends by itself.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::event_hub::{
    EventStream, HubProperties, OpenAt, PartitionId, PartitionProperties, ReceivedEvent,
    SequenceNumber, Source, SourceError,
};

/// One partition of a hub, up to an event.
pub struct Bounded {
    source: Arc<dyn Source>,
    last: SequenceNumber,
    ended: CancellationToken,
}

impl Bounded {
    /// Up to the event `last`. `ended` is cancelled when whoever reads asks for more behind it: what
    /// came before was handed on by then.
    pub fn new(source: Arc<dyn Source>, last: SequenceNumber, ended: CancellationToken) -> Self {
        Self {
            source,
            last,
            ended,
        }
    }
}

#[async_trait]
impl Source for Bounded {
    async fn hub_properties(&self) -> Result<HubProperties, SourceError> {
        self.source.hub_properties().await
    }

    async fn partition_properties(
        &self,
        partition: &PartitionId,
    ) -> Result<PartitionProperties, SourceError> {
        let mut properties = self.source.partition_properties(partition).await?;
        if properties.first_readable() > self.last {
            // The rest has expired: nothing of it will come.
            self.ended.cancel();
        }
        properties.last_sequence = properties.last_sequence.min(self.last);
        Ok(properties)
    }

    async fn open(
        &self,
        partition: &PartitionId,
        at: OpenAt,
        prefetch: u32,
    ) -> Result<Box<dyn EventStream>, SourceError> {
        let stream = self.source.open(partition, at, prefetch).await?;
        Ok(Box::new(BoundedStream {
            stream,
            last: self.last,
            is_over: false,
            ended: self.ended.clone(),
        }))
    }
}

struct BoundedStream {
    stream: Box<dyn EventStream>,
    last: SequenceNumber,
    is_over: bool,
    ended: CancellationToken,
}

#[async_trait]
impl EventStream for BoundedStream {
    async fn next(&mut self) -> Result<ReceivedEvent, SourceError> {
        if !self.is_over {
            let event = self.stream.next().await?;
            self.is_over = event.position.sequence >= self.last;
            if event.position.sequence <= self.last {
                return Ok(event);
            }
        }
        self.ended.cancel();
        std::future::pending().await
    }

    fn leave_at(&self) -> Option<Instant> {
        self.stream.leave_at()
    }

    async fn close(self: Box<Self>) {
        self.stream.close().await;
    }
}
