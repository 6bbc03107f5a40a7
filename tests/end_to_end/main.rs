//! The real program between an emulated hub and a scripted endpoint: what arrives, what is
//! repeated, how it ends.

#![cfg(feature = "demo")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "clippy.toml allows them in test functions only, not in what those share"
)]

#[allow(dead_code, reason = "tests of the stores use the rest")]
#[path = "../support/azurite.rs"]
mod azurite;
#[path = "../support/azurite_oauth.rs"]
mod azurite_oauth;
#[path = "../support/bag.rs"]
mod bag;
#[path = "../../emulator/tests/it/authority.rs"]
mod certificates;
#[path = "../support/endpoint.rs"]
mod endpoint;
#[path = "../support/eventually.rs"]
mod eventually;
#[path = "../support/forward_proxy.rs"]
mod forward_proxy;
#[path = "../support/forwarder.rs"]
mod forwarder;
#[path = "../support/hostile.rs"]
mod hostile;
#[path = "../support/hub.rs"]
mod hub;
#[path = "../support/identity.rs"]
mod identity;
#[path = "../support/jwt.rs"]
mod jwt;
#[path = "../support/ports.rs"]
mod ports;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/python.rs"]
mod python;
#[path = "../support/replicas.rs"]
mod replicas;
#[path = "../support/scene.rs"]
mod scene;
#[path = "../support/sdk.rs"]
mod sdk;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/tied.rs"]
mod tied;
#[path = "../support/token_server.rs"]
mod token_server;
#[path = "../support/trust.rs"]
mod trust;

mod archive;
mod black_hole;
mod broker;
mod check;
mod checkpoints;
mod clickhouse;
mod client_certificate;
mod clouds;
mod connections;
mod credentials;
mod dead_letters;
mod demo;
mod dist;
mod given_up;
mod hub_down;
mod input;
mod interoperation;
mod javascript;
mod kill;
mod kill_storing;
mod lifetimes;
mod memory;
mod messages;
mod metrics_push;
mod outside;
mod poison;
mod proxies;
mod recreated;
mod refused;
mod rolling_update;
mod rotation;
mod routing;
mod scanner;
mod secrets;
mod shares;
mod sink_tokens;
mod sinks;
mod sources;
mod standstill;
mod start;
mod stolen;
mod stop;
mod storage_calls;
mod told;
mod tools;
mod transports;
mod unspoken;
