//! The emulator against the real Event Hubs client and against a raw AMQP client.

mod access;
mod faults;
mod positions;
mod process;
mod properties;
mod raw;
mod roundtrip;
mod support;
