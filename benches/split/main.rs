//! How fast a body is split into its records, and that no body makes it slow.
//!
//! `make bench` runs all of it; `cargo bench --bench split -- growth` runs the parts whose names
//! contain that word. It ends with 1 when a target is missed; no test asserts it, since figures
//! depend on the machine. Each ratio is the median over runs that alternate in one process, so that whatever
//! else the machine does meets both sides.

#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a benchmark that fails has no user"
)]

use std::hint::black_box;
use std::process::ExitCode;

use bytes::Bytes;
use entra_forwarder::envelope;
use entra_forwarder::event_hub::{PartitionId, Position};
use entra_forwarder::record::{Field, HubName, Origin, Record};

mod growth;
mod malformed;
mod measure;
mod message;
mod rivals;

use measure::{Side, beside};

/// Bytes that a compressed body may become; the default of the configuration.
const EXPANSION_MAX: u64 = 64 << 20;

fn main() -> ExitCode {
    // Cargo passes `--bench`, and whatever stands behind `--`.
    let wanted: Vec<_> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word));
    let mut is_met = true;
    for (name, body) in message::all() {
        if !runs("speed") {
            break;
        }
        let records = envelope::split(&body, EXPANSION_MAX);
        println!("{name}: {} bytes, {} records", body.len(), records.len());
        assert_eq!(rivals::plain(&body), records.len(), "both split alike");
        is_met &= speed(&body);
    }
    if runs("growth") {
        is_met &= growth::print();
    }
    match is_met {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// The forwarder beside `serde_json` on the same bytes; whether it is as fast as it should be.
fn speed(body: &Bytes) -> bool {
    let split = Side::new("split", || {
        black_box(envelope::split(body, EXPANSION_MAX));
    });
    let plain = Side::new("RawValue split", || {
        black_box(rivals::plain(body));
    });
    let splits = beside(body.len(), &split, &plain, Some(0.95));
    let read = Side::new("split, category and time", || {
        black_box(category_and_time(body));
    });
    let three = Side::new("RawValue, three fields", || {
        black_box(rivals::three_fields(body));
    });
    let reads = beside(body.len(), &read, &three, Some(0.95));
    let value = Side::new("Value", || {
        black_box(rivals::value(body));
    });
    beside(body.len(), &split, &value, None);
    splits && reads
}

/// Splits a message and reads two fields of each record; gives how many were there.
fn category_and_time(body: &Bytes) -> usize {
    let origin = Origin {
        hub: HubName::new("contoso.servicebus.windows.net", "logs").into(),
        partition: PartitionId::new("0"),
        position: Position::before_first(),
    };
    let records = envelope::split(body, EXPANSION_MAX);
    let there = |piece| {
        let mut fields = Record::new(piece, &origin).read(&[Field::Category, Field::Time]);
        usize::from(fields.category().is_some()) + usize::from(fields.time().is_some())
    };
    records.all().map(there).sum()
}
