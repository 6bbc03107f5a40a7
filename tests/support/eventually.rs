//! Waiting for something with a deadline.

use std::time::Duration;

use tokio::time::Instant;

/// Longer than anything may take on two busy cores.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// Waits until something holds.
///
/// # Panics
/// When it does not hold in time.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    eventually_some(what, || holds().then_some(())).await;
}

/// Waits until there is something.
///
/// # Panics
/// When there is nothing in time.
pub(crate) async fn eventually_some<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(LOOK).await;
    }
}
