//! How sure this replica may be that a partition is still its own.
//!
//! A process that stood still for a while, or that cannot reach the store, must not open a receiver:
//! the newest one wins at the hub, and it would throw the rightful owner off.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// The claim on one partition, as far as its owner knows.
#[derive(Debug)]
pub struct Lease {
    /// When the claim was last written, at the earliest.
    renewed_at: watch::Sender<Instant>,
    /// Until how long after that no other replica may take it for expired, with a margin.
    valid_for: Duration,
    /// Somebody wants to know whether the claim still stands.
    is_doubted: AtomicBool,
    /// Wakes the owner, shared by all its leases.
    doubts: Arc<Notify>,
}

impl Lease {
    /// A claim that was written at `renewed_at`, and that counts for `valid_for` after it.
    /// `doubts` is notified when somebody wants it to be written again.
    pub fn new(renewed_at: Instant, valid_for: Duration, doubts: Arc<Notify>) -> Self {
        Self {
            renewed_at: watch::Sender::new(renewed_at),
            valid_for,
            is_doubted: AtomicBool::new(false),
            doubts,
        }
    }

    /// Lets the owner write the claim again, and waits until it has: then it was still ours. When it
    /// is not, this waits until the reader is ended.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn confirm(&self) {
        let begun = Instant::now();
        self.is_doubted.store(true, Ordering::Relaxed);
        self.doubts.notify_one();
        self.wait_for(|renewed_at| *renewed_at >= begun).await;
    }

    /// Whether somebody waits in [`Self::confirm`].
    pub fn is_doubted(&self) -> bool {
        self.is_doubted.load(Ordering::Relaxed)
    }

    /// The claim was written again, or seen to be written, at this moment.
    pub fn renewed(&self, at: Instant) {
        self.is_doubted.store(false, Ordering::Relaxed);
        self.renewed_at.send_if_modified(|known| {
            let is_later = at > *known;
            *known = at.max(*known);
            is_later
        });
    }

    /// When it was last written.
    pub fn renewed_at(&self) -> Instant {
        *self.renewed_at.borrow()
    }

    /// Whether a receiver may be opened.
    pub fn is_valid(&self) -> bool {
        self.renewed_at().elapsed() < self.valid_for
    }

    /// Waits until a receiver may be opened.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn wait_until_valid(&self) {
        let valid_for = self.valid_for;
        self.wait_for(|renewed_at| renewed_at.elapsed() < valid_for)
            .await;
    }

    async fn wait_for(&self, holds: impl FnMut(&Instant) -> bool) {
        let mut renewals = self.renewed_at.subscribe();
        if renewals.wait_for(holds).await.is_err() {
            // The sender lives in `self`.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID_FOR: Duration = Duration::from_secs(40);

    #[tokio::test(start_paused = true)]
    async fn it_is_valid_for_a_while_after_each_renewal() {
        let begin = Instant::now();
        let lease = Lease::new(begin, VALID_FOR, Arc::default());
        lease.wait_until_valid().await;
        assert!(lease.is_valid());
        tokio::time::advance(VALID_FOR).await;
        assert!(!lease.is_valid());
        let (renewed, ()) = tokio::join!(
            async {
                lease.wait_until_valid().await;
                Instant::now()
            },
            async {
                lease.renewed(begin);
                tokio::time::sleep(VALID_FOR).await;
                lease.renewed(Instant::now());
            }
        );
        assert_eq!(renewed, begin + 2 * VALID_FOR);
    }

    #[tokio::test(start_paused = true)]
    async fn who_doubts_wakes_the_owner_and_waits_for_a_later_write() {
        let (doubts, before) = (Arc::<Notify>::default(), Instant::now());
        let lease = Lease::new(before, VALID_FOR, Arc::clone(&doubts));
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::join!(lease.confirm(), async {
            doubts.notified().await;
            assert!(lease.is_doubted());
            lease.renewed(Instant::now());
        });
        assert!(!lease.is_doubted());
    }
}
