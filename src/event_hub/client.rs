//! [`EventHubSource`]: a hub, read with the Azure SDK.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use tokio::time::{Instant, timeout};

use super::connection::{Closer, connect};
use super::control::Control;
use super::error::{self, Target};
use super::runtime::AmqpRuntime;
use super::{
    EventStream, HubProperties, OpenAt, PartitionId, PartitionProperties, Source, SourceError,
    SourceErrorKind, stream,
};
use crate::config::connection_string::ConnectionString;
use crate::config::{Secret, SourceTransport};

/// Port of the development emulator when its connection string names none.
const EMULATOR_PORT: u16 = 5672;

/// Beyond its bound, how long an opening is waited for.
const STUCK: Duration = Duration::from_secs(5);

/// Which hub, and how it is reached.
#[derive(Clone)]
pub struct Settings {
    /// Fully qualified namespace. A connection string's own namespace must be the same.
    pub namespace: String,
    /// Name of the hub.
    pub event_hub: String,
    /// The consumer group.
    pub consumer_group: String,
    /// What AMQP travels over.
    pub transport: SourceTransport,
    /// Connects to this host and port (or `amqp://`, `amqps://` or `wss://` URL) instead of the
    /// namespace's own; the name used for tokens and addresses stays the namespace.
    pub custom_endpoint: Option<String>,
    /// By whose right.
    pub access: Access,
    /// Epoch of the receivers. With one they are exclusive: each throws off every reader of its
    /// partition and group that has no epoch or no higher one. Without one they disturb nobody, at
    /// most five may read a partition side by side in one group, and they are refused where an
    /// exclusive one reads
    /// (<https://learn.microsoft.com/azure/event-hubs/event-hubs-event-processor-host#epoch>).
    pub epoch: Option<i64>,
}

/// Epoch of the forwarder's own receivers: a second reader of a partition in the same group throws
/// the first one off.
pub const EXCLUSIVE: Option<i64> = Some(0);

/// By whose right a hub is read.
#[derive(Clone)]
pub enum Access {
    /// A connection string with a key or a ready-made signature. With
    /// `UseDevelopmentEmulator=true` the connection is made without TLS.
    ConnectionString(Secret),
    /// Microsoft Entra ID.
    Credential(Arc<dyn TokenCredential>),
}

/// How long each step may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first packet until the service has accepted the receiver's link (30 s).
    pub open: Duration,
    /// One question to the management node, with the connection where one is needed (10 s).
    pub call: Duration,
    /// A close, before its client counts as abandoned (4 s).
    pub close: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            open: Duration::from_secs(30),
            call: Duration::from_secs(10),
            close: Duration::from_secs(4),
        }
    }
}

impl Settings {
    /// Where to connect when it is not the namespace itself.
    pub(super) fn endpoint(&self) -> Option<String> {
        let emulator = match &self.access {
            Access::ConnectionString(text) => emulator_endpoint(text.expose()),
            Access::Credential(_) => None,
        };
        match &self.custom_endpoint {
            Some(endpoint) if endpoint.contains("://") => Some(endpoint.clone()),
            Some(endpoint) if emulator.is_some() => Some(format!("amqp://{endpoint}")),
            Some(endpoint) => Some(format!("amqps://{endpoint}")),
            None => emulator,
        }
    }

    pub(super) fn target(&self) -> Target {
        Target {
            namespace: self.namespace.clone(),
            endpoint: self.endpoint(),
            event_hub: self.event_hub.clone(),
            consumer_group: self.consumer_group.clone(),
            shared_access: matches!(self.access, Access::ConnectionString(_)),
            signature_ends: match &self.access {
                Access::ConnectionString(text) => signature_ends(text),
                Access::Credential(_) => None,
            },
        }
    }
}

/// When the ready-made signature of a connection string ends.
fn signature_ends(connection_string: &Secret) -> Option<super::Timestamp> {
    ConnectionString::parse(connection_string.expose())
        .ok()?
        .signature_ends()
}

