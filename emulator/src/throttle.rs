//! How many management calls a hub answers in a second
//! (<https://learn.microsoft.com/azure/event-hubs/event-hubs-quotas>: 50 calls of
//! GetRuntimeInformation per second).

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The text of the refusal; 50002 is the service's number for throttling.
pub(crate) const BUSY: &str = "The request was terminated because the entity is being throttled. Error code : 50002. Please wait 4 seconds and try again.";
/// The status beside it.
pub(crate) const BUSY_STATUS: u16 = 503;

/// Counts the calls of each hub, over all connections.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<HashMap<String, Window>>);

struct Window {
    since: Instant,
    calls: u32,
}

impl Throttle {
    /// Whether one more call on this hub may be answered, of `limit` in each
    /// second; `None` is without limit.
    pub(crate) fn admits(&self, hub: &str, limit: Option<u32>) -> bool {
        let Some(limit) = limit else { return true };
        let now = Instant::now();
        let mut windows = self.0.lock();
        let window = windows.entry(hub.to_ascii_lowercase()).or_insert(Window {
            since: now,
            calls: 0,
        });
        if now - window.since >= Duration::from_secs(1) {
            *window = Window {
                since: now,
                calls: 0,
            };
        }
        window.calls = window.calls.saturating_add(1);
        window.calls <= limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn so_many_in_each_second_and_hub() {
        let throttle = Throttle::default();
        let admitted = |hub: &str| (0..80).filter(|_| throttle.admits(hub, Some(50))).count();
        assert_eq!((admitted("a"), admitted("A"), admitted("b")), (50, 0, 50));
        tokio::time::advance(Duration::from_millis(999)).await;
        assert_eq!(admitted("a"), 0);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(admitted("a"), 50);
        assert!((0..80).all(|_| throttle.admits("a", None)));
    }
}
