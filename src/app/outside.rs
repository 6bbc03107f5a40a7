//! What really stands outside: Event Hubs, endpoints, stores, as the configuration names them.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;

use super::Seams;
use crate::auth::{self, NotedCredential, Surroundings};
use crate::budget::Budget;
use crate::checkpoint::CheckpointStore;
use crate::checkpoint::blob::{BlobStore, Container};
use crate::checkpoint::directory::DirectoryStore;
use crate::checkpoint::memory::MemoryStore;
use crate::clock::{SharedRng, SystemClock};
use crate::compress::CompressionPool;
use crate::config::{
    Config, CredentialConfig, DeadLettersConfig, Secret, SinkAuth, SinkConfig, SinkKind,
    SourceAccess, SourceConfig, StoreConfig,
};
use crate::deliver::blob::BlobTransport;
use crate::deliver::dead_letter::DeadLetterArchive;
use crate::deliver::dead_letter::blob::BlobDeadLetters;
use crate::deliver::dead_letter::directory::DirectoryDeadLetters;
use crate::deliver::dead_letter::memory::MemoryDeadLetters;
use crate::deliver::http::{EntraCredentials, HttpTransport, Transport};
use crate::deliver::null::NullTransport;
use crate::destination;
use crate::event_hub::Source;
use crate::event_hub::client::{Access, EXCLUSIVE, EventHubSource, Settings, Timeouts};
use crate::event_hub::runtime::AmqpRuntime;
use crate::format;
use crate::telemetry::expiries::{Expiries, ExpiryKind};

pub mod parts;
pub mod places;

/// Folder of the dead letters in a directory store.
const DEAD_LETTERS_FOLDER: &str = "dead-letters";

/// Everything outside, with what has to be closed at the end.
pub struct Outside {
    /// For [`super::App::start`].
    pub seams: Seams,
    hubs: Vec<Arc<EventHubSource>>,
    amqp: AmqpRuntime,
}

/// Something outside cannot be set up as configured; the text says where and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct OutsideError {
    /// Path in the configuration.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
}

fn at(place: impl Into<String>) -> impl FnOnce(&dyn std::error::Error) -> OutsideError {
    let place = place.into();
    move |error| OutsideError {
        place,
        problem: error.to_string(),
    }
}

impl Outside {
    /// Prepares everything; connects to nothing yet. `default_client_id` is the identity that the
    /// platform names (`AZURE_CLIENT_ID`).
    ///
    /// # Errors
    /// When something cannot be as configured.
    pub fn reach(config: &Config, default_client_id: Option<&str>) -> Result<Self, OutsideError> {
        Self::of(config, &Credentials::make(config, default_client_id)?)
    }

    fn of(config: &Config, credentials: &Credentials) -> Result<Self, OutsideError> {
        let expiries = Arc::clone(&credentials.expiries);
        let (store, dead_letters) = stores(config, credentials)?;
        let transports = config.sinks.iter();
        let transports = transports
            .map(|(name, sink)| transport(name, sink, credentials))
            .collect::<Result<_, _>>()?;
        let amqp = AmqpRuntime::start().map_err(|error| at("sources")(&error))?;
        let hubs = hubs(config, credentials, &amqp)?;
        let seams = Seams {
            sources: hubs
                .iter()
                .map(|hub| Arc::clone(hub) as Arc<dyn Source>)
                .collect(),
            transports,
            store,
            dead_letters,
            compressor: Arc::new(compressor(config)),
            rng: Arc::new(SharedRng::from_entropy()),
            clock: Arc::new(SystemClock),
            expiries,
        };
        Ok(Self { seams, hubs, amqp })
    }

    /// Takes the seams, and leaves what closes the hubs.
    pub fn split(self) -> (Seams, Hubs) {
        let Self { seams, hubs, amqp } = self;
        (seams, Hubs { hubs, amqp })
    }
}

/// The connections to the hubs that are not a reader's, and the thread of all of them.
pub struct Hubs {
    hubs: Vec<Arc<EventHubSource>>,
    /// Everything that speaks AMQP runs on it.
    pub amqp: AmqpRuntime,
}

impl Hubs {
    /// Closes them, within about ten seconds.
    pub async fn close(self) {
        futures::future::join_all(self.hubs.iter().map(|hub| hub.shutdown())).await;
    }
}

