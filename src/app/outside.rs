//! What really stands outside: Event Hubs, endpoints, stores, as the configuration names them.

use std::collections::BTreeMap;
use std::sync::Arc;

use azure_core::credentials::TokenCredential;

use super::Seams;
use crate::auth;
use crate::budget::Budget;
use crate::checkpoint::CheckpointStore;
use crate::checkpoint::blob::{BlobStore, Container};
use crate::checkpoint::directory::DirectoryStore;
use crate::checkpoint::memory::MemoryStore;
use crate::clock::{SharedRng, SystemClock};
use crate::compress::CompressionPool;
use crate::config::{Config, DeadLettersConfig, SourceAccess, StoreConfig};
use crate::deliver::dead_letter::DeadLetterStore;
use crate::deliver::dead_letter::blob::BlobDeadLetters;
use crate::deliver::dead_letter::directory::DirectoryDeadLetters;
use crate::deliver::dead_letter::memory::MemoryDeadLetters;
use crate::deliver::http::{HttpTransport, Transport};
use crate::event_hub::Source;
use crate::event_hub::client::{Access, EventHubSource, Settings, Timeouts};
use crate::event_hub::runtime::AmqpRuntime;

/// Folder of the dead letters in a directory store.
const DEAD_LETTERS_FOLDER: &str = "dead-letters";

/// Everything outside, with what has to be closed at the end.
pub struct Outside {
    /// For [`super::App::start`].
    pub seams: Seams,
    hubs: Vec<Arc<EventHubSource>>,
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
        let credentials = credentials(config, default_client_id)?;
        let (store, dead_letters) = stores(config, &credentials)?;
        let mut transports: Vec<Arc<dyn Transport>> = Vec::new();
        for (name, sink) in &config.sinks {
            let transport =
                HttpTransport::new(sink).map_err(|error| at(format!("sinks.{name}"))(&error))?;
            transports.push(Arc::new(transport));
        }
        let hubs = hubs(config, &credentials)?;
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
        };
        Ok(Self { seams, hubs })
    }

    /// Takes the seams, and leaves what closes the hubs.
    pub fn split(self) -> (Seams, Hubs) {
        (self.seams, Hubs(self.hubs))
    }
}

/// The connections to the hubs that are not a reader's.
pub struct Hubs(Vec<Arc<EventHubSource>>);

impl Hubs {
    /// Closes them, within about ten seconds.
    pub async fn close(self) {
        futures::future::join_all(self.0.iter().map(|hub| hub.shutdown())).await;
    }
}

type Credentials = BTreeMap<String, Arc<dyn TokenCredential>>;

fn credentials(
    config: &Config,
    default_client_id: Option<&str>,
) -> Result<Credentials, OutsideError> {
    let make = |(name, credential)| {
        let made = auth::credential(credential, default_client_id.map(str::to_owned))
            .map_err(|error| at(format!("credentials.{name}"))(&error))?;
        Ok((String::clone(name), made))
    };
    config.credentials.iter().map(make).collect()
}

fn named(
    credentials: &Credentials,
    name: &str,
    place: String,
) -> Result<Arc<dyn TokenCredential>, OutsideError> {
    credentials
        .get(name)
        .map(Arc::clone)
        .ok_or_else(|| OutsideError {
            place,
            problem: format!("there is no credential `{name}`"),
        })
}

fn hubs(
    config: &Config,
    credentials: &Credentials,
) -> Result<Vec<Arc<EventHubSource>>, OutsideError> {
    let runtime = AmqpRuntime::start().map_err(|error| at("sources")(&error))?;
    let reach = |(name, source): (&String, &crate::config::SourceConfig)| {
        let access = match &source.access {
            SourceAccess::ConnectionString(text) => Access::ConnectionString(text.clone()),
            SourceAccess::Credential(credential) => {
                let place = format!("sources.{name}.credential");
                Access::Credential(named(credentials, credential, place)?)
            }
        };
        let settings = Settings {
            namespace: source.namespace.clone(),
            event_hub: source.event_hub.clone(),
            consumer_group: source.consumer_group.clone(),
            custom_endpoint: source.custom_endpoint.clone(),
            access,
        };
        Ok(Arc::new(EventHubSource::new(
            settings,
            Timeouts::default(),
            &runtime,
        )))
    };
    config.sources.iter().map(reach).collect()
}

/// The bodies that are being built have a share of the memory budget.
fn compressor(config: &Config) -> CompressionPool {
    let largest = config
        .sinks
        .values()
        .map(|sink| sink.batch.bytes)
        .max()
        .unwrap_or(1);
    CompressionPool::within(Budget::new(config.limits.memory_budget).building(), largest)
}

type Stores = (Arc<dyn CheckpointStore>, Arc<dyn DeadLetterStore>);

fn stores(config: &Config, credentials: &Credentials) -> Result<Stores, OutsideError> {
    let timeout = config.checkpoints.timeout;
    let (store, beside): Stores = match &config.checkpoints.store {
        StoreConfig::Blob {
            container_url,
            credential,
        } => {
            let place = || "checkpoints.credential".to_owned();
            let credential = credential
                .as_deref()
                .map(|name| named(credentials, name, place()))
                .transpose()?;
            let container = Container::new(container_url, credential, timeout)
                .map_err(|error| at("checkpoints.container_url")(&error))?;
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
        DeadLettersConfig::Directory { path } => Arc::new(DirectoryDeadLetters::new(path, timeout)),
    };
    Ok((store, dead_letters))
}
