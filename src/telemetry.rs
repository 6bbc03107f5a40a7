//! What the process says of itself: its state, its logs, its health.

pub mod categories;
pub mod expiries;
pub mod health;
pub mod heartbeat;
pub mod histogram;
pub mod logs;
pub mod metrics;
pub mod observer;
pub mod otlp;
pub mod seldom;
pub mod snapshot;
pub mod status;
#[cfg(test)]
pub(crate) mod testing;
pub mod turns;
mod usage;
pub mod verdict;
