//! The connections of a listener: how many there may be, and which one goes when all places are
//! taken.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

/// The connections.
#[derive(Default)]
pub(super) struct Places {
    tasks: JoinSet<()>,
    taken: Vec<(AbortHandle, Activity)>,
    one_is_idle: Arc<Notify>,
}

/// Whether a connection waits for its client or the client for it.
#[derive(Clone)]
pub(super) struct Activity {
    /// Since when it waits for its client; `None` while a request is answered.
    idle_since: Arc<Mutex<Option<Instant>>>,
    one_is_idle: Arc<Notify>,
}

/// A request is being answered, until this is dropped.
pub(super) struct Busy(Activity);

/// A body, during which its connection is busy.
struct Sent {
    body: Body,
    _busy: Busy,
}

impl Places {
    /// Waits until fewer than `max` places are taken; ends the connection that is idle for the
    /// longest time when none is free.
    ///
    /// # Cancel safety
    /// Safe.
    pub(super) async fn make_room(&mut self, max: usize) {
        while self.tasks.try_join_next().is_some() {}
        self.taken.retain(|(task, _)| !task.is_finished());
        while self.tasks.len() >= max {
            if self.end_an_idle_one() {
                self.tasks.join_next().await;
            } else {
                tokio::select! {
                    _ended = self.tasks.join_next() => {}
                    () = self.one_is_idle.notified() => {}
                }
            }
        }
    }

    /// Takes a place until this work ends.
    pub(super) fn spawn<F>(&mut self, work: impl FnOnce(Activity) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let activity = Activity {
            idle_since: Arc::new(Mutex::new(Some(Instant::now()))),
            one_is_idle: Arc::clone(&self.one_is_idle),
        };
        let task = self.tasks.spawn(work(activity.clone()));
        self.taken.push((task, activity));
    }

    fn end_an_idle_one(&mut self) -> bool {
        let idle = self.taken.iter().enumerate();
        let idle = idle.filter_map(|(index, (_, it))| it.lock().map(|since| (since, index)));
        let Some((_, index)) = idle.min() else {
            return false;
        };
        let (task, _) = self.taken.remove(index);
        task.abort();
        true
    }
}

impl Activity {
    /// From now on a request is answered.
    pub(super) fn busy(&self) -> Busy {
        *self.lock() = None;
        Busy(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        let lock = self.idle_since.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Busy {
    /// A body that keeps the connection busy until it is sent.
    pub(super) fn until_sent(self, body: Body) -> Body {
        Body::new(Sent { body, _busy: self })
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        *self.0.lock() = Some(Instant::now());
        self.0.one_is_idle.notify_one();
    }
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
