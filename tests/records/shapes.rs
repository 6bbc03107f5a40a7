//! Which body gives which records: the project's own fixtures, and shared samples.
//!
//! What is expected of a body stands in `expected/<set>.tsv`, a line per piece: the body's name, the
//! piece's kind, what was repaired, its length, and a hash of its bytes and of the repaired text;
//! never the data. A body without pieces has a line that says so. `UPDATE_EXPECTED=1` writes the
//! files anew; the difference must then be explained.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use entra_forwarder::envelope::{self, Piece, RecordKind};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_128;

use crate::bodies::{files, shared};
use crate::invariants::{self, EXPANSION_MAX};

#[test]
fn own_fixtures_give_what_is_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let bodies = files(&root.join("tests/records/fixtures"));
    assert!(bodies.len() >= 30, "the fixtures are there");
    compare("fixtures", &bodies);
}

#[test]
fn shared_malformed_bodies_give_what_is_expected() {
    let bodies = shared("malformed");
    if bodies.is_empty() {
        return;
    }
    compare("malformed", &bodies);
    // How many records are recoverable at least, says somebody else.
    let index = String::from_utf8(bodies["INDEX.tsv"].to_vec()).unwrap();
    for line in index.lines().skip(1) {
        let mut columns = line.split('\t');
        let name = columns.next().unwrap();
        let recoverable: usize = columns.next().unwrap().parse().unwrap();
        let records = envelope::split(&bodies[name], EXPANSION_MAX);
        let objects = records
            .all()
            .filter(|piece| matches!(piece.kind, RecordKind::Object | RecordKind::Repaired));
        assert!(
            objects.count() >= recoverable,
            "{name}: {recoverable} records"
        );
    }
}

#[test]
fn shared_messages_give_what_serde_json_sees() {
    #[derive(serde::Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        records: Vec<&'a RawValue>,
    }
    for (name, body) in shared("messages") {
        let raw: Envelope = serde_json::from_slice(&body).unwrap();
        let records = envelope::split(&body, EXPANSION_MAX);
        assert_eq!(records.len(), raw.records.len(), "{name}");
        for (piece, raw) in records.all().zip(raw.records) {
            let seen = (RecordKind::Object, raw.get().as_bytes());
            assert!(
                (piece.kind, piece.original) == seen,
                "{name}: {}",
                piece.index
            );
        }
        invariants::check(&body);
    }
}

/// Compares what is found in all bodies of a set with the file of what is expected.
fn compare(set: &str, bodies: &BTreeMap<String, Bytes>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join(format!("tests/records/expected/{set}.tsv"));
    let mut found = String::from("body\tkind\trepairs\tbytes\thash\thash of the repaired text\n");
    for (name, body) in bodies {
        if name == "INDEX.tsv" {
            continue;
        }
        invariants::check(body);
        let records = envelope::split(body, EXPANSION_MAX);
        if records.is_empty() {
            found += &format!("{name}\tnothing\t\t\t\t\n");
        }
        for piece in records.all() {
            found += &format!("{name}\t{}\n", line(&piece));
        }
    }
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        return std::fs::write(path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        lines(&found),
        lines(&expected),
        "UPDATE_EXPECTED=1 writes {set}.tsv anew"
    );
}

fn line(piece: &Piece) -> String {
    let kind = match piece.kind {
        RecordKind::Object => "object",
        RecordKind::Value => "value",
        RecordKind::Repaired => "repaired",
        RecordKind::Text(unparsable) => unparsable.name(),
    };
    let (json, repairs) = piece.repaired.unzip();
    let repairs: Vec<_> = repairs.iter().flat_map(|it| it.names()).collect();
    let hash = |bytes| format!("{:032x}", xxh3_128(bytes));
    let (repairs, bytes) = (repairs.join(","), piece.original.len());
    let json = json.map(hash).unwrap_or_default();
    format!(
        "{kind}\t{repairs}\t{bytes}\t{}\t{json}",
        hash(piece.original)
    )
}
