//! One hub, reached beside its forwarder.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;

use super::group::{candidates, none};
use super::{ToolsError, patiently};
use crate::app::outside::places;
use crate::config::{Config, SourceConfig};
use crate::event_hub::client::EventHubSource;
use crate::event_hub::runtime::AmqpRuntime;
use crate::event_hub::{HubProperties, OpenAt, PartitionId, Source, SourceError, SourceErrorKind};
use crate::partition::inquiry::Inquiry;

/// A hub that is read beside its forwarder.
pub struct ToolsHub {
    /// Name of its source in the configuration.
    pub name: String,
    /// The consumer group that it is read with.
    pub group: String,
    /// The hub itself: its receivers disturb nobody.
    pub source: Arc<dyn Source>,
    /// Questions to it.
    pub inquiry: Arc<Inquiry>,
    /// What it said of itself.
    pub properties: HubProperties,
    hub: Arc<EventHubSource>,
}

impl ToolsHub {
    /// Asks the hub what it is, and finds a consumer group in which it can be read: each candidate
    /// ([`candidates`]) is tried by attaching to the first partition and leaving again.
    ///
    /// What passes by itself is tried again for as long as `patience`. `default_client_id` is the
    /// identity that the platform names.
    ///
    /// # Errors
    /// When the hub does not answer or refuses, or has no such group.
    pub async fn reach(
        config: &Config,
        (name, source): (&String, &SourceConfig),
        default_client_id: Option<&str>,
        amqp: &AmqpRuntime,
        patience: Duration,
    ) -> Result<Self, ToolsError> {
        let tried = candidates(config, source);
        let mut in_use = Vec::new();
        for group in &tried {
            let entry = (name, source);
            let hub = places::hub_beside(config, entry, group, default_client_id, amqp)?;
            let hub = Arc::new(hub);
            let reached = patiently(patience, || look(&hub).boxed());
            let error = match reached.await {
                Ok(properties) => {
                    let source: Arc<dyn Source> = Arc::<EventHubSource>::clone(&hub);
                    return Ok(Self {
                        name: name.clone(),
                        group: group.clone(),
                        inquiry: Arc::new(Inquiry::new(Arc::clone(&source))),
                        source,
                        properties,
                        hub,
                    });
                }
                Err(error) => error,
            };
            let has_no_group = error.kind == SourceErrorKind::NotFound
                && patiently(patience, || hub.hub_properties().boxed())
                    .await
                    .is_ok();
            hub.shutdown().await;
            match error.kind {
                _ if has_no_group => {}
                SourceErrorKind::Stolen => in_use.push(group.clone()),
                _ => return Err(ToolsError::hub(name, error)),
            }
        }
        Err(ToolsError::NoGroup(none(name, source, &tried, &in_use)))
    }

    /// The partitions of these names, or all; numbers in the order of numbers.
    ///
    /// # Errors
    /// When the hub has none of a name.
    pub fn partitions(&self, names: &[String]) -> Result<Vec<PartitionId>, ToolsError> {
        let known = &self.properties.partitions;
        let mut wanted = known.clone();
        if !names.is_empty() {
            wanted.retain(|partition| names.iter().any(|name| name == partition.as_str()));
        }
        wanted.sort_by_key(|partition| {
            let number = partition.as_str().parse().unwrap_or(u32::MAX);
            (number, partition.clone())
        });
        let is_unknown = |name: &&String| !known.iter().any(|known| known.as_str() == *name);
        match names.iter().find(is_unknown) {
            None => Ok(wanted),
            Some(name) => Err(ToolsError::Window(format!(
                "--partition: the hub of sources.{} has no partition `{name}` (it has {})",
                self.name,
                known.len()
            ))),
        }
    }

    /// Closes what is not a reader's, within about ten seconds. Close the readers first.
    pub async fn close(self) {
        self.hub.shutdown().await;
    }
}

/// Asks the hub what it is, and attaches to its first partition, to learn whether the group is there
/// and lets readers in.
async fn look(source: &EventHubSource) -> Result<HubProperties, SourceError> {
    let properties = source.hub_properties().await?;
    if let Some(first) = properties.partitions.first() {
        source.open(first, OpenAt::Earliest, 1).await?.close().await;
    }
    Ok(properties)
}
