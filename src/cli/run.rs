//! `run`: forward records until told to stop.

use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::ConfigFile;
use super::config::{load, report};
use super::exit::Exit;
use crate::app::outside::Outside;
use crate::app::{App, Ended, Seams, signatures};
use crate::checkpoint::{GroupKey, StoreError};
use crate::clock::{Rng, SharedRng};
use crate::config::Config;
use crate::deliver::dead_letter::COMPONENT as DEAD_LETTERS;
use crate::event_hub::SourceErrorKind;
use crate::telemetry::health::{Health, HealthServer, Pulse};
use crate::telemetry::heartbeat::Heartbeat;
use crate::telemetry::otlp::Push;
use crate::telemetry::status::Status;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    file: ConfigFile,

    /// End with 69 or 77 when the hub or the checkpoint store does not answer at the start,
    /// instead of waiting for it.
    #[arg(long)]
    fail_fast: bool,
}

/// Runs until a signal, or until something broke.
pub(super) async fn run(args: Args) -> Exit {
    let loaded = match load(&args.file) {
        Ok(loaded) => loaded,
        Err(problems) => return report(&problems),
    };
    for warning in &loaded.warnings {
        tracing::warn!(event = "configuration", "{warning}");
    }
    raise_open_files();
    let (mut terminate, mut interrupt) = match signals() {
        Ok(signals) => signals,
        Err(error) => {
            eprintln!("error: cannot listen for signals: {error}");
            return Exit::Internal;
        }
    };
    let client_id = std::env::var("AZURE_CLIENT_ID").ok();
    let outside = match Outside::reach(&loaded.config, client_id.as_deref()) {
        Ok(outside) => outside,
        Err(error) => {
            eprintln!("error: {error}");
            return Exit::Configuration;
        }
    };
    let forwarding = forward(&loaded.config, outside, args.fail_fast, async {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    });
    // A second signal means: now.
    let again = async {
        let (mut terminate, mut interrupt) = match signals() {
            Ok(signals) => signals,
            Err(_) => return std::future::pending().await,
        };
        for _ in 0..2 {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
    };
    tokio::select! {
        biased;
        exit = forwarding => exit,
        () = again => {
            tracing::warn!(event = "interrupted", "a second signal: ends at once");
            Exit::Interrupted
        }
    }
}

/// Lets the process have as many open files as it may: each partition has a connection, and the
/// usual soft limit of 1,024 ends there.
fn raise_open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(event = "open_files", %error, "the limit of open files cannot be raised");
    }
}

fn signals() -> std::io::Result<(Signal, Signal)> {
    Ok((
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    ))
}

async fn forward(
    config: &Config,
    outside: Outside,
    fail_fast: bool,
    stopped: impl Future<Output = &'static str>,
) -> Exit {
    let (seams, hubs) = outside.split();
    if fail_fast && let Err((exit, reason)) = probe(config, &seams).await {
        eprintln!("error: {reason}");
        hubs.close().await;
        return exit;
    }
    let status = Arc::new(Status::default());
    let health = health(config, &status);
    let server = match listen(config, &health) {
        Ok(server) => server,
        Err(reason) => {
            eprintln!("error: {reason}");
            hubs.close().await;
            return Exit::Unavailable;
        }
    };
    let owner = owner_id();
    let mut app = App::start(config, seams, &owner, Arc::clone(&status));
    let mut signatures = signatures::watch(config, &status, app.observer().expiries());
    let push = Push::start(app.observer(), |name| std::env::var(name).ok());
    tracing::info!(
        event = "started",
        version = env!("CARGO_PKG_VERSION"),
        owner,
        sources = config.sources.len(),
        sinks = config.sinks.len(),
        "forwarding"
    );
    let amqp = Arc::clone(&health);
    let amqp_pulse = hubs.amqp.run(async move { amqp.pulse(Pulse::Amqp).await });
    let heartbeat = Heartbeat::start(app.observer());
    let failed = tokio::select! {
        biased;
        signal = stopped => {
            tracing::info!(event = "stopping", signal, "stops reading, delivers what it has");
            false
        }
        error = app.failed() => {
            tracing::error!(event = "failed", %error, "bug: ends and gives its partitions up");
            true
        }
        () = health.pulse(Pulse::Pipeline) => true,
        _ = amqp_pulse => true,
    };
    let deadline = tokio::time::Instant::now() + config.shutdown_grace;
    let ended = app.stop(config.shutdown_grace).await;
    heartbeat.stop().await;
    let exit = if failed { Exit::Internal } else { end(ended) };
    // Connections that do not close in time are left to the end of the process.
    let closing = tokio::time::timeout_at(deadline, hubs.close());
    let (closed, ()) = tokio::join!(closing, push.stop());
    if closed.is_err() {
        tracing::debug!(
            event = "connections_left",
            "connections to the event hub are left open"
        );
    }
    signatures.shutdown().await;
    if let Some(server) = server {
        server.stop();
    }
    exit
}

