//! What the hub and the list of owners tell beside the partitions themselves.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinError;
use tokio::time::Instant;

use super::{Owner, PARTITIONS_REFRESH, REFRESH_AGAIN, Run};
use crate::checkpoint::{Ownership, StoreError};
use crate::event_hub::{HubProperties, PartitionId, SourceError};

impl Owner {
    /// Other programs that keep their owners under the same names in another case do not see our
    /// claims, nor we theirs.
    pub(super) async fn warn_of_unseen_owners(&self) -> Result<(), StoreError> {
        for unseen in self.store.list_unseen_owners(&self.group).await? {
            if self.is_live(&unseen) {
                tracing::error!(
                    event = "unseen_owner",
                    source = self.stages.source,
                    partition = %unseen.partition,
                    owner = unseen.owner,
                    "another program owns the partition under a path of other case, and does not \
                     see our claims: stop it, or both read the partition"
                );
            }
        }
        Ok(())
    }
}

impl Run {
    /// Asks the hub for its partitions, beside the rounds.
    pub(super) fn refresh(&mut self) {
        let now = Instant::now();
        if now < self.refresh_at || !self.refreshing.is_empty() {
            return;
        }
        self.refresh_at = now + PARTITIONS_REFRESH;
        let source = Arc::clone(&self.owner.source);
        self.refreshing
            .spawn(async move { source.hub_properties().await });
    }

    pub(super) fn refreshed(
        &mut self,
        refreshed: Result<Result<HubProperties, SourceError>, JoinError>,
    ) {
        let problem = match refreshed {
            Ok(Ok(hub)) => {
                if hub.created_at != self.hub.created_at {
                    tracing::error!(
                        event = "hub_recreated",
                        source = self.owner.stages.source,
                        created_before = %self.hub.created_at,
                        hub_created_at = %hub.created_at,
                        "the hub was made again under its name"
                    );
                }
                self.owner.note_partitions(&hub);
                if hub.partitions.len() != self.hub.partitions.len() {
                    tracing::info!(
                        event = "partitions_changed",
                        source = self.owner.stages.source,
                        partitions = hub.partitions.len(),
                        "the hub has {} partitions now",
                        hub.partitions.len()
                    );
                }
                self.hub = hub;
                self.hub_problem = None;
                self.refresh_failures = 0;
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(error) => format!("bug: asking the hub failed: {error}"),
        };
        self.refresh_failures += 1;
        self.refresh_at = Instant::now() + REFRESH_AGAIN;
        if self.refresh_failures > 1 {
            self.hub_problem = Some(problem);
        }
    }

    /// Other programs on an Azure SDK renew every 10 to 30 s; when one is slower than half of our
    /// expiry, it loses partitions to us while it is alive.
    pub(super) fn warn_of_slow_owners(&mut self, owners: &BTreeMap<PartitionId, Ownership>) {
        let expiry = self.owner.ownership.expiry;
        for present in owners.values() {
            let Some(owner) = present
                .owner
                .as_ref()
                .filter(|_| !self.owner.is_me(present))
            else {
                continue;
            };
            if present.age < expiry / 2 || present.age >= expiry || self.warned_of.contains(owner) {
                continue;
            }
            tracing::warn!(
                event = "slow_owner",
                source = self.owner.stages.source,
                partition = %present.partition,
                owner,
                age_seconds = present.age.as_secs(),
                "this owner renews slowly: if it is another program, set ownership.expiry = \"2m\" \
                 for as long as both run"
            );
            self.warned_of.push(owner.clone());
        }
    }
}
