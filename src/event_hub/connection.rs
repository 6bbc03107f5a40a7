//! Connections: made here, and closed here whatever becomes of whoever used them.
//!
//! A dropped SDK client leaves its token refresh running, and the close of a client whose peer is
//! silent hangs until TCP gives up (about 15 minutes). So every client lives in a [`Connection`],
//! which hands it to the [`Closer`] at its end, and the closer counts the closes that hang.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azure_messaging_eventhubs::error::ErrorKind;
use azure_messaging_eventhubs::models::AmqpTransport;
use azure_messaging_eventhubs::{ConsumerClient, EventHubsError, RetryOptions};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::client::{Access, Settings};
use super::hold::hold;
use super::token::ConnectionCredential;
use super::{PartitionId, SourceError, SourceErrorKind};
use crate::config::SourceTransport;
use crate::telemetry::seldom::Seldom;

/// How long an abandoned client is waited for; TCP gives up after about 15 minutes.
const ABANDONED_TIMEOUT: Duration = Duration::from_secs(20 * 60);

/// Clients that may hang in closing per [`Purpose`] before no further one is opened for it.
const ABANDONED_MAX: usize = 4;

/// What a connection is for: one partition, or the management node (`None`).
pub(super) type Purpose = Option<PartitionId>;

/// Opens a connection: TCP, TLS and AMQP, without a link yet.
pub(super) async fn connect(
    settings: &Settings,
    closer: &Arc<Closer>,
    purpose: Purpose,
) -> Result<Connection, EventHubsError> {
    // A receiver that the SDK recovers starts again at its first position, and nothing reports it.
    let retry = RetryOptions {
        max_retries: 0,
        ..RetryOptions::default()
    };
    let mut builder = ConsumerClient::builder()
        .with_application_id("entra-forwarder".to_owned())
        .with_consumer_group(settings.consumer_group.clone())
        .with_retry_options(retry);
    if settings.transport == SourceTransport::WebSocket {
        builder = builder.with_transport(AmqpTransport::WebSocket);
    }
    if let Some(endpoint) = settings.endpoint() {
        builder = builder.with_custom_endpoint(endpoint);
    }
    let (client, credential) = match &settings.access {
        Access::ConnectionString(text) => {
            let client = builder
                .open_with_connection_string(text.expose(), Some(&settings.event_hub))
                .await?;
            (client, None)
        }
        Access::Credential(credential) => {
            let (namespace, hub) = (&settings.namespace, settings.event_hub.clone());
            let share = purpose
                .as_ref()
                .map_or(0, |id| xxhash_rust::xxh3::xxh3_64(id.as_str().as_bytes()));
            let credential = ConnectionCredential::new(Arc::clone(credential), share);
            let client = builder
                .open(
                    namespace,
                    hub,
                    Arc::<ConnectionCredential>::clone(&credential),
                )
                .await?;
            (client, Some(credential))
        }
    };
    Ok(Connection {
        client: Some(client),
        credential,
        purpose,
        linked: false,
        closer: Arc::clone(closer),
    })
}

/// A client that is closed in the background when this is dropped.
pub(super) struct Connection {
    client: Option<ConsumerClient>,
    credential: Option<Arc<ConnectionCredential>>,
    purpose: Purpose,
    /// Whether the partition's link has been attached.
    linked: bool,
    closer: Arc<Closer>,
}

impl Connection {
    /// The client, which is there until the end.
    pub(super) fn client(&self) -> Result<&ConsumerClient, EventHubsError> {
        self.client
            .as_ref()
            .ok_or_else(|| ErrorKind::SimpleMessage("the connection is closed".into()).into())
    }

    /// What gives it tokens; `None` with a connection string.
    pub(super) fn credential(&self) -> Option<&Arc<ConnectionCredential>> {
        self.credential.as_ref()
    }

    /// The partition's link has been attached; at its end it must not be attached again.
    pub(super) fn has_link(&mut self) {
        self.linked = true;
    }

    /// What the close must not detach.
    fn link(&self) -> Option<PartitionId> {
        self.purpose.clone().filter(|_| self.linked)
    }

