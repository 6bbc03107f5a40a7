//! Log lines on standard error: for people on a terminal, as JSON anywhere else. `docs/logs.md`
//! lists them.
//!
//! | level | meaning |
//! |---|---|
//! | error | somebody must act: a partition given up, an event in the dead letters, a bug |
//! | warn | it waits, and goes on by itself when the cause is gone |
//! | info | a change of state |
//! | debug, trace | for whoever looks for a bug; never payload, never secrets |

use std::io::IsTerminal;

use tracing::Level;
use tracing::metadata::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use super::seldom::Seldom;

#[cfg(test)]
mod documented;
mod level;

pub use level::{LASTS, LogLevel, SetError, go_back_if_due, level, set};

/// Crates whose lines may show every level that is asked for.
const OURS: [&str; 2] = ["entra_forwarder", "entra_forwarder_emulator"];

/// Beginnings of the names of crates that never show anything.
const QUOTING: [&str; 2] = ["azure_", "fe2o3_"];

/// A log filter that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no log filter: use a level (error, warn, info, debug, trace) or `crate=level` pairs"
)]
pub struct BadFilter(String);

/// Panics that are told of one by one, before they are only counted: some data make the decoder
/// panic, each time that it comes.
const PANICS_AT_ONCE: u32 = 5;

/// Starts logging. `filter` is a level, or pairs of target and level.
///
/// # Errors
/// When the filter cannot be read.
pub fn start(filter: &str) -> Result<(), BadFilter> {
    let (filter, control) = level::Control::new(filter)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if std::io::stderr().is_terminal() {
        lines.with_target(false).boxed()
    } else {
        lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .boxed()
    };
    // A second start is refused by the library; tests in one process share the first one.
    let started = tracing_subscriber::registry()
        .with(lines.with_filter(filter.and(ceiling())))
        .try_init();
    if started.is_ok() {
        control.install();
    }
    Ok(())
}

/// Reads a filter.
fn filter(text: &str) -> Result<EnvFilter, BadFilter> {
    let bad = || BadFilter(text.to_owned());
    // A level alone is meant for this program; the libraries below it have their own words.
    let asked = match text.parse::<Level>() {
        // The verifier of certificates reports each refusal at each attempt, as a warning; this
        // program reports it once.
        Ok(level) => format!(
            "warn,rustls_platform_verifier=off,entra_forwarder={level},\
             entra_forwarder_emulator={level}"
        ),
        Err(_) if names_no_level(text) => return Err(bad()),
        Err(_) => text.to_owned(),
    };
    EnvFilter::try_new(asked).map_err(|_| bad())
}

/// Lets a panic be one log line that names its place. Its message is left out: libraries quote what
/// they were reading, and that may be payload. Those of the decoder are expected and caught.
pub fn keep_panics_short() {
    let unsaid = Seldom::of(PANICS_AT_ONCE);
    std::panic::set_hook(Box::new(move |panic| {
        let Some(panics) = unsaid.once_more() else {
            return;
        };
        let location = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or_default();
        tracing::error!(
            event = "panic",
            location,
            thread,
            panics,
            "a panic at {location}"
        );
    }));
}

/// Whether a part of the filter is a word alone that is no level. The library would take it for a
/// crate's name and show nothing.
fn names_no_level(filter: &str) -> bool {
    filter
        .split(',')
        .map(str::trim)
        .any(|part| !part.contains('=') && part.parse::<LevelFilter>().is_err())
}

/// What no setting lifts: below `info`, the libraries print frames, with bodies and tokens in them;
/// and those that speak to Azure quote at every level what a peer has answered, which may be what
/// it was told.
fn ceiling() -> Targets {
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_targets(QUOTING.map(|target| (target, LevelFilter::OFF)))
        .with_targets(OURS.map(|target| (target, LevelFilter::TRACE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_never_log_below_info() {
        let ceiling = ceiling();
        for target in ["hyper::proto", "reqwest", "h2", "rustls"] {
            assert!(ceiling.would_enable(target, &Level::INFO), "{target}");
            assert!(!ceiling.would_enable(target, &Level::DEBUG), "{target}");
            assert!(!ceiling.would_enable(target, &Level::TRACE), "{target}");
        }
        for target in ["fe2o3_amqp::link", "azure_core_amqp", "azure_identity::x"] {
            assert!(!ceiling.would_enable(target, &Level::ERROR), "{target}");
        }
        assert!(ceiling.would_enable("entra_forwarder::partition", &Level::TRACE));
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_named() {
        for filter in ["entra_forwarder=loud", "nonsense", "info,nonsense"] {
            let error = start(filter).unwrap_err().to_string();
            let expected = format!("`{filter}` is no log filter");
            assert!(error.starts_with(&expected), "{error}");
        }
        for filter in ["off", "warn,entra_forwarder=debug", "entra_forwarder=info"] {
            assert!(!names_no_level(filter), "{filter}");
        }
    }
}
