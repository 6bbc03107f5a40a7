//! Documents whose records are known from how they were made.

use std::io::Write;

use bytes::Bytes;
use entra_forwarder::envelope::{self, RecordKind};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::value::RawValue;

use crate::generate::{documents, envelope_of_records};
use crate::invariants::{self, EXPANSION_MAX};

/// Few cases in a usual run, and always the same; with `PROPTEST_CASES`, so many others.
pub(crate) fn quick() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    let cases = asked
        .as_ref()
        .map(|cases| cases.parse().expect("PROPTEST_CASES is a number"));
    ProptestConfig {
        cases: cases.unwrap_or(256),
        rng_seed: match cases {
            Some(_) => RngSeed::Random,
            None => RngSeed::Fixed(4),
        },
        // A case that fails becomes a test of its own, not a file of seeds.
        failure_persistence: None,
        max_global_rejects: 100_000,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    }
}

fn found(body: &Bytes) -> Vec<(RecordKind, String)> {
    let records = envelope::split(body, EXPANSION_MAX);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    records
        .all()
        .map(|piece| (piece.kind, text(piece.original)))
        .collect()
}

proptest! {
    #![proptest_config(quick())]

    #[test]
    fn every_record_is_found_byte_for_byte(document in documents()) {
        for (_, text) in &document.records {
            let value: &RawValue = serde_json::from_str(text).expect("the generator writes JSON");
            prop_assert_eq!(value.get(), text);
        }
        prop_assert_eq!(found(&document.text.clone().into()), document.records);
        invariants::check(document.text.as_bytes());
    }

    #[test]
    fn the_encoding_does_not_matter(document in documents(), mark in any::<bool>()) {
        // Without a mark, the first two characters tell UTF-16; JSON begins with one of these.
        prop_assume!(mark || document.text.starts_with(['{', '[', '"', ' ', '\n']));
        let encoded = |bytes: fn(u16) -> [u8; 2]| -> Bytes {
            let mark = mark.then_some(0xfeff);
            let units = mark.into_iter().chain(document.text.encode_utf16());
            units.flat_map(bytes).collect()
        };
        // A single character is no four bytes, by which UTF-16 would be told.
        prop_assume!(mark || document.text.encode_utf16().count() > 1);
        prop_assert_eq!(&found(&encoded(u16::to_le_bytes)), &document.records);
        prop_assert_eq!(&found(&encoded(u16::to_be_bytes)), &document.records);
        let packed = gzip(&encoded(u16::to_le_bytes));
        prop_assert_eq!(&found(&packed), &document.records);
        let marked = ["\u{feff}", &document.text].concat();
        prop_assert_eq!(&found(&marked.into()), &document.records);
    }

    #[test]
    fn serde_json_sees_the_same_records(records in envelope_of_records()) {
        #[derive(serde::Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow)]
            records: Vec<&'a RawValue>,
        }
        let body = format!("{{\"records\":[{}]}}", records.join(" , "));
        let envelope: Envelope = serde_json::from_str(&body).unwrap();
        let raw: Vec<_> = envelope
            .records
            .iter()
            .map(|it| (RecordKind::Object, it.get().to_owned()))
            .collect();
        prop_assert_eq!(found(&body.into()), raw);
    }
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap().into()
}
