//! What holds for any body at all; the fuzz target asserts the same.
//!
//! - Every piece is what its kind says; indices count up from 0.
//! - Pieces stand in the text in their order and do not overlap, unless they come from a string
//!   that holds JSON, which is unpacked elsewhere.
//! - Nothing is lost: what stands between the pieces is structure ([`remains`]).
//! - The same text in UTF-16 or behind a byte order mark gives the same pieces.
//! - Every record becomes one JSON object, no longer than it said before.

use bytes::Bytes;
use entra_forwarder::envelope::{self, BodyEncoding, Piece, RecordKind, Records};
use entra_forwarder::event_hub::{PartitionId, Position};
use entra_forwarder::record::{HubName, Origin, Record};
use serde::de::IgnoredAny;

#[path = "remains.rs"]
mod remains;

use remains::remains;

/// Bytes that a compressed body may become.
pub(crate) const EXPANSION_MAX: u64 = 1 << 20;

/// Checks all of it.
pub(crate) fn check(body: &[u8]) {
    let body = Bytes::copy_from_slice(body);
    let records = envelope::split(&body, EXPANSION_MAX);
    for (index, piece) in records.all().enumerate() {
        assert_eq!(piece.index as usize, index);
        check_kind(&piece);
        check_object(piece);
    }
    let text = match records.encoding() {
        BodyEncoding::Utf8 => &body[..],
        BodyEncoding::Utf8Marked => &body[3..],
        // The text is known to the splitter alone.
        BodyEncoding::Utf16 | BodyEncoding::Gzip => return,
    };
    check_places(&records, text);
    if let Ok(text) = std::str::from_utf8(text) {
        check_encodings(&records, text);
    }
}

fn is_json(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok() && serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

fn check_kind(piece: &Piece) {
    let original = piece.original;
    assert!(!original.is_empty(), "an empty piece");
    let is_object = original.starts_with(b"{") && original.ends_with(b"}") && is_json(original);
    match piece.kind {
        RecordKind::Object => assert!(is_object, "an object"),
        RecordKind::Value => assert!(!is_object && is_json(original), "another value"),
        RecordKind::Repaired => {
            let (json, repairs) = piece.repaired.expect("what it was made into");
            assert!(
                json.starts_with(b"{") && is_json(json),
                "repaired to an object"
            );
            assert!(!repairs.is_empty(), "something was repaired");
            assert!(!is_object, "needed a repair");
        }
        RecordKind::Text(_) => assert!(!is_object, "an object taken for text"),
    }
    assert_eq!(piece.repaired.is_some(), piece.kind == RecordKind::Repaired);
}

fn check_object(piece: Piece) {
    let origin = Origin {
        hub: HubName::new("contoso.servicebus.windows.net", "logs").into(),
        partition: PartitionId::new("0"),
        position: Position::before_first(),
    };
    let record = Record::new(piece, &origin);
    let mut json = Vec::new();
    record.write_json(&mut json);
    assert!(json.starts_with(b"{") && is_json(&json), "one object");
    assert!(json.len() as u64 <= record.json_bytes_max(), "its length");
    json.clear();
    record.write_office365(&mut json);
    assert!(
        json.starts_with(b"{") && is_json(&json),
        "one object, unwrapped"
    );
    // Reading does not panic, and says the same each time.
    assert_eq!(record.content_key(), record.content_key());
    assert_eq!(record.stable_id(), record.stable_id());
    let read_all = || {
        let mut fields = record.read(&[]);
        let texts = [
            fields.category(),
            fields.operation_name(),
            fields.resource_id(),
        ];
        let more = [fields.correlation_id(), fields.result()];
        let owned = (fields.resource_provider(), fields.own_id());
        (
            texts,
            more,
            owned,
            fields.severity(),
            fields.tenant(),
            fields.time(),
        )
    };
    assert_eq!(read_all(), read_all());
    assert_eq!(read_all().0[0], record.category(), "in one scan or alone");
}

fn check_places(records: &Records, text: &[u8]) {
    let mut places = Vec::new();
    let mut unpacked = Vec::new();
    let mut elsewhere = Vec::new();
    for piece in records.all() {
        let range = piece.original.as_ptr_range();
        if text.as_ptr_range().start <= range.start && range.end <= text.as_ptr_range().end {
            let start = range.start as usize - text.as_ptr() as usize;
            places.push((start, start + piece.original.len()));
        } else {
            elsewhere.push((range.start as usize, range.end as usize));
            unpacked.push((piece.kind, piece.original.to_vec()));
        }
    }
    assert!(places.is_sorted(), "in order");
    elsewhere.sort();
    for places in [&places, &elsewhere] {
        for pair in places.windows(2) {
            assert!(pair[0].1 <= pair[1].0, "two pieces overlap");
        }
    }
    let remains = remains(text, &places);
    if let Some(lost) = remains.lost {
        let near = &text[lost..text.len().min(lost + 40)];
        let text = text.escape_ascii();
        panic!("lost: {} in {places:?} of {text}", near.escape_ascii());
    }
    if remains.unpacked.is_empty() {
        return;
    }
    // What stands in strings is what would be found in it alone.
    let inside = remains.unpacked.into_iter().flat_map(|content| {
        let records = envelope::split(&content.into(), EXPANSION_MAX);
        let owned = |piece: Piece| (piece.kind, piece.original.to_vec());
        records.all().map(owned).collect::<Vec<_>>()
    });
    assert_eq!(inside.collect::<Vec<_>>(), unpacked, "in strings");
}

fn check_encodings(records: &Records, text: &str) {
    let same = |body: Vec<u8>| {
        let other = envelope::split(&body.into(), EXPANSION_MAX);
        let pieces = |records: &Records| -> Vec<_> {
            let owned = |piece: Piece| (piece.kind, Bytes::copy_from_slice(piece.original));
            records.all().map(owned).collect()
        };
        assert_eq!(pieces(records), pieces(&other), "in another encoding");
    };
    // An envelope is taken for one even when a key beside the records holds raw control
    // characters, but only without an encoding around it.
    if records.are_objects() && !remains::is_json(text.as_bytes()) {
        return;
    }
    // What looks encoded itself would lose a second layer.
    if text.starts_with(['\u{feff}', '\0', '\u{1f}']) || text.as_bytes().get(1) == Some(&0) {
        return;
    }
    same(["\u{feff}", text].concat().into());
    let units = [0xfeff].into_iter().chain(text.encode_utf16());
    same(units.flat_map(u16::to_be_bytes).collect());
}
