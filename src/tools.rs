//! Reads a hub beside a running forwarder, for the commands that look on: `tail`, `estimate`,
//! `replay`.
//!
//! - In a consumer group of its own and without epoch: in the forwarder's group such a reader is
//!   refused, and one with an epoch throws the forwarder out
//!   (<https://learn.microsoft.com/azure/event-hubs/event-hubs-event-processor-host#epoch>).
//! - Without the checkpoint store: what is read is said by a [`Window`] of sequence numbers.
//!
//! [`ToolsHub::reach`] finds the group and asks the hub what it is, [`windows`] says which numbers a
//! stretch of time has in each partition and what of it is gone already, and [`Reader`] brings the
//! events.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep};

use crate::app::outside::OutsideError;
use crate::clock::SharedRng;
use crate::deliver::retry::Backoff;
use crate::event_hub::{SourceError, SourceErrorKind};

mod bounded;
mod group;
mod hub;
mod reader;
mod window;

pub use bounded::Bounded;
pub use group::candidates;
pub use hub::ToolsHub;
pub use reader::{Read, Reader, Wanted};
pub use window::{Gone, Until, Window, windows};

/// Why a hub cannot be read, as one sentence.
#[derive(Debug, thiserror::Error)]
pub enum ToolsError {
    /// It cannot be as configured.
    #[error(transparent)]
    Outside(#[from] OutsideError),
    /// The hub did not answer, or refuses.
    #[error("sources.{source_name}: {error}")]
    Hub {
        /// Name of the source.
        source_name: String,
        /// What it said.
        error: SourceError,
    },
    /// There is no consumer group to read with; the text says what to create.
    #[error("{0}")]
    NoGroup(String),
    /// What is asked for is not there, or makes no sense.
    #[error("{0}")]
    Window(String),
    /// The hub was deleted and made again: the numbers mean other events now.
    #[error("sources.{0}: the hub was made again under its name while it was read: begin anew")]
    MadeAgain(String),
}

impl ToolsError {
    fn hub(source_name: &str, error: SourceError) -> Self {
        Self::Hub {
            source_name: source_name.to_owned(),
            error,
        }
    }
}

/// Whether asking again may help.
fn may_pass(kind: SourceErrorKind) -> bool {
    match kind {
        SourceErrorKind::Unavailable | SourceErrorKind::Throttled | SourceErrorKind::Protocol => {
            true
        }
        SourceErrorKind::Unauthorized
        | SourceErrorKind::NotFound
        | SourceErrorKind::PositionRefused
        | SourceErrorKind::Stolen
        | SourceErrorKind::Undecodable => false,
    }
}

/// Asks until there is an answer, an error that stays, or no patience any more.
///
/// # Errors
/// The last one.
///
/// # Cancel safety
/// As the call's.
async fn patiently<'a, T>(
    patience: Duration,
    mut call: impl FnMut() -> BoxFuture<'a, Result<T, SourceError>> + Send,
) -> Result<T, SourceError> {
    let mut waits = Waits::new(patience);
    loop {
        match call().await {
            Err(error) if may_pass(error.kind) => {
                let Some(wait) = waits.after(&error) else {
                    return Err(error);
                };
                sleep(wait).await;
            }
            answer => return answer,
        }
    }
}

/// Waits between tries, for as long as there is patience.
struct Waits {
    patience: Duration,
    backoff: Backoff,
    rng: SharedRng,
    well_at: Instant,
}

impl Waits {
    fn new(patience: Duration) -> Self {
        Self {
            patience,
            backoff: Backoff::new(Duration::from_millis(500), Duration::from_secs(15)),
            rng: SharedRng::from_entropy(),
            well_at: Instant::now(),
        }
    }

    /// The wait before the next try; `None` when it would be too late.
    fn after(&mut self, error: &SourceError) -> Option<Duration> {
        let jitter = self.backoff.next(&self.rng);
        let wait = jitter + error.kind.shortest_wait();
        (self.well_at.elapsed() + wait < self.patience).then_some(wait)
    }

    /// It went well.
    fn well(&mut self) {
        self.well_at = Instant::now();
        self.backoff.reset();
    }
}
