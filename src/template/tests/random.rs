//! Arbitrary templates over arbitrary records.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::super::{Template, VALUE_MAX};
use crate::envelope;
use crate::event_hub::Timestamp;
use crate::record::{Origin, Record};

const TOKENS: [&str; 40] = [
    "{{",
    "}}",
    "||",
    "|",
    "\"",
    "\\",
    "[",
    "]",
    "(",
    ")",
    ".",
    " ",
    "0",
    "7",
    "a",
    "A",
    "ß",
    "{",
    "}",
    "-",
    "\n",
    "category",
    "time",
    "enqueued",
    "id",
    "tenant",
    "severity",
    "own_id",
    "properties",
    "lower",
    "upper",
    "trim",
    "slug",
    "truncate(3)",
    "date(\"YYYY-MM\")",
    "\"x\"",
    "{{ a.b || a[0] | slug }}",
    "{{ time | date(\"HH:mm\") }}",
    "[\"a\"]",
    "[0]",
];

const PIECES: [&str; 26] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"a\"",
    "\"A\"",
    "\"b\"",
    "\"category\"",
    "\"time\"",
    "\"properties\"",
    "\"tenantId\"",
    "\"level\"",
    "null",
    "1.5e3",
    "true",
    "\"\\ud800\"",
    "\"2026-01-02T03:04:05Z\"",
    "\"{\\\"a\\\":1}\"",
    "{\"a\":{\"b\":\"c\"}}",
    "{\"a\":[1]}",
    "\n",
    "\"\\u0007\"",
    "ß",
    "'",
];

fn tokens(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    vec(proptest::sample::select(of), 0..24).prop_map(|it| it.concat())
}

/// Renders over every record of a body.
fn render(template: &Template, body: Vec<u8>, enqueued_at: i64) -> Vec<String> {
    let mut origin = Origin::any();
    origin.position.enqueued_at = Some(Timestamp(enqueued_at));
    let records = envelope::split(&Bytes::from(body), 0);
    let pieces = records.all().map(|piece| {
        let mut text = String::new();
        template.render(&Record::new(piece, &origin), &mut text);
        text
    });
    pieces.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_template_or_has_an_error_in_it(
        text in prop_oneof![tokens(&TOKENS), any::<String>()],
        body in tokens(&PIECES),
        enqueued_at: i64,
    ) {
        match Template::compile(&text) {
            Ok(template) => {
                for rendered in render(&template, body.into_bytes(), enqueued_at) {
                    prop_assert!(!rendered.contains(char::is_control));
                    if template.is_constant() {
                        prop_assert!(rendered.len() <= text.len() * 2);
                    }
                }
            }
            Err(error) => {
                let characters = text.chars().count();
                prop_assert!((1..=characters + 1).contains(&error.column), "{}", error);
            }
        }
    }

    #[test]
    fn any_body_gives_a_bounded_text(
        body in prop_oneof![
            tokens(&PIECES).prop_map(String::into_bytes),
            vec(any::<u8>(), 0..64),
            any::<String>().prop_map(|it| format!("{{\"a\":{it:?}}}").into_bytes()),
        ],
        enqueued_at: i64,
    ) {
        let text = "{{ a.b || a[0].a || a || category | upper || own_id || tenant | slug \
                    || severity || resource_provider }}{{ time | date(\"YYYY\") }}{{ enqueued }}";
        let template = Template::compile(text).unwrap();
        for rendered in render(&template, body, enqueued_at) {
            prop_assert!(rendered.chars().count() <= 3 * VALUE_MAX);
            prop_assert!(!rendered.contains(char::is_control));
        }
    }
}
