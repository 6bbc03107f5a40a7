//! Whether an endpoint accepts, said once per change.

use std::sync::Arc;

use crate::telemetry::status::Status;

/// The condition of one sink.
#[derive(Debug)]
pub struct Condition {
    name: String,
    status: Arc<Status>,
}

impl Condition {
    /// Nothing is known of the endpoint yet.
    pub fn new(sink: &str, status: Arc<Status>) -> Self {
        Self {
            name: format!("sink {sink}"),
            status,
        }
    }

    /// The endpoint accepted something.
    pub fn accepts(&self) {
        self.status.is_well(&self.name);
    }

    /// An attempt failed; `kind` is `failing` (not now) or `refusing` (wrong address or
    /// credentials).
    pub fn fails(&self, kind: &str, reason: &str) {
        self.status.waits(&self.name, &format!("{kind}: {reason}"));
    }
}
