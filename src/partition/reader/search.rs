//! The hub as a search for a position may use it: its receivers, too, throw off whoever owns the
//! partition.

use async_trait::async_trait;

use super::Reader;
use crate::event_hub::{
    EventStream, HubProperties, OpenAt, PartitionId, PartitionProperties, Source, SourceError,
    SourceErrorKind,
};

impl Reader {
    /// The state of the partition, when it is its turn among the readers of the source.
    ///
    /// # Errors
    /// As the hub answered, or that reading is to end.
    pub(super) async fn look(&self) -> Result<PartitionProperties, SourceError> {
        let given = &self.given;
        tokio::select! {
            biased;
            () = given.stop.cancelled() => Err(ending()),
            found = given.inquiry.look(&given.partition) => found,
        }
    }
}

fn ending() -> SourceError {
    SourceError::new(SourceErrorKind::Unavailable, "reading is to end")
}

/// Opens receivers only while the claim of its reader is surely its own, and asks when it is its
/// turn.
pub(super) struct Search<'a>(pub(super) &'a Reader);

#[async_trait]
impl Source for Search<'_> {
    async fn hub_properties(&self) -> Result<HubProperties, SourceError> {
        self.0.given.source.hub_properties().await
    }

    async fn partition_properties(
        &self,
        _: &PartitionId,
    ) -> Result<PartitionProperties, SourceError> {
        self.0.look().await
    }

    async fn open(
        &self,
        partition: &PartitionId,
        at: OpenAt,
        prefetch: u32,
    ) -> Result<Box<dyn EventStream>, SourceError> {
        if !self.0.waits_for_lease().await {
            return Err(ending());
        }
        self.0.given.source.open(partition, at, prefetch).await
    }
}
