//! Why a command did not do what it was asked to.

use super::exit::Exit;
use crate::app::outside::OutsideError;
use crate::app::replaying::BeginError;
use crate::checkpoint::StoreError;
use crate::config::Problems;
use crate::deliver::dead_letter::DeadLetterError;
use crate::event_hub::SourceError;
use crate::partition::resume::TakeOverError;
use crate::tools::ToolsError;

/// Why a command did not do what it was asked to: one sentence each.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) sentences: Vec<String>,
}

impl Failure {
    pub(super) fn new(exit: Exit, sentence: impl Into<String>) -> Self {
        Self {
            exit,
            sentences: vec![sentence.into()],
        }
    }

    pub(super) fn of_hub(source: &str, error: &SourceError) -> Self {
        Self::new(error.into(), format!("sources.{source}: {error}"))
    }

    pub(super) fn of_store(place: &str, error: &StoreError) -> Self {
        Self::new(error.into(), format!("{place}: {error}"))
    }

    pub(super) fn report(self) -> Exit {
        for sentence in self.sentences {
            eprintln!("error: {sentence}");
        }
        self.exit
    }
}

impl From<OutsideError> for Failure {
    fn from(error: OutsideError) -> Self {
        Self::new(Exit::Configuration, error.to_string())
    }
}

impl From<ToolsError> for Failure {
    fn from(error: ToolsError) -> Self {
        let exit = match &error {
            ToolsError::Outside(_) => Exit::Configuration,
            ToolsError::Hub { error, .. } => error.into(),
            ToolsError::NoGroup(_) | ToolsError::MadeAgain(_) => Exit::Unavailable,
            ToolsError::Window(_) => Exit::Usage,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<BeginError> for Failure {
    fn from(error: BeginError) -> Self {
        match &error {
            BeginError::TakeOver(TakeOverError::Store(StoreError::Conflict)) => Self::new(
                Exit::No,
                "checkpoints: another run of the same replay begins at this moment: try again",
            ),
            BeginError::TakeOver(TakeOverError::Store(store)) => {
                Self::of_store("checkpoints", store)
            }
            BeginError::TakeOver(TakeOverError::Source(hub)) => {
                Self::new(hub.into(), hub.to_string())
            }
            BeginError::OtherHub(_) => Self::new(Exit::No, error.to_string()),
        }
    }
}

impl From<&Problems> for Failure {
    fn from(problems: &Problems) -> Self {
        Self {
            exit: Exit::Configuration,
            sentences: problems.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<DeadLetterError> for Failure {
    fn from(error: DeadLetterError) -> Self {
        let exit = match error {
            DeadLetterError::NotPermitted(_) => Exit::NotPermitted,
            DeadLetterError::Unavailable(_) | DeadLetterError::Changed => Exit::Unavailable,
        };
        Self::new(exit, error.to_string())
    }
}
