//! Connection strings of Event Hubs: `Key=Value` parts between semicolons.
//!
//! **Source**: <https://learn.microsoft.com/azure/event-hubs/event-hubs-get-connection-string>,
//! and for `UseDevelopmentEmulator`
//! <https://learn.microsoft.com/azure/event-hubs/test-locally-with-event-hub-emulator>.

use super::Secret;
use crate::event_hub::Timestamp;

/// The parts of a connection string that matter for reading. Other parts are passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionString {
    /// Host name of `Endpoint`, lower case.
    pub host: String,
    /// Port of `Endpoint`, if it names one.
    pub port: Option<u16>,
    /// By which right.
    pub access: SharedAccess,
    /// The hub, if the string belongs to one.
    pub entity_path: Option<String>,
    /// Whether the other end is the emulator, which speaks plain AMQP.
    pub development_emulator: bool,
}

/// By which right a connection string lets one in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SharedAccess {
    /// A key of a policy, to make signatures with.
    Key {
        /// Name of the policy.
        name: String,
        /// Its key.
        key: Secret,
    },
    /// A signature that somebody else made.
    Signature(Secret),
}

/// Why a text is not a connection string. Shows no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionStringError {
    /// A part has no `=`.
    #[error("part {0} has no \"=\"")]
    NoEquals(usize),
    /// A part occurs more than once.
    #[error("{0} is there twice")]
    Twice(&'static str),
    /// There is no usable `Endpoint`.
    #[error("it has no Endpoint=sb://<host>/")]
    Endpoint,
    /// There is neither a key with its name nor a signature.
    #[error("it has neither SharedAccessKeyName with SharedAccessKey nor SharedAccessSignature")]
    Access,
    /// There are a key and a signature.
    #[error("it has both SharedAccessKey and SharedAccessSignature")]
    TwoAccesses,
    /// `UseDevelopmentEmulator` is something else.
    #[error("UseDevelopmentEmulator is neither true nor false")]
    Emulator,
}

/// The known parts.
const PARTS: [&str; 6] = [
    "Endpoint",
    "SharedAccessKeyName",
    "SharedAccessKey",
    "SharedAccessSignature",
    "EntityPath",
    "UseDevelopmentEmulator",
];

impl ConnectionString {
    /// Reads a connection string. Keys may have any case; values may contain `=`.
    ///
    /// # Errors
    /// [`ConnectionStringError`], which shows no part of the text.
    pub fn parse(text: &str) -> Result<Self, ConnectionStringError> {
        let mut found: [Option<&str>; 6] = [None; 6];
        let parts = text
            .split(';')
            .map(str::trim)
            .enumerate()
            .filter(|(_, part)| !part.is_empty());
        for (index, part) in parts {
            let (key, value) = part
                .split_once('=')
                .ok_or(ConnectionStringError::NoEquals(index + 1))?;
            for (name, slot) in PARTS.iter().zip(&mut found) {
                if name.eq_ignore_ascii_case(key.trim()) && slot.replace(value.trim()).is_some() {
                    return Err(ConnectionStringError::Twice(name));
                }
            }
        }
        let [endpoint, key_name, key, signature, entity_path, emulator] =
            found.map(|value| value.filter(|value| !value.is_empty()));
        let (host, port) = endpoint
            .and_then(host_and_port)
            .ok_or(ConnectionStringError::Endpoint)?;
        let access = match (key_name, key, signature) {
            (Some(name), Some(key), None) => SharedAccess::Key {
                name: name.to_owned(),
                key: Secret::new(key),
            },
            (_, None, Some(signature)) => SharedAccess::Signature(Secret::new(signature)),
            (_, Some(_), Some(_)) => return Err(ConnectionStringError::TwoAccesses),
            _ => return Err(ConnectionStringError::Access),
        };
        let development_emulator = match emulator {
            None => false,
            Some(value) if value.eq_ignore_ascii_case("true") => true,
            Some(value) if value.eq_ignore_ascii_case("false") => false,
            Some(_) => return Err(ConnectionStringError::Emulator),
        };
        let entity_path = entity_path.map(str::to_owned);
        Ok(Self {
            host,
            port,
            access,
            entity_path,
            development_emulator,
        })
    }

    /// When the ready-made signature ends (`se=`, in seconds since 1970,
    /// <https://learn.microsoft.com/rest/api/eventhub/generate-sas-token>); `None` with a key, which
    /// makes signatures without end, or when the signature does not say it.
    pub fn signature_ends(&self) -> Option<Timestamp> {
        let SharedAccess::Signature(signature) = &self.access else {
            return None;
        };
        let fields = signature.expose();
        let fields = fields
            .split_once(char::is_whitespace)
            .map_or(fields, |(_, fields)| fields);
        let seconds: i64 = fields
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find_map(|(key, value)| (key.trim() == "se").then(|| value.trim().parse().ok()))??;
        Some(Timestamp(seconds.checked_mul(1000)?))
    }

    /// The address to connect to when it is not the namespace's own. A port that is usual for
    /// AMQP says nothing about WebSockets.
    pub fn custom_endpoint(&self, websocket: bool) -> Option<String> {
        let (scheme, usual) = match (self.development_emulator, websocket) {
            (true, _) => {
                return Some(format!(
                    "amqp://{}:{}",
                    self.host,
                    self.port.unwrap_or(5672)
                ));
            }
            (false, true) => ("wss", [443, 5671]),
            (false, false) => ("amqps", [5671, 5671]),
        };
        let port = self.port.filter(|port| !usual.contains(port))?;
        Some(format!("{scheme}://{}:{port}", self.host))
    }
}

/// Splits `sb://host:port/`; the scheme may be missing.
fn host_and_port(endpoint: &str) -> Option<(String, Option<u16>)> {
    let address = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, address)| address);
    // The `url` crate knows no default port for this scheme, so that a given one stays visible.
    let url = url::Url::parse(&format!("sb://{address}")).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty())?;
    if !url.username().is_empty() || !matches!(url.path(), "" | "/") || url.query().is_some() {
        return None;
    }
    Some((host.to_ascii_lowercase(), url.port()))
}
