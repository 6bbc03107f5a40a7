//! The Azure source against the emulated Event Hub, over real sockets.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a helper of tests is a test"
)]

#[path = "../support/jwt.rs"]
mod jwt;

mod beside;
mod bodies;
mod closing;
mod endings;
mod open;
mod properties;
mod refusals;
mod stolen;
mod support;
mod tokens;
