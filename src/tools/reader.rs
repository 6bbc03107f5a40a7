//! The events of some windows, as they come.

mod one;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::one::One;
use super::{ToolsError, ToolsHub, Waits, Window};
use crate::event_hub::{PartitionId, ReceivedEvent};

/// Partitions that are read at the same time, where the windows have an end.
const AT_ONCE: usize = 16;
/// The most windows without an end: each has a connection of its own.
const ENDLESS_MAX: usize = 128;
/// Events that wait for whoever asked for them, beside those that receivers hold.
const QUEUE: usize = 16;
/// Bytes that the receivers may hold together.
const PREFETCH_BYTES: u64 = 32 << 20;
/// Windows of one hub.
pub struct Wanted<'a> {
    /// The hub.
    pub hub: &'a ToolsHub,
    /// The windows.
    pub windows: Vec<Window>,
    /// Size of its largest event, which bounds what is read ahead.
    pub event_bytes_max: u64,
}

/// One event of a window.
#[derive(Debug)]
pub struct Read {
    /// Its hub, by its place in what was wanted.
    pub hub: usize,
    /// Its partition.
    pub partition: PartitionId,
    /// The event.
    pub event: ReceivedEvent,
}

/// Brings the events of some windows: those of a partition in their order, those of several mixed.
///
/// A receiver that ends is opened again at the next number. Numbers that do not come, since
/// retention has taken them or no decoder reads them, are counted and passed over.
pub struct Reader {
    events: mpsc::Receiver<Result<Read, ToolsError>>,
    passed: Arc<AtomicU64>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Reader {
    /// Begins to read. What passes by itself is tried again for as long as `patience`, counted from
    /// the last success.
    ///
    /// # Errors
    /// When there are more windows without an end than connections should be.
    pub fn open(wanted: &[Wanted<'_>], patience: Duration) -> Result<Self, ToolsError> {
        let windows = || wanted.iter().flat_map(|it| &it.windows);
        let endless = windows().filter(|it| it.last.is_none()).count();
        if endless > ENDLESS_MAX {
            let sentence = format!(
                "--partition: {endless} partitions cannot be watched at once, at most {ENDLESS_MAX}: \
                 say which"
            );
            return Err(ToolsError::Window(sentence));
        }
        let at_once = match endless {
            0 => windows().count().clamp(1, AT_ONCE),
            _ => windows().count(),
        };
        let (queue, events) = mpsc::channel(QUEUE);
        let mut reader = Self {
            events,
            passed: Arc::default(),
            stop: CancellationToken::new(),
            tasks: JoinSet::new(),
        };
        let turns = Arc::new(Semaphore::new(at_once));
        for (place, wanted) in wanted.iter().enumerate() {
            let (hub, bytes) = (wanted.hub, wanted.event_bytes_max.max(1));
            let prefetch = PREFETCH_BYTES / bytes / at_once as u64;
            for window in &wanted.windows {
                let one = One {
                    place,
                    name: hub.name.clone(),
                    source: Arc::clone(&hub.source),
                    inquiry: Arc::clone(&hub.inquiry),
                    created_at: hub.properties.created_at,
                    partition: window.partition.clone(),
                    next: window.first,
                    last: window.last,
                    is_behind_undecodable: false,
                    undecodable: 0,
                    prefetch: u32::try_from(prefetch.clamp(1, 300)).unwrap_or(1),
                    waits: Waits::new(patience),
                    queue: queue.clone(),
                    passed: Arc::clone(&reader.passed),
                };
                let (turns, stop) = (Arc::clone(&turns), reader.stop.clone());
                reader.tasks.spawn(one.run(turns, stop));
            }
        }
        Ok(reader)
    }

    /// The next event; `None` when every window is read to its end. After an error there is no use
    /// in going on.
    ///
    /// # Errors
    /// Why the hub cannot be read any more.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn next(&mut self) -> Option<Result<Read, ToolsError>> {
        self.events.recv().await
    }

    /// Numbers that were passed over, so far.
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    /// Closes the receivers, within a few seconds.
    pub async fn close(mut self) {
        self.stop.cancel();
        self.events.close();
        while self.tasks.join_next().await.is_some() {}
    }
}
