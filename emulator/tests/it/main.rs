//! The emulator against the real Event Hubs client and against a raw AMQP client.

// Helpers count as tests here, which the lints cannot know.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod access;
mod authority;
mod faults;
mod positions;
mod process;
mod properties;
mod raw;
mod roundtrip;
mod support;
mod transports;
