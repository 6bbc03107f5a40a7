//! Signals that a command is ended by.

use tokio_util::sync::CancellationToken;

/// The first signal asks to stop, the second one ends at once: then this returns.
pub(super) async fn interrupted(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let signals = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
        // They end the process as they always do, which loses nothing either.
        return std::future::pending().await;
    };
    for _ in 0..2 {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    }
}
