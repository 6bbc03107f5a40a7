//! Where positions and events are kept, for the commands that look at them.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Credentials, OutsideError, at};
use crate::checkpoint::blob::Container;
use crate::checkpoint::layouts::Place;
use crate::config::{Config, DeadLettersConfig, Secret, SinkConfig, SourceConfig, StoreConfig};
use crate::deliver::dead_letter::DeadLetterArchive;
use crate::deliver::http::Transport;
use crate::event_hub::client::{EventHubSource, Settings, Timeouts};
use crate::event_hub::runtime::AmqpRuntime;

/// Where the store of the configuration keeps its positions.
///
/// # Errors
/// When it cannot be as configured, or is the memory of another process.
pub fn of_store(config: &Config, default_client_id: Option<&str>) -> Result<Place, OutsideError> {
    match &config.checkpoints.store {
        StoreConfig::Blob {
            container_url,
            credential,
        } => {
            let places = ("checkpoints.container_url", "checkpoints.credential");
            let by = (credential.as_deref(), default_client_id);
            container(config, container_url, by, places)
        }
        StoreConfig::Directory { path } => {
            Ok(Place::Directory(path.clone(), config.checkpoints.timeout))
        }
        StoreConfig::Memory => Err(OutsideError {
            place: "checkpoints.store".to_owned(),
            problem: "\"memory\" is inside the running process alone: there is nothing to look at \
                      or to change from outside"
                .to_owned(),
        }),
    }
}

/// The dead-letter store of the configuration.
///
/// # Errors
/// When it cannot be as configured, or is the memory of another process.
pub fn dead_letters(
    config: &Config,
    default_client_id: Option<&str>,
) -> Result<Arc<dyn DeadLetterArchive>, OutsideError> {
    let is_beside = matches!(config.dead_letters, DeadLettersConfig::Checkpoints);
    if is_beside && matches!(config.checkpoints.store, StoreConfig::Memory) {
        return Err(OutsideError {
            place: "checkpoints.store".to_owned(),
            problem:
                "\"memory\" is inside the running process alone, and so are its dead letters: \
                      set dead_letters.store to see them from outside"
                    .to_owned(),
        });
    }
    let credentials = Credentials::make(config, default_client_id)?;
    super::stores(config, &credentials).map(|(_, dead_letters)| dead_letters)
}

/// What sends the requests of one sink, for the commands that send.
///
/// # Errors
/// When it cannot be as configured.
pub fn transport(
    config: &Config,
    (name, sink): (&str, &SinkConfig),
    default_client_id: Option<&str>,
) -> Result<Arc<dyn Transport>, OutsideError> {
    let credentials = Credentials::make(config, default_client_id)?;
    super::transport(name, sink, &credentials)
}

/// The hub of a source, read beside its forwarder: in another consumer group and without epoch.
///
/// # Errors
/// When it cannot be as configured.
pub fn hub_beside(
    config: &Config,
    source: (&String, &SourceConfig),
    consumer_group: &str,
    default_client_id: Option<&str>,
    amqp: &AmqpRuntime,
) -> Result<EventHubSource, OutsideError> {
    let credentials = Credentials::make(config, default_client_id)?;
    let settings = Settings {
        consumer_group: consumer_group.to_owned(),
        epoch: None,
        ..super::settings(source, &credentials)?
    };
    Ok(EventHubSource::new(settings, Timeouts::default(), amqp))
}

/// A container by its URL, or a directory by its path. `credential` names one of the configuration.
///
/// # Errors
/// When it is neither, or the credential does not fit.
pub fn from(
    config: &Config,
    text: &Secret,
    credential: Option<&str>,
    default_client_id: Option<&str>,
) -> Result<Place, OutsideError> {
    if text.expose().contains("://") {
        let places = ("--from", "--from-credential");
        return container(config, text, (credential, default_client_id), places);
    }
    if credential.is_some() {
        return Err(OutsideError {
            place: "--from-credential".to_owned(),
            problem: "a directory needs none: leave it out, or give --from a URL".to_owned(),
        });
    }
    let path = PathBuf::from(text.expose());
    Ok(Place::Directory(path, config.checkpoints.timeout))
}

fn container(
    config: &Config,
    url: &Secret,
    (credential, default_client_id): (Option<&str>, Option<&str>),
    (url_place, credential_place): (&str, &str),
) -> Result<Place, OutsideError> {
    let credential = match credential {
        // A token must not travel in the clear: without a signature there is nothing to try.
        None if Container::is_signed(url) || !is_https(url) => None,
        name => {
            let all = Credentials::make(config, default_client_id)?;
            Some(all.get(name, credential_place.to_owned())?)
        }
    };
    Container::new(url, credential, config.checkpoints.timeout)
        .map(Place::Container)
        .map_err(|error| at(url_place)(&error))
}

fn is_https(url: &Secret) -> bool {
    url.expose().starts_with("https://")
}
