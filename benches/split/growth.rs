//! How the time grows with the size of input that is no JSON.

use std::hint::black_box;

use bytes::Bytes;
use entra_forwarder::envelope;

use super::EXPANSION_MAX;
use super::malformed;
use super::measure::{alternate, median, seconds};

/// What twice the input may take, at most, of what the input takes.
const TARGET: f64 = 2.3;
/// What is quicker is made larger before it is measured.
const SECONDS_MIN: f64 = 0.005;
const BYTES_MIN: usize = 128 << 10;
const BYTES_MAX: usize = 64 << 20;
const PAIRS: usize = 11;

/// Prints a line per class of input; whether all of them are within the target.
pub(crate) fn print() -> bool {
    println!("growth: time for twice the input over time for the input, at most {TARGET}");
    let mut worst = 0_f64;
    for (name, make) in malformed::classes() {
        let (bytes, ratio, speed) = grow(&make);
        let verdict = if ratio > TARGET { "   ABOVE" } else { "" };
        println!("  {name:<34} {bytes:>9} bytes  {speed:>7.1} MB/s   x{ratio:.2}{verdict}");
        worst = worst.max(ratio);
    }
    println!("  worst: x{worst:.2}");
    worst <= TARGET
}

/// The size that was taken, the median of the ratios, and megabytes per second.
fn grow(make: &malformed::Make) -> (usize, f64, f64) {
    let mut bytes = BYTES_MIN;
    let mut body = make(bytes);
    while bytes < BYTES_MAX && seconds(&|| split(&body)) < SECONDS_MIN {
        bytes *= 2;
        body = make(bytes);
    }
    let double = make(2 * bytes);
    let pairs = alternate(PAIRS, &|| split(&body), &|| split(&double));
    let ratio = median(
        pairs
            .iter()
            .map(|(single, double)| double / single)
            .collect(),
    );
    let time = median(pairs.iter().map(|pair| pair.0).collect());
    (body.len(), ratio, body.len() as f64 / time / 1e6)
}

fn split(body: &Bytes) {
    black_box(envelope::split(body, EXPANSION_MAX));
}
