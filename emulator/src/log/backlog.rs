//! Events that exist only as a rule, so that many gigabytes cost no memory.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// A run of generated events at the beginning of a partition.
#[derive(Clone)]
pub struct Backlog {
    /// How many events there are.
    pub count: u64,
    /// The body of the event at an index counted from 0. It must give the same
    /// bytes each time it is asked.
    pub body: Arc<dyn Fn(u64) -> Bytes + Send + Sync>,
    /// Bytes by which offsets grow from event to event.
    pub stride: u64,
    /// Enqueued time of the first event, milliseconds since 1970.
    pub first_ms: i64,
    /// Time from the first event to the last, in milliseconds.
    pub span_ms: i64,
}

impl fmt::Debug for Backlog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backlog")
            .field("count", &self.count)
            .field("stride", &self.stride)
            .finish_non_exhaustive()
    }
}

impl Backlog {
    /// `count` events, all enqueued at `at_ms`, whose bodies `body` makes.
    pub fn new(
        count: u64,
        at_ms: i64,
        body: impl Fn(u64) -> Bytes + Send + Sync + 'static,
    ) -> Self {
        Self {
            count,
            body: Arc::new(body),
            stride: 4096,
            first_ms: at_ms,
            span_ms: 0,
        }
    }

    /// Enqueued time of the event at `index`, never decreasing with it.
    pub(crate) fn enqueued(&self, index: u64) -> i64 {
        let last = i128::from(self.count.saturating_sub(1).max(1));
        let gone = i128::from(self.span_ms.max(0)) * i128::from(index) / last;
        self.first_ms
            .saturating_add(i64::try_from(gone).unwrap_or(i64::MAX))
    }
}
