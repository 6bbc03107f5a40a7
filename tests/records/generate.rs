//! JSON documents of random shapes, each with the records that a person sees in it.

use entra_forwarder::envelope::RecordKind;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use RecordKind::{Object, Value};

/// A text, and what must be found in it, in this order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document {
    pub(crate) text: String,
    pub(crate) records: Vec<(RecordKind, String)>,
}

impl Document {
    fn one(kind: RecordKind) -> impl Fn(String) -> Self {
        move |text| Self {
            records: vec![(kind, text.clone())],
            text,
        }
    }

    fn none(text: String) -> Self {
        let records = Vec::new();
        Self { text, records }
    }

    /// Several, whose texts become one.
    fn joined(parts: Vec<Self>, join: impl FnOnce(Vec<String>) -> String) -> Self {
        let (texts, records): (Vec<_>, Vec<_>) =
            parts.into_iter().map(|it| (it.text, it.records)).unzip();
        Self {
            text: join(texts),
            records: records.concat(),
        }
    }

    /// As the content of a JSON string.
    fn quoted(self) -> Self {
        Self {
            text: serde_json::Value::from(self.text).to_string(),
            ..self
        }
    }
}

/// One or several texts, one behind the other.
pub(crate) fn documents() -> impl Strategy<Value = Document> {
    let lines = (vec((standing_alone(1), blanks()), 0..4), blanks()).prop_map(|(parts, before)| {
        let parts = parts.into_iter().map(|(mut part, blanks)| {
            let is_delimited = part.text.ends_with(['}', ']', '"']);
            part.text.push_str(&blanks);
            if !is_delimited && blanks.is_empty() {
                part.text.push('\n');
            }
            part
        });
        let mut lines = Document::joined(parts.collect(), |texts| texts.concat());
        lines.text.insert_str(0, &before);
        lines
    });
    prop_oneof![2 => envelope(1).boxed(), 1 => lines.boxed()]
}

/// An envelope of plain records, as Azure writes it: their texts.
pub(crate) fn envelope_of_records() -> impl Strategy<Value = Vec<String>> {
    vec(object(key()), 1..7)
}

/// Records that begin alike, as those of one service do, with plain text in them.
pub(crate) fn records_of_a_kind() -> impl Strategy<Value = Vec<String>> {
    let text = || "[a-zA-Z0-9 .@/+-]{1,12}".prop_map(|text| format!("\"{text}\""));
    let leaf = prop_oneof![number(), text(), word()];
    let value = leaf.prop_recursive(3, 12, 4, move |inner| {
        let member = (text(), inner.clone(), gaps())
            .prop_map(|(key, value, gaps)| member(&key, &value, &gaps));
        prop_oneof![
            (vec(inner, 0..4), gaps()).prop_map(|(members, gaps)| array(&members, &gaps)),
            (vec(member, 0..4), gaps())
                .prop_map(|(members, gaps)| bracketed("{", &members, "}", &gaps)),
        ]
    });
    let members = vec(
        (text(), value).prop_map(|(key, value)| format!(",{key}:{value}")),
        0..4,
    );
    let record = (members, 0..60_u8).prop_map(|(members, second)| {
        let members = members.concat();
        format!("{{\"time\":\"2025-03-01T08:15:{second:02}Z\"{members}}}")
    });
    vec(record, 2..6)
}

/// What stands outside of any envelope; strings that hold JSON are nested so often at most.
fn standing_alone(strings: u32) -> BoxedStrategy<Document> {
    let array = (vec(in_array(strings), 0..4), gaps())
        .prop_map(|(members, gaps)| Document::joined(members, |texts| array(&texts, &gaps)));
    prop_oneof![
        3 => envelope(strings),
        3 => bare(),
        2 => array,
        1 => plain(),
        1 => in_string(strings),
    ]
    .boxed()
}

/// What may stand in an array outside of any envelope.
fn in_array(strings: u32) -> BoxedStrategy<Document> {
    let objects = (vec(prop_oneof![bare(), envelope(strings)], 0..3), gaps())
        .prop_map(|(members, gaps)| Document::joined(members, |texts| array(&texts, &gaps)));
    prop_oneof![
        3 => envelope(strings),
        3 => bare(),
        1 => objects,
        1 => other(strings),
    ]
    .boxed()
}

