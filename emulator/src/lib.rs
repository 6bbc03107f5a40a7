//! An Event Hubs broker emulator over AMQP 1.0, with scripted faults.
//!
//! ```no_run
//! # async fn example() -> entra_forwarder_emulator::Result<()> {
//! use entra_forwarder_emulator::{Action, Emulator, Fault, Options};
//!
//! let emulator = Emulator::start(Options::with_hub("insights", 4)).await?;
//! let position = emulator.append("insights", 0, "{\"records\":[]}")?;
//! emulator.faults().inject(Fault::once(Action::detach()).hub("insights").after(700));
//! println!("{} at {}", emulator.connection_string(Some("insights")), position.sequence);
//! let report = emulator.stop().await;
//! assert_eq!(report.leaked, 0);
//! # Ok(())
//! # }
//! ```

mod address;
mod broker;
mod cbs;
pub mod cli;
mod clock;
mod connection;
pub mod control;
mod emulator;
mod engine;
mod epoch;
mod error;
mod faults;
pub mod filter;
mod hub;
mod log;
mod management;
mod observe;
mod options;
mod outbox;
mod request;
mod sas;
mod wire;

pub use clock::{Clock, ManualClock, SystemClock};
pub use connection::Transport;
pub use emulator::Emulator;
pub use error::{Error, Result};
pub use faults::{Action, Fault, FaultId, Faults, Matcher, When};
pub use filter::StartAt;
pub use log::{Backlog, Body, Event, PartitionState, Position};
pub use observe::PartitionOverview;
pub use observe::{AttachRecord, SentRecord, StopReport};
pub use options::{HubOptions, Options, Quirks};
pub use sas::{Rights, SharedKey};
