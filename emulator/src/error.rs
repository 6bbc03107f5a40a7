//! What the in-process interface can answer besides success.

/// Why a call on the emulator failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The listening socket could not be bound or asked for its address.
    #[error("cannot listen: {0}")]
    Listen(#[from] std::io::Error),
    /// No hub of this name exists.
    #[error("no hub '{0}'")]
    UnknownHub(String),
    /// The hub has no partition of this number.
    #[error("hub '{hub}' has no partition {partition}")]
    UnknownPartition {
        /// The hub asked for.
        hub: String,
        /// The partition asked for.
        partition: u32,
    },
    /// A hub of this name exists already.
    #[error("hub '{0}' exists")]
    HubExists(String),
    /// The event is larger than the hub's message limit.
    #[error("event of {size} bytes exceeds the limit of {limit} bytes")]
    TooLarge {
        /// Bytes of the event.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// A backlog can only be given to a partition that has never been used.
    #[error("partition is in use")]
    PartitionInUse,
    /// An option has no meaning, for example a hub without partitions.
    #[error("{0}")]
    Invalid(String),
}

/// The result of the emulator's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;
