//! Exit codes, after `sysexits.h` where it has one.

use std::process::ExitCode;

/// How the program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// It ran, and the answer is no.
    No,
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
            Self::Unavailable => 69,
            Self::Internal => 70,
            Self::Unsettled => 75,
            Self::NotPermitted => 77,
            Self::Configuration => 78,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
