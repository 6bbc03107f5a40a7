//! 2. Partitions: which of them this process owns, and the reading of each.

pub mod balance;
pub mod handoff;
pub mod inquiry;
pub mod lease;
pub mod locate;
pub mod order;
pub mod ownership;
pub mod prefetch;
pub mod reader;
pub mod resume;
pub mod start;
pub mod stats;
