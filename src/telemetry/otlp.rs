//! Pushes the metrics by OTLP where the usual variables ask for it.
//!
//! Each push holds everything since the start of the process, so one that fails is made up for by
//! the next. Nothing else waits for it.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use super::observer::Observer;

mod body;
mod message;
mod send;
mod settings;
mod told;

use send::{Sender, no_answer};
use settings::Settings;
use told::{Said, Told};

/// What the last push may take at the end of the process.
const LAST_PUSH: Duration = Duration::from_secs(2);

/// The pushing that is under way. Dropping it ends it at once.
#[derive(Debug)]
pub struct Push {
    stop: CancellationToken,
    task: JoinSet<()>,
}

impl Push {
    /// Begins to push what `observer` sees, if the variables of the environment ask for it.
    ///
    /// Variables that are wrong are logged, and nothing is pushed: metrics never keep records from
    /// being delivered.
    pub fn start(observer: Observer, variable: impl Fn(&str) -> Option<String>) -> Self {
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        let given = |name: &str| variable(name).filter(|it| !it.is_empty());
        match Settings::read(&given).and_then(|it| it.map(Sender::new).transpose()) {
            Ok(None) => {}
            Ok(Some(sender)) => {
                say_where(sender.settings());
                task.spawn(run(observer, sender, stop.clone()));
            }
            Err(problem) => tracing::warn!(
                event = "metrics_push_off",
                problem,
                "metrics are not pushed: {problem}"
            ),
        }
        Self { stop, task }
    }

    /// Pushes once more, and ends; takes two seconds at most.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.task.join_next().await.is_some() {}
    }
}

fn say_where(settings: &Settings) {
    // Without user, path and parameters, which may be secrets.
    let endpoint = settings.url.origin().ascii_serialization();
    let protocol = settings.protocol.name();
    let interval = settings.interval;
    tracing::info!(
        event = "metrics_push",
        endpoint,
        protocol,
        interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX),
        "metrics are pushed to {endpoint} every {interval:?}"
    );
}

async fn run(observer: Observer, sender: Sender, stop: CancellationToken) {
    let interval = sender.settings().interval;
    let mut ticks = interval_at(Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Told::default();
    let push = async || {
        let attributes = &sender.settings().attributes;
        sender
            .send(body::body(&observer.snapshot(), attributes))
            .await
    };
    let pushing = async {
        loop {
            ticks.tick().await;
            say(&mut told, push().await);
        }
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = pushing => {}
    }
    let last = timeout(LAST_PUSH, push()).await;
    say(
        &mut told,
        last.unwrap_or_else(|_| Err(no_answer(LAST_PUSH))),
    );
}

fn say(told: &mut Told, outcome: Result<(), String>) {
    let reason = outcome.as_ref().err().cloned().unwrap_or_default();
    match told.note(outcome.is_ok(), Instant::now()) {
        Said::Nothing => {}
        Said::Failed(times) => tracing::warn!(
            event = "metrics_push_failed",
            times,
            reason,
            "metrics could not be pushed, {times} times: {reason}"
        ),
        Said::Recovered => {
            tracing::info!(event = "metrics_push_recovered", "metrics are pushed again")
        }
    }
}
