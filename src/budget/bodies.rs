//! The part of the budget that one sink has for compressed bodies, waiting or in flight.
//!
//! Each sink has a part of its own: bodies for an endpoint that is down keep none from another one.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What one sink may hold in compressed bodies.
#[derive(Clone, Debug)]
pub struct BodyShare {
    room: Arc<Semaphore>,
    max: u32,
}

/// Room for one body; it is free again when this is dropped.
#[derive(Debug)]
pub struct BodyPermit(OwnedSemaphorePermit);

impl BodyShare {
    pub(super) fn new(bytes: u64) -> Self {
        let max = u32::try_from(bytes).unwrap_or(u32::MAX).max(1);
        Self {
            room: Arc::new(Semaphore::new(max as usize)),
            max,
        }
    }

    /// Reserves room for a body of at most so many bytes, before it is built, first come, first
    /// served. A body that may be larger than the whole share takes all of it, and so is alone.
    ///
    /// Whoever holds room waits only for the compression, its slot and the network: nobody waits in
    /// a circle.
    ///
    /// # Cancel safety
    /// Safe; the place in the queue is lost.
    pub async fn reserve(&self, bytes_max: u64) -> BodyPermit {
        let wanted = u32::try_from(bytes_max)
            .unwrap_or(u32::MAX)
            .clamp(1, self.max);
        loop {
            if let Ok(permit) = Arc::clone(&self.room).acquire_many_owned(wanted).await {
                return BodyPermit(permit);
            }
            // The semaphore is never closed; should it be, waiting is what loses nothing.
            std::future::pending::<()>().await;
        }
    }

    /// Bytes that are reserved now.
    pub fn reserved(&self) -> u64 {
        self.max()
            .saturating_sub(self.room.available_permits() as u64)
    }

    /// The most that can be reserved.
    pub fn max(&self) -> u64 {
        self.max.into()
    }
}

impl BodyPermit {
    /// Gives back what the body did not need, once its size is known.
    pub fn shrink_to(&mut self, bytes: u64) {
        let needed = usize::try_from(bytes).unwrap_or(usize::MAX);
        let spare = self.0.num_permits().saturating_sub(needed);
        drop(self.0.split(spare));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_a_body_does_not_need_is_there_for_the_next() {
        let share = BodyShare::new(100);
        let mut first = share.reserve(90).await;
        let second = share.reserve(50);
        tokio::pin!(second);
        assert!(futures::poll!(&mut second).is_pending());
        first.shrink_to(40);
        let mut second = second.await;
        assert_eq!(share.reserved(), 90);
        second.shrink_to(60);
        assert_eq!(share.reserved(), 90, "it grows no more");
        drop((first, second));
        assert_eq!(share.reserved(), 0);
    }

    #[tokio::test]
    async fn a_body_larger_than_the_share_is_alone() {
        let share = BodyShare::new(100);
        let small = share.reserve(1).await;
        let large = share.reserve(1_000);
        tokio::pin!(large);
        assert!(futures::poll!(&mut large).is_pending());
        drop(small);
        let mut large = large.await;
        large.shrink_to(1_000);
        assert_eq!(share.reserved(), 100);
        assert!(futures::poll!(std::pin::pin!(share.reserve(1))).is_pending());
    }
}
