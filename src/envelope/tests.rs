//! Which body gives which records.

use std::io::Write;

use bytes::Bytes;

use super::*;

use RecordKind::{Object, Text, Value};

const EXPANSION_MAX: u64 = 1 << 20;

fn check_bytes(body: &[u8], encoding: BodyEncoding, expected: &[(RecordKind, &str)]) {
    let body = Bytes::copy_from_slice(body);
    let records = split(&body, EXPANSION_MAX);
    let found: Vec<_> = records
        .all()
        .map(|piece| (piece.kind, String::from_utf8_lossy(piece.original)))
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(kind, text)| (*kind, (*text).into()))
        .collect();
    assert_eq!(
        (found, records.encoding()),
        (expected, encoding),
        "{}",
        String::from_utf8_lossy(&body)
    );
}

fn check(body: &str, expected: &[(RecordKind, &str)]) {
    check_bytes(body.as_bytes(), BodyEncoding::Utf8, expected);
}

#[test]
fn envelopes_become_slices() {
    check(r#"{"records":[]}"#, &[]);
    check(
        " {\"x\":1, \"records\" : [ {\"a\": 1.50} ,\n{\"b\":18446744073709551616}] , \"y\":[] } ",
        &[
            (Object, r#"{"a": 1.50}"#),
            (Object, r#"{"b":18446744073709551616}"#),
        ],
    );
    check(
        r#"{"Records":[{"a":1,"a":2}],"RECORDS":[{"\ud800":"\udc00"}]}"#,
        &[
            (Object, r#"{"a":1,"a":2}"#),
            (Object, r#"{"\ud800":"\udc00"}"#),
        ],
    );
    check(r#"{"\u0072ecords":[{}]}"#, &[(Object, "{}")]);
}

#[test]
fn a_slice_is_no_copy() {
    let body = Bytes::from_static(br#"{"records":[{"a":1}]}"#);
    let records = split(&body, EXPANSION_MAX);
    let record = records.all().next().unwrap();
    assert_eq!(record.original.as_ptr(), body[12..].as_ptr());
    assert!(records.are_objects());
}

#[test]
fn an_envelope_may_hold_anything() {
    check(r#"{"records":{"a":1}}"#, &[(Object, r#"{"a":1}"#)]);
    check(r#"{"records":null,"x":1}"#, &[]);
    check(r#"{"records":[null,{"a":1}]}"#, &[(Object, r#"{"a":1}"#)]);
    check(
        r#"{"records":["text",42,[],[1],{"a":1},true]}"#,
        &[
            (Value, r#""text""#),
            (Value, "42"),
            (Value, "[1]"),
            (Object, r#"{"a":1}"#),
            (Value, "true"),
        ],
    );
    check(
        r#"{"records":[[{"a":1},[{"b":2}]]]}"#,
        &[(Object, r#"{"a":1}"#), (Object, r#"{"b":2}"#)],
    );
    check(
        r#"{"records":"[{\"a\":\"\\u00e9\"},{\"b\":2}]","x":1}"#,
        &[(Object, r#"{"a":"\u00e9"}"#), (Object, r#"{"b":2}"#)],
    );
    check(
        r#"{"records":["{\"a\":1}",{"b":2},"\"{\\\"c\\\":3}\""]}"#,
        &[
            (Object, r#"{"a":1}"#),
            (Object, r#"{"b":2}"#),
            (Object, r#"{"c":3}"#),
        ],
    );
}

#[test]
fn a_key_of_that_name_makes_no_envelope() {
    for body in [
        r#"{"records":5}"#,
        r#"{"records":"plain","x":1}"#,
        r#"{"record":[{"a":1}],"x":1}"#,
        r#"{"record":5}"#,
        r#"{"a":{"records":[{"b":1}]}}"#,
    ] {
        check(body, &[(Object, body)]);
    }
    check(r#"{"Record":[{"a":1}]}"#, &[(Object, r#"{"a":1}"#)]);
}

#[test]
fn other_texts_are_taken_apart() {
    check(" {\"a\":1}\n", &[(Object, "{\"a\":1}")]);
    check(
        "{\"a\":1}\n{\"b\":2}\r\n\n{\"records\":[{\"c\":3}]}{\"d\":4}",
        &[
            (Object, "{\"a\":1}"),
            (Object, "{\"b\":2}"),
            (Object, "{\"c\":3}"),
            (Object, "{\"d\":4}"),
        ],
    );
    check(
        r#"[{"records":[{"a":1}]},{"b":2},[{"records":{"c":3}}],[4],5,null]"#,
        &[
            (Object, r#"{"a":1}"#),
            (Object, r#"{"b":2}"#),
            (Object, r#"{"c":3}"#),
            (Value, "[4]"),
            (Value, "5"),
        ],
    );
    check(r#""{\"records\":[{\"a\":1}]}""#, &[(Object, r#"{"a":1}"#)]);
    check("\"text\" 5 null", &[(Value, "\"text\""), (Value, "5")]);
    check("", &[]);
    check(" \r\n\t", &[]);
}

#[test]
fn other_encodings_are_read() {
    let text = "{\"records\":[{\"a\":\"é\"},{\"b\":2}]}";
    let expected = [(Object, "{\"a\":\"é\"}"), (Object, "{\"b\":2}")];
    let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    check_bytes(&marked, BodyEncoding::Utf8Marked, &expected);
    let utf16 = |mark: bool, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
        let mark = mark.then_some(0xfeff);
        let units = mark.into_iter().chain(text.encode_utf16());
        units.flat_map(bytes).collect()
    };
    for body in [
        utf16(true, u16::to_le_bytes),
        utf16(true, u16::to_be_bytes),
        utf16(false, u16::to_le_bytes),
        utf16(false, u16::to_be_bytes),
    ] {
        check_bytes(&body, BodyEncoding::Utf16, &expected);
        check_bytes(&gzip(&body), BodyEncoding::Gzip, &expected);
    }
    let twice = [gzip(b"{\"a\":1}\n"), gzip(b"{\"b\":2}")].concat();
    let expected = [(Object, "{\"a\":1}"), (Object, "{\"b\":2}")];
    check_bytes(&twice, BodyEncoding::Gzip, &expected);
}

#[test]
fn half_a_pair_in_utf16_is_its_escape() {
    let text: Vec<u16> = "{\"a\":\"".encode_utf16().chain([0xd800]).collect();
    let units = text.into_iter().chain("\"}".encode_utf16());
    let body: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
    check_bytes(
        &body,
        BodyEncoding::Utf16,
        &[(Object, "{\"a\":\"\\ud800\"}")],
    );
}

#[test]
fn what_cannot_be_unpacked_is_one_piece() {
    let mut damaged = gzip(b"{\"a\":1}");
    damaged.truncate(damaged.len() - 6);
    let bomb = gzip(&vec![b' '; EXPANSION_MAX as usize + 1]);
    for (body, kind) in [(damaged, Unparsable::Binary), (bomb, Unparsable::TooLarge)] {
        let body = Bytes::from(body);
        let records = split(&body, EXPANSION_MAX);
        let piece = records.all().next().unwrap();
        assert_eq!((piece.kind, piece.original), (Text(kind), &body[..]));
        assert_eq!(records.len(), 1);
    }
}

#[test]
fn kinds_know_their_place() {
    for (place, kind) in Unparsable::ALL.into_iter().enumerate() {
        assert_eq!(kind.index(), place);
    }
}

#[test]
fn deep_nesting_neither_overflows_nor_fails() {
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let records = split(
        &format!("{{\"records\":[{{\"a\":{}}}]}}", deep(200_000)).into(),
        EXPANSION_MAX,
    );
    assert_eq!((records.len(), records.are_objects()), (1, true));
    let records = split(&deep(200_000).into(), EXPANSION_MAX);
    assert_eq!(records.len(), 1);
}

#[test]
fn text_can_be_taken_out_and_the_indices_stay() {
    let body = Bytes::from_static(b"{\"a\":1}\nno json\n");
    let mut records = split(&body, EXPANSION_MAX);
    assert!(records.has_text());
    // The same with records around it.
    records.kinds = vec![Object, Text(Unparsable::Text), Object];
    records.text = Bytes::from_static(b"{\"a\":1}text{\"b\":2}");
    records.ranges = [(0, 7), (7, 11), (11, 18)]
        .map(|(start, end)| RecordRange { start, end })
        .into();
    let (left, out) = records.without_text();
    let texts: Vec<_> = left.all().map(|it| (it.index, it.original)).collect();
    assert_eq!(texts, [(0, &b"{\"a\":1}"[..]), (2, b"{\"b\":2}")]);
    assert_eq!(out, [(1, Unparsable::Text, Bytes::from_static(b"text"))]);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
