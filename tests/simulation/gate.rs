//! What stands between one replica and the simulated ends.
//!
//! A process that the operating system stopped cannot be had inside one runtime. Nothing of it
//! passes its gate instead, in either direction, until it goes on: then everything leaves that it
//! wanted to send meanwhile, late writes included, and every answer that waited arrives.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use entra_forwarder::deliver::dead_letter::{DeadLetter, DeadLetterError, DeadLetterStore};
use entra_forwarder::event_hub::{
    EventStream, HubProperties, OpenAt, PartitionId, PartitionProperties, ReceivedEvent, Source,
    SourceError, SourceErrorKind,
};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::hub::index;
use super::journal::Rule;
use super::source::HubHandle;
use super::store::Store;

pub(crate) struct Gate {
    /// Notified when it freezes or goes on. Those who wait wake in their order, which a watch
    /// channel leaves to chance.
    changed: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    frozen_until: Option<Instant>,
    /// Lists of owners are this old, until this moment.
    stale: Option<(Duration, Instant)>,
    /// When this replica was last told a stored checkpoint.
    read_at: Option<Instant>,
    /// The sink that refuses this replica, and until when.
    refused: Option<(usize, Instant)>,
    sinks: Vec<Answered>,
}

/// What a sink last answered this replica.
#[derive(Clone, Copy, Default)]
struct Answered {
    has_accepted: bool,
    is_well: bool,
    refused_since: Option<Instant>,
}

impl Gate {
    /// For sinks of which some send nothing, and so always take it.
    pub(crate) fn new(are_null: impl Iterator<Item = bool>) -> Self {
        let answered = |is_null| Answered {
            has_accepted: is_null,
            is_well: is_null,
            refused_since: None,
        };
        let state = State {
            sinks: are_null.map(answered).collect(),
            ..State::default()
        };
        Self {
            changed: Notify::new(),
            state: Mutex::new(state),
        }
    }

    pub(crate) fn freeze(&self, lasts: Duration) {
        let until = Some(Instant::now() + lasts);
        let mut state = self.state.lock().unwrap();
        state.frozen_until = state.frozen_until.max(until);
        drop(state);
        self.changed.notify_waiters();
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen_until().is_some()
    }

    fn frozen_until(&self) -> Option<Instant> {
        let until = self.state.lock().unwrap().frozen_until;
        until.filter(|until| Instant::now() < *until)
    }

    /// Waits until something may pass.
    pub(crate) async fn pass(&self) {
        loop {
            let changed = self.changed.notified();
            let Some(until) = self.frozen_until() else {
                return;
            };
            tokio::select! {
                biased;
                () = changed => {}
                () = sleep_until(until) => {}
            }
        }
    }

