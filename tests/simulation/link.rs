//! A receiver on a partition of the simulated hub.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use entra_forwarder::event_hub::{EventStream, ReceivedEvent, SourceError, SourceErrorKind};
use tokio::time::Instant;

use super::hub::Hub;

/// A receiver that was not read for so long before its end was paused.
const PAUSED: Duration = Duration::from_secs(29);

pub(crate) struct Link {
    hub: Arc<Hub>,
    process: String,
    partition: usize,
    id: u64,
    timeline: u32,
    /// Whether it looks for the first event of a time: nothing of it is handed on.
    is_search: bool,
    /// Number of the event that is due, or of one before it.
    cursor: i64,
    ready_at: Instant,
    /// When the last event was taken and no other was asked for.
    unread_since: Option<Instant>,
    brought: u64,
}

/// What a look at the partition gives.
enum Look {
    Event(ReceivedEvent),
    End(SourceErrorKind),
    Nothing,
    Later(Instant),
}

impl Link {
    pub(crate) fn new(
        hub: Arc<Hub>,
        process: String,
        partition: usize,
        id: u64,
        timeline: u32,
        cursor: i64,
        is_search: bool,
    ) -> Self {
        Self {
            hub,
            process,
            partition,
            id,
            timeline,
            is_search,
            cursor,
            ready_at: Instant::now(),
            unread_since: None,
            brought: 0,
        }
    }

    fn look(&mut self) -> Look {
        let mut state = self.hub.lock();
        let it = &mut state.partitions[self.partition];
        if it.wedged.contains(&self.id) {
            return Look::Nothing;
        }
        if it.link != self.id {
            return Look::End(SourceErrorKind::Stolen);
        }
        if let Some((_, kind)) = it.ends.filter(|(id, _)| *id == self.id) {
            return Look::End(kind);
        }
        if !self.is_search {
            it.confirm(&self.process);
        }
        if it.timeline != self.timeline {
            self.timeline = it.timeline;
            self.cursor = 0;
        }
        if Instant::now() < self.ready_at {
            return Look::Later(self.ready_at);
        }
        if it.goes_back > 0 && self.brought > 0 {
            self.cursor -= std::mem::take(&mut it.goes_back);
            self.hub
                .journal
                .note("link went back", format_args!("{}", self.partition));
        }
        let mut entries = it.entries.range(self.cursor..);
        let Some((&(mut sequence), mut entry)) = entries.next() else {
            return Look::Nothing;
        };
        let may_lose = self.brought > 0 && !it.began_anew && entry.body.is_some();
        if it.loses_one && may_lose && it.lost != Some((entry.timeline, sequence)) {
            let Some((&later, later_entry)) = entries.next() else {
                state.has_wedged = true;
                return Look::Nothing;
            };
            self.hub
                .journal
                .note("event lost on a link", format_args!("{sequence}"));
            it.lost = Some((entry.timeline, sequence));
            (sequence, entry) = (later, later_entry);
            it.loses_one = false;
        }
        let Some(body) = entry.body.clone() else {
            self.hub
                .journal
                .note("undecodable met", format_args!("{sequence}"));
            return Look::End(SourceErrorKind::Undecodable);
        };
        let (position, timeline) = (entry.position.clone(), entry.timeline);
        self.cursor = sequence + 1;
        self.brought += 1;
        if let Some((pace, _)) = it.pace.filter(|(_, until)| Instant::now() < *until) {
            self.ready_at = Instant::now() + pace;
        }
        if !self.is_search {
            it.received(&self.process, (timeline, sequence));
        }
        let key = (self.partition, timeline, sequence);
        drop(state);
        if self.process.starts_with("process") && !self.is_search {
            self.hub
                .oracle
                .read(&self.process, key, self.hub.uncommitted_max);
        }
        Look::Event(ReceivedEvent { position, body })
    }
}

#[async_trait]
impl EventStream for Link {
    async fn next(&mut self) -> Result<ReceivedEvent, SourceError> {
        let hub = Arc::clone(&self.hub);
        self.unread_since = None;
        loop {
            let changed = pin!(hub.changed.notified());
            match self.look() {
                Look::Event(event) => {
                    self.unread_since = Some(Instant::now());
                    let (process, partition) = (&self.process, self.partition);
                    let sequence = event.position.sequence;
                    hub.journal
                        .note("event", format_args!("{process} {partition} {sequence}"));
                    return Ok(event);
                }
                Look::End(kind) => {
                    let (process, partition) = (&self.process, self.partition);
                    hub.journal.note(
                        &format!("link ends: {kind:?}"),
                        format_args!("{process} {partition}"),
                    );
                    return Err(SourceError::new(kind, "as the script says"));
                }
                Look::Nothing => changed.await,
                Look::Later(moment) => tokio::select! {
                    biased;
                    () = changed => {}
                    () = tokio::time::sleep_until(moment) => {}
                },
            }
        }
    }

    async fn close(self: Box<Self>) {
        let unread = self.unread_since.map(|since| since.elapsed());
        if unread.is_some_and(|unread| unread >= PAUSED) {
            self.hub
                .journal
                .note("paused receiver closed", format_args!("{}", self.partition));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