/// A record without an envelope, which may have a key of that name all the same.
fn bare() -> BoxedStrategy<Document> {
    let named = (records_key(), prop_oneof![number(), plain_string()])
        .prop_map(|(key, value)| format!("{{{key}:{value},\"x\":1}}"));
    prop_oneof![5 => object(other_key()), 1 => named]
        .prop_map(Document::one(Object))
        .boxed()
}

/// An object with records in it, among other keys.
fn envelope(strings: u32) -> BoxedStrategy<Document> {
    let one_key = |key: BoxedStrategy<String>, held: BoxedStrategy<Document>| {
        (key, held, gaps()).prop_map(|(key, held, gaps)| Document {
            text: member(&key, &held.text, &gaps),
            ..held
        })
    };
    let beside = (other_key(), value(), gaps())
        .prop_map(|(key, value, gaps)| Document::none(member(&key, &value, &gaps)));
    let held = vec(one_key(records_key(), held(strings)), 1..3);
    let many = (held, vec(beside, 0..3))
        .prop_map(|(held, beside)| [held, beside].concat())
        .prop_shuffle();
    let misspelt = select(vec!["\"record\"".to_owned(), "\"Record\"".to_owned()]).boxed();
    let misspelt = one_key(misspelt, held_list(strings)).prop_map(|member| vec![member]);
    (prop_oneof![6 => many, 1 => misspelt], gaps())
        .prop_map(|(members, gaps)| {
            Document::joined(members, |texts| bracketed("{", &texts, "}", &gaps))
        })
        .boxed()
}

/// What an envelope holds.
fn held(strings: u32) -> BoxedStrategy<Document> {
    let list = held_list(strings);
    let null = Just(Document::none("null".to_owned()));
    if strings == 0 {
        return prop_oneof![6 => list, 1 => null].boxed();
    }
    prop_oneof![6 => list, 1 => null, 1 => in_string(strings)].boxed()
}

fn held_list(strings: u32) -> BoxedStrategy<Document> {
    let list = (vec(in_envelope(strings), 0..5), gaps())
        .prop_map(|(members, gaps)| Document::joined(members, |texts| array(&texts, &gaps)));
    let one = object(key()).prop_map(Document::one(Object));
    prop_oneof![5 => list, 1 => one].boxed()
}

/// A member of an envelope's array.
fn in_envelope(strings: u32) -> BoxedStrategy<Document> {
    let object = object(key()).prop_map(Document::one(Object));
    let objects = (vec(bare(), 0..3), gaps())
        .prop_map(|(members, gaps)| Document::joined(members, |texts| array(&texts, &gaps)));
    prop_oneof![8 => object, 1 => objects, 2 => other(strings)].boxed()
}

/// What is neither an object nor an array of objects.
fn other(strings: u32) -> BoxedStrategy<Document> {
    let mixed = (vec(value(), 0..3), number(), gaps())
        .prop_map(|(members, number, gaps)| array(&[members, vec![number]].concat(), &gaps))
        .prop_map(Document::one(Value));
    prop_oneof![3 => plain(), 1 => mixed, 1 => in_string(strings)].boxed()
}

/// A value in which there is nothing else.
fn plain() -> BoxedStrategy<Document> {
    prop_oneof![number(), plain_string(), word()]
        .prop_map(|text| match text.as_str() {
            "null" => Document::none(text),
            _ => Document::one(Value)(text),
        })
        .boxed()
}

/// JSON in a string, with strings in it so often at most; without any, a plain value.
fn in_string(strings: u32) -> BoxedStrategy<Document> {
    if strings == 0 {
        return plain();
    }
    standing_alone(strings - 1)
        .prop_filter("more than a plain value", |held| {
            held.text.starts_with(['{', '['])
        })
        .prop_map(Document::quoted)
        .boxed()
}

/// Any object, with such keys.
fn object(key: BoxedStrategy<String>) -> BoxedStrategy<String> {
    let member = (key, value(), gaps()).prop_map(|(key, value, gaps)| member(&key, &value, &gaps));
    (vec(member, 0..5), gaps(), 0..20_usize)
        .prop_map(|(mut members, gaps, twice)| {
            // Now and then the same key again, at times with another value.
            if let Some(again) = members.get(twice).cloned() {
                members.push(again);
            }
            bracketed("{", &members, "}", &gaps)
        })
        .boxed()
}

