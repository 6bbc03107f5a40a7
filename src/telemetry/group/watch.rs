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
/// How much older than the time between two looks a look may be.
const FRESH: Duration = Duration::from_secs(5);
/// How long one look may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What was seen last, for whoever wants to know.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    wanted: Notify,
    latest: watch::Sender<Option<Look>>,
}

/// What was seen.
#[derive(Clone, Debug)]
pub struct Look {
    /// What it showed.
    pub groups: Arc<Groups>,
    /// When it ended.
    at: Instant,
    /// Until when no newer one has to be waited for.
    fresh_until: Instant,
}

impl Look {
    /// Time since then.
    pub fn age(&self) -> Duration {
        self.at.elapsed()
    }
}

impl Seen {
    /// What was seen last, if anything was; asks for a new look.
    pub fn want(&self) -> Option<Arc<Groups>> {
        self.0.wanted.notify_one();
        let latest = self.0.latest.borrow();
        latest.as_ref().map(|it| Arc::clone(&it.groups))
    }

    /// The same; waits this long for a look that is not older than about 15 s. When there is none in
    /// time, then for what was seen last, however old.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn wait(&self, patience: Duration) -> Option<Look> {
        let mut latest = self.0.latest.subscribe();
        self.0.wanted.notify_one();
        let is_fresh = |look: &Option<Look>| {
            let until = look.as_ref().map(|it| it.fresh_until);
            until.is_some_and(|until| Instant::now() < until)
        };
        let fresh = tokio::time::timeout(patience, latest.wait_for(is_fresh)).await;
        drop(fresh);
        self.0.latest.borrow().clone()
    }

    /// Sees every look that is taken from now on.
    pub fn looks(&self) -> watch::Receiver<Option<Look>> {
        self.0.latest.subscribe()
    }
}

/// Looks whenever somebody wants to know, not too often; for ever.
pub async fn run(groups: Vec<Group>, seen: Seen) {
    loop {
        seen.0.wanted.notified().await;
        let began = Instant::now();
        let looks = futures::future::join_all(groups.iter().map(Group::look));
        let mut pause = INTERVAL;
        match tokio::time::timeout(TIMEOUT, looks).await {
            Ok(reports) => {
                let partitions = reports.iter().map(|it| it.rows.len()).sum::<usize>();
                let partitions = u32::try_from(partitions).unwrap_or(u32::MAX);
                pause = pause.max(INTERVAL_PER_PARTITION * partitions);
                let now = Timestamp::from(SystemTime::now());
                let at = Instant::now();
                seen.0.latest.send_replace(Some(Look {
                    groups: Arc::new(Groups::of(&reports, now)),
                    at,
                    fresh_until: at + pause + FRESH,
                }));
            }
            // Each call has its own timeout, so this is a hub with very many partitions.
            Err(_) => tracing::debug!(
                event = "group_look_cut_off",
                "a look at the consumer group took too long"
            ),
        }
        tokio::time::sleep_until(began + pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(3);

    #[tokio::test(start_paused = true)]
    async fn an_old_look_is_not_given_when_there_can_be_a_new_one() {
        let seen = Seen::default();
        assert!(seen.wait(PATIENCE).await.is_none(), "nobody looks");
        let running = tokio_util::task::AbortOnDropHandle::new(
            tokio::runtime::Handle::current().spawn(run(Vec::new(), seen.clone())),
        );
        let first = seen.wait(PATIENCE).await.unwrap();
        assert_eq!(first.age(), Duration::ZERO);
        // The look is young enough, and the next one is not due.
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!(seen.wait(PATIENCE).await.unwrap().at, first.at);
        // That has asked for another one.
        tokio::time::sleep(Duration::from_secs(100)).await;
        let second = seen.wait(PATIENCE).await.unwrap();
        assert_eq!((second.age(), second.at > first.at), (Duration::ZERO, true));
        // When nothing new comes, then the old one with its age.
        drop(running);
        tokio::time::sleep(Duration::from_secs(100)).await;
        let third = seen.wait(PATIENCE).await.unwrap();
        assert_eq!(third.at, second.at);
        assert_eq!(third.age(), Duration::from_secs(103));
    }
}