    /// Closes the client; returns after the closer's patience at the latest.
    pub(super) async fn close(mut self) {
        if let Some(client) = self.client.take() {
            let closed = self.closer.begin(client, self.purpose.clone(), self.link());
            // An error means that the close has ended.
            closed.await.unwrap_or_default();
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            let link = self.link();
            drop(self.closer.begin(client, self.purpose.take(), link));
        }
    }
}

/// Closes clients, each in a task of its own.
pub(super) struct Closer {
    /// How long a close may take before its client counts as abandoned.
    patience: Duration,
    runtime: Handle,
    tasks: Mutex<JoinSet<()>>,
    abandoned: Abandoned,
    /// Connections that did not end, of which the log does not say yet.
    unsaid: Arc<Seldom>,
}

/// How many closes hang, by what their clients were for.
type Abandoned = Arc<Mutex<HashMap<Purpose, usize>>>;

impl Closer {
    /// The closes will run on `runtime`.
    pub(super) fn new(patience: Duration, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            patience,
            runtime,
            tasks: Mutex::default(),
            abandoned: Arc::default(),
            unsaid: Arc::default(),
        })
    }

    /// Clients whose close hangs right now.
    pub(super) fn abandoned(&self) -> usize {
        lock(&self.abandoned).values().sum()
    }

    /// Refuses a further connection for a purpose for which too many hang in closing: while the
    /// other end swallows packets, each try would leave one more socket behind.
    ///
    /// # Errors
    /// `Unavailable`, until one of them has ended.
    pub(super) fn admit(&self, purpose: &Purpose) -> Result<(), SourceError> {
        let hanging = lock(&self.abandoned).get(purpose).copied().unwrap_or(0);
        if hanging < ABANDONED_MAX {
            return Ok(());
        }
        let what = match purpose {
            Some(id) => format!("partition {id}"),
            None => "the management node".to_owned(),
        };
        Err(SourceError::new(
            SourceErrorKind::Unavailable,
            format!(
                "{hanging} connections for {what} hang in closing, since the service is silent on \
                 them; another one is opened when one of them has ended"
            ),
        ))
    }

    /// Starts a close. What is returned ends when the client is closed or counts as abandoned.
    fn begin(
        &self,
        client: ConsumerClient,
        purpose: Purpose,
        link: Option<PartitionId>,
    ) -> oneshot::Receiver<()> {
        let (done, closed) = oneshot::channel();
        let (patience, abandoned) = (self.patience, Arc::clone(&self.abandoned));
        let unsaid = Arc::clone(&self.unsaid);
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        let close = async move {
            let _held = match &link {
                Some(partition) => hold(&client, partition).await,
                None => None,
            };
            let mut close = std::pin::pin!(client.close());
            if timeout(patience, &mut close).await.is_ok() {
                return;
            }
            let _counted = Counted::new(abandoned, purpose);
            drop(done);
            // To drop the close would lose sight of the socket, not free it.
            if timeout(ABANDONED_TIMEOUT, close).await.is_err()
                && let Some(connections) = unsaid.once_more()
            {
                tracing::warn!(
                    event = "connection_given_up",
                    connections,
                    "a connection to the event hub did not end; it is given up"
                );
            }
        };
        tasks.spawn_on(close, &self.runtime);
        closed
    }

    /// Waits for the closes under way for as long as one may take, then ends them.
    pub(super) async fn shutdown(&self) {
        let mut tasks = std::mem::take(&mut *lock(&self.tasks));
        let all = async { while tasks.join_next().await.is_some() {} };
        if timeout(self.patience, all).await.is_err() {
            tasks.shutdown().await;
        }
    }
}

impl Drop for Closer {
    /// Without a shutdown the closes run on: to end them would leave token refreshes behind.
    fn drop(&mut self) {
        self.tasks
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .detach_all();
    }
}

/// One more for as long as it lives.
struct Counted(Abandoned, Purpose);

impl Counted {
    fn new(abandoned: Abandoned, purpose: Purpose) -> Self {
        *lock(&abandoned).entry(purpose.clone()).or_default() += 1;
        Self(abandoned, purpose)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut abandoned = lock(&self.0);
        if let Some(count) = abandoned.get_mut(&self.1) {
            *count -= 1;
        }
        abandoned.retain(|_, count| *count > 0);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
