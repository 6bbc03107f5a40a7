//! The admin listener: status page, metrics, live state, configuration.
//!
//! It has a thread and a runtime of its own, as the health listener has: whoever looks on holds
//! nothing up. Who may ask is in `gate`, what is pushed to pages in `live`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router, middleware};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::group::picture::Groups;
use super::group::watch::Seen;
use super::metrics;
use super::observer::Observer;
use super::server::{self, Manners, ServerThread};
use super::snapshot::Snapshot;
use crate::config::{AdminConfig, Secret};
use gate::Gate;
use live::Live;

mod gate;
mod history;
mod level;
mod live;
mod page;

/// Time between two tries to get an address that is in use.
const BIND_INTERVAL: Duration = Duration::from_secs(10);
/// Browsers keep their connections.
const MANNERS: Manners = Manners {
    head_timeout: Duration::from_secs(10),
    keep_alive: true,
};
/// How long `/status.json` waits for a look at the groups.
const LOOK_PATIENCE: Duration = Duration::from_secs(3);
/// Where the answer of `/status.json` is.
pub const STATUS_PATH: &str = "/status.json";
/// Where the log level is changed.
pub const LOG_LEVEL_PATH: &str = "/log-level";

/// What `/status.json` answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// This process.
    pub snapshot: Snapshot,
    /// All replicas, as hub and store tell of them; `None` until they have been asked once.
    pub group: Option<Groups>,
    /// How old that look at hub and store is.
    pub group_age_seconds: Option<f64>,
}

/// What there is to be seen.
pub struct Admin {
    /// Takes the pictures of this process.
    pub observer: Observer,
    /// The pictures of the group.
    pub seen: Seen,
    /// The effective configuration as text, without secrets.
    pub configuration: String,
}

/// The listener's thread; it ends with [`AdminServer::stop`].
pub struct AdminServer {
    thread: ServerThread,
    bound: watch::Receiver<Option<SocketAddr>>,
}

impl AdminServer {
    /// Serves as configured; `None` when that is `off`. An address in use is tried again for ever:
    /// the page is not worth a forwarder that does not forward.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(config: &AdminConfig, admin: Admin) -> std::io::Result<Option<Self>> {
        let Some(listen) = config.listen else {
            return Ok(None);
        };
        let (tell, bound) = watch::channel(None);
        let token = config.token.clone();
        let thread = ServerThread::start("admin", async move {
            let (listener, address) = bind(listen).await;
            tracing::info!(event = "admin_listening", %address, "status page at http://{address}/");
            tell.send_replace(Some(address));
            let live = Arc::new(Live::new(admin.observer.clone(), admin.seen.clone()));
            let app = routes(admin, Arc::clone(&live), token);
            tokio::join!(
                server::serve(listener, app, MANNERS),
                live.publish(),
                live.sample()
            );
        })?;
        Ok(Some(Self { thread, bound }))
    }

    /// Where it listens, as soon as it does.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn address(&mut self) -> Option<SocketAddr> {
        let bound = self.bound.wait_for(Option::is_some).await;
        bound.ok().and_then(|it| *it)
    }

    /// Ends the listener.
    pub fn stop(self) {
        if !self.thread.stop() {
            tracing::warn!(
                event = "admin_listener_failed",
                "bug: the admin listener panicked"
            );
        }
    }
}

async fn bind(listen: SocketAddr) -> (TcpListener, SocketAddr) {
    let mut is_told = false;
    loop {
        let bound = TcpListener::bind(listen).await;
        match bound.and_then(|it| it.local_addr().map(|address| (it, address))) {
            Ok(bound) => return bound,
            Err(error) if !is_told => {
                is_told = true;
                tracing::warn!(
                    event = "admin_listener_failed",
                    address = %listen,
                    %error,
                    "admin.listen: cannot listen on {listen} ({error}): there is no status page \
                     until that address is free; choose another one, or off"
                );
            }
            Err(_) => {}
        }
        tokio::time::sleep(BIND_INTERVAL).await;
    }
}

fn routes(admin: Admin, live: Arc<Live>, token: Option<Secret>) -> Router {
    let gate = Arc::new(Gate::new(token.as_ref()));
    let live_routes = Router::new()
        .route("/events", get(live::events))
        .with_state(live);
    Router::new()
        .route(STATUS_PATH, get(status))
        .route("/metrics", get(exposition))
        .route("/config", get(configuration))
        .with_state(Arc::new(admin))
        .merge(live_routes)
        .route(LOG_LEVEL_PATH, put(level::change))
        .merge(page::routes())
        .fallback(async || (StatusCode::NOT_FOUND, "there is nothing here\n"))
        .layer(middleware::from_fn_with_state(gate, gate::pass))
}

async fn status(State(admin): State<Arc<Admin>>) -> Json<Answer> {
    let look = admin.seen.wait(LOOK_PATIENCE).await;
    Json(Answer {
        snapshot: admin.observer.snapshot(),
        group_age_seconds: look.as_ref().map(|it| it.age().as_secs_f64()),
        group: look.map(|it| Arc::unwrap_or_clone(it.groups)),
    })
}

async fn exposition(State(admin): State<Arc<Admin>>, headers: HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|it| it.to_str().ok());
    let (kind, body) = metrics::negotiated(&admin.observer.snapshot(), accept);
    text(kind, body)
}

async fn configuration(State(admin): State<Arc<Admin>>) -> Response {
    text("text/plain; charset=utf-8", admin.configuration.clone())
}

/// An answer with this content type.
fn text(kind: &'static str, body: impl IntoResponse) -> Response {
    let kind: [(HeaderName, &'static str); 1] = [(CONTENT_TYPE, kind)];
    (kind, body).into_response()
}