/// Any JSON.
fn value() -> BoxedStrategy<String> {
    let leaf = prop_oneof![number(), string(), word()];
    let deep = (1..300_usize, leaf.clone())
        .prop_map(|(depth, leaf)| format!("{}{leaf}{}", "[".repeat(depth), "]".repeat(depth)));
    let value = leaf.prop_recursive(4, 16, 4, |inner| {
        let members = (key(), inner.clone(), gaps())
            .prop_map(|(key, value, gaps)| member(&key, &value, &gaps));
        prop_oneof![
            (vec(inner, 0..4), gaps()).prop_map(|(members, gaps)| array(&members, &gaps)),
            (vec(members, 0..4), gaps())
                .prop_map(|(members, gaps)| bracketed("{", &members, "}", &gaps)),
        ]
    });
    prop_oneof![20 => value, 1 => deep].boxed()
}

fn number() -> BoxedStrategy<String> {
    "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,30})?([eE][+-]?[0-9]{1,5})?".boxed()
}

fn word() -> BoxedStrategy<String> {
    let words = ["null", "true", "false"].map(str::to_owned);
    select(words.to_vec()).boxed()
}

/// A string in its quotes.
fn string() -> BoxedStrategy<String> {
    let escapes = [
        "\\\"",
        "\\\\",
        "\\/",
        "\\b",
        "\\n",
        "\\u0000",
        "\\u00e9",
        "\\ud800",
        "\\uDFFF",
        "\\ud83d\\ude00",
        "{",
        "}",
        "[",
        "]",
        "},{",
        ",",
        ":",
        "'",
        "{\\\"records\\\":[{}]}",
        "\u{7f}",
        "\u{2028}",
        "\u{feff}",
    ];
    let part = prop_oneof![
        "[a-zA-Z0-9 ]{1,8}",
        select(escapes.map(str::to_owned).to_vec()),
        any::<char>()
            .prop_map(|it| if it.is_control() || ['"', '\\'].contains(&it) {
                'é'
            } else {
                it
            })
            .prop_map(String::from),
    ];
    vec(part, 0..6)
        .prop_map(|parts| format!("\"{}\"", parts.concat()))
        .boxed()
}

/// One that does not hold JSON.
fn plain_string() -> BoxedStrategy<String> {
    string()
        .prop_map(|string| string.replacen('"', "\"x", 1))
        .boxed()
}

fn key() -> BoxedStrategy<String> {
    let known = ["\"records\"", "\"record\"", "\"time\"", "\"category\""].map(str::to_owned);
    prop_oneof![3 => string(), 1 => select(known.to_vec())].boxed()
}

/// One by which nothing becomes an envelope.
fn other_key() -> BoxedStrategy<String> {
    let known = [
        "\"record\\u0000\"",
        "\"recordss\"",
        "\"EventProcessedUtcTime\"",
    ]
    .map(str::to_owned);
    prop_oneof![3 => plain_string(), 1 => select(known.to_vec())].boxed()
}

fn records_key() -> BoxedStrategy<String> {
    let spellings = [
        "records",
        "Records",
        "RECORDS",
        "rEcOrDs",
        "\\u0072ecords",
        "record\\u0073",
    ];
    select(spellings.map(|it| format!("\"{it}\"")).to_vec()).boxed()
}

/// White space, most often none.
fn blanks() -> BoxedStrategy<String> {
    prop_oneof![2 => Just(String::new()), 1 => "[ \t\r\n]{0,4}"].boxed()
}

/// White space for three places.
fn gaps() -> BoxedStrategy<[String; 3]> {
    [blanks(), blanks(), blanks()].boxed()
}

fn member(key: &str, value: &str, [before, after, _]: &[String; 3]) -> String {
    format!("{key}{before}:{after}{value}")
}

fn array(members: &[String], gaps: &[String; 3]) -> String {
    bracketed("[", members, "]", gaps)
}

fn bracketed(open: &str, members: &[String], close: &str, gaps: &[String; 3]) -> String {
    let [before, after, around] = gaps;
    let members = members.join(&format!("{before},{after}"));
    format!("{open}{around}{members}{around}{close}")
}
