//! 9. Delivery: batches become requests, answers settle receipts.
//!
//! `sink` collects and starts deliveries, `delivery` follows one batch, `http` makes an attempt,
//! `response` decides what the answer means, `retry` how long to wait, and `dead_letter` keeps
//! what no endpoint will take.

pub mod condition;
pub mod dead_letter;
mod delivery;
pub mod http;
pub mod response;
pub mod retry;
pub mod sink;
