//! Whether an endpoint accepts: said once per change, and remembered for [`super::admission`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::telemetry::status::Status;

/// The condition of one sink.
#[derive(Debug)]
pub struct Condition {
    component: String,
    status: Arc<Status>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    has_accepted: bool,
    /// It refused before it had ever accepted, and has not accepted since.
    has_only_refused: bool,
    refuses_since: Option<Instant>,
}

/// What is known of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has not accepted anything yet.
    Unknown,
    /// It has accepted something; an outage since changes nothing.
    Accepts,
    /// It has accepted before, and now says that address or credentials are wrong.
    Refuses {
        /// Since when.
        since: Instant,
    },
}

impl Condition {
    /// Nothing is known of the sink's endpoint yet.
    pub fn new(sink: &str, status: Arc<Status>) -> Self {
        Self::of(format!("sink {sink}"), status)
    }

    /// The same for a component of this name in the status table.
    pub fn of(component: String, status: Arc<Status>) -> Self {
        Self {
            component,
            status,
            known: Mutex::default(),
        }
    }

    /// Its name in the status table.
    pub fn component(&self) -> &str {
        &self.component
    }

    /// Whether the last answer was that address or credentials are wrong.
    pub fn is_refusing(&self) -> bool {
        self.lock().refuses_since.is_some()
    }

    /// The endpoint accepted something.
    pub fn accepts(&self) {
        let mut known = self.lock();
        *known = Known {
            has_accepted: true,
            ..Known::default()
        };
        self.status.is_well(&self.component);
    }

    /// An attempt failed: not now.
    pub fn fails(&self, reason: &str) {
        let mut known = self.lock();
        known.refuses_since = None;
        // An endpoint also throttles those whom it would refuse.
        let has_only_refused = known.has_only_refused;
        let reason = format!("failing: {reason}");
        if has_only_refused {
            self.status.fails(&self.component, &reason);
        } else {
            self.status.waits(&self.component, &reason);
        }
    }

    /// The endpoint says that address or credentials are wrong. Before it has accepted anything,
    /// that makes the process not ready: probably its configuration is wrong.
    pub fn refuses(&self, reason: &str) {
        let mut known = self.lock();
        known.refuses_since.get_or_insert_with(Instant::now);
        let has_accepted = known.has_accepted;
        known.has_only_refused = !has_accepted;
        let reason = format!("refusing: {reason}");
        if has_accepted {
            self.status.waits(&self.component, &reason);
        } else {
            self.status.fails(&self.component, &reason);
        }
    }

    /// What is known of the endpoint.
    pub fn standing(&self) -> Standing {
        let known = self.lock();
        match (known.has_accepted, known.refuses_since) {
            (false, _) => Standing::Unknown,
            (true, None) => Standing::Accepts,
            (true, Some(since)) => Standing::Refuses { since },
        }
    }

    /// Held until the status is told, so that the last one to know is the last one to say.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
