//! Any bytes at all become records, and nothing of them is lost: the same invariants as in the
//! tests, with libFuzzer's choice of bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../tests/records/invariants.rs"]
mod invariants;

fuzz_target!(|body: &[u8]| invariants::check(body));
