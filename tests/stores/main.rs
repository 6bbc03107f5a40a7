//! Every checkpoint store and every dead-letter store, held to the same properties; the blob
//! stores against a real Azurite.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "clippy.toml allows them in test functions only, not in what those share"
)]

#[allow(dead_code, reason = "tests of the whole program use the rest")]
#[path = "../support/azurite.rs"]
mod azurite;
#[path = "../support/tied.rs"]
mod tied;

mod blob;
mod blob_errors;
mod conformance;
mod dead_letters;
mod directory;
mod every_store;
mod stub;
