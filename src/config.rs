//! Configuration: what was checked and can be relied on.
//!
//! [`load`] turns one TOML file and the environment into [`Config`], or into a list of all
//! mistakes. Every key is defined once, in `keys`; validation, schema, reference and examples
//! are made of that table. The way of a value: `node` (as written), `given` (placed at its key),
//! `settings` (checked by its kind, or the default), `rules` (checked against other keys),
//! `build` (the types below). Only [`process_environment`] reads the environment.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

mod build;
mod cloud;
pub mod connection_string;
mod example;
mod given;
mod keys;
mod kind;
mod load;
mod node;
mod problem;
mod reference;
mod routing;
mod rules;
mod schema;
mod secret;
mod secret_file;
mod settings;
mod show;
mod sink;
mod sink_connection;
mod start;
#[cfg(test)]
mod tests;
mod text;
mod view;

/// What a destination declares its keys with.
pub(crate) mod declare {
    pub(crate) use super::keys::{Key, Need, Section, text};
    pub(crate) use super::kind::{Kind, SecretRule, TextRule};
    pub(crate) use super::view::View;
}

pub use cloud::Cloud;
pub use example::example;
pub use load::{FileText, Loaded, load, load_for_replay, process_environment, read_file};
pub use problem::{Origin, Problem, Problems};
pub use reference::reference;
pub use routing::{CategoriesConfig, SinkKind, Unrouted};
pub(crate) use rules::is_clear;
pub use schema::schema;
pub use secret::{Secret, SecretFile, SecretFileError};
pub use show::Effective;
pub use sink::{
    BatchConfig, Encoding, OnOld, OnOversize, RateConfig, RecordLimits, RefusalsConfig,
    RetryConfig, SinkConfig,
};
pub use sink_connection::{
    ClientAuthentication, Digits, HttpVersion, KeyEncoding, OAuth2Config, SignatureConfig,
    SinkAuth, SinkConnection, SinkProxy, TlsConfig,
};
pub use start::Start;

/// The effective configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The cloud that everything of Azure is in, unless its own name says otherwise.
    pub cloud: Cloud,
    /// Event Hubs to read, by name.
    pub sources: BTreeMap<String, SourceConfig>,
    /// Endpoints to deliver to, by name.
    pub sinks: BTreeMap<String, SinkConfig>,
    /// Where records go that no sink selects; `None` when there can be none.
    pub unrouted: Option<Unrouted>,
    /// Credentials that sources and stores name.
    pub credentials: BTreeMap<String, CredentialConfig>,
    /// Where positions and ownerships are kept.
    pub checkpoints: CheckpointsConfig,
    /// How replicas share the partitions.
    pub ownership: OwnershipConfig,
    /// Where dead letters are kept.
    pub dead_letters: DeadLettersConfig,
    /// The health listener.
    pub health: HealthConfig,
    /// Bounds on what is held in memory and repeated after a crash.
    pub limits: LimitsConfig,
    /// Time from the signal to stop until the process ends, whatever is left (default 25 s).
    pub shutdown_grace: Duration,
}

/// One Event Hub, seen by one consumer group.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceConfig {
    /// How it is reached and by whose right.
    pub access: SourceAccess,
    /// Fully qualified namespace, lower case (`<name>.servicebus.windows.net`).
    pub namespace: String,
    /// Name of the hub.
    pub event_hub: String,
    /// The consumer group, which has no default.
    pub consumer_group: String,
    /// The consumer group of the commands that read beside a running forwarder; `None` leaves it to
    /// [`crate::tools`].
    pub tools_consumer_group: Option<String>,
    /// What AMQP travels over.
    pub transport: SourceTransport,
    /// Connects to this host and port instead of the namespace's own (a URL).
    pub custom_endpoint: Option<String>,
    /// Where a group without any checkpoint starts.
    pub start: Start,
    /// The same for single partitions, by their ids.
    pub start_partitions: BTreeMap<String, Start>,
    /// What happens when a position does not belong to the hub that is there.
    pub on_stale_checkpoint: OnStaleCheckpoint,
    /// How far before a stale position's time reading goes on.
    pub stale_margin: Duration,
    /// How long the hub keeps events, if it is known.
    pub retention: Option<Duration>,
    /// How long a partition may want events that are there, and receive none.
    pub stall_timeout: Duration,
    /// Largest event that the hub takes; counted against the memory budget per prefetched event.
    pub max_event_size: u64,
    /// What happens to a message that cannot be decoded.
    pub on_undecodable: OnUndecodable,
    /// What happens to what is no JSON.
    pub on_unparsable: OnUnparsable,
}

/// By whose right a hub is read.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceAccess {
    /// A shared-access key or signature, from a connection string.
    ConnectionString(Secret),
    /// The credential of this name in [`Config::credentials`].
    Credential(String),
    /// [`CredentialConfig::Auto`], which needs no name.
    Auto,
}

