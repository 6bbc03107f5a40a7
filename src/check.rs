//! `check`: walks everything that the configuration names, and says what works, what does not, and
//! what to do about it.
//!
//! It looks on: it writes no checkpoint, claims no partition, attaches no reader that could throw
//! another one off, and removes what it has written to try a store. docs/check.md lists its points.

use std::sync::Arc;
use std::time::Duration;

use crate::app::outside::OutsideError;
use crate::app::outside::parts::Parts;
use crate::config::{Config, Loaded, Problems};

pub mod address;
mod clock;
mod credentials;
mod dead_letters;
pub mod destinations;
mod expiry;
pub mod finding;
mod network;
mod role;
mod sink;
mod source;
mod store;
mod token;

use finding::{Cause, Finding, Log, Point};

/// What is looked at, and for how long.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Components by their paths (`sources.entra`) or the beginning of them (`sources`); all
    /// without any.
    pub only: Vec<String>,
    /// Leaves the sinks out.
    pub skip_sinks: bool,
    /// Longest time for everything.
    pub timeout: Duration,
}

impl Scope {
    fn has(&self, component: &str) -> bool {
        let is_meant = |only: &String| {
            let rest = component.strip_prefix(only.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let is_left_out = self.skip_sinks && component.starts_with("sinks.");
        !is_left_out && (self.only.is_empty() || self.only.iter().any(is_meant))
    }
}

/// The components that a configuration has, in the order of the table.
pub fn components(config: &Config) -> Vec<String> {
    let sources = config.sources.keys().map(|name| format!("sources.{name}"));
    let sinks = config.sinks.keys().map(|name| format!("sinks.{name}"));
    let credentials = credentials::with_certificates(config);
    sources
        .chain(["checkpoints".to_owned(), "dead_letters".to_owned()])
        .chain(sinks)
        .chain(credentials.map(|(name, ..)| format!("credentials.{name}")))
        .chain(["login".to_owned()])
        .collect()
}

/// The findings for a configuration that cannot be used.
pub fn refused(problems: &Problems) -> Vec<Finding> {
    let log = Log::of("configuration");
    for problem in problems.iter() {
        let remedy = "mend it; `config reference` has every key";
        log.failed(
            Point::Configuration,
            Cause::Configuration,
            problem.to_string(),
            remedy,
        );
    }
    log.findings()
}

/// Looks at everything in scope. Takes no longer than the scope says, and some seconds to close
/// connections. `default_client_id` is the identity that the platform names (`AZURE_CLIENT_ID`).
pub async fn run(loaded: &Loaded, scope: &Scope, default_client_id: Option<&str>) -> Vec<Finding> {
    let config = &loaded.config;
    let about = Log::of("configuration");
    for warning in &loaded.warnings {
        about.warning(
            Point::Configuration,
            warning,
            "see above, or leave it if it is meant",
        );
    }
    let parts = match Parts::prepare(config, default_client_id) {
        Ok(parts) => parts,
        Err(error) => {
            unusable(&about, &error);
            return about.findings();
        }
    };
    if loaded.warnings.is_empty() {
        let counted = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        };
        let sources = counted(config.sources.len(), "source");
        let sinks = counted(config.sinks.len(), "sink");
        about.ok(Point::Configuration, format!("valid: {sources}, {sinks}"));
    }
    let logs: Vec<Log> = components(config).into_iter().map(Log::of).collect();
    walk(config, &parts, scope, (&logs, default_client_id)).await;
    parts.close().await;
    let walked = logs.iter().flat_map(Log::findings);
    about.findings().into_iter().chain(walked).collect()
}

fn unusable(log: &Log, error: &OutsideError) {
    let OutsideError { place, problem } = error;
    let (point, cause) = (Point::Configuration, Cause::Configuration);
    log.failed(point, cause, problem, format!("mend {place}"));
}

/// What is under way, with where it is told.
type Walks<'a> = Vec<(&'a Log, futures::future::LocalBoxFuture<'a, ()>)>;

/// All components at the same time.
async fn walk(
    config: &Config,
    parts: &Parts,
    scope: &Scope,
    (logs, default_client_id): (&[Log], Option<&str>),
) {
    let deadline = tokio::time::Instant::now() + scope.timeout;
    let log = |component: &str| logs.iter().find(|log| log.component() == component);
    let mut walks: Walks<'_> = Vec::new();
    let seams = &parts.outside.seams;
    for ((name, source), hub) in config.sources.iter().zip(&seams.sources) {
        let Some(log) = log(&format!("sources.{name}")).filter(|it| scope.has(it.component()))
        else {
            continue;
        };
        let subject = source::Subject {
            name,
            config,
            source,
            hub: Arc::clone(hub),
            store: Arc::clone(&seams.store),
            parts,
            default_client_id,
        };
        let walk = async move { source::look(log, &subject).await };
        walks.push((log, Box::pin(walk)));
    }
    if let (Some(store), Some(letters)) = (log("checkpoints"), log("dead_letters")) {
        let of = |log: &Log| scope.has(log.component());
        let (has_store, has_letters) = (of(store), of(letters));
        let walk = async move {
            let is_there = !has_store || store::look(store, config, parts).await;
            if has_letters {
                dead_letters::look(letters, config, parts, is_there).await;
            }
        };
        walks.push((if has_store { store } else { letters }, Box::pin(walk)));
    }
    for ((name, sink), transport) in config.sinks.iter().zip(&seams.transports) {
        let Some(log) = log(&format!("sinks.{name}")).filter(|it| scope.has(it.component())) else {
            continue;
        };
        let walk = async move {
            let by = (transport.as_ref(), seams.compressor.as_ref());
            sink::look(log, config, (name, sink), by, parts).await;
        };
        walks.push((log, Box::pin(walk)));
    }
    credentials::look(config, scope, logs, &mut walks);
    let walks = walks.into_iter().map(|(log, walk)| async move {
        if tokio::time::timeout_at(deadline, walk).await.is_err() {
            late(log, scope.timeout);
        }
    });
    futures::future::join_all(walks).await;
}

/// Says which components were not looked at to their end.
fn late(log: &Log, timeout: Duration) {
    let last = log.findings().last().map(|it| it.point.word());
    let seen = format!(
        "no end within {} s, behind `{}`",
        timeout.as_secs(),
        last.unwrap_or("nothing")
    );
    let remedy = "try again with a longer --timeout, or with --only for this component";
    log.failed(Point::Time, Cause::Unavailable, seen, remedy);
}

#[cfg(test)]
mod tests;
