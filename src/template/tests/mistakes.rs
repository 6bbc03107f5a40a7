//! What is no template, and where.

use super::super::{Template, VALUE_MAX};

const OPERAND: &str = "a name, a path such as properties.id, or a text in quotes";
const FILTER: &str = "a filter: lower, upper, trim, slug, truncate(20) or date(\"YYYY/MM/DD/HH\")";
const MEMBER: &str = "the name of a member, in the form [\"...\"] unless it is a plain word";
const DATE: &str = "YYYY, MM, DD, HH or mm (no other letters)";
const MOMENT: &str = "date directly behind time or enqueued: nothing else is a moment";
const GOES_ON: &str = "\"|\", \"||\" or \"}}\"";
const UNUSED: &str = "\"|\" or \"}}\": no alternative behind a text in quotes is used";
const OPEN: &str = "a \"}}\" that closes this \"{{\"";
const CONTROL: &str = "no line breaks, tabs or other control characters";
const SIZE: &str = "a whole number from 1 to 256";

fn check(mistakes: &[(&str, usize, &str)]) {
    for (template, column, expected) in mistakes {
        let error = Template::compile(template).unwrap_err();
        assert_eq!(
            (error.column, &*error.expected),
            (*column, *expected),
            "{template}"
        );
        let sentence = format!("column {column}: expected {expected}");
        assert_eq!(error.to_string(), sentence);
    }
}

#[test]
fn every_mistake_has_its_column() {
    check(&[
        ("{{", 3, OPERAND),
        ("{{}}", 3, OPERAND),
        ("{{ }}", 4, OPERAND),
        ("ä-{{ 5 }}", 6, OPERAND),
        ("{{{ a }}}", 3, OPERAND),
        ("{{ || a }}", 4, OPERAND),
        ("{{ a || }}", 9, OPERAND),
        ("{{ 'a' }}", 4, OPERAND),
        ("x {{ a", 3, OPEN),
        ("{{ a }} {{ b ", 9, OPEN),
        ("{{ a }", 6, GOES_ON),
        ("{{ a b }}", 6, GOES_ON),
        ("{{ a & b }}", 6, GOES_ON),
        ("{{ \"a\" || b }}", 8, UNUSED),
        ("{{ a || \"b\" | lower || c }}", 21, UNUSED),
        ("{{ a. }}", 6, MEMBER),
        ("{{ a.0 }}", 6, MEMBER),
        ("{{ a..b }}", 6, MEMBER),
        ("{{ a.[\"b\"] }}", 6, MEMBER),
        ("{{ a[b] }}", 6, "a name in quotes or a number"),
        ("{{ a[-1] }}", 6, "a name in quotes or a number"),
        ("{{ a[1000000] }}", 6, "a whole number from 0 to 999999"),
        ("{{ a[1 }}", 7, "\"]\""),
        ("{{ [0] }}", 5, "a name in quotes"),
        ("{{ \"a }}", 4, "a second quote that ends this text"),
        ("{{ a[\"b] }}", 6, "a second quote that ends this text"),
        ("{{ \"a\\n\" }}", 7, "\" or \\ behind a backslash"),
        ("a\nb", 2, CONTROL),
        ("äöü\t", 4, CONTROL),
        ("{{ \"\u{85}\" }}", 5, CONTROL),
    ]);
}

#[test]
fn every_mistake_of_a_filter_has_its_column() {
    check(&[
        ("{{ a | }}", 8, FILTER),
        ("{{ a |", 7, FILTER),
        ("{{ a | Lower }}", 8, FILTER),
        ("{{ a | lowercase }}", 8, FILTER),
        ("{{ a | lower() }}", 13, GOES_ON),
        ("{{ a | truncate }}", 16, "\"(\""),
        ("{{ a | truncate() }}", 17, SIZE),
        ("{{ a | truncate(0) }}", 17, SIZE),
        ("{{ a | truncate( 257) }}", 18, SIZE),
        ("{{ a | truncate(99999999999999999999999) }}", 17, SIZE),
        ("{{ a | truncate(-1) }}", 17, SIZE),
        ("{{ a | truncate(5 }}", 19, "\")\""),
        ("{{ category | date(\"YYYY\") }}", 15, MOMENT),
        ("{{ time || \"x\" | date(\"YYYY\") }}", 18, MOMENT),
        ("{{ time | lower | date(\"YYYY\") }}", 19, MOMENT),
        ("{{ time | date(\"YYYY\") | date(\"YYYY\") }}", 26, MOMENT),
        ("{{ time | date }}", 15, "\"(\""),
        ("{{ time | date(YYYY) }}", 16, "a pattern in quotes"),
        ("{{ time | date(\"YYYY-mm-dd\") }}", 25, DATE),
        ("{{ time | date(\"\\\\YYYYMMDDhh\") }}", 27, DATE),
        ("{{ time | date(\"YY\") }}", 17, DATE),
        ("{{ time | date(\"\") }}", 16, DATE),
        ("{{ time | date(\"-/-\") }}", 16, DATE),
        ("{{ time | date(\"YYYY\" }}", 23, "\")\""),
    ]);
}

#[test]
fn what_is_too_long() {
    let literal = |size| format!("{{{{ \"{}\" }}}}", "a".repeat(size));
    assert!(Template::compile(&literal(VALUE_MAX)).is_ok());
    let error = Template::compile(&literal(VALUE_MAX + 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column 4: expected a text of at most 256 characters"
    );
    let path = |size: usize| format!("{{{{ a{} }}}}", ".b".repeat(size - 1));
    assert!(Template::compile(&path(32)).is_ok());
    let error = Template::compile(&path(33)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "column 4: expected a path of at most 32 members"
    );
}
