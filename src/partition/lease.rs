//! How sure this replica may be that a partition is still its own.
//!
//! A process that stood still for a while, or that cannot reach the store, must not open a receiver:
//! the newest one wins at the hub, and it would throw the rightful owner off.

use std::sync::{Arc, Mutex, PoisonError};
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
    /// When its reader last asked whether it still stands.
    questioned_at: Mutex<Option<Instant>>,
    /// Told that there is such a question.
    questions: Arc<Notify>,
}

impl Lease {
    /// A claim that was written at `renewed_at`, and that counts for `valid_for` after it.
    pub fn new(renewed_at: Instant, valid_for: Duration) -> Self {
        Self {
            renewed_at: watch::Sender::new(renewed_at),
            valid_for,
            questioned_at: Mutex::default(),
            questions: Arc::default(),
        }
    }

    /// The same for an owner that is told of questions.
    pub fn answered_by(mut self, questions: Arc<Notify>) -> Self {
        self.questions = questions;
        self
    }

    /// The claim was written again, or seen to be written, at this moment.
    pub fn renewed(&self, at: Instant) {
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

    /// Asks the owner to write the claim now, and waits until it was written after this moment:
    /// then it was still ours. For a lost claim that never happens.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn confirm(&self) {
        let moment = Instant::now();
        *self.questioned() = Some(moment);
        self.questions.notify_one();
        self.wait_for(|renewed_at| *renewed_at >= moment).await;
    }

    /// Whether its reader waits for the claim to be written.
    pub fn is_questioned(&self) -> bool {
        self.questioned()
            .is_some_and(|moment| self.renewed_at() < moment)
    }

    fn questioned(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.questioned_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
        let lease = Lease::new(begin, VALID_FOR);
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
                tokio::time::sleep(VALID_FOR).await;
                lease.renewed(begin);
                tokio::time::sleep(VALID_FOR).await;
                lease.renewed(Instant::now());
            }
        );
        assert_eq!(renewed, begin + 3 * VALID_FOR);
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_is_answered_by_a_later_renewal_alone() {
        let (begin, questions) = (Instant::now(), Arc::new(Notify::new()));
        let lease = Lease::new(begin, VALID_FOR).answered_by(Arc::clone(&questions));
        assert!(!lease.is_questioned());
        tokio::time::advance(Duration::from_secs(1)).await;
        tokio::join!(lease.confirm(), async {
            questions.notified().await;
            assert!(lease.is_questioned());
            // Written before the question, answered after it.
            lease.renewed(begin + Duration::from_millis(500));
            assert!(lease.is_questioned());
            tokio::time::sleep(Duration::from_secs(1)).await;
            lease.renewed(Instant::now());
        });
        assert_eq!(begin.elapsed(), Duration::from_secs(2));
        assert!(!lease.is_questioned());
    }
}
