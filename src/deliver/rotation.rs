//! Notices changed secrets of a sink that is not well, so that what waits can try with them at once.
//!
//! Every request looks at the files by itself. But while the endpoint refuses, requests are as far
//! apart as `retry.max`, and whoever has mended a secret should not have to wait for the next one.

use std::sync::Arc;
use std::time::Duration;

use super::condition::Standing;
use super::sink::SinkContext;

/// How often it asks for a look; how often there is one is the transport's decision.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Looks for ever while the sink is not well; ends at once where no file can change.
///
/// # Cancel safety
/// Safe.
pub async fn run(context: Arc<SinkContext>) {
    if !context.transport.has_secret_files() {
        return;
    }
    let mut known = 0;
    loop {
        tokio::time::sleep(ASK_EVERY).await;
        let is_well = context.condition.standing() == Standing::Accepts;
        if is_well && !context.flow.is_failing() {
            continue;
        }
        let changes = context.transport.look().await;
        if changes != known {
            known = changes;
            context.flow.try_now();
        }
    }
}
