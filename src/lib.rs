//! Delivers Microsoft Entra ID diagnostic logs from Azure Event Hubs to HTTP ingestion endpoints.
//!
//! The modules stand in the order in which one event passes through them:
//!
//! 1. [`event_hub`] opens a receiver on a partition after a known position;
//! 2. [`partition`] owns partitions and reads each of them, proving at every reopening that it
//!    goes on where it stopped;
//! 3. [`envelope`] finds the records in an event's body;
//! 4. [`record`] is a slice of that body, together with what it owes;
//! 5. [`filter`] says which sinks want it;
//! 6. [`mod@format`] turns records into the bytes of a sink's wire format;
//! 7. [`batch`] collects slices until they make a request;
//! 8. [`compress`] makes the compressed body;
//! 9. [`deliver`] sends it until the endpoint has it, and settles the receipts;
//! 10. [`checkpoint`] knows what is settled, and stores the watermark.
//!
//! Around them: [`app`] builds and joins the stages, [`tools`] reads a hub beside a running
//! forwarder for the commands that look on, [`check`] looks at everything outside, [`config`] says
//! what the stages do, [`budget`] bounds their memory, [`template`] makes names of what records
//! say, [`proxy`] and [`trust`] hold for every connection over HTTP or TLS, `otlp` is what its
//! messages have in common, [`clock`] and the traits of the stages are the seams behind which the
//! simulation stands, and [`telemetry`] says how it goes. What must stay true of all of it is in
//! `docs/architecture.md`, what is promised in `docs/guarantees.md`.

pub mod event_hub;
pub mod partition;

pub mod envelope;
pub mod record;

pub mod filter;

pub mod format;

pub mod batch;
pub mod compress;

pub mod deliver;

pub mod checkpoint;

pub mod app;
pub mod auth;
pub mod budget;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
mod destination;
mod otlp;
pub mod proxy;
pub mod telemetry;
pub mod template;
pub mod tools;
pub mod trust;
