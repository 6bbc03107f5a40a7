//! skeleton
pub mod event_hub; // 1
pub mod compress; // 8
pub mod deliver; // 9
pub mod checkpoint; // 10
pub mod auth;
pub mod clock;
pub mod config;
