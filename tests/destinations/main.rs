//! Every destination: what it sends, and what becomes of what its endpoint answers.
//!
//! `golden` compares bodies with files in `golden/`, each of which names its source of truth;
//! `UPDATE_EXPECTED=1` writes them anew. The stand-ins hold the documented limits and answer as
//! documented.
#![cfg(test)]

#[path = "../support/server.rs"]
mod server;

mod azure_blob;
mod datadog;
mod golden;
mod pages;
mod presets;
mod stand_in;
mod world;