fn end(ended: Ended) -> Exit {
    match ended {
        Ended::Settled => {
            tracing::info!(
                event = "stopped",
                "everything that was read is delivered and stored"
            );
            Exit::Done
        }
        Ended::Unsettled { records } => {
            tracing::warn!(
                event = "stopped",
                records,
                "{records} records were not accepted in time; the next start reads them again"
            );
            Exit::Unsettled
        }
        Ended::NotStored => {
            tracing::warn!(
                event = "stopped",
                "the last checkpoint could not be stored; the next start repeats what came after \
                 the one before"
            );
            Exit::Unsettled
        }
    }
}

/// What the probes look at.
fn health(config: &Config, status: &Arc<Status>) -> Arc<Health> {
    status.turns().allow(config.checkpoints.timeout);
    let sources = config.sources.keys().map(|name| format!("source {name}"));
    let sinks = config.sinks.keys().map(|name| format!("sink {name}"));
    let asked = sinks.chain([DEAD_LETTERS.to_owned()]);
    let (needed, asked) = (sources.collect(), asked.collect());
    Arc::new(Health::new(Arc::clone(status), needed, asked))
}

fn listen(config: &Config, health: &Arc<Health>) -> Result<Option<HealthServer>, String> {
    let Some(address) = config.health.listen else {
        return Ok(None);
    };
    let server = HealthServer::start(address, Arc::clone(health)).map_err(|error| {
        format!("health.listen: cannot listen on {address} ({error}): choose another address")
    })?;
    tracing::info!(event = "listening", address = %server.address, "health listener");
    Ok(Some(server))
}

/// Asks hub and store once, for `--fail-fast`.
async fn probe(config: &Config, seams: &Seams) -> Result<(), (Exit, String)> {
    for ((name, source), reach) in config.sources.iter().zip(&seams.sources) {
        reach.hub_properties().await.map_err(|error| {
            let exit = match error.kind {
                SourceErrorKind::Unauthorized => Exit::NotPermitted,
                _ => Exit::Unavailable,
            };
            (exit, format!("sources.{name}: {error}"))
        })?;
        let group = GroupKey::new(&source.namespace, &source.event_hub, &source.consumer_group);
        seams.store.list_owners(&group).await.map_err(|error| {
            let exit = match error {
                StoreError::Unauthorized(_) => Exit::NotPermitted,
                _ => Exit::Unavailable,
            };
            (exit, format!("checkpoints: {error}"))
        })?;
    }
    Ok(())
}

/// A name for this process start that is never used twice; the replica's name in it is for people.
pub(super) fn owner_id() -> String {
    let replica = ["CONTAINER_APP_REPLICA_NAME", "HOSTNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "entra-forwarder".to_owned());
    let rng = SharedRng::from_entropy();
    format!("{replica}-{:016x}{:016x}", rng.next_u64(), rng.next_u64())
}