/// The credentials by name, and the one that has none.
struct Credentials {
    configured: BTreeMap<String, CredentialConfig>,
    named: BTreeMap<String, Arc<dyn TokenCredential>>,
    surroundings: Surroundings,
    /// Made once, so that sources and stores share its cache.
    unnamed: OnceCell<Arc<dyn TokenCredential>>,
    /// Where it is noted when they end.
    expiries: Arc<Expiries>,
}

/// What stands for the place of the credential that has no name.
const UNNAMED: &str = "credentials (auto)";

impl Credentials {
    fn make(config: &Config, default_client_id: Option<&str>) -> Result<Self, OutsideError> {
        let surroundings = Surroundings {
            client_id: default_client_id.map(str::to_owned),
            cloud: auth::cloud(config.cloud),
        };
        let expiries = Arc::<Expiries>::default();
        let make = |(name, credential)| {
            let place = format!("credentials.{name}");
            if let Some(ends) = auth::certificate_ends(credential) {
                let place = format!("{place}.certificate");
                expiries.note(ExpiryKind::Certificate, &place, ends);
            }
            let made = auth::credential(credential, &surroundings)
                .map_err(|error| at(place.clone())(&error))?;
            Ok((String::clone(name), noted(made, &place, &expiries)))
        };
        let named = config.credentials.iter().map(make);
        let named = named.collect::<Result<_, OutsideError>>()?;
        Ok(Self {
            configured: config.credentials.clone(),
            named,
            surroundings,
            unnamed: OnceCell::new(),
            expiries,
        })
    }

    /// The one of this name, or `auto` without a name. `place` is who asks.
    fn get(
        &self,
        name: Option<&str>,
        place: String,
    ) -> Result<Arc<dyn TokenCredential>, OutsideError> {
        if let Some(name) = name {
            let found = self.named.get(name).map(Arc::clone);
            return found.ok_or_else(|| OutsideError {
                place,
                problem: format!("there is no credential `{name}`"),
            });
        }
        if let Some(made) = self.unnamed.get() {
            return Ok(Arc::clone(made));
        }
        let auto = CredentialConfig::Auto { client_id: None };
        let made = auth::credential(&auto, &self.surroundings)
            .map_err(|error| at(format!("{place} (auto)"))(&error))?;
        let noted = || noted(made, UNNAMED, &self.expiries);
        Ok(Arc::clone(self.unnamed.get_or_init(noted)))
    }
}

fn noted(
    credential: Arc<dyn TokenCredential>,
    place: &str,
    expiries: &Arc<Expiries>,
) -> Arc<dyn TokenCredential> {
    Arc::new(NotedCredential::new(credential, place, expiries))
}

impl Credentials {
    /// The same for an endpoint that may refuse its tokens.
    fn get_renewable(
        &self,
        name: Option<&str>,
        place: String,
    ) -> Result<EntraCredentials, OutsideError> {
        let shared = self.get(name, place)?;
        let auto = CredentialConfig::Auto { client_id: None };
        let configured = name.and_then(|name| self.configured.get(name));
        let configured = configured.cloned().unwrap_or(auto);
        let (surroundings, expiries) = (self.surroundings.clone(), Arc::clone(&self.expiries));
        let place = name.map_or(UNNAMED.to_owned(), |name| format!("credentials.{name}"));
        let anew = move || {
            let made = auth::credential(&configured, &surroundings).ok()?;
            Some(noted(made, &place, &expiries))
        };
        Ok(EntraCredentials::new(shared, anew))
    }
}

/// What sends the requests of one sink.
fn transport(
    name: &str,
    sink: &SinkConfig,
    credentials: &Credentials,
) -> Result<Arc<dyn Transport>, OutsideError> {
    Ok(match &sink.kind {
        SinkKind::Http => http_transport(name, sink, credentials)?,
        SinkKind::Blob {
            container_url,
            credential,
        } => {
            let section = format!("sinks.{name}.{}", destination::AZURE_BLOB);
            let by = credential.as_deref();
            let container = container(&section, container_url, by, credentials, sink.timeout)?;
            Arc::new(BlobTransport::new(container))
        }
        SinkKind::Null => Arc::new(NullTransport),
    })
}