    async fn freezes(&self) {
        loop {
            let changed = self.changed.notified();
            if self.is_frozen() {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn age_lists(&self, age: Duration, lasts: Duration) {
        self.state.lock().unwrap().stale = Some((age, Instant::now() + lasts));
    }

    /// As of which moment a list answers. What a replica has seen itself, no later list contradicts.
    pub(crate) fn lists_as_of(&self) -> Option<Instant> {
        let state = self.state.lock().unwrap();
        let (age, _) = state.stale.filter(|(_, until)| Instant::now() < *until)?;
        Some((Instant::now() - age).max(state.read_at.unwrap_or(Instant::now() - age)))
    }

    pub(crate) fn has_read(&self) {
        self.state.lock().unwrap().read_at = Some(Instant::now());
    }

    pub(crate) fn refuse(&self, sink: usize, lasts: Duration) {
        self.state.lock().unwrap().refused = Some((sink, Instant::now() + lasts));
    }

    pub(crate) fn is_refused(&self, sink: usize) -> bool {
        let state = self.state.lock().unwrap();
        state
            .refused
            .is_some_and(|(refuses, until)| refuses == sink && Instant::now() < until)
    }

    /// The replica got an answer: a status, or none; `is_refusal` when its own refusal was it.
    pub(crate) fn answered(&self, sink: usize, status: Option<u16>, is_refusal: bool) {
        let answered = &mut self.state.lock().unwrap().sinks[sink];
        answered.is_well = matches!(status, Some(200 | 201 | 202 | 204 | 205));
        // To a probe these say that address and credentials are right.
        answered.has_accepted |= answered.is_well || matches!(status, Some(400 | 411 | 413 | 422));
        answered.refused_since =
            is_refusal.then(|| answered.refused_since.unwrap_or_else(Instant::now));
    }

    /// Why this replica must not take a partition now, if so.
    pub(crate) fn must_not_claim(&self) -> Option<&'static str> {
        let state = self.state.lock().unwrap();
        if !state.sinks.iter().all(|it| it.has_accepted) {
            return Some("before every sink has accepted something");
        }
        let refused_since = state.sinks.iter().filter_map(|it| it.refused_since).min();
        let is_known = refused_since.is_some_and(|since| since < Instant::now());
        is_known.then_some("while a sink refuses")
    }

    /// Since when a sink has been refusing this replica, which it knows.
    pub(crate) fn refused_since(&self) -> Option<Instant> {
        let state = self.state.lock().unwrap();
        state.sinks.iter().filter_map(|it| it.refused_since).min()
    }

    /// Whether this replica runs and sees everything as it is.
    pub(crate) fn is_well(&self) -> bool {
        let are_accepting = self.state.lock().unwrap().sinks.iter().all(|it| it.is_well);
        are_accepting && !self.is_frozen() && self.lists_as_of().is_none()
    }

    pub(crate) fn calm_down(&self) {
        let mut state = self.state.lock().unwrap();
        (state.frozen_until, state.stale, state.refused) = (None, None, None);
        drop(state);
        self.changed.notify_waiters();
    }
}

/// The hub through a gate.
pub(crate) struct GatedSource {
    pub(crate) inner: HubHandle,
    pub(crate) gate: Arc<Gate>,
    pub(crate) store: Arc<Store>,
    /// How long a claim counts after it was written.
    pub(crate) valid_for: Duration,
}

impl GatedSource {
    /// Judges whether a receiver may be opened: only while nobody else may take the claim for
    /// expired.
    fn may_open(&self, partition: &PartitionId) {
        let process = &self.inner.process;
        let whose = (partition.clone(), process.clone());
        let state = self.store.lock();
        let age = state.claimed_at.get(&whose).map(Instant::elapsed);
        drop(state);
        if age.is_none_or(|age| age > self.valid_for) {
            let detail = format!("{process} opens partition {partition}, claimed {age:?} ago");
            self.store.journal.violate(Rule::Ownership, detail);
        }
    }
}

#[async_trait]
impl Source for GatedSource {
    async fn hub_properties(&self) -> Result<HubProperties, SourceError> {
        self.gate.pass().await;
        let answer = self.inner.hub_properties().await;
        self.gate.pass().await;
        answer
    }

    async fn partition_properties(
        &self,
        partition: &PartitionId,
    ) -> Result<PartitionProperties, SourceError> {
        self.gate.pass().await;
        let answer = self.inner.partition_properties(partition).await;
        self.gate.pass().await;
        answer
    }

    async fn open(
        &self,
        partition: &PartitionId,
        at: OpenAt,
        prefetch: u32,
    ) -> Result<Box<dyn EventStream>, SourceError> {
        self.may_open(partition);
        self.gate.pass().await;
        let opened = self.inner.open(partition, at, prefetch).await;
        self.gate.pass().await;
        // Behind a message that nobody can decode there may be no event yet: whoever passed it over
        // is refused until one comes, and has opened nothing.
        let refused = |error: &SourceError| error.kind == SourceErrorKind::PositionRefused;
        if !opened.as_ref().is_err_and(refused) {
            self.store.witness.opened(index(partition));
        }
        Ok(Box::new(GatedStream {
            inner: opened?,
            gate: Arc::clone(&self.gate),
        }))
    }
}

struct GatedStream {
    inner: Box<dyn EventStream>,
    gate: Arc<Gate>,
}

#[async_trait]
impl EventStream for GatedStream {
    async fn next(&mut self) -> Result<ReceivedEvent, SourceError> {
        loop {
            self.gate.pass().await;
            let freezes = pin!(self.gate.freezes());
            tokio::select! {
                biased;
                next = self.inner.next() => return next,
                () = freezes => {}
            }
        }
    }

    async fn close(self: Box<Self>) {
        self.gate.pass().await;
        self.inner.close().await;
    }
}

/// The dead-letter store through a gate.
pub(crate) struct GatedLetters {
    pub(crate) inner: Arc<dyn DeadLetterStore>,
    pub(crate) gate: Arc<Gate>,
}

#[async_trait]
impl DeadLetterStore for GatedLetters {
    async fn reach(&self) -> Result<(), DeadLetterError> {
        self.gate.pass().await;
        let answer = self.inner.reach().await;
        self.gate.pass().await;
        answer
    }

    async fn write(&self, letters: &[DeadLetter]) -> Result<(), DeadLetterError> {
        self.gate.pass().await;
        let answer = self.inner.write(letters).await;
        self.gate.pass().await;
        answer
    }
}
