use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::record::Origin;

fn id() -> StableId {
    StableId::new(&Origin::any(), Some(7), b"{}")
}

fn cut(json: &str, limit: u64) -> String {
    let mut out = Vec::new();
    write_truncated(json.as_bytes(), id(), limit, &mut out);
    let out = String::from_utf8(out).unwrap();
    assert!(out.len() as u64 <= limit, "{} of {limit}: {out}", out.len());
    out
}

fn mark(bytes: usize, left_out: &str) -> String {
    format!(
        "\"{TRUNCATED}\":{{\"bytes\":{bytes},\"id\":\"{}\"{left_out}}}",
        id()
    )
}

#[test]
fn the_largest_member_leaves_and_its_beginning_stays() {
    let big = "ä\\\"".repeat(2_000);
    let json = format!(
        "{{ \"time\":\"2026-01-02T03:04:05Z\", \"n\" : 1.50,\"properties\":{{\"a\":\"{big}\"}},\"z\":null}}"
    );
    let out = cut(&json, 2_000);
    let start = "{\"time\":\"2026-01-02T03:04:05Z\",\"n\":1.50,\"z\":null,";
    assert!(out.starts_with(start), "{out}");
    let value: Value = serde_json::from_str(&out).unwrap();
    let mark = &value[TRUNCATED];
    assert_eq!(mark["bytes"], json.len());
    assert_eq!(mark["id"], id().to_string());
    let names: Vec<_> = mark["left_out"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["properties"]);
    let text = mark["left_out"]["properties"].as_str().unwrap();
    assert!(
        json.contains(text) && text.starts_with("{\"a\":\"ä"),
        "{text}"
    );
    // What room there is, is used.
    assert!(out.len() >= 2_000 - 4, "{}", out.len());
}

#[test]
fn what_tools_need_leaves_last() {
    let long = "x".repeat(900);
    let json = format!(
        "{{\"Category\":\"{long}\",\"b\":\"{}\",\"c\":\"{}\",\"d\":1}}",
        "y".repeat(400),
        "z".repeat(300)
    );
    let out = cut(&json, 1_200);
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["Category"], long);
    assert_eq!(value["d"], 1);
    assert!(value.get("b").is_none() && value.get("c").is_none());
    // Even parts of what is left.
    let text = |name: &str| value[TRUNCATED]["left_out"][name].as_str().unwrap().len();
    assert!(text("b").abs_diff(text("c")) <= 1, "{out}");
}

#[test]
fn where_names_have_no_room_the_most_useful_members_stay() {
    let members: Vec<_> = (0..500).map(|n| format!("\"member{n}\":{n}")).collect();
    let json = format!(
        "{{{},\"time\":\"2026-01-02T03:04:05Z\"}}",
        members.join(",")
    );
    let out = cut(&json, 1_024);
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["time"], "2026-01-02T03:04:05Z");
    assert_eq!(value["member0"], 0);
    assert!(value[TRUNCATED].get("left_out").is_none());
    assert!(out.len() > 950, "{}", out.len());
}

#[test]
fn an_absurd_key_leaves_the_mark_alone() {
    let json = format!("{{\"{}\":1}}", "k".repeat(5_000));
    assert_eq!(cut(&json, 1_024), format!("{{{}}}", mark(json.len(), "")));
}

#[test]
fn blanks_alone_may_be_what_was_too_much() {
    let json = format!("{{\"a\":1,{}\"b\":[ 2 ]}}", " ".repeat(2_000));
    let expected = format!(
        "{{\"a\":1,\"b\":[ 2 ],{}}}",
        mark(json.len(), ",\"left_out\":{}")
    );
    assert_eq!(cut(&json, 1_024), expected);
}

#[test]
fn the_mark_stands_there_once() {
    let json = format!(
        "{{\"{TRUNCATED}\":{{\"a\":1}},\"b\":\"{}\"}}",
        "x".repeat(2_000)
    );
    let out = cut(&json, 1_024);
    assert_eq!(
        out.matches(&format!("\"{TRUNCATED}\":{{\"bytes\"")).count(),
        1
    );
    let value: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value[TRUNCATED]["left_out"][TRUNCATED], "{\"a\":1}");
    assert_eq!(value.as_object().unwrap().len(), 1);
}

#[test]
fn what_is_no_object_leaves_as_the_mark() {
    for text in ["", "[1]", "{\"a\":"] {
        let left_out = ",\"left_out\":{}";
        assert_eq!(
            cut(text, 1_024),
            format!("{{{}}}", mark(text.len(), left_out))
        );
    }
}

fn value() -> impl Strategy<Value = String> {
    let text = prop::collection::vec(
        prop::sample::select(vec![
            "a",
            "ä",
            "\u{1f600}",
            "\\\"",
            "\\\\",
            "\\n",
            "\\u00e4",
            " ",
        ]),
        0..600,
    );
    prop_oneof![
        Just("null".to_owned()),
        "-?[1-9][0-9]{0,30}(\\.[0-9]{1,5})?",
        text.clone()
            .prop_map(|text| format!("\"{}\"", text.concat())),
        text.prop_map(|text| format!("{{ \"a\":[\"{}\",\n1.0 ]}}", text.concat())),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        prop::sample::select(vec![
            "time", "Id", "category", "k\\u0061", "ü\\\"", TRUNCATED
        ])
        .prop_map(str::to_owned),
        "[a-z]{300,900}",
    ]
}

proptest! {
    #[test]
    fn it_is_always_one_valid_object_within_the_limit(
        members in prop::collection::vec((key(), value()), 0..40),
        limit in 1_024_u64..8_000,
    ) {
        let written: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\" : {value}")).collect();
        let json = format!("{{{}}}", written.join(" , "));
        let out = cut(&json, limit);
        prop_assert_eq!(&out, &cut(&json, limit));
        let parsed: Value = serde_json::from_str(&out).unwrap();
        prop_assert_eq!(&parsed[TRUNCATED]["bytes"], json.len());
        // What stays has its own bytes, in its own order.
        let of_json: Vec<_> = super::members(json.as_bytes()).unwrap();
        let of_out = super::members(out.as_bytes()).unwrap();
        let (last, kept) = of_out.split_last().unwrap();
        prop_assert_eq!(last.key, format!("\"{TRUNCATED}\""));
        let mut originals = of_json.iter();
        for member in kept {
            prop_assert!(originals.any(|it| it == member), "{:?}", member);
        }
        // What left is the beginning of what was there.
        if let Some(left_out) = parsed[TRUNCATED].get("left_out") {
            let [inner] = super::super::scan::lookup(last.value.as_bytes(), ["left_out"]);
            let named = super::members(inner.unwrap().as_bytes()).unwrap();
            prop_assert_eq!(kept.len() + named.len(), of_json.len());
            for (name, text) in left_out.as_object().unwrap() {
                let text = text.as_str().unwrap();
                let is_there = of_json.iter().any(|it| {
                    value::string(it.key).as_deref() == Some(name) && it.value.starts_with(text)
                });
                prop_assert!(is_there, "{}: {}", name, text);
            }
        }
    }
}
