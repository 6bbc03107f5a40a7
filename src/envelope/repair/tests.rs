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

#[test]
fn brackets_too_many_or_too_few_cost_no_neighbour() {
    let (one, two, three) = ("{\"id\":1}", "{\"id\":2}", "{\"id\":3}");
    let all = [exact(one), exact(two), exact(three)];
    for body in [
        format!("{{\"records\":[{one},{two}}},{three}]}}"),
        format!("{{\"records\":[{one},{two}],{three}]}}"),
        format!("{{\"records\":[{one} {two}\n{three}]}}"),
        format!("{{\"records\":[{one},{two},{three}"),
        format!("{{\"records\":[{one},{two},{three}}}"),
        format!("{{'records':[{one},,{two},{three},]}}"),
        format!("{{records:[{one},{two},{three}]}}"),
        format!("{{\"x\":'1',\"records\":[{one},{two},{three}]}}"),
        format!("{one},{two},{three}"),
        format!("[{one},{two},{three}"),
        format!("{{\"records\":[{one}]}},{{\"records\":[{two}]}},{three}"),
        format!("{{\"records\":[{one}{{\"records\":[{two},{three}]}}"),
        format!("{{\"records\":[{one},{two}]],{three}]}}"),
        format!("\u{1e}{one}\n\u{1e}{two}\n\u{feff}{three}"),
    ] {
        check(&body, &all);
    }
}

#[test]
fn a_record_with_a_key_of_that_name_is_a_record() {
    for record in [
        r#"{"id":2,"records":[{"a":1}]}"#,
        r#"{"records":[{"a":1}],"id":2}"#,
        r#"{"record":{"a":1},"id":2}"#,
    ] {
        let body = format!("{{\"records\":[{{\"id\":1,}},{record}]}}");
        check(
            &body,
            &[repaired("{\"id\":1}", "extra_comma"), exact(record)],
        );
    }
}

#[test]
fn records_of_a_second_key_are_found() {
    let first = repaired("{\"id\":1}", "extra_comma");
    check(
        r#"{"records":[{"id":1,}],"x":1,"\u0052ecords":[{"id":2}],"records":{"id":3},"records":null}"#,
        &[first, exact("{\"id\":2}"), exact("{\"id\":3}")],
    );
    let first = repaired("{\"id\":1}", "extra_comma");
    let rest = "\"records\":\"[{\\\"id\\\":2}]\"}";
    check(
        &format!("{{\"records\":[{{\"id\":1,}}],{rest}"),
        &[first, text(Text, rest)],
    );
    check(
        r#"{"records":"[{\"id\":2}]","x":y}"#,
        &[repaired(
            r#"{"records":"[{\"id\":2}]","x":"y"}"#,
            "unquoted",
        )],
    );
}

#[test]
fn a_string_without_end_costs_no_neighbour() {
    for member in ["{\"id\":\"2}", "{\"id}", "{\"id\":2,\"a\":\"x}"] {
        check_member(member, text(Broken, member));
    }
    check(
        "{\"id\":1}\n{\"id\":\"2\n{\"id\":3}\n",
        &[
            exact("{\"id\":1}"),
            text(Broken, "{\"id\":\"2"),
            exact("{\"id\":3}"),
        ],
    );
}

#[test]
fn a_line_that_was_cut_off_costs_no_other() {
    check(
        "{\"id\":1}\n{\"id\":2,\"a\":[\n{\"id\":3}\nno json\n{'id':4}\n{\"id\":5}",
        &[
            exact("{\"id\":1}"),
            text(Broken, "{\"id\":2,\"a\":["),
            exact("{\"id\":3}"),
            text(Text, "no json"),
            repaired("{\"id\":4}", "single_quotes"),
            exact("{\"id\":5}"),
        ],
    );
}

#[test]
fn a_tail_is_text() {
    check(
        "{\"records\":[{\"id\":1},{\"id\":2,\"a\":[{\"b\":1},{\"b\":2}",
        &[
            exact("{\"id\":1}"),
            text(Truncated, "{\"id\":2,\"a\":[{\"b\":1},{\"b\":2}"),
        ],
    );
    check(
        "{\"records\":[{\"id\":1},{\"id\":\"2",
        &[exact("{\"id\":1}"), text(Truncated, "{\"id\":\"2")],
    );
    check("{\"records\":[{\"id\":1},{", &[exact("{\"id\":1}")]);
    check(
        "{\"records\":[{\"id\":1},{\"id\":2,\"p\":{\"a\":[{\"b\":1},{\"b\":2}]}",
        &[
            exact("{\"id\":1}"),
            text(Truncated, "{\"id\":2,\"p\":{\"a\":[{\"b\":1},{\"b\":2}]}"),
        ],
    );
}

#[test]
fn wrong_bytes_cost_their_record_only() {
    check_bytes(
        b"{\"records\":[{\"id\":1},{\"id\":\"\xff\"},{\"id\":3}]}",
        &[
            exact("{\"id\":1}"),
            text(InvalidUtf8, "{\"id\":\"\u{fffd}\"}"),
            exact("{\"id\":3}"),
        ],
    );
}

#[test]
fn plain_text_is_one_piece() {
    for body in [
        "some log line\r\n",
        "[2026-11-21 10:00:00] INFO a {b} c",
        "{placeholder} and more",
        "\"quoted\" he said, \"twice\"",
        "5 apples",
    ] {
        check(body, &[text(Text, body)]);
    }
    let page = "<!DOCTYPE html><html><style>p {a: 1}\n{b}</style></html>";
    check(page, &[text(Html, page)]);
    check(
        "HTTP 200\nServer: x\n\n{\"records\":[{\"id\":1}]}\ntrailer",
        &[
            text(Text, "HTTP 200\nServer: x"),
            exact("{\"id\":1}"),
            text(Text, "trailer"),
        ],
    );
    check("]],,", &[text(Text, "]],,")]);
}

#[test]
fn an_object_between_others_that_is_right_is_never_guessed_at() {
    // All of these are JSON; only the last member makes the text none.
    for good in [
        r#"{"a":"},{"}"#,
        r#"{"a":"x},{\"b\":1"}"#,
        r#"{"a":[",","},{",":"],"b":"{"}"#,
        r#"{"'":"'","\"":"'\"'"}"#,
        r#"{"a":"/* no */","b":"//"}"#,
        "{\n\"a\":[\n{\"a\":1}\n]\n}",
        r#"{"a":{},"b":[],"c":[[],[{}]]}"#,
        r#"{"":"","a":""}"#,
    ] {
        check_member(good, exact(good));
        let body = format!("{{\"records\":[{{\"a\":1}},{good},{{\"b\":2,}}]}}");
        check(
            &body,
            &[
                exact("{\"a\":1}"),
                exact(good),
                repaired("{\"b\":2}", "extra_comma"),
            ],
        );
    }
}
