//! Looks at the groups while somebody wants to know.
//!
//! It runs where the pipeline does: connections to hub and store belong to one runtime.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::Group;
use super::picture::Groups;
use crate::event_hub::Timestamp;

/// Time between two looks at least.
const INTERVAL: Duration = Duration::from_secs(10);
/// The same per partition: the hub's management node takes 50 calls a second, for all that read.
const INTERVAL_PER_PARTITION: Duration = Duration::from_millis(100);
/// How long one look may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What was seen last, for whoever wants to know.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    wanted: Notify,
    latest: watch::Sender<Option<Arc<Groups>>>,
}

impl Seen {
    /// What was seen last, if anything was; asks for a new look.
    pub fn want(&self) -> Option<Arc<Groups>> {
        self.0.wanted.notify_one();
        self.0.latest.borrow().clone()
    }

    /// The same; waits this long for the first look.
    pub async fn wait(&self, patience: Duration) -> Option<Arc<Groups>> {
        let mut latest = self.0.latest.subscribe();
        self.0.wanted.notify_one();
        let seen = tokio::time::timeout(patience, latest.wait_for(Option::is_some)).await;
        seen.ok().and_then(Result::ok).and_then(|it| it.clone())
    }

    /// Sees every look that is taken from now on.
    pub fn looks(&self) -> watch::Receiver<Option<Arc<Groups>>> {
        self.0.latest.subscribe()
    }
}

/// Looks whenever somebody wants to know, not too often; for ever.
pub async fn run(groups: Vec<Group>, seen: Seen) {
    loop {
        seen.0.wanted.notified().await;
        let began = Instant::now();
        let looks = futures::future::join_all(groups.iter().map(Group::look));
        let mut partitions = 0;
        match tokio::time::timeout(TIMEOUT, looks).await {
            Ok(reports) => {
                partitions = reports.iter().map(|it| it.rows.len()).sum();
                let now = Timestamp::from(SystemTime::now());
                seen.0
                    .latest
                    .send_replace(Some(Arc::new(Groups::of(&reports, now))));
            }
            // Each call has its own timeout, so this is a hub with very many partitions.
            Err(_) => tracing::debug!(
                event = "group_look_cut_off",
                "a look at the consumer group took too long"
            ),
        }
        let pause = INTERVAL_PER_PARTITION * u32::try_from(partitions).unwrap_or(u32::MAX);
        tokio::time::sleep_until(began + pause.max(INTERVAL)).await;
    }
}
