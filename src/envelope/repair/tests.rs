//! What is recovered from which text.

use bytes::Bytes;

use super::*;
use crate::envelope::Piece;

use Unparsable::{Broken, Html, InvalidUtf8, Text, Truncated};

/// What is expected of a piece.
#[derive(Debug, PartialEq)]
enum Found {
    /// An object, byte for byte.
    Exact(String),
    /// A JSON object made of a broken one, and how.
    Repaired(String, String),
    Text(Unparsable, String),
    Value(String),
}

use Found::{Exact, Repaired, Value};

fn exact(text: &str) -> Found {
    Exact(text.to_owned())
}

fn repaired(json: &str, how: &str) -> Found {
    Repaired(json.to_owned(), how.to_owned())
}

fn text(kind: Unparsable, text: &str) -> Found {
    Found::Text(kind, text.to_owned())
}

fn found(piece: Piece<'_>) -> Found {
    let lossy = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let original = lossy(piece.original);
    match (piece.kind, piece.repaired) {
        (RecordKind::Object, _) => Exact(original),
        (RecordKind::Value, _) => Value(original),
        (RecordKind::Text(kind), _) => Found::Text(kind, original),
        (RecordKind::Repaired, Some((json, repairs))) => {
            assert!(output::is_json(json));
            Repaired(lossy(json), repairs.names().collect::<Vec<_>>().join(","))
        }
        (RecordKind::Repaired, None) => panic!("a repair without its text"),
    }
}

fn check_bytes(body: &[u8], expected: &[Found]) {
    let records = crate::envelope::split(&Bytes::copy_from_slice(body), 1 << 20);
    let found: Vec<_> = records.all().map(found).collect();
    assert_eq!(found, expected, "{}", String::from_utf8_lossy(body));
}

fn check(body: &str, expected: &[Found]) {
    check_bytes(body.as_bytes(), expected);
}

/// Between two good records of an envelope.
fn check_member(member: &str, expected: Found) {
    let body = format!("{{\"records\":[{{\"id\":1}},{member},{{\"id\":3}}],\"x\":1}}");
    let expected = [exact("{\"id\":1}"), expected, exact("{\"id\":3}")];
    check(&body, &expected);
}

/// A record, what it is mended to, and how.
const MENDED: &[(&str, &str, &str)] = &[
    (
        "{'id':2,'a':'it is'}",
        r#"{"id":2,"a":"it is"}"#,
        "single_quotes",
    ),
    ("{'a':'don\"t'}", r#"{"a":"don\"t"}"#, "single_quotes"),
    ("{'a':'it's'}", r#"{"a":"it's"}"#, "single_quotes"),
    ("{'a':'it\\'s'}", r#"{"a":"it's"}"#, "single_quotes,escape"),
    ("{\"a\":{'b':1}}", r#"{"a":{"b":1}}"#, "single_quotes"),
    ("{\"id\":2,}", r#"{"id":2}"#, "extra_comma"),
    ("{\"a\":[1,,2,],,}", r#"{"a":[1,2]}"#, "extra_comma"),
    ("{,\"a\":1}", r#"{"a":1}"#, "extra_comma"),
    ("{\"a\":1\n\"b\":2}", r#"{"a":1,"b":2}"#, "missing_comma"),
    (
        "{\"a\":\"x\" \"b\":2}",
        r#"{"a":"x","b":2}"#,
        "missing_comma",
    ),
    ("{\"a\":[{} {}]}", r#"{"a":[{},{}]}"#, "missing_comma"),
    (
        "{\"a\":\"1\n2\t3\u{1}\"}",
        r#"{"a":"1\n2\t3\u0001"}"#,
        "control_character",
    ),
    (
        "{\"a\"\u{1}:\u{c}{} ,\u{0}\"b\":1}",
        r#"{"a":{},"b":1}"#,
        "control_character",
    ),
    (
        "{\"a\":NaN,\"b\":-Infinity}",
        r#"{"a":null,"b":null}"#,
        "not_a_number",
    ),
    (
        "{\"a\":True,\"b\":None}",
        r#"{"a":true,"b":null}"#,
        "unquoted",
    ),
    (
        "{\"a\":[\n 218 B blob data\n]}",
        r#"{"a":["218 B blob data"]}"#,
        "unquoted",
    ),
    ("{a:1,b_c:two}", r#"{"a":1,"b_c":"two"}"#, "unquoted"),
    (
        "{\"a\":\"he said \"hi\" there\"}",
        r#"{"a":"he said \"hi\" there"}"#,
        "inner_quote",
    ),
    (
        "{\"a\":\"say \"hi\", then go\",\"b\":1}",
        r#"{"a":"say \"hi\", then go","b":1}"#,
        "inner_quote",
    ),
    (
        "{\"a\":\"C:\\Users\\x\"}",
        r#"{"a":"C:\\Users\\x"}"#,
        "escape",
    ),
    ("{\"a\":[1,2}", r#"{"a":[1,2]}"#, "bracket"),
    ("{\"a\":{\"b\":1}", r#"{"a":{"b":1}}"#, "bracket"),
    ("{\"a\":}", r#"{"a":null}"#, "missing_value"),
    ("{\"a\":,\"b\"}", r#"{"a":null,"b":null}"#, "missing_value"),
    ("{\"a\" 1}", r#"{"a":1}"#, "missing_value"),
    ("{\"a\"null}", r#"{"a":null}"#, "missing_value"),
    (
        "{\"a\":007,\"b\":+1,\"c\":0x1F}",
        r#"{"a":"007","b":"+1","c":"0x1F"}"#,
        "number",
    ),
    ("{\"a\":/* x */1}", r#"{"a":1}"#, "comment"),
];

#[test]
fn a_record_is_mended() {
    for (member, json, how) in MENDED {
        check_member(member, repaired(json, how));
    }
}

#[test]
fn what_is_right_in_a_mended_record_is_kept() {
    check_member(
        "{\"n\":18446744073709551616.10,\"n\":1e400,\"s\":\"\\ud800\\u00e9é\",}",
        repaired(
            "{\"n\":18446744073709551616.10,\"n\":1e400,\"s\":\"\\ud800\\u00e9é\"}",
            "extra_comma",
        ),
    );
}

#[test]
fn a_record_that_makes_no_sense_is_text() {
    for member in ["{\"a\":\"b\":2}", "{\"a\"::1}", "{\"id\":2,[1]}"] {
        check_member(member, text(Broken, member));
    }
    check_member("oops", text(Text, "oops"));
    check_member("\"text\"", Value("\"text\"".to_owned()));
}

mod neighbours;
