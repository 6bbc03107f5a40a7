//! The things that can go wrong.

use serde::{Deserialize, Serialize};

/// What a fault does.
///
/// In JSON the kind is in `kind`, in snake case, with its fields beside it:
/// `{"kind":"delay_event","ms":20}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Detaches a link; without a condition, politely.
    DetachLink {
        /// Error condition such as `amqp:link:detach-forced`.
        #[serde(default)]
        condition: Option<String>,
        /// Text beside it.
        #[serde(default)]
        description: Option<String>,
    },
    /// Closes the connection with an AMQP Close.
    CloseConnection {
        /// Error condition such as `amqp:connection:forced`.
        #[serde(default)]
        condition: Option<String>,
        /// Text beside it.
        #[serde(default)]
        description: Option<String>,
    },
    /// Resets the connection (RST on TCP).
    Reset,
    /// Stops reading and writing on the connection; the socket stays open.
    Freeze {
        /// For so many milliseconds; else until `Faults::thaw`.
        #[serde(default)]
        ms: Option<u64>,
    },
    /// Sends bytes that are no AMQP frame.
    GarbageFrame,
    /// Sends the head of a frame larger than was agreed, and its bytes.
    OversizedFrame,
    /// Waits before the event is sent.
    DelayEvent {
        /// Milliseconds.
        ms: u64,
    },
    /// Sends the event with sections that decoders refuse (a list as an
    /// application property); its annotations are right.
    Undecodable,
    /// Limits the bytes sent per connection and second. Holds until removed.
    BytesPerSecond {
        /// Bytes per second.
        rate: u64,
    },
    /// Refuses a link.
    RefuseAttach {
        /// Error condition.
        condition: String,
        /// Text beside it.
        description: String,
    },
    /// Gives a consumer link so many events older than it asked for.
    RewindAttach {
        /// Number of events.
        events: u64,
    },
    /// Answers a put-token with a refusal.
    RefuseToken {
        /// Status code, such as 401.
        status: u16,
        /// Status text.
        description: String,
    },
    /// Never answers a put-token.
    DropToken,
    /// Closes the connection in answer to its Open.
    RefuseOpen {
        /// Error condition.
        condition: String,
        /// Text beside it.
        description: String,
    },
    /// Rejects a produced message.
    RejectSend {
        /// Error condition such as `com.microsoft:server-busy`.
        condition: String,
        /// Text beside it.
        description: String,
    },
    /// Stores a produced message but never says so.
    ForgetOutcome,
    /// Delays a management answer.
    ManagementDelay {
        /// Milliseconds.
        ms: u64,
    },
    /// Never gives the management answer.
    ManagementDrop,
    /// Answers with the values of some time ago.
    ManagementStale {
        /// Milliseconds of the broker's clock.
        ms: u64,
    },
    /// Answers with a wrong status.
    ManagementStatus {
        /// Status code.
        status: u16,
        /// Status text.
        description: String,
    },
    /// Holds the answer back until the next one has been given.
    ManagementReorder,
}

impl Action {
    /// Detaches with `amqp:link:detach-forced`.
    pub fn detach() -> Self {
        Self::detach_with("amqp:link:detach-forced", "The link is force detached.")
    }

    /// Detaches with a condition and a text.
    pub fn detach_with(condition: &str, description: &str) -> Self {
        Self::DetachLink {
            condition: Some(condition.to_owned()),
            description: Some(description.to_owned()),
        }
    }

    /// Detaches with `com.microsoft:server-busy`.
    pub fn server_busy() -> Self {
        Self::detach_with(
            "com.microsoft:server-busy",
            "The request was terminated because the entity is being throttled. Error code : 50002.",
        )
    }

    /// Refuses a link with `com.microsoft:server-busy`.
    pub fn refuse_busy() -> Self {
        Self::RefuseAttach {
            condition: "com.microsoft:server-busy".into(),
            description: "The server is busy.".into(),
        }
    }

    /// At which kind of occasion it applies.
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Self::DetachLink { .. }
            | Self::CloseConnection { .. }
            | Self::Reset
            | Self::Freeze { .. }
            | Self::GarbageFrame
            | Self::OversizedFrame => Scope::Sent,
            Self::DelayEvent { .. } | Self::Undecodable => Scope::Event,
            Self::BytesPerSecond { .. } => Scope::Rate,
            Self::RefuseAttach { .. } => Scope::Attach,
            Self::RewindAttach { .. } => Scope::Start,
            Self::RefuseToken { .. } | Self::DropToken => Scope::Token,
            Self::RefuseOpen { .. } => Scope::Open,
            Self::RejectSend { .. } | Self::ForgetOutcome => Scope::Produced,
            Self::ManagementDelay { .. }
            | Self::ManagementDrop
            | Self::ManagementStale { .. }
            | Self::ManagementStatus { .. }
            | Self::ManagementReorder => Scope::Management,
        }
    }
}

/// The kinds of occasions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Right after an event was sent, or at once.
    Sent,
    /// In place of sending an event.
    Event,
    Rate,
    Attach,
    Start,
    Token,
    Open,
    Produced,
    Management,
}

impl Scope {
    pub(crate) const COUNT: usize = 9;

    pub(crate) fn index(self) -> usize {
        match self {
            Self::Sent => 0,
            Self::Event => 1,
            Self::Rate => 2,
            Self::Attach => 3,
            Self::Start => 4,
            Self::Token => 5,
            Self::Open => 6,
            Self::Produced => 7,
            Self::Management => 8,
        }
    }
}
