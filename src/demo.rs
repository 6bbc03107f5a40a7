//! Everything at work on one machine: hub, forwarder, endpoint, and a proof that does not ask the
//! forwarder.
//!
//! `generator` makes Entra-shaped records, `producer` sends them to the emulator's hub and tells
//! `proof` the hash of each, `endpoint` hashes what arrives and tells `proof` as well. `sabotage`
//! damages requests on their way, to show that the proof would see it.

pub mod endpoint;
pub mod generator;
pub mod producer;
pub mod proof;
pub mod sabotage;
