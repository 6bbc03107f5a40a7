//! A hub that ends where a window does, for a reader that never ends by itself.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::event_hub::{
    EventStream, HubProperties, OpenAt, PartitionId, PartitionProperties, ReceivedEvent,
    SequenceNumber, Source, SourceError,
};
use crate::partition::stats::PartitionStats;

/// One partition of a hub, up to an event.
pub struct Bounded {
    source: Arc<dyn Source>,
    end: Arc<End>,
}

/// Where it ends.
struct End {
    last: SequenceNumber,
    stats: Arc<PartitionStats>,
    reached: CancellationToken,
}

impl End {
    /// Nothing more will come. What the reader has not received by now is counted as missing.
    fn reach(&self) {
        if self.reached.is_cancelled() {
            return;
        }
        let received = self.stats.received();
        let received = received.map_or(self.last, |position| position.sequence);
        let missing = u64::try_from(self.last.0.saturating_sub(received.0)).unwrap_or(0);
        if missing > 0 {
            self.stats.count(|it| &it.gaps);
            self.stats.missing.fetch_add(missing, Ordering::Relaxed);
        }
        self.reached.cancel();
    }
}

impl Bounded {
    /// Up to the event `last`. `ended` is cancelled when nothing more of that will come: whoever
    /// reads asks for more behind it, or retention has taken the rest. What came before was handed
    /// on by then; what of the window has not, counts as missing in `stats`, those of the reader.
    pub fn new(
        source: Arc<dyn Source>,
        last: SequenceNumber,
        stats: Arc<PartitionStats>,
        ended: CancellationToken,
    ) -> Self {
        let reached = ended;
        let end = Arc::new(End {
            last,
            stats,
            reached,
        });
        Self { source, end }
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
        if properties.first_readable() > self.end.last {
            // The rest has expired: nothing of it will come.
            self.end.reach();
        }
        properties.last_sequence = properties.last_sequence.min(self.end.last);
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
            is_over: false,
            end: Arc::clone(&self.end),
        }))
    }
}

struct BoundedStream {
    stream: Box<dyn EventStream>,
    is_over: bool,
    end: Arc<End>,
}

#[async_trait]
impl EventStream for BoundedStream {
    async fn next(&mut self) -> Result<ReceivedEvent, SourceError> {
        if !self.is_over {
            let event = self.stream.next().await?;
            self.is_over = event.position.sequence >= self.end.last;
            if event.position.sequence <= self.end.last {
                return Ok(event);
            }
        }
        self.end.reach();
        std::future::pending().await
    }

    fn leave_at(&self) -> Option<Instant> {
        self.stream.leave_at()
    }

    async fn close(self: Box<Self>) {
        self.stream.close().await;
    }
}
