//! What is pushed to the pages that are open: once a second, and at once when a state changes.
//!
//! One picture is taken for all of them, and only the latest is kept: a page that is slow misses
//! some, and holds nothing up.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use serde::Serialize;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::MissedTickBehavior;

use super::history::{self, History, Sample};
use crate::telemetry::group::picture::Groups;
use crate::telemetry::group::watch::Seen;
use crate::telemetry::observer::Observer;
use crate::telemetry::snapshot::Snapshot;

/// Pages that may be open at the same time.
pub(super) const PAGES_MAX: usize = 16;
/// Time between two pictures when nothing changes.
const INTERVAL: Duration = Duration::from_secs(1);
/// Time between two pictures at least.
const INTERVAL_MIN: Duration = Duration::from_millis(100);
/// How soon a page that has lost the process tries again.
const RETRY: Duration = Duration::from_secs(1);

/// What is pushed, and to how many.
pub(super) struct Live {
    observer: Observer,
    seen: Seen,
    history: Mutex<History>,
    latest: watch::Sender<Arc<str>>,
    joined: Notify,
    places: Arc<Semaphore>,
}

/// What a page is told.
#[derive(Serialize)]
struct Told<'a> {
    snapshot: &'a Snapshot,
    group: Option<&'a Groups>,
    /// The latest of the history.
    sample: Option<&'a Sample>,
}

/// What a page is told first.
#[derive(Serialize)]
struct Past<'a> {
    /// Names of the sinks, in the order of the samples' numbers.
    sinks: Vec<&'a str>,
    samples: Vec<&'a Sample>,
}

impl Live {
    pub(super) fn new(observer: Observer, seen: Seen) -> Self {
        Self {
            observer,
            seen,
            history: Mutex::default(),
            latest: watch::Sender::new(Arc::from("")),
            joined: Notify::new(),
            places: Arc::new(Semaphore::new(PAGES_MAX)),
        }
    }

    /// Takes a sample every few seconds, for ever.
    pub(super) async fn sample(&self) {
        let mut ticks = tokio::time::interval(history::INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let snapshot = self.observer.snapshot();
            self.history().note(&snapshot);
        }
    }

    /// Takes pictures while a page is open, for ever.
    pub(super) async fn publish(&self) {
        let mut changes = self.observer.changes();
        let mut looks = self.seen.looks();
        loop {
            if self.latest.receiver_count() == 0 {
                self.joined.notified().await;
            }
            changes.mark_unchanged();
            looks.mark_unchanged();
            self.latest.send_replace(self.picture());
            tokio::time::sleep(INTERVAL_MIN).await;
            tokio::select! {
                () = tokio::time::sleep(INTERVAL - INTERVAL_MIN) => {}
                Ok(()) = changes.changed() => {}
                Ok(()) = looks.changed() => {}
            }
        }
    }

    fn picture(&self) -> Arc<str> {
        let snapshot = self.observer.snapshot();
        let group = self.seen.want();
        let history = self.history();
        let told = Told {
            snapshot: &snapshot,
            group: group.as_deref(),
            sample: history.samples().back(),
        };
        json(&told).into()
    }

    fn past(&self) -> String {
        let snapshot = self.observer.snapshot();
        let history = self.history();
        json(&Past {
            sinks: snapshot.sinks.iter().map(|it| it.name.as_str()).collect(),
            samples: history.samples().iter().collect(),
        })
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Plain data always has a JSON form.
fn json(data: &impl Serialize) -> String {
    serde_json::to_string(data).unwrap_or_default()
}

/// `/events`: first the history, then pictures.
pub(super) async fn events(State(live): State<Arc<Live>>) -> Response {
    let Ok(place) = Arc::clone(&live.places).try_acquire_owned() else {
        let text = format!("{PAGES_MAX} pages are open already: close one\n");
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")], text).into_response();
    };
    Sse::new(stream(live, place)).into_response()
}

fn stream(
    live: Arc<Live>,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    async_stream::stream! {
        let _place = place;
        let past = Event::default().event("history").retry(RETRY);
        yield Ok(past.data(live.past()));
        let mut latest = live.latest.subscribe();
        live.joined.notify_one();
        // What was there before may be old.
        latest.mark_unchanged();
        while latest.changed().await.is_ok() {
            let picture = Arc::clone(&latest.borrow_and_update());
            yield Ok(Event::default().event("state").data(&*picture));
        }
    }
}
