//! What a broken record costs its neighbours: nothing.

use super::*;

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

#[test]
fn a_comma_that_is_missing_after_a_value_costs_no_key() {
    for (member, json) in [
        (r#"{"a":0 "b":1}"#, r#"{"a":0,"b":1}"#),
        (
            r#"{"a":null "b":true "c":[1 2 3]}"#,
            r#"{"a":null,"b":true,"c":[1,2,3]}"#,
        ),
        (r#"{"a":4 "p":{"id":"x"}}"#, r#"{"a":4,"p":{"id":"x"}}"#),
        (r#"{"a":["x" 2 "y"]}"#, r#"{"a":["x",2,"y"]}"#),
    ] {
        check_member(member, repaired(json, "missing_comma"));
    }
}

#[test]
fn a_string_cut_off_before_a_record_ends_there() {
    check(
        r#"{"records":[{"time":"1","msg":"logged,{"time":"2","msg":"ok"},{"time":"3"}]}"#,
        &[
            text(Broken, r#"{"time":"1","msg":"logged"#),
            exact(r#"{"time":"2","msg":"ok"}"#),
            exact(r#"{"time":"3"}"#),
        ],
    );
    check(
        "{\"records\":[{\"time\":\"1\"}]}\n{\"records\":[{\"time\":\"2\",\"p\":\n{\"records\":[{\"time\":\"3\"},{\"time\":\"4\"}]}",
        &[
            exact("{\"time\":\"1\"}"),
            text(Broken, "{\"time\":\"2\",\"p\":"),
            exact("{\"time\":\"3\"}"),
            exact("{\"time\":\"4\"}"),
        ],
    );
}

#[test]
fn a_record_with_the_misspelt_key_is_a_record() {
    check(
        r#"{"record":{"a":1},"category":"x","time":NaN}"#,
        &[repaired(
            r#"{"record":{"a":1},"category":"x","time":null}"#,
            "not_a_number",
        )],
    );
    let bare = r#"{"time":"t","category":"SignInLogs","records":null}"#;
    check(bare, &[exact(bare)]);
    let bare = r#"{"time":"t","category":"SignInLogs","records":[]}"#;
    check(bare, &[exact(bare)]);
    for (broken, mended) in [
        (
            r#"{"time":"t","records":[],"x":NaN}"#,
            r#"{"time":"t","records":[],"x":null}"#,
        ),
        (
            r#"{"records":{"count":5},"x":NaN,"time":"t"}"#,
            r#"{"records":{"count":5},"x":null,"time":"t"}"#,
        ),
    ] {
        check(broken, &[repaired(mended, "not_a_number")]);
    }
    let envelope = r#"{"records":{"id":1},"x":NaN}"#;
    check(envelope, &[exact("{\"id\":1}")]);
}

#[test]
fn an_envelope_without_its_colon_is_one() {
    check(
        r#"{"records"[{"a":1},{"a":2}]}"#,
        &[exact(r#"{"a":1}"#), exact(r#"{"a":2}"#)],
    );
}

#[test]
fn what_is_no_utf_16_or_has_something_behind_its_gzip() {
    check_bytes(
        &[0xff, 0xfe, 1, 2, 3],
        &[text(Unparsable::Binary, "\u{fffd}\u{fffd}\u{1}\u{2}\u{3}")],
    );
    // Half of a pair in plain text could not be had back from its escape.
    let units = "text ".encode_utf16().chain([0xd800, 0x78]);
    let half: Vec<u8> = [0xfeff]
        .into_iter()
        .chain(units)
        .flat_map(u16::to_le_bytes)
        .collect();
    let records = crate::envelope::split(&Bytes::from(half.clone()), 1 << 20);
    let piece = records.all().next().unwrap();
    assert_eq!(
        (piece.kind, piece.original),
        (RecordKind::Text(Unparsable::Binary), &half[..])
    );
    // A brace and zeros are not enough to be UTF-16.
    let noise = b"{\0\0\0x:07Z\",\"a\":1}";
    let records = crate::envelope::split(&Bytes::from_static(noise), 1 << 20);
    assert_eq!(records.encoding(), crate::envelope::BodyEncoding::Utf8);
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, b"{\"a\":1}").unwrap();
    let mut packed = encoder.finish().unwrap();
    packed.extend_from_slice(b"\n\0\0");
    check_bytes(&packed, &[exact("{\"a\":1}")]);
}
