//! How the stages end.

/// How the stages ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everything that was read is delivered and checkpointed, except in partitions that others have
    /// taken: there the new owners' checkpoints count.
    Settled,
    /// The deadline came first: this many records are read again by the next owner.
    Unsettled {
        /// Records that were owed.
        records: u64,
    },
    /// Everything is delivered, but the last checkpoint could not be stored.
    NotStored,
}

/// A task ended that never ends: a bug.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A stage ended or panicked.
    #[error("a stage of the pipeline ended: {0}")]
    Stage(String),
    /// A rule of the ledger was broken.
    #[error("the ledger is frozen: {0}")]
    Ledger(#[from] crate::checkpoint::ledger::LedgerError),
}
