//! Input that is no JSON, or hardly, in any size.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// Makes a body of about so many bytes.
pub(crate) type Make = Box<dyn Fn(usize) -> Bytes>;

const RECORD: &str = r#"{"time":"2025-01-01T00:00:00Z","category":"AuditLogs","properties":{"id":"a","n":[1,2.5,{"x":null}],"text":"it is \"so\""}}"#;

/// All classes, by name.
pub(crate) fn classes() -> Vec<(&'static str, Make)> {
    let mut classes = faults();
    classes.extend(cuts());
    classes.extend(adversaries());
    classes.extend(bytes());
    classes
}

/// What is seen in the field: an envelope in which every record has the same fault.
fn faults() -> Vec<(&'static str, Make)> {
    let single = RECORD.replace("\\\"", "").replace('"', "'");
    let properties = r#"{"time":"x","properties":{'message':'don"t','levelId':2}}"#;
    vec![
        ("trailing commas", enveloped(RECORD.replace("}}", "},}"))),
        (
            "raw line breaks in strings",
            enveloped(RECORD.replace("it is", "it\nis\t")),
        ),
        ("single quotes", enveloped(single)),
        (
            "single quotes in properties",
            enveloped(properties.to_owned()),
        ),
        (
            "NaN and Infinity",
            enveloped(RECORD.replace("null", "NaN,-Infinity")),
        ),
        (
            "unquoted text in an array",
            enveloped(RECORD.replace("[1", "[ 218 B blob data ,1")),
        ),
        (
            "no commas between members",
            enveloped(RECORD.replace(",\"", "\"")),
        ),
        (
            "no commas between records",
            around("{\"records\":[", RECORD, "", "]}"),
        ),
        ("no colons", enveloped(RECORD.replace("\":", "\""))),
        (
            "comments",
            enveloped(RECORD.replace("null", "/* , } */ null // \"\n")),
        ),
        (
            "bad escapes",
            enveloped(RECORD.replace("it is", "C:\\it\\is\\x")),
        ),
        (
            "wrong closing brackets",
            enveloped(RECORD.replace("}]", "]}")),
        ),
    ]
}

/// Records that are cut off, lines, and text around records.
fn cuts() -> Vec<(&'static str, Make)> {
    vec![
        ("records cut in half", enveloped(RECORD[..60].to_owned())),
        (
            "cut off at the end",
            around("{\"records\":[", RECORD, ",", "{\"time\":\"2025"),
        ),
        (
            "one fault at the end",
            around("{\"records\":[", RECORD, ",", ",{'a':1}]}"),
        ),
        (
            "one fault at the beginning",
            around("{\"records\":[{'a':1},", RECORD, ",", "]}"),
        ),
        (
            "lines, every second one broken",
            lines(&[RECORD, &RECORD[..50]]),
        ),
        (
            "lines of text and records",
            lines(&["some text: it's {not} JSON", RECORD]),
        ),
        (
            "lines of text",
            lines(&["2025-01-01 12:00:00 GET /index.html 200 it's \"fine\""]),
        ),
        ("html", lines(&["<tr><td class=\"a\">it's</td></tr>"])),
        (
            "string of escaped JSON",
            Box::new(|bytes| string_of_json(bytes, 1, "]}\"")),
        ),
        (
            "twice escaped, unterminated",
            Box::new(|bytes| string_of_json(bytes, 2, "")),
        ),
        (
            "one large broken record",
            around("{\"records\":[{'a':[", "{\"b\":'c'}", ",", "]}]}"),
        ),
        (
            "many tiny members",
            around("{\"records\":[", "{'a':1}", ",", "]}"),
        ),
        (
            "many tiny values",
            around("{\"records\":[x,", "1", ",", "]}"),
        ),
    ]
}

