//! Writes dead letters for as long as that takes.

use std::time::Duration;

use super::{COMPONENT, DeadLetter, DeadLetterStore};
use crate::clock::Rng;
use crate::deliver::retry::Backoff;
use crate::telemetry::status::Status;

/// Writes letters of one event until the store has confirmed them.
///
/// # Cancel safety
/// What is written stays; writing it again changes nothing.
pub async fn write_until_confirmed(
    store: &dyn DeadLetterStore,
    letters: &[DeadLetter],
    status: &Status,
    rng: &dyn Rng,
) {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
    while let Err(error) = store.write(letters).await {
        status.waits(COMPONENT, &error.to_string());
        tokio::time::sleep(backoff.next(rng)).await;
    }
    status.is_well(COMPONENT);
}
