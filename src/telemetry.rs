//! What the process says of itself: its state, its logs, its health.

pub mod health;
pub mod logs;
pub mod status;
