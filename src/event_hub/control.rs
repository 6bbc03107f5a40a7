//! Questions to the hub's management node, one at a time.
//!
//! The SDK takes the next message on the management link for the answer and never looks which
//! question it belongs to. After one call that was dropped, every later answer on that client is
//! the previous question's. So one task owns the client; a call takes the client with it and gives
//! it back only together with a checked answer; whatever else happens, the client is gone.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use azure_messaging_eventhubs::models::{EventHubPartitionProperties, EventHubProperties};
use futures::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

use super::client::Settings;
use super::connection::{Closer, Connection, connect};
use super::error::{self, Target};
use super::{
    HubProperties, Offset, PartitionId, PartitionProperties, SequenceNumber, SourceError,
    SourceErrorKind, Timestamp,
};

/// Calls that a caller waits for: its own and those before it.
const CALLS_AWAITED: u32 = 3;

/// Time between two calls: 40 a second; the service throttles at 50 per namespace and client.
const CALL_INTERVAL: Duration = Duration::from_millis(25);

/// Questions that may wait; as many as a hub has partitions, for most tiers.
const QUESTIONS_MAX: usize = 64;

/// The token goes along with every call and is the one of the connection's start, which the SDK
/// never renews here; `azure_identity` hands out tokens that have five minutes left, others give
/// shorter ones ([`Node::lasts`]).
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(4 * 60);

/// How long a call may still take at the end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

type Answer<T> = Result<T, SourceError>;

enum Question {
    Hub(oneshot::Sender<Answer<HubProperties>>),
    Partition(PartitionId, oneshot::Sender<Answer<PartitionProperties>>),
}

/// The asking side.
pub(super) struct Control {
    questions: mpsc::Sender<Question>,
    stop: tokio_util::sync::CancellationToken,
    patience: Duration,
    task: Mutex<JoinSet<()>>,
}

impl Control {
    /// Starts the task on `runtime`. It connects when the first question comes.
    pub(super) fn start(
        settings: Arc<Settings>,
        closer: Arc<Closer>,
        patience: Duration,
        runtime: &Handle,
    ) -> Self {
        let (questions, asked) = mpsc::channel(QUESTIONS_MAX);
        let stop = tokio_util::sync::CancellationToken::new();
        // A timer belongs to the runtime in which it is made.
        let entered = runtime.enter();
        let mut calls = interval(CALL_INTERVAL);
        drop(entered);
        calls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let target = settings.target();
        let node = Node {
            settings,
            closer,
            target,
            patience,
            connection: None,
            calls,
        };
        let mut task = JoinSet::new();
        task.spawn_on(node.run(asked, stop.clone()), runtime);
        Self {
            questions,
            stop,
            patience,
            task: Mutex::new(task),
        }
    }

    pub(super) async fn hub(&self) -> Answer<HubProperties> {
        self.ask(Question::Hub).await
    }

    pub(super) async fn partition(&self, id: &PartitionId) -> Answer<PartitionProperties> {
        self.ask(|reply| Question::Partition(id.clone(), reply))
            .await
    }

    async fn ask<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<Answer<T>>) -> Question,
    ) -> Answer<T> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.questions.send(question(reply)).await.ok()?;
            answer.await.ok()
        };
        match timeout(self.patience * CALLS_AWAITED, asked).await {
            Ok(Some(answer)) => answer,
            Ok(None) => Err(unavailable("the source is shut down")),
            Err(_) => Err(unavailable(
                "too many questions to the management node before this one",
            )),
        }
    }

    /// Ends the task and waits for it.
    pub(super) async fn shutdown(&self) {
        self.stop.cancel();
        let mut task = self.task.lock().await;
        if timeout(SHUTDOWN_TIMEOUT, task.join_next()).await.is_err() {
            // The client goes with the call.
            task.shutdown().await;
        }
    }
}

fn unavailable(message: &str) -> SourceError {
    SourceError::new(SourceErrorKind::Unavailable, message)
}

/// The task.
struct Node {
    settings: Arc<Settings>,
    closer: Arc<Closer>,
    target: Target,
    patience: Duration,
    connection: Option<(Connection, Instant)>,
    calls: Interval,
}

