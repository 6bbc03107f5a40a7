//! The hub as a search for a position may use it: its receivers, too, throw off whoever owns the
//! partition.

use async_trait::async_trait;

use super::Reader;
use crate::event_hub::{
    EventStream, HubProperties, OpenAt, PartitionId, PartitionProperties, Source, SourceError,
    SourceErrorKind,
};

/// Opens receivers only while the claim of its reader is surely its own.
pub(super) struct Search<'a>(pub(super) &'a Reader);

#[async_trait]
impl Source for Search<'_> {
    async fn hub_properties(&self) -> Result<HubProperties, SourceError> {
        self.0.given.source.hub_properties().await
    }

    async fn partition_properties(
        &self,
        partition: &PartitionId,
    ) -> Result<PartitionProperties, SourceError> {
        self.0.given.source.partition_properties(partition).await
    }

    async fn open(
        &self,
        partition: &PartitionId,
        at: OpenAt,
        prefetch: u32,
    ) -> Result<Box<dyn EventStream>, SourceError> {
        if !self.0.waits_for_lease().await {
            let message = "reading is to end";
            return Err(SourceError::new(SourceErrorKind::Unavailable, message));
        }
        self.0.given.source.open(partition, at, prefetch).await
    }
}
