//! Every destination: what it sends, and what becomes of what its endpoint answers.
//!
//! `golden` compares bodies with files in `golden/`, each of which names its source of truth;
//! `UPDATE_EXPECTED=1` writes them anew. The stand-ins hold the documented limits and answer as
//! documented.
#![cfg(test)]

#[path = "../support/python.rs"]
mod python;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/sink.rs"]
mod sink;

mod azure_blob;
mod azure_monitor;
mod coralogix;
mod datadog;
mod elasticsearch;
mod golden;
mod limits;
mod loki;
mod marks;
mod otlp;
mod pages;
mod presets;
mod sizes;
mod splunk_acknowledge;
mod splunk_hec;
mod stand_in;
mod world;
