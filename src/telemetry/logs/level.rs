//! The log filter, changed while the process runs.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing_subscriber::registry::Registry;
use tracing_subscriber::{EnvFilter, reload};

use super::{BadFilter, filter};

/// How long a change lasts when nothing else is said: long enough to see a problem, too short to be
/// forgotten.
pub const LASTS: Duration = Duration::from_secs(15 * 60);
/// Longest time after which a change goes back.
const LASTS_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Longest filter that is taken.
const FILTER_BYTES_MAX: usize = 1_024;

/// The control of this process's log, once it has started.
static CONTROL: OnceLock<Control> = OnceLock::new();

/// What the log shows now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLevel {
    /// The filter.
    pub filter: String,
    /// How long it still lasts; `None` when it lasts until another one is set.
    pub remaining: Option<Duration>,
    /// The filter that the process started with, to which a change goes back.
    pub started_with: String,
}

/// Why a filter cannot be set.
#[derive(Debug, thiserror::Error)]
pub enum SetError {
    /// It cannot be read.
    #[error(transparent)]
    Filter(#[from] BadFilter),
    /// It is too long.
    #[error("the log filter is longer than {FILTER_BYTES_MAX} bytes: use a level or fewer pairs")]
    TooLong,
    /// The time is no time.
    #[error("a change lasts from 1s to 7d")]
    Time,
    /// There is no log.
    #[error("this process does not log")]
    NotStarted,
}

/// Sets the filter for some time, after which the one counts again that the process started with;
/// `None` is until another one is set. What holds for libraries holds for every filter: they never
/// log below info.
///
/// # Errors
/// When the filter cannot be read or the time is none; then nothing changes.
pub fn set(filter: &str, lasts: Option<Duration>) -> Result<LogLevel, SetError> {
    control().ok_or(SetError::NotStarted)?.set(filter, lasts)
}

/// What the log shows now; `None` when it has not started.
pub fn level() -> Option<LogLevel> {
    control().map(Control::level)
}

/// Ends a change whose time has passed. To be called every few seconds.
pub fn go_back_if_due() {
    if let Some(control) = control() {
        control.go_back_if_due();
    }
}

fn control() -> Option<&'static Control> {
    CONTROL.get()
}

/// Changes the filter of one log.
#[derive(Debug)]
pub(super) struct Control {
    handle: reload::Handle<EnvFilter, Registry>,
    started_with: String,
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    filter: String,
    until: Option<Instant>,
}

impl Control {
    /// A filter that can be changed, and what changes it.
    pub(super) fn new(text: &str) -> Result<(reload::Layer<EnvFilter, Registry>, Self), BadFilter> {
        let (layer, handle) = reload::Layer::new(filter(text)?);
        let now = Now {
            filter: text.to_owned(),
            until: None,
        };
        let control = Self {
            handle,
            started_with: text.to_owned(),
            now: Mutex::new(now),
        };
        Ok((layer, control))
    }

    /// Makes it the one of the process. A second one is refused.
    pub(super) fn install(self) {
        let _first = CONTROL.set(self);
    }

    pub(super) fn set(&self, text: &str, lasts: Option<Duration>) -> Result<LogLevel, SetError> {
        let text = text.trim();
        if text.len() > FILTER_BYTES_MAX {
            return Err(SetError::TooLong);
        }
        let shortest = Duration::from_secs(1);
        if lasts.is_some_and(|lasts| lasts < shortest || lasts > LASTS_MAX) {
            return Err(SetError::Time);
        }
        let asked = filter(text)?;
        let mut now = self.lock();
        self.change(&mut now, text, asked, lasts)?;
        Ok(self.shown(&now))
    }

    pub(super) fn level(&self) -> LogLevel {
        self.shown(&self.lock())
    }

    pub(super) fn go_back_if_due(&self) {
        let mut now = self.lock();
        if now.until.is_none_or(|until| Instant::now() < until) {
            return;
        }
        // It was read before.
        if let Ok(started_with) = filter(&self.started_with) {
            let _changed = self.change(&mut now, &self.started_with, started_with, None);
        }
    }

    fn change(
        &self,
        now: &mut Now,
        text: &str,
        filter: EnvFilter,
        lasts: Option<Duration>,
    ) -> Result<(), SetError> {
        let say = || {
            tracing::info!(
                event = "log_level",
                filter = text,
                before = now.filter,
                lasts_seconds = lasts.map(|it| it.as_secs()),
                "the log filter is {text:?} now"
            );
        };
        // Under whichever of the two filters shows it.
        let is_shown = tracing::enabled!(tracing::Level::INFO);
        if is_shown {
            say();
        }
        // It fails when the log is gone.
        let reloaded = self.handle.reload(filter);
        reloaded.map_err(|_| SetError::NotStarted)?;
        if !is_shown {
            say();
        }
        *now = Now {
            filter: text.to_owned(),
            until: lasts.map(|lasts| Instant::now() + lasts),
        };
        Ok(())
    }

    fn shown(&self, now: &Now) -> LogLevel {
        LogLevel {
            filter: now.filter.clone(),
            remaining: now.until.map(|it| it.duration_since(Instant::now())),
            started_with: self.started_with.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