/// What AMQP travels over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceTransport {
    /// TLS over TCP, port 5671.
    #[default]
    Amqp,
    /// A WebSocket over TLS, port 443.
    WebSocket,
}

/// What happens when a position does not belong to the hub that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnStaleCheckpoint {
    /// Go on at the time of the position minus a margin; at the first event when no time is known.
    Time,
    /// Wait until somebody sets a position.
    Fail,
    /// Go on at the first retained event.
    Earliest,
    /// Go on behind the last event.
    Latest,
}

/// What happens to what is no JSON and cannot be made JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUnparsable {
    /// It is forwarded as text in a JSON object.
    Wrap,
    /// It is kept as a dead letter.
    DeadLetter,
}

/// What happens to a message that the AMQP decoder refuses again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnUndecodable {
    /// The partition waits and says so.
    Stall,
    /// It is passed over; a dead letter without a body says where it was.
    Skip,
}

/// One credential, made by `azure_identity`.
#[derive(Clone, Debug, PartialEq)]
pub enum CredentialConfig {
    /// Workload identity, then managed identity, then the Azure CLI: the first that is there.
    Auto {
        /// Client id of a user-assigned identity.
        client_id: Option<String>,
    },
    /// Managed identity, system-assigned unless a client id is given.
    ManagedIdentity {
        /// Client id of a user-assigned identity.
        client_id: Option<String>,
    },
    /// Workload identity federation.
    WorkloadIdentity {
        /// Tenant, else from the environment that the platform sets.
        tenant_id: Option<String>,
        /// Client id, else from the environment that the platform sets.
        client_id: Option<String>,
    },
    /// Service principal with a secret.
    ClientSecret {
        /// Tenant of the service principal.
        tenant_id: String,
        /// Its client id.
        client_id: String,
        /// Its secret.
        client_secret: Secret,
    },
    /// Service principal with a certificate.
    ClientCertificate {
        /// Tenant of the service principal.
        tenant_id: String,
        /// Its client id.
        client_id: String,
        /// Certificate and private key: PEM text, or PKCS#12 in base64.
        certificate: Secret,
        /// Password of the PKCS#12 file, if it has one.
        password: Option<Secret>,
    },
    /// Whoever is signed in to the Azure CLI.
    AzureCli,
}

/// Where positions and ownerships are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckpointsConfig {
    /// Which store.
    pub store: StoreConfig,
    /// Shortest time between two checkpoints of a busy partition.
    pub interval: Duration,
    /// Longest time until a position that moved is stored.
    pub interval_max: Duration,
    /// Longest wait for one answer of the store.
    pub timeout: Duration,
}

/// A checkpoint store.
#[derive(Clone, Debug, PartialEq)]
pub enum StoreConfig {
    /// A blob container.
    Blob {
        /// URL of the container; may carry a shared-access signature.
        container_url: Secret,
        /// Credential to use when the URL carries none.
        credential: Option<String>,
    },
    /// A directory on this machine.
    Directory {
        /// Path of it; made when missing.
        path: PathBuf,
    },
    /// This process's memory: forgotten at its end.
    Memory,
}

/// How replicas share the partitions of a consumer group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnershipConfig {
    /// How often the owners are listed.
    pub balance_interval: Duration,
    /// How often a claim is renewed.
    pub renew_interval: Duration,
    /// Age from which a claim counts as given up.
    pub expiry: Duration,
    /// How long an imbalance must last before a partition is taken from a live owner.
    pub steal_after: Duration,
    /// How long an endpoint may refuse until the partitions are left to another replica.
    pub give_up_after: Duration,
}

/// Where dead letters are kept.
#[derive(Clone, Debug, PartialEq)]
pub enum DeadLettersConfig {
    /// `dead-letters/` in the checkpoint store.
    Checkpoints,
    /// `dead-letters/` in a blob container.
    Blob {
        /// URL of the container; may carry a shared-access signature.
        container_url: Secret,
        /// Credential to use when the URL carries none.
        credential: Option<String>,
    },
    /// A directory on this machine.
    Directory {
        /// Path of it; made when missing.
        path: PathBuf,
    },
}

/// The health listener.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthConfig {
    /// Address of `/livez`, `/readyz` and `/startupz`; `None` turns it off.
    pub listen: Option<SocketAddr>,
}

/// Bounds on what is held in memory and repeated after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Everything that grows with data.
    pub memory_budget: u64,
    /// Largest size to which a compressed event is unpacked.
    pub expansion_max: u64,
    /// Most events of a partition that are read and not settled.
    pub open_events_max: u64,
    /// Most events of a partition that are read beyond its stored checkpoint.
    pub uncommitted_max: u64,
}
