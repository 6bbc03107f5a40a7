//! One reader on a scripted hub, under paused time: stale positions, the watchdog, planned
//! reopenings, offsets without numbers, messages that cannot be decoded.
#![cfg(test)]

mod bench;
mod hub;
mod offsets;
mod stale;
mod tokens;
mod undecodable;
mod watchdog;
