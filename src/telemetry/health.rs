//! The health listener: `/livez`, `/readyz`, `/startupz`.
//!
//! It has a thread and a runtime of its own, so that no load can make it fail.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use super::server::{self, Manners, ServerThread};
use super::status::Status;

/// How often the pipeline's runtime shows that it schedules.
const PULSE_INTERVAL: Duration = Duration::from_secs(1);
/// Silence of the pipeline's runtime from which a restart is the cure.
const PULSE_LOST: Duration = Duration::from_secs(120);
/// Everybody may ask this listener: a probe sends one request, at once.
const MANNERS: Manners = Manners {
    head_timeout: Duration::from_secs(1),
    keep_alive: false,
};

/// What the probes look at.
#[derive(Debug)]
pub struct Health {
    status: Arc<Status>,
    /// Components that must have answered, and not have failed since.
    needed: Vec<String>,
    /// Components that must have been asked: an outage is an answer.
    asked: Vec<String>,
    began: tokio::time::Instant,
    /// Milliseconds after that: the time of day may be set.
    pulses: [AtomicI64; 2],
}

/// The runtimes that must schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// That of the pipeline.
    Pipeline,
    /// The thread that speaks AMQP.
    Amqp,
}

impl Health {
    /// Ready means that all `needed` components work: for each source, that hub and store have
    /// answered and the ownership loop runs; and that nothing is reported to fail
    /// ([`Status::fails`]). Neither an owned partition nor an endpoint's outage counts, or a rolling
    /// update would wait for itself; but all `asked` components must have been heard of, since a
    /// refusal may take its time.
    pub fn new(status: Arc<Status>, needed: Vec<String>, asked: Vec<String>) -> Self {
        Self {
            status,
            needed,
            asked,
            began: tokio::time::Instant::now(),
            pulses: Default::default(),
        }
    }

    fn now(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Shows for ever that the runtime which polls this future schedules.
    pub async fn pulse(&self, of: Pulse) {
        let [pipeline, amqp] = &self.pulses;
        let last = match of {
            Pulse::Pipeline => pipeline,
            Pulse::Amqp => amqp,
        };
        loop {
            last.store(self.now(), Ordering::Relaxed);
            tokio::time::sleep(PULSE_INTERVAL).await;
        }
    }

    /// Live unless one of the runtimes or of the loops that must turn is stuck: nothing outside this
    /// process can make it fail.
    ///
    /// # Errors
    /// Which one.
    pub fn live(&self) -> Result<(), String> {
        if let Some((name, by)) = self.status.turns().stuck() {
            return Err(format!("{name} is stuck for {} s", by.as_secs()));
        }
        let oldest = self
            .pulses
            .iter()
            .map(|it| it.load(Ordering::Relaxed))
            .min();
        let silence = self.now() - oldest.unwrap_or_default();
        let bound = i64::try_from(PULSE_LOST.as_millis()).unwrap_or(i64::MAX);
        if silence < bound {
            Ok(())
        } else {
            Err(format!("no pulse for {silence} ms"))
        }
    }

    fn ready(&self) -> Result<(), String> {
        let mut reasons: Vec<_> = self
            .needed
            .iter()
            .filter(|component| !self.status.has_answered(component))
            .map(|component| {
                let waiting = self.status.waiting();
                let reason = waiting.into_iter().find(|(name, _)| name == component);
                reason.map_or_else(
                    || format!("{component}: not answered yet"),
                    |(name, reason)| format!("{name}: {reason}"),
                )
            })
            .chain(
                self.asked
                    .iter()
                    .filter(|component| !self.status.is_known(component))
                    .map(|component| format!("{component}: not answered yet")),
            )
            .chain(
                self.status
                    .failing()
                    .into_iter()
                    .map(|(component, reason)| format!("{component}: {reason}")),
            )
            .collect();
        reasons.sort();
        reasons.dedup();
        if reasons.is_empty() {
            Ok(())
        } else {
            Err(reasons.join("\n"))
        }
    }
}

/// The listener's thread; it ends with [`HealthServer::stop`].
#[derive(Debug)]
pub struct HealthServer {
    /// Where it listens.
    pub address: SocketAddr,
    thread: ServerThread,
}

impl HealthServer {
    /// Binds the address and serves it.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub fn start(listen: SocketAddr, health: Arc<Health>) -> std::io::Result<Self> {
        let socket = std::net::TcpListener::bind(listen)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let thread = ServerThread::start("health", async {
            match tokio::net::TcpListener::from_std(socket) {
                Ok(listener) => server::serve(listener, routes(health), MANNERS).await,
                Err(error) => tracing::error!(
                    event = "health_listener_failed",
                    %error,
                    "the health listener ended"
                ),
            }
        })?;
        Ok(Self { address, thread })
    }

    /// Ends the listener.
    pub fn stop(self) {
        if !self.thread.stop() {
            tracing::error!(
                event = "health_listener_failed",
                "bug: the health listener panicked"
            );
        }
    }
}

fn routes(health: Arc<Health>) -> Router {
    let (live, ready) = (Arc::clone(&health), health);
    Router::new()
        .route("/livez", get(async move || answer(live.live())))
        .route("/readyz", get(async move || answer(ready.ready())))
        // The configuration is valid and the stages run, or this listener would not be here. What
        // is outside is waited for: a restart would not bring it.
        .route("/startupz", get(async || answer(Ok(()))))
}

fn answer(state: Result<(), String>) -> (StatusCode, String) {
    match state {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(reasons) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reasons}\n")),
    }
}

#[cfg(test)]
mod tests;
