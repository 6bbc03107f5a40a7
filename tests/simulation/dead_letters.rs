//! The simulated dead-letter store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use entra_forwarder::deliver::dead_letter::{DeadLetter, DeadLetterError, DeadLetterStore};

use super::hub::{Hub, index};
use super::journal::Rule;
use super::verdicts::Verdicts;

pub(crate) struct DeadLetters {
    hub: Arc<Hub>,
    verdicts: Arc<Verdicts>,
    failures: AtomicU32,
}

impl DeadLetters {
    pub(crate) fn new(hub: Arc<Hub>, verdicts: Arc<Verdicts>) -> Self {
        Self {
            hub,
            verdicts,
            failures: AtomicU32::new(0),
        }
    }

    pub(crate) fn fail(&self, times: u32) {
        self.failures.fetch_add(times, Ordering::Relaxed);
    }

    pub(crate) fn calm_down(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }

    fn keep(&self, process: &str, letter: &DeadLetter) {
        let id = index(&letter.origin.partition);
        let sequence = letter.origin.position.sequence.0;
        let state = self.hub.lock();
        let it = &state.partitions[id];
        let there = it.undecodable.get(&sequence).copied();
        // An undecodable message is named with the offset of the event before it.
        let own = it
            .timeline_of(&letter.origin.position.offset)
            .unwrap_or_default();
        let is_there = there.is_some();
        let timeline = match letter.reason {
            "undecodable" => there.unwrap_or(own),
            _ => own,
        };
        let key = (id, timeline, sequence);
        drop(state);
        self.hub
            .journal
            .note("dead letter", format_args!("{key:?} {}", letter.reason));
        if let Some(sink) = &letter.sink {
            let sink = sink.strip_prefix("sink").and_then(|it| it.parse().ok());
            let (Some(sink), Some(index)) = (sink, letter.index) else {
                let detail = format!("no record of a sink: {letter:?}");
                self.hub.journal.violate(Rule::Unaltered, detail);
                return;
            };
            let record = (key, index as usize);
            self.verdicts
                .lettered(process, sink, record, letter.reason, &letter.body);
            return;
        }
        if letter.reason == "undecodable" && !is_there {
            // Numbers were missing before the message: which one it has is not known, and the
            // missing ones are gone through one by one.
            self.hub
                .journal
                .note("dead letter of a missing number", format_args!("{key:?}"));
            return;
        }
        self.hub.oracle.lettered(key, letter.reason);
    }
}

/// The store as one process reaches it.
pub(crate) struct LettersHandle {
    pub(crate) letters: Arc<DeadLetters>,
    pub(crate) process: String,
}

#[async_trait]
impl DeadLetterStore for LettersHandle {
    async fn reach(&self) -> Result<(), DeadLetterError> {
        Ok(())
    }

    async fn write(&self, letters: &[DeadLetter]) -> Result<(), DeadLetterError> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let (it, process) = (&self.letters, &self.process);
        let failures = it.failures.load(Ordering::Relaxed);
        if failures > 0 {
            it.failures.store(failures - 1, Ordering::Relaxed);
            it.hub.journal.note("dead letter failed", format_args!(""));
            return Err(DeadLetterError::Unavailable("as the script says".into()));
        }
        for letter in letters {
            it.keep(process, letter);
        }
        Ok(())
    }
}
