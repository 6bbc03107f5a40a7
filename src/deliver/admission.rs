//! Whether this process may take partitions: only when everything that it would deliver to has
//! answered acceptably once, and does not refuse now.
//!
//! A revision with a wrong address or token must not take partitions from one that can deliver.

use std::sync::Arc;

use tokio::time::Instant;

use super::condition::{Condition, Standing};

/// What all endpoints together allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// Something has not answered acceptably yet: take nothing.
    NotYet,
    /// Take partitions.
    Open,
    /// Something refuses (wrong address or credentials): take nothing more, and leave what is
    /// owned to others when that lasts.
    Refused {
        /// Since when.
        since: Instant,
    },
}

/// The conditions of everything that is delivered to.
#[derive(Debug, Default)]
pub struct Admission {
    conditions: Vec<Arc<Condition>>,
}

impl Admission {
    /// Looks at these.
    pub fn new(conditions: Vec<Arc<Condition>>) -> Self {
        Self { conditions }
    }

    /// What they allow now.
    pub fn state(&self) -> Admitted {
        let mut state = Admitted::Open;
        for condition in &self.conditions {
            match (condition.standing(), state) {
                (Standing::Unknown, _) => return Admitted::NotYet,
                (Standing::Accepts, _) => {}
                (Standing::Refuses { since }, Admitted::Refused { since: first }) => {
                    state = Admitted::Refused {
                        since: since.min(first),
                    };
                }
                (Standing::Refuses { since }, _) => state = Admitted::Refused { since },
            }
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::status::Status;

    #[tokio::test(start_paused = true)]
    async fn all_must_have_accepted_and_none_may_refuse() {
        let status = Arc::new(Status::default());
        let [a, b] = ["a", "b"].map(|name| Arc::new(Condition::new(name, Arc::clone(&status))));
        let admission = Admission::new(vec![Arc::clone(&a), Arc::clone(&b)]);
        assert_eq!(admission.state(), Admitted::NotYet);
        a.accepts();
        b.refuses("status 401");
        assert_eq!(admission.state(), Admitted::NotYet);
        assert_eq!(status.failing().len(), 1);
        b.fails("status 429");
        assert_eq!(status.failing().len(), 1, "it has only refused so far");
        b.accepts();
        assert_eq!(admission.state(), Admitted::Open);
        let since = Instant::now();
        b.refuses("status 401");
        assert!(status.failing().is_empty(), "it was accepted before");
        tokio::time::advance(std::time::Duration::from_secs(5)).await;
        a.refuses("status 403");
        b.refuses("status 401");
        assert_eq!(admission.state(), Admitted::Refused { since });
        b.fails("status 503");
        a.accepts();
        assert_eq!(admission.state(), Admitted::Open);
    }
}
