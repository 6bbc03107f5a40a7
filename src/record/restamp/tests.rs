use proptest::prelude::*;
use serde_json::Value;

use super::super::testing::with;
use super::*;

/// 2026-11-21T08:15:30.125Z.
const NOW: Timestamp = Timestamp(1_795_248_930_125);
const STAMP: &str = "\"2026-11-21T08:15:30.125Z\"";

fn stamped(body: &str) -> Option<(String, StableId)> {
    with(body, |record| {
        let id = record.stable_id();
        let out = restamped(record.original(), record.time().unwrap(), NOW, id)?;
        assert!(out.len() as u64 <= body.len() as u64 + RESTAMPED_BYTES_MAX);
        let out = String::from_utf8(out).unwrap();
        serde_json::from_str::<Value>(&out).unwrap();
        Some((out, id))
    })
}

/// `$` stands for the present in what is expected before the mark.
fn check(body: &str, expected: &str, original: &str) {
    let (out, id) = stamped(body).unwrap();
    let mark = format!("\"{RESTAMPED}\":{{\"time\":{original},\"id\":\"{id}\"}}}}");
    assert_eq!(out, format!("{}{mark}", expected.replace('$', STAMP)));
}

#[test]
fn the_time_is_replaced_and_nothing_else() {
    check(
        r#"{ "a":1.50, "Time" : "2020-01-02T03:04:05.1234567Z" ,"b":[ 1 ] }"#,
        r#"{ "a":1.50, "Time" : $ ,"b":[ 1 ] ,"#,
        r#""2020-01-02T03:04:05.1234567Z""#,
    );
    // What holds no time is passed over, and the first of a name counts.
    check(
        r#"{"time":null,"createdDateTime":"2020-01-02T03:04:05Z","createdDateTime":"2020-01-02T03:04:05Z"}"#,
        r#"{"time":null,"createdDateTime":$,"createdDateTime":"2020-01-02T03:04:05Z","#,
        r#""2020-01-02T03:04:05Z""#,
    );
    check(
        r#"{"properties":{"x":"\u00e4","TimeGenerated":"8/22/2022 6:11:52 PM"},"y":2}"#,
        r#"{"properties":{"x":"\u00e4","TimeGenerated":$},"y":2,"#,
        r#""8/22/2022 6:11:52 PM""#,
    );
}

#[test]
fn a_string_that_holds_the_time_is_written_anew() {
    check(
        r#"{"properties":" {\"time\":\"2020-01-02T03:04:05Z\",\"n\":1.50} "}"#,
        r#"{"properties":" {\"time\":\"2026-11-21T08:15:30.125Z\",\"n\":1.50} ","#,
        r#""2020-01-02T03:04:05Z""#,
    );
}

#[test]
fn a_number_stays_a_number_of_its_unit() {
    for (old, new) in [
        ("1578000000", "1795248930"),
        ("1578000000.5", "1795248930.125"),
        ("1578000000123", "1795248930125"),
        ("1578000000123456", "1795248930125000"),
        ("1578000000123456789", "1795248930125000000"),
        ("637134336000000000", "639308457301250000"),
        ("\"1578000000123\"", "\"1795248930125\""),
    ] {
        let body = format!("{{\"time\":{old}}}");
        check(&body, &format!("{{\"time\":{new},"), old);
        let (out, _) = stamped(&body).unwrap();
        with(&out, |record| {
            let (time, _) = record.time().unwrap();
            assert_eq!(time.nanoseconds() / 1_000_000_000, NOW.0 / 1_000, "{out}");
        });
    }
}

#[test]
fn without_a_time_of_its_own_it_is_marked_alone() {
    // The event's time of these tests is the same moment.
    check("{\"a\":1}", "{\"a\":1,", STAMP);
    check("{}", "{", STAMP);
}

#[test]
fn a_mark_that_is_there_stays() {
    let body = format!(
        "{{\"time\":\"2021-01-02T03:04:05Z\",\"{RESTAMPED}\":{{\"time\":\"2020-01-02T03:04:05Z\"}}}}"
    );
    let (out, _) = stamped(&body).unwrap();
    assert_eq!(out, body.replace("\"2021-01-02T03:04:05Z\"", STAMP));
}

#[test]
fn an_absurd_time_is_left_alone() {
    let body = format!("{{\"time\":\"{}2021-01-02T03:04:05Z\"}}", " ".repeat(200));
    assert_eq!(stamped(&body), None);
}

proptest! {
    #[test]
    fn only_the_time_changes(
        before in "[ä \\[\\]:,{}a-z]{0,40}",
        after in "[ö \\[\\]:,{}a-z]{0,40}",
        seconds in 946_684_800_i64..1_700_000_000,
        is_number: bool,
    ) {
        let old = match is_number {
            true => seconds.to_string(),
            false => quoted(&Timestamp(seconds * 1_000).to_rfc3339()),
        };
        let body = format!("{{\"b\":\"{before}\",\"time\":{old},\"a\":\"{after}\",\"n\":1.0e5}}");
        let (out, _) = stamped(&body).unwrap();
        let new = if is_number { "1795248930" } else { STAMP };
        let open = format!("{{\"b\":\"{before}\",\"time\":{new},\"a\":\"{after}\",\"n\":1.0e5,");
        prop_assert!(out.starts_with(&open), "{}", out);
        let parsed: Value = serde_json::from_str(&out).unwrap();
        prop_assert_eq!(parsed[RESTAMPED]["time"].to_string(), old);
    }
}
