//! Exit codes, after `sysexits.h` where it has one.

use std::process::ExitCode;

use crate::checkpoint::StoreError;
use crate::event_hub::{SourceError, SourceErrorKind};

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// It ran, and the answer is no.
    No,
    /// The command line asks for something that there is not.
    Usage,
    /// A dependency is unavailable.
    Unavailable,
    /// A bug.
    Internal,
    /// Stopped at the deadline with unsettled records.
    Unsettled,
    /// Not permitted.
    NotPermitted,
    /// The configuration is wrong.
    Configuration,
    /// A second signal cut the end short.
    Interrupted,
}

impl Exit {
    /// The code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Unavailable => 69,
            Self::Internal => 70,
            Self::Unsettled => 75,
            Self::NotPermitted => 77,
            Self::Configuration => 78,
            Self::Interrupted => 130,
        }
    }
}

impl From<&SourceError> for Exit {
    /// What a hub that cannot be asked means for a command that needs it.
    fn from(error: &SourceError) -> Self {
        match error.kind {
            SourceErrorKind::Unauthorized => Self::NotPermitted,
            _ => Self::Unavailable,
        }
    }
}

impl From<&StoreError> for Exit {
    /// What a store that cannot be asked means for a command that needs it.
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Unauthorized(_) => Self::NotPermitted,
            _ => Self::Unavailable,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
