//! 9. Delivery: batches become requests, answers settle receipts.
//!
//! `sink` collects and starts deliveries, `delivery` follows one batch, `flow` lets it go
//! when the endpoint can take it, `http` makes an attempt
//! (`blob` where blobs are written), `response` decides what the answer means, and `retry` how long to wait. `halving` finds the
//! records that are refused, `trial` those that only fail, `refusals` bounds how many are given up,
//! and `dead_letter` keeps what no endpoint will take. `null` is a sink that only counts. `request_id` is what a repeated
//! request is recognised by. `condition` remembers whether an endpoint accepts, `probe` asks it
//! before there is anything to deliver, and `admission` draws from both whether this process may
//! take partitions at all.

pub mod admission;
pub mod blob;
pub mod condition;
pub mod dead_letter;
mod delivery;
pub mod flow;
pub(crate) mod halving;
pub mod http;
pub mod null;
pub mod probe;
pub mod refusals;
pub mod request_id;
pub mod response;
pub mod retry;
pub mod rotation;
pub mod sink;
mod trial;
