//! One reader on a scripted hub, under paused time: stale positions, the watchdog, planned
//! reopenings, offsets without numbers.
#![cfg(test)]

mod bench;
mod hub;
mod offsets;
mod stale;
mod tokens;
mod watchdog;