impl Node {
    async fn run(
        mut self,
        mut asked: mpsc::Receiver<Question>,
        stop: tokio_util::sync::CancellationToken,
    ) {
        // Only the wait for a question is given up, never a call.
        while let Some(Some(question)) = stop.run_until_cancelled(asked.recv()).await {
            self.answer(question).await;
        }
        if let Some((connection, _)) = self.connection.take() {
            connection.close().await;
        }
    }

    /// Nobody may be waiting for the answer any more, before or after the call.
    async fn answer(&mut self, question: Question) {
        match question {
            Question::Hub(reply) if !reply.is_closed() => {
                drop(reply.send(self.call(Self::ask_hub).await));
            }
            Question::Partition(id, reply) if !reply.is_closed() => {
                let call = async |node: &Self, connection: &Connection| {
                    node.ask_partition(connection, &id).await
                };
                drop(reply.send(self.call(call).await));
            }
            Question::Hub(_) | Question::Partition(..) => {}
        }
    }

    /// One call, on the client that is kept if there is one. The right that was there when that
    /// one was made may have ended with its token: before it is said to be missing, a new client
    /// is asked.
    async fn call<T>(
        &mut self,
        call: impl AsyncFnOnce(&Self, &Connection) -> Answer<T> + Copy,
    ) -> Answer<T> {
        self.calls.tick().await;
        if let Some(kept) = self.connection.take().filter(|kept| self.lasts(kept)) {
            match self.lend(Some(kept), call).await {
                Err(error) if error.kind == SourceErrorKind::Unauthorized => {}
                answer => return answer,
            }
            self.calls.tick().await;
        }
        self.lend(None, call).await
    }

    /// Whether a client is still good for one call.
    fn lasts(&self, (connection, since): &(Connection, Instant)) -> bool {
        let ends = connection.credential().and_then(|it| it.ends());
        since.elapsed() < CONNECTION_AGE_MAX
            && ends.is_none_or(|ends| Instant::now() + self.patience < ends)
    }

    /// Lends the client to one call. It comes back with a good answer only.
    async fn lend<T>(
        &mut self,
        kept: Option<(Connection, Instant)>,
        call: impl AsyncFnOnce(&Self, &Connection) -> Answer<T>,
    ) -> Answer<T> {
        let node = &*self;
        let lent = async {
            let (connection, since) = match kept {
                Some(kept) => kept,
                None => (node.connect().await?, Instant::now()),
            };
            let answer = call(node, &connection).await?;
            Ok((answer, (connection, since)))
        };
        // The SDK panics on an answer with values of another type.
        match timeout(self.patience, AssertUnwindSafe(lent).catch_unwind()).await {
            Ok(Ok(Ok((answer, connection)))) => {
                self.connection = Some(connection);
                Ok(answer)
            }
            Ok(Ok(Err(error))) => Err(error),
            Ok(Err(_panic)) => Err(odd("an answer with values of other types")),
            Err(_) => Err(unavailable(&format!(
                "no answer from the management node within {:?}",
                self.patience
            ))),
        }
    }

    async fn connect(&self) -> Answer<Connection> {
        self.closer.admit(&None)?;
        connect(&self.settings, &self.closer, None)
            .await
            .map_err(|error| error::classify(&error, &self.target))
    }

    async fn ask_hub(&self, connection: &Connection) -> Answer<HubProperties> {
        let classify = |error| error::classify(&error, &self.target);
        let client = connection.client().map_err(classify)?;
        let answer = client.get_eventhub_properties().await.map_err(classify)?;
        checked_hub(&self.target, answer)
    }

    async fn ask_partition(
        &self,
        connection: &Connection,
        id: &PartitionId,
    ) -> Answer<PartitionProperties> {
        let classify = |error| error::classify(&error, &self.target);
        let client = connection.client().map_err(classify)?;
        let answer = client
            .get_partition_properties(id.as_str())
            .await
            .map_err(classify)?;
        checked_partition(&self.target, id, answer)
    }
}

