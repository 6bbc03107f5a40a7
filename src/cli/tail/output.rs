//! Where records are shown, and when that is over.

use std::io::{ErrorKind, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

use super::rows::Rows;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::config::SourceConfig;
use crate::envelope::{self, Records};
use crate::event_hub::Body;
use crate::filter::Selection;
use crate::record::{HubName, Origin, Record};
use crate::tools::Read;

/// Time between two looks whether somebody still reads the output.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// Standard output.
pub(super) struct Output {
    rows: Rows,
    only: Option<Selection>,
    /// Records that are still wanted; `None` is all.
    left: Option<u64>,
    is_closed: bool,
}

impl Output {
    pub(super) fn new(rows: Rows, only: Option<Selection>, limit: Option<u64>) -> Self {
        Self {
            rows,
            only,
            left: limit,
            is_closed: false,
        }
    }

    /// Whether nothing more is wanted.
    pub(super) fn is_over(&self) -> bool {
        self.is_closed || self.left == Some(0)
    }

    /// Writes the titles, if there are any.
    pub(super) async fn titles(&mut self) -> Result<(), Failure> {
        let mut lines = Vec::new();
        self.rows.titles(&mut lines);
        self.write(lines).await
    }

    /// Writes the records of an event that are meant.
    pub(super) async fn event(&mut self, source: &SourceConfig, read: Read) -> Result<(), Failure> {
        let origin = Origin {
            hub: Arc::new(HubName::new(&source.namespace, &source.event_hub)),
            partition: read.partition,
            position: read.event.position,
        };
        let Body::Bytes(body) = read.event.body else {
            eprintln!(
                "partition {} event {}: an AMQP value without bytes is not shown",
                origin.partition, origin.position.sequence
            );
            return Ok(());
        };
        let mut lines = Vec::new();
        let expansion_max = self.rows.expansion_max;
        let show = || {
            let records = envelope::split(&body, expansion_max);
            self.lines(&records, &origin, &mut lines);
        };
        if catch_unwind(AssertUnwindSafe(show)).is_err() {
            eprintln!(
                "partition {} event {}: a bug keeps it from being shown",
                origin.partition, origin.position.sequence
            );
            return Ok(());
        }
        self.write(lines).await
    }

    fn lines(&mut self, records: &Records, origin: &Origin, lines: &mut Vec<u8>) {
        for piece in records.all() {
            let record = Record::new(piece, origin);
            let is_meant = self.only.as_ref().is_none_or(|only| only.selects(&record));
            if self.left == Some(0) {
                return;
            }
            if is_meant {
                self.left = self.left.map(|left| left - 1);
                self.rows.line(&record, lines);
            }
        }
    }

    async fn write(&mut self, lines: Vec<u8>) -> Result<(), Failure> {
        if lines.is_empty() {
            return Ok(());
        }
        // A reader that takes its time holds everything up, down to the hub: that is meant. On a
        // thread of its own, so that a signal still ends the command.
        let written = tokio::task::spawn_blocking(move || {
            let mut out = std::io::stdout().lock();
            out.write_all(&lines).and_then(|()| out.flush())
        });
        match written.await.unwrap_or_else(|panic| Err(panic.into())) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            Err(error) => {
                let sentence = format!("standard output: {error}");
                Err(Failure::new(Exit::Unavailable, sentence))
            }
        }
    }
}

/// Waits until nobody reads standard output any more, also while there is nothing to write.
///
/// # Cancel safety
/// Safe.
pub(super) async fn reader_gone() {
    loop {
        tokio::time::sleep(LOOKS_EVERY).await;
        let out = std::io::stdout();
        let mut polled = [PollFd::new(&out, PollFlags::empty())];
        let now = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let looked = poll(&mut polled, Some(&now));
        let found = polled
            .iter()
            .any(|it| it.revents().contains(PollFlags::ERR));
        if looked.is_ok() && found {
            return;
        }
    }
}
