//! What is no template, and where.

use super::super::{Template, VALUE_MAX};

#[test]
fn every_mistake_has_its_column() {
    let operand = "a name, a path such as properties.id, or a text in quotes";
    let filter = "a filter: lower, upper, trim, slug, truncate(20) or date(\"YYYY/MM/DD/HH\")";
    let member = "the name of a member, in the form [\"...\"] unless it is a plain word";
    let date = "YYYY, MM, DD, HH or mm (no other letters)";
    let moment = "date directly behind time or enqueued: nothing else is a moment";
    let goes_on = "\"|\", \"||\" or \"}}\"";
    let unused = "\"|\" or \"}}\": no alternative behind a text in quotes is used";
    let open = "a \"}}\" that closes this \"{{\"";
    let control = "no line breaks, tabs or other control characters";
    let size = "a whole number from 1 to 256";
    for (template, column, expected) in [
        ("{{", 3, operand),
        ("{{}}", 3, operand),
        ("{{ }}", 4, operand),
        ("ä-{{ 5 }}", 6, operand),
        ("{{{ a }}}", 3, operand),
        ("{{ || a }}", 4, operand),
        ("{{ a || }}", 9, operand),
        ("{{ 'a' }}", 4, operand),
        ("x {{ a", 3, open),
        ("{{ a }} {{ b ", 9, open),
        ("{{ a }", 6, goes_on),
        ("{{ a b }}", 6, goes_on),
        ("{{ a & b }}", 6, goes_on),
        ("{{ \"a\" || b }}", 8, unused),
        ("{{ a || \"b\" | lower || c }}", 21, unused),
        ("{{ a | }}", 8, filter),
        ("{{ a |", 7, filter),
        ("{{ a | Lower }}", 8, filter),
        ("{{ a | lowercase }}", 8, filter),
        ("{{ a | lower() }}", 13, goes_on),
        ("{{ a | truncate }}", 16, "\"(\""),
        ("{{ a | truncate() }}", 17, size),
        ("{{ a | truncate(0) }}", 17, size),
        ("{{ a | truncate( 257) }}", 18, size),
        ("{{ a | truncate(99999999999999999999999) }}", 17, size),
        ("{{ a | truncate(-1) }}", 17, size),
        ("{{ a | truncate(5 }}", 19, "\")\""),
        ("{{ a. }}", 6, member),
        ("{{ a.0 }}", 6, member),
        ("{{ a..b }}", 6, member),
        ("{{ a.[\"b\"] }}", 6, member),
        ("{{ a[b] }}", 6, "a name in quotes or a number"),
        ("{{ a[-1] }}", 6, "a name in quotes or a number"),
        ("{{ a[1000000] }}", 6, "a whole number from 0 to 999999"),
        ("{{ a[1 }}", 7, "\"]\""),
        ("{{ [0] }}", 5, "a name in quotes"),
        ("{{ \"a }}", 4, "a second quote that ends this text"),
        ("{{ a[\"b] }}", 6, "a second quote that ends this text"),
        ("{{ \"a\\n\" }}", 7, "\" or \\ behind a backslash"),
        ("{{ category | date(\"YYYY\") }}", 15, moment),
        ("{{ time || \"x\" | date(\"YYYY\") }}", 18, moment),
        ("{{ time | lower | date(\"YYYY\") }}", 19, moment),
        ("{{ time | date(\"YYYY\") | date(\"YYYY\") }}", 26, moment),
        ("{{ time | date }}", 15, "\"(\""),
        ("{{ time | date(YYYY) }}", 16, "a pattern in quotes"),
        ("{{ time | date(\"YYYY-mm-dd\") }}", 25, date),
        ("{{ time | date(\"\\\\YYYYMMDDhh\") }}", 27, date),
        ("{{ time | date(\"YY\") }}", 17, date),
        ("{{ time | date(\"\") }}", 16, date),
        ("{{ time | date(\"-/-\") }}", 16, date),
        ("{{ time | date(\"YYYY\" }}", 23, "\")\""),
        ("a\nb", 2, control),
        ("äöü\t", 4, control),
        ("{{ \"\u{85}\" }}", 5, control),
    ] {
        let error = Template::compile(template).unwrap_err();
        assert_eq!(
            (error.column, &*error.expected),
            (column, expected),
            "{template}"
        );
        let sentence = format!("column {column}: expected {expected}");
        assert_eq!(error.to_string(), sentence);
    }
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
