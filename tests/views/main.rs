//! Dashboards, alerts, queries and the runbook speak of what there is: metrics with their labels,
//! log lines with their fields, headings, commands.

#![cfg(feature = "demo")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "clippy.toml allows them in test functions only, not in what those share"
)]

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/bag.rs"]
mod bag;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/endpoint.rs"]
mod endpoint;
#[path = "../support/eventually.rs"]
mod eventually;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/forwarder.rs"]
mod forwarder;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/hub.rs"]
mod hub;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "../support/scene.rs"]
mod scene;
#[path = "../support/server.rs"]
mod server;

mod alerts;
mod dashboard;
mod fields;
mod files;
mod kql;
mod promql;
mod queries;
mod runbook;
mod workbook;
mod written;