/// What makes careless parsers look at the same byte again and again.
fn adversaries() -> Vec<(&'static str, Make)> {
    let repeated = [
        ("unterminated strings", "{\"a\":\"b\n"),
        ("unterminated strings in lines", "\"abc\n"),
        ("unclosed braces", "{\"a\":1,"),
        ("only braces in lines", "{\n"),
        ("nested objects", "{\"a\":"),
        ("nested arrays", "["),
        ("nested, mixed", "[{\"a\":"),
        ("nested records", "{\"records\":["),
        ("nested single quotes", "{'a':"),
        ("closing brackets", "]"),
        ("closing braces in lines", "}\n"),
        ("opened and closed wrongly", "[}"),
        ("closed and opened", "}{"),
        ("double quotes", "\""),
        ("single quotes alone", "'"),
        ("alternating quotes", "\"'"),
        ("quotes and braces", "{\"}'"),
        ("backslashes", "\\"),
        ("escaped quotes", "\\\""),
        ("quotes behind backslashes", "\"\\"),
        ("commas", ","),
        ("colons", ":"),
        ("boundaries in strings", "{\"a\":\"},{\",\"b},{\":'"),
        ("boundaries", "},{\""),
        ("openings of comments", "/*"),
        ("openings of line comments", "//"),
        ("minus signs", "-"),
        ("half words", "tru"),
        ("escapes of surrogates", "\"\\ud8"),
        ("envelope keys", "\"records\":"),
        ("openings of html", "<"),
    ];
    let mut all: Vec<(&'static str, Make)> = repeated
        .into_iter()
        .map(|(name, text)| (name, around("", text, "", "")))
        .collect();
    all.push((
        "nested and closed, one fault",
        Box::new(|bytes| nested(bytes, "{\"a\":", "}", "x y")),
    ));
    all.push((
        "nested arrays, one fault",
        Box::new(|bytes| nested(bytes, "[", "]", "'")),
    ));
    all.push((
        "braces in an open string",
        around("{\"records\":[{\"a\":\"", "{}},{", "", ""),
    ));
    all.push(("spaces behind a brace", around("{", " ", "", "")));
    all.push((
        "an open string, lines",
        around("{\"a\":\"", "{\"b\":1}\n", "", ""),
    ));
    all
}

/// Bytes that are no text in UTF-8.
fn bytes() -> Vec<(&'static str, Make)> {
    vec![
        ("random bytes", Box::new(|bytes| noise(bytes, |byte| byte))),
        (
            "random structure",
            Box::new(|bytes| noise(bytes, |byte| b"{}[]\",:'\\ \na1"[usize::from(byte) % 13])),
        ),
        (
            "invalid UTF-8 everywhere",
            around("{\"records\":[", "{\"a\":\"\u{fffd}\"}", ",", "]}").into_invalid(),
        ),
        (
            "records with one invalid byte each",
            enveloped(RECORD.replace("it is", "\u{fffd}")).into_invalid(),
        ),
        (
            "continuation bytes",
            around("", "\u{fffd}", "", "").into_invalid(),
        ),
        (
            "UTF-16 of a broken envelope",
            Box::new(|bytes| utf16(&around("{\"records\":[", "{'a':1}", ",", "]}")(bytes / 2))),
        ),
        (
            "UTF-16 of noise",
            Box::new(|bytes| {
                [&b"\xff\xfe"[..], &noise(bytes, |byte| byte)]
                    .concat()
                    .into()
            }),
        ),
        (
            "UTF-16 of half pairs",
            Box::new(|bytes| {
                [&b"\xff\xfe"[..], &b"\x00\xd8".repeat(bytes / 2)]
                    .concat()
                    .into()
            }),
        ),
        (
            "gzip of a broken envelope",
            Box::new(|bytes| gzip(&around("{\"records\":[", "{'a':1}", ",", "]}")(bytes))),
        ),
        (
            "gzip, cut off",
            Box::new(|bytes| {
                let packed = gzip(&noise(bytes, |byte| byte));
                packed.slice(..packed.len() - 9)
            }),
        ),
    ]
}

/// The same text again and again.
fn around(before: &'static str, text: &str, between: &'static str, after: &'static str) -> Make {
    let text = text.to_owned();
    Box::new(move |bytes| {
        let count = (bytes / (text.len() + between.len())).max(1);
        [before, &vec![&text[..]; count].join(between), after]
            .concat()
            .into()
    })
}

fn enveloped(record: String) -> Make {
    around("{\"records\":[", &record, ",", "]}")
}

fn lines(lines: &[&str]) -> Make {
    around("", &(lines.join("\n") + "\n"), "", "")
}

trait IntoInvalid {
    fn into_invalid(self) -> Make;
}

impl IntoInvalid for Make {
    /// Replaces each U+FFFD by a byte that cannot stand in UTF-8.
    fn into_invalid(self) -> Make {
        Box::new(move |bytes| {
            let text = String::from_utf8(self(bytes).into()).unwrap();
            let parts: Vec<_> = text.split('\u{fffd}').map(str::as_bytes).collect();
            parts.join(&0xff).into()
        })
    }
}

fn string_of_json(bytes: usize, times: usize, end: &str) -> Bytes {
    let mut text = String::from_utf8(enveloped(RECORD.to_owned())(bytes).into()).unwrap();
    for _ in 0..times {
        text = serde_json::Value::from(text).to_string();
    }
    text.truncate(text.len() - 3);
    (text + end).into()
}

fn nested(bytes: usize, open: &str, close: &str, inside: &str) -> Bytes {
    let depth = bytes / (open.len() + close.len());
    [&open.repeat(depth), inside, &close.repeat(depth)]
        .concat()
        .into()
}

fn noise(bytes: usize, map: fn(u8) -> u8) -> Bytes {
    let mut rng = StdRng::seed_from_u64(bytes as u64);
    let mut noise = vec![0; bytes];
    rng.fill_bytes(&mut noise);
    // Never by chance compressed or marked.
    noise[0] = b'{';
    noise[1] = rng.random_range(b'a'..=b'z');
    noise.iter().copied().map(map).collect()
}

fn utf16(text: &[u8]) -> Bytes {
    let text = std::str::from_utf8(text).unwrap();
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap().into()
}