/// `amqp://host:port` when the connection string says that it is the emulator's.
fn emulator_endpoint(connection_string: &str) -> Option<String> {
    let value = |name: &str| {
        connection_string.split(';').find_map(|part| {
            let (key, value) = part.split_once('=')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    if !value("UseDevelopmentEmulator")?.eq_ignore_ascii_case("true") {
        return None;
    }
    let endpoint = url::Url::parse(value("Endpoint")?).ok()?;
    let port = endpoint.port().unwrap_or(EMULATOR_PORT);
    Some(format!("amqp://{}:{port}", endpoint.host_str()?))
}

/// A hub, seen by one consumer group: one connection per open receiver and one for management.
///
/// `Unauthorized` from [`EventStream::next`] says that the link's token has expired, before it says
/// anything of permissions: reopen. From [`Source::open`] it says that a fresh token was refused.
pub struct EventHubSource {
    settings: Arc<Settings>,
    target: Target,
    timeouts: Timeouts,
    closer: Arc<Closer>,
    control: Control,
    runtime: AmqpRuntime,
}

impl EventHubSource {
    /// Connects to nothing yet; what connects will run on `runtime`. `rustls` needs its default
    /// crypto provider before the first call.
    pub fn new(settings: Settings, timeouts: Timeouts, runtime: &AmqpRuntime) -> Self {
        let settings = Arc::new(settings);
        let closer = Closer::new(timeouts.close, runtime.handle().clone());
        let control = Control::start(
            Arc::clone(&settings),
            Arc::clone(&closer),
            timeouts.call,
            runtime.handle(),
        );
        Self {
            target: settings.target(),
            settings,
            timeouts,
            closer,
            control,
            runtime: runtime.clone(),
        }
    }

    /// Clients whose close hangs because their peer is silent. Their sockets stay until TCP gives
    /// up, so whoever reopens should wait when there are many.
    pub fn abandoned_clients(&self) -> usize {
        self.closer.abandoned()
    }

    /// Ends the management task and the closes under way, within about ten seconds. Close the
    /// streams first: what is closed later runs on without anyone who waits for it.
    pub async fn shutdown(&self) {
        self.control.shutdown().await;
        self.closer.shutdown().await;
    }
}

#[async_trait]
impl Source for EventHubSource {
    async fn hub_properties(&self) -> Result<HubProperties, SourceError> {
        self.control.hub().await
    }

    async fn partition_properties(
        &self,
        partition: &PartitionId,
    ) -> Result<PartitionProperties, SourceError> {
        self.control.partition(partition).await
    }

    async fn open(
        &self,
        partition: &PartitionId,
        at: OpenAt,
        prefetch: u32,
    ) -> Result<Box<dyn EventStream>, SourceError> {
        let (settings, closer) = (Arc::clone(&self.settings), Arc::clone(&self.closer));
        let (target, partition, bound) =
            (self.target.clone(), partition.clone(), self.timeouts.open);
        let opened = self.runtime.run(async move {
            let open = async {
                let purpose = Some(partition.clone());
                closer.admit(&purpose)?;
                let connection = connect(&settings, &closer, purpose)
                    .await
                    .map_err(|error| error::classify(&error, &target))?;
                let credential = connection.credential().cloned();
                let options = stream::options(&at, prefetch, settings.epoch);
                let opened = stream::open(connection, &partition, options, &target).await;
                let ends = credential.and_then(|credential| credential.ends());
                opened.map_err(|error| match error.kind {
                    SourceErrorKind::Unauthorized
                        if ends.is_some_and(|end| end <= Instant::now()) =>
                    {
                        SourceError::new(
                            SourceErrorKind::Unavailable,
                            "the token ended while the receiver was opened",
                        )
                    }
                    _ => error,
                })
            };
            timeout(bound, open).await.unwrap_or_else(|_| {
                Err(SourceError::new(
                    SourceErrorKind::Unavailable,
                    format!(
                        "{} did not open the receiver within {bound:?}",
                        target.namespace
                    ),
                ))
            })
        });
        // The thread bounds it by itself; this one holds when the thread does not go on.
        let opened = timeout(bound + STUCK, opened).await.map_err(|_| {
            SourceError::new(
                SourceErrorKind::Unavailable,
                "the AMQP thread does not go on",
            )
        })?;
        match opened {
            Some(opened) => Ok(Box::new(opened?)),
            None => Err(SourceError::new(
                SourceErrorKind::Protocol,
                "opening the receiver panicked",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(connection_string: &str, custom_endpoint: Option<&str>) -> Settings {
        Settings {
            namespace: "localhost".to_owned(),
            event_hub: "logs".to_owned(),
            consumer_group: "forwarder".to_owned(),
            transport: SourceTransport::Amqp,
            custom_endpoint: custom_endpoint.map(str::to_owned),
            access: Access::ConnectionString(Secret::new(connection_string)),
            epoch: EXCLUSIVE,
        }
    }

    #[test]
    fn the_emulator_is_reached_without_tls() {
        let real =
            "Endpoint=sb://a.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=k";
        let emulator = "Endpoint=sb://localhost:5673;SharedAccessKeyName=n;SharedAccessKey=k;\
                        useDevelopmentEmulator=True;";
        let endpoint = |text, custom| settings(text, custom).endpoint();
        assert_eq!(endpoint(real, None), None);
        assert_eq!(endpoint(real, Some("h:1")).as_deref(), Some("amqps://h:1"));
        assert_eq!(
            endpoint(real, Some("amqp://h:1")).as_deref(),
            Some("amqp://h:1")
        );
        assert_eq!(
            endpoint(emulator, None).as_deref(),
            Some("amqp://localhost:5673")
        );
        assert_eq!(
            endpoint(emulator, Some("h:1")).as_deref(),
            Some("amqp://h:1")
        );
        let portless = "Endpoint=sb://localhost;UseDevelopmentEmulator=true";
        assert_eq!(
            endpoint(portless, None).as_deref(),
            Some("amqp://localhost:5672")
        );
    }
}