fn http_transport(
    name: &str,
    sink: &SinkConfig,
    credentials: &Credentials,
) -> Result<Arc<dyn Transport>, OutsideError> {
    let expiries = Arc::clone(&credentials.expiries);
    let credentials = match &sink.connection.auth {
        SinkAuth::Entra { credential, .. } => {
            let place = format!("sinks.{name}.auth.credential");
            Some(credentials.get_renewable(credential.as_deref(), place)?)
        }
        _ => None,
    };
    let http = HttpTransport::new(name, sink, credentials);
    let http = http.map_err(|error| at(format!("sinks.{name}"))(&error))?;
    let http = http.noting(expiries);
    Ok(format::of(sink, Arc::new(SystemClock)).transport(Arc::new(http)))
}

fn hubs(
    config: &Config,
    credentials: &Credentials,
    amqp: &AmqpRuntime,
) -> Result<Vec<Arc<EventHubSource>>, OutsideError> {
    let reach = |source| {
        let settings = settings(source, credentials)?;
        let hub = EventHubSource::new(settings, Timeouts::default(), amqp);
        Ok(Arc::new(hub))
    };
    config.sources.iter().map(reach).collect()
}

/// How a source is read by the forwarder.
fn settings(
    (name, source): (&String, &SourceConfig),
    credentials: &Credentials,
) -> Result<Settings, OutsideError> {
    let access = match &source.access {
        SourceAccess::ConnectionString(text) => Access::ConnectionString(text.clone()),
        SourceAccess::Credential(_) | SourceAccess::Auto => {
            let credential = match &source.access {
                SourceAccess::Credential(credential) => Some(credential.as_str()),
                _ => None,
            };
            let place = format!("sources.{name}.credential");
            Access::Credential(credentials.get(credential, place)?)
        }
    };
    Ok(Settings {
        namespace: source.namespace.clone(),
        event_hub: source.event_hub.clone(),
        consumer_group: source.consumer_group.clone(),
        transport: source.transport,
        custom_endpoint: source.custom_endpoint.clone(),
        access,
        epoch: EXCLUSIVE,
    })
}

/// The bodies that are being built have a share of the memory budget.
fn compressor(config: &Config) -> CompressionPool {
    let sinks = config.sinks.values();
    let sending = sinks.filter(|sink| sink.kind == SinkKind::Http);
    let bodies = sending.map(|sink| (sink.batch.bytes, sink.compression));
    CompressionPool::within(Budget::new(config.limits.memory_budget).building(), bodies)
}

type Stores = (Arc<dyn CheckpointStore>, Arc<dyn DeadLetterArchive>);

fn stores(config: &Config, credentials: &Credentials) -> Result<Stores, OutsideError> {
    let timeout = config.checkpoints.timeout;
    let (store, beside): Stores = match &config.checkpoints.store {
        StoreConfig::Blob {
            container_url,
            credential,
        } => {
            let by = credential.as_deref();
            let container = container("checkpoints", container_url, by, credentials, timeout)?;
            let dead_letters = Arc::new(BlobDeadLetters::new(container.clone()));
            (Arc::new(BlobStore::new(container)), dead_letters)
        }
        StoreConfig::Directory { path } => {
            let dead_letters = DirectoryDeadLetters::new(path.join(DEAD_LETTERS_FOLDER), timeout);
            (
                Arc::new(DirectoryStore::new(path, timeout)),
                Arc::new(dead_letters),
            )
        }
        StoreConfig::Memory => (
            Arc::new(MemoryStore::new()),
            Arc::new(MemoryDeadLetters::new()),
        ),
    };
    let dead_letters = match &config.dead_letters {
        DeadLettersConfig::Checkpoints => beside,
        DeadLettersConfig::Blob {
            container_url,
            credential,
        } => {
            let by = credential.as_deref();
            let container = container("dead_letters", container_url, by, credentials, timeout)?;
            Arc::new(BlobDeadLetters::new(container))
        }
        DeadLettersConfig::Directory { path } => Arc::new(DirectoryDeadLetters::new(path, timeout)),
    };
    Ok((store, dead_letters))
}

/// The container of a section of the configuration.
fn container(
    section: &str,
    url: &Secret,
    credential: Option<&str>,
    credentials: &Credentials,
    timeout: Duration,
) -> Result<Container, OutsideError> {
    let credential = match Container::is_signed(url) {
        true => None,
        false => Some(credentials.get(credential, format!("{section}.credential"))?),
    };
    Container::new(url, credential, timeout)
        .map_err(|error| at(format!("{section}.container_url"))(&error))
}
