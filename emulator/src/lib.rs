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
//!
//! # How it is built
//!
//! Each connection is one task (`connection`) around a state machine without
//! sockets (`engine`): bytes in, time in, bytes out. It speaks AMQP on frames;
//! only the decoding of performatives is a library's. So messages pass through
//! with all their bytes (also ones that no library decodes), every performative
//! carries all its fields (the Python client indexes them), a connection can stop
//! in the middle of anything, and bodies are shared, not copied. The connections
//! share the `broker`: hubs, partition logs, readers, faults, records.
//!
//! # What holds
//!
//! - Sequence numbers are dense; offsets are never the sequence number; enqueued
//!   times never decrease; what is trimmed is a prefix.
//! - Nothing is sent beyond a link's credit or the session's window, and nothing
//!   waits for a disposition.
//! - A link exists only while a token for its address holds.
//! - A fault counts the occasions it matches over all connections, so "after 700
//!   events" goes on counting when a reader comes back.
//! - [`Emulator::stop`] joins every task.
//!
//! # Clients
//!
//! The Rust, JavaScript (6.0) and Python (5.15) clients produce, consume and read
//! properties over plain TCP. [`Emulator::listen`] adds TLS and WebSockets.
//!
//! # What it does not do
//!
//! Transactions, link resumption, dynamic nodes, `ListEventHubs` and other HTTP
//! management, throttling by throughput units (management calls are throttled,
//! see [`Quirks::management_calls`]), and the signatures of JWTs.

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
mod throttle;
mod transport;
mod wire;

pub use clock::{Clock, ManualClock, SystemClock};
pub use emulator::Emulator;
pub use error::{Error, Result};
pub use faults::{Action, Fault, FaultId, Faults, Matcher, When};
pub use filter::StartAt;
pub use log::{Backlog, Body, Event, PartitionState, Position};
pub use observe::PartitionOverview;
pub use observe::{AttachRecord, SentRecord, StopReport};
pub use options::{HubOptions, Options, Quirks};
pub use sas::{Rights, SharedKey};
pub use transport::{Layers, Tls, Transport};
