//! How far a command has come: a bar on a terminal, lines elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

/// Time between two lines.
const LINES_EVERY: Duration = Duration::from_secs(10);

/// How far something has come; to standard error.
pub(super) struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    total: u64,
    said_at: Instant,
}

impl Progress {
    /// Of so many events; `what` is done to them.
    pub(super) fn of(what: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = "{prefix} [{wide_bar}] {human_pos}/{human_len} events, {eta} left  {msg}";
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            bar.with_prefix(what)
        });
        Self {
            what,
            bar,
            total,
            said_at: Instant::now(),
        }
    }

    /// So many are done; `note` says more of it.
    pub(super) fn at(&mut self, events: u64, note: impl FnOnce() -> String) {
        if let Some(bar) = &self.bar {
            bar.set_position(events.min(self.total));
            bar.set_message(note());
        } else if self.said_at.elapsed() >= LINES_EVERY {
            self.said_at = Instant::now();
            let percent = events.saturating_mul(100) / self.total.max(1);
            let (what, total, note) = (self.what, self.total, note());
            let gap = if note.is_empty() { "" } else { ", " };
            eprintln!("{what}: {events} of {total} events ({percent}%){gap}{note}");
        }
    }

    /// It has ended, one way or the other.
    pub(super) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
