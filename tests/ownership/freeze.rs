//! A future that stands still for a while, as a stopped process does: its timers run out, its
//! answers come, and it sees none of that before it goes on.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// Until when a replica stands still.
pub(crate) type Until = Arc<Mutex<Option<Instant>>>;

/// Polls what is inside only while it is not to stand still.
pub(crate) struct Freeze<F> {
    inner: Pin<Box<F>>,
    until: Until,
    waking: Option<Pin<Box<Sleep>>>,
}

impl<F: Future> Freeze<F> {
    pub(crate) fn new(inner: F, until: Until) -> Self {
        Self {
            inner: Box::pin(inner),
            until,
            waking: None,
        }
    }
}

impl<F: Future> Future for Freeze<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let until = self.until.lock().unwrap().filter(|it| *it > Instant::now());
        if let Some(until) = until {
            let mut waking = Box::pin(sleep_until(until));
            // It wakes this task when the time is over, and is polled again then.
            if waking.as_mut().poll(context).is_pending() {
                self.waking = Some(waking);
                return Poll::Pending;
            }
        }
        self.waking = None;
        self.inner.as_mut().poll(context)
    }
}
