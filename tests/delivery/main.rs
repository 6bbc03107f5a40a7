//! A sink over real sockets, in the clear and over TLS, against an endpoint that does everything
//! that endpoints and networks do: each answer and each fault alone, and random mixtures of them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a helper of tests is a test"
)]

#[path = "../../emulator/tests/it/authority.rs"]
mod certificates;
#[path = "../support/ports.rs"]
mod ports;
#[path = "../support/server.rs"]
mod server;
#[path = "../support/sink.rs"]
mod sink;
#[allow(dead_code, reason = "the process tests use the rest")]
#[path = "../support/trust.rs"]
mod trust;

mod answers;
mod bench;
mod books;
mod connecting;
mod early;
mod endpoint;
mod faults;
mod http2;
mod mixtures;
mod records;
mod reply;