fn checked_hub(target: &Target, answer: EventHubProperties) -> Answer<HubProperties> {
    check_hub_name(target, &answer.name)?;
    let created_at = answer.created_on.ok_or_else(|| odd("no creation time"))?;
    if answer.partition_ids.is_empty() {
        return Err(odd("no partitions"));
    }
    Ok(HubProperties {
        created_at: created_at.into(),
        partitions: answer
            .partition_ids
            .into_iter()
            .map(PartitionId::new)
            .collect(),
    })
}

fn checked_partition(
    target: &Target,
    id: &PartitionId,
    answer: EventHubPartitionProperties,
) -> Answer<PartitionProperties> {
    check_hub_name(target, &answer.eventhub)?;
    if answer.id != id.as_str() {
        let other = error::one_line(&answer.id);
        return Err(odd(&format!("partition {other} instead of {id}")));
    }
    let last = answer.last_enqueued_sequence_number;
    Ok(PartitionProperties {
        begin_sequence: SequenceNumber(answer.beginning_sequence_number),
        last_sequence: SequenceNumber(last),
        last_offset: Offset::new(answer.last_enqueued_offset),
        // A never-used partition names a time in the year 1.
        last_enqueued_at: answer
            .last_enqueued_time_utc
            .filter(|_| last >= 0)
            .map(Timestamp::from),
        is_empty: answer.is_empty,
    })
}

fn check_hub_name(target: &Target, name: &str) -> Answer<()> {
    if name.eq_ignore_ascii_case(&target.event_hub) {
        return Ok(());
    }
    let other = error::one_line(name);
    Err(odd(&format!(
        "event hub {other} instead of {}",
        target.event_hub
    )))
}

fn odd(what: &str) -> SourceError {
    let message = format!("the management node answered with {what}");
    SourceError::new(SourceErrorKind::Protocol, message)
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    fn target() -> Target {
        Target {
            namespace: "localhost".to_owned(),
            endpoint: None,
            event_hub: "logs".to_owned(),
            consumer_group: "forwarder".to_owned(),
            shared_access: true,
            signature_ends: None,
        }
    }

    fn partition(eventhub: &str, id: &str, last: i64) -> EventHubPartitionProperties {
        EventHubPartitionProperties {
            id: id.to_owned(),
            eventhub: eventhub.to_owned(),
            beginning_sequence_number: last,
            last_enqueued_sequence_number: last,
            last_enqueued_offset: "17".to_owned(),
            last_enqueued_time_utc: Some(UNIX_EPOCH),
            is_empty: last < 0,
        }
    }

    #[test]
    fn an_answer_to_another_question_is_an_error() {
        let asked = PartitionId::new("1");
        let check = |hub, id| checked_partition(&target(), &asked, partition(hub, id, 5));
        assert_eq!(check("Logs", "1").unwrap().last_sequence, SequenceNumber(5));
        for (hub, id) in [("logs", "0"), ("logs", "11"), ("other", "1")] {
            assert_eq!(check(hub, id).unwrap_err().kind, SourceErrorKind::Protocol);
        }
        let never = checked_partition(&target(), &asked, partition("logs", "1", -1)).unwrap();
        assert_eq!(never.last_enqueued_at, None);
    }

    #[test]
    fn a_hub_has_a_name_a_time_and_partitions() {
        let answer = |name: &str, created_on: Option<SystemTime>, ids: &[&str]| {
            let partition_ids = ids.iter().map(|id| (*id).to_owned()).collect();
            EventHubProperties {
                name: name.to_owned(),
                created_on,
                partition_ids,
            }
        };
        let kind = |answer| checked_hub(&target(), answer).map_err(|error| error.kind);
        let now = Some(UNIX_EPOCH);
        assert_eq!(
            kind(answer("logs", now, &["0", "1"]))
                .unwrap()
                .partitions
                .len(),
            2
        );
        for odd in [
            answer("other", now, &["0"]),
            answer("logs", None, &["0"]),
            answer("logs", now, &[]),
        ] {
            assert_eq!(kind(odd), Err(SourceErrorKind::Protocol));
        }
    }
}
