//! Everything that looks on while a process forwards: the admin listener, and the looks at the
//! consumer groups that its page asks for.

use tokio::task::JoinSet;

use crate::config::Config;
use crate::telemetry::admin::{Admin, AdminServer};
use crate::telemetry::group::Group;
use crate::telemetry::group::watch::{self, Seen};
use crate::telemetry::observer::Observer;

/// How long the page may take to be there.
#[cfg(feature = "demo")]
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

/// The listener and the looks.
pub(super) struct Looking {
    server: Option<AdminServer>,
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

    /// Prints where the page is, as soon as it is there. An address in use is not waited for.
    #[cfg(feature = "demo")]
    pub(super) async fn show(&mut self) {
        let Some(server) = &mut self.server else {
            return;
        };
        let address = tokio::time::timeout(PATIENCE, server.address()).await;
        if let Ok(Some(address)) = address {
            eprintln!("status page: http://{address}/");
        }
    }

    /// Ends both.
    pub(super) async fn stop(mut self) {
        self.looks.shutdown().await;
        if let Some(server) = self.server {
            server.stop();
        }
    }
}
