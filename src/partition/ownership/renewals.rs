//! Keeping claims alive, and finding out which are lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt;
use tokio::time::Instant;

use super::{Owned, Owner, Run};
use crate::checkpoint::{Condition, ETag, Ownership, StoreError};
use crate::event_hub::PartitionId;
use crate::telemetry::turns::Turn;

/// Renewals in flight at the same time.
const RENEWALS_MAX: usize = 16;

/// What one claim needs after a look at the list.
enum Need {
    Nothing,
    /// To be written under this condition.
    Write(Condition),
    /// Nothing more: it is somebody else's.
    Lost,
}

impl Run {
    /// Writes the claims that are due, and those which the list shows as another's.
    ///
    /// The list alone takes nothing away: it may be older than our last write. A claim is lost when
    /// a write under its last known version does not go through and a list, asked for afterwards,
    /// shows another owner.
    pub(super) async fn renew(
        &mut self,
        owners: Option<&BTreeMap<PartitionId, Ownership>>,
        asked_at: Instant,
        turn: &Turn,
    ) {
        let owner = Arc::clone(&self.owner);
        let mut writes = Vec::new();
        for (partition, owned) in &mut self.owned {
            if owned.lost.is_cancelled() {
                continue;
            }
            match owner.need(owned, owners.map(|owners| owners.get(partition)), asked_at) {
                Need::Nothing => {}
                Need::Write(condition) => writes.push((partition.clone(), condition)),
                Need::Lost => owner.lose(partition, owned),
            }
        }
        let writes = futures::stream::iter(writes).map(|(partition, condition)| {
            let owner = Arc::clone(&owner);
            async move {
                let at = Instant::now();
                let (group, id) = (&owner.group, &owner.owner_id);
                let answer = owner.store.claim(group, &partition, id, condition).await;
                (partition, at, answer)
            }
        });
        let mut answers = writes.buffer_unordered(RENEWALS_MAX);
        while let Some((partition, at, answer)) = answers.next().await {
            turn.goes_on();
            if let Some(owned) = self.owned.get_mut(&partition) {
                owner.renewed(&partition, owned, at, answer);
            }
        }
    }
}

impl Owner {
    fn need(
        &self,
        owned: &mut Owned,
        listed: Option<Option<&Ownership>>,
        asked_at: Instant,
    ) -> Need {
        let is_due = owned.lease.renewed_at().elapsed() >= self.ownership.renew_interval
            || owned.lease.is_questioned();
        let renewal = |owned: &Owned| Need::Write(Condition::Matches(owned.etag.clone()));
        match listed {
            None if is_due => renewal(owned),
            None => Need::Nothing,
            Some(Some(present)) if self.is_me(present) => {
                if owned.is_doubtful {
                    // A write of ours went through after all.
                    owned.is_doubtful = false;
                    owned.etag = present.etag.clone();
                    if let Some(at) = asked_at.checked_sub(present.age) {
                        owned.lease.renewed(at);
                    }
                }
                if is_due {
                    renewal(owned)
                } else {
                    Need::Nothing
                }
            }
            Some(Some(_)) if owned.is_doubtful => Need::Lost,
            Some(Some(_)) => renewal(owned),
            // Somebody deleted it.
            Some(None) => Need::Write(Condition::Absent),
        }
    }

    fn renewed(
        &self,
        partition: &PartitionId,
        owned: &mut Owned,
        at: Instant,
        answer: Result<ETag, StoreError>,
    ) {
        match answer {
            Ok(etag) => {
                owned.etag = etag;
                owned.is_doubtful = false;
                owned.lease.renewed(at);
            }
            Err(error) => {
                owned.is_doubtful = true;
                tracing::debug!(
                    event = "not_renewed",
                    source = self.stages.source,
                    %partition,
                    %error,
                    "the claim was not renewed"
                );
            }
        }
    }

    fn lose(&self, partition: &PartitionId, owned: &Owned) {
        self.stages.stats.count(|it| &it.partitions_lost);
        tracing::warn!(
            event = "partition_taken",
            source = self.stages.source,
            %partition,
            "another replica took the partition"
        );
        owned.lost.cancel();
    }
}
