//! Everything that looks on while a process forwards: the admin listener, and the looks at the
//! consumer groups that its page asks for.

use tokio::task::JoinSet;

use crate::config::Config;
use crate::telemetry::admin::{Admin, AdminServer};
use crate::telemetry::group::Group;
use crate::telemetry::group::watch::{self, Seen};
use crate::telemetry::observer::Observer;

/// The listener and the looks.
pub(super) struct Looking {
    /// The listener; `None` when there is to be none.
    pub(super) server: Option<AdminServer>,
    looks: JoinSet<()>,
}

impl Looking {
    /// Starts both, as configured. Whatever goes wrong, forwarding goes on.
    pub(super) fn start(
        config: &Config,
        groups: Vec<Group>,
        configuration: String,
        observer: Observer,
    ) -> Self {
        let seen = Seen::default();
        let admin = Admin {
            observer,
            seen: seen.clone(),
            configuration,
        };
        let server = AdminServer::start(&config.admin, admin).unwrap_or_else(|error| {
            tracing::warn!(event = "admin_listener_failed", %error, "there is no status page");
            None
        });
        let mut looks = JoinSet::new();
        if server.is_some() {
            looks.spawn(watch::run(groups, seen));
        }
        Self { server, looks }
    }

    /// Ends both.
    pub(super) async fn stop(mut self) {
        self.looks.shutdown().await;
        if let Some(server) = self.server {
            server.stop();
        }
    }
}
