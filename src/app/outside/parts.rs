//! What stands outside, in the parts that `check` looks at one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use azure_core::credentials::TokenCredential;

use super::{Credentials, Outside, OutsideError, container, settings};
use crate::checkpoint::blob::Container;
use crate::checkpoint::layouts::Place;
use crate::config::{Config, DeadLettersConfig, Secret, SinkAuth, SourceAccess, StoreConfig};
use crate::event_hub::client::{EventHubSource, Settings, Timeouts};
use crate::event_hub::runtime::AmqpRuntime;

/// Everything outside, and what it is made of.
pub struct Parts {
    /// As `run` has it.
    pub outside: Outside,
    /// Where the store keeps the positions; `None` for a store in memory.
    pub place: Option<Place>,
    /// The sources in their own consumer groups, but without epoch: their receivers are refused
    /// where somebody reads exclusively, and throw nobody off.
    pub onlookers: BTreeMap<String, Arc<EventHubSource>>,
    /// The identities of the sources that have one, by name.
    pub sources: BTreeMap<String, Arc<dyn TokenCredential>>,
    /// The identities of the sinks that have one, with the scope of their tokens, by name.
    pub sinks: BTreeMap<String, WithScope>,
    /// The container of the checkpoints, if they are in one.
    pub checkpoints: Option<BlobPart>,
    /// The container of the dead letters, if it is one of its own.
    pub dead_letters: Option<BlobPart>,
}

/// An identity, and the scope of the tokens that it is asked for.
pub type WithScope = (Arc<dyn TokenCredential>, String);

/// A container, and by whose right.
pub struct BlobPart {
    /// Where it is, with its signature if it has one.
    pub url: Secret,
    /// For calls.
    pub container: Container,
    /// The identity, where the URL carries no signature.
    pub credential: Option<Arc<dyn TokenCredential>>,
}

impl Parts {
    /// Prepares everything; connects to nothing yet.
    ///
    /// # Errors
    /// When something cannot be as configured.
    pub fn prepare(config: &Config, default_client_id: Option<&str>) -> Result<Self, OutsideError> {
        let credentials = Credentials::make(config, default_client_id)?;
        let outside = Outside::of(config, &credentials)?;
        let mut onlookers = BTreeMap::new();
        for (name, source) in &config.sources {
            let settings = Settings {
                epoch: None,
                ..settings((name, source), &credentials)?
            };
            let onlooker = EventHubSource::new(settings, Timeouts::default(), &outside.amqp);
            onlookers.insert(name.clone(), Arc::new(onlooker));
        }
        let part = |section: &str, url: &Secret, by: &Option<String>| {
            let by = by.as_deref();
            let credential = match Container::is_signed(url) {
                true => None,
                false => Some(credentials.get(by, format!("{section}.credential"))?),
            };
            let timeout = config.checkpoints.timeout;
            Ok(BlobPart {
                url: url.clone(),
                container: container(section, url, by, &credentials, timeout)?,
                credential,
            })
        };
        let checkpoints = match &config.checkpoints.store {
            StoreConfig::Blob {
                container_url,
                credential,
            } => Some(part("checkpoints", container_url, credential)?),
            StoreConfig::Directory { .. } | StoreConfig::Memory => None,
        };
        let place = match (&config.checkpoints.store, &checkpoints) {
            (StoreConfig::Directory { path }, _) => {
                Some(Place::Directory(path.clone(), config.checkpoints.timeout))
            }
            (_, Some(part)) => Some(Place::Container(part.container.clone())),
            (_, None) => None,
        };
        let dead_letters = match &config.dead_letters {
            DeadLettersConfig::Blob {
                container_url,
                credential,
            } => Some(part("dead_letters", container_url, credential)?),
            DeadLettersConfig::Checkpoints | DeadLettersConfig::Directory { .. } => None,
        };
        Ok(Self {
            outside,
            place,
            onlookers,
            sources: of_sources(config, &credentials)?,
            sinks: of_sinks(config, &credentials)?,
            checkpoints,
            dead_letters,
        })
    }

    /// The thread of everything that speaks AMQP.
    pub fn amqp(&self) -> &AmqpRuntime {
        &self.outside.amqp
    }

    /// Closes the connections to the hubs, within about ten seconds.
    pub async fn close(self) {
        let onlookers = self.onlookers.values().map(|hub| hub.shutdown());
        futures::future::join_all(onlookers).await;
        let (seams, hubs) = self.outside.split();
        drop(seams);
        hubs.close().await;
    }
}

fn of_sources(
    config: &Config,
    credentials: &Credentials,
) -> Result<BTreeMap<String, Arc<dyn TokenCredential>>, OutsideError> {
    let mut found = BTreeMap::new();
    for (name, source) in &config.sources {
        let by = match &source.access {
            SourceAccess::ConnectionString(_) => continue,
            SourceAccess::Credential(by) => Some(by.as_str()),
            SourceAccess::Auto => None,
        };
        let credential = credentials.get(by, format!("sources.{name}.credential"))?;
        found.insert(name.clone(), credential);
    }
    Ok(found)
}

fn of_sinks(
    config: &Config,
    credentials: &Credentials,
) -> Result<BTreeMap<String, WithScope>, OutsideError> {
    let mut found = BTreeMap::new();
    for (name, sink) in &config.sinks {
        if let SinkAuth::Entra { credential, scope } = &sink.connection.auth {
            let place = format!("sinks.{name}.auth.credential");
            let credential = credentials.get(credential.as_deref(), place)?;
            found.insert(name.clone(), (credential, scope.clone()));
        }
    }
    Ok(found)
}
