//! Templates as values.

use super::super::kind::{Kind, TextRule, Typed};
use super::super::node::Value;

const KIND: Kind = Kind::Text(TextRule::Template);

#[test]
fn a_template_stays_as_it_is_written() {
    let text = "entra-{{ Category | lower }}";
    let typed = KIND.check(&Value::Text(text.into()));
    assert!(matches!(typed, Ok(Typed::Text(kept)) if kept == text));
}

#[test]
fn a_mistake_is_told_with_its_column() {
    let mistake = KIND.check(&Value::Text("entra-{{ category | lowr }}".into()));
    let mistake = mistake.err().unwrap();
    assert_eq!(mistake.found, "a text of 27 characters");
    let hint = mistake.hint.unwrap();
    assert!(
        hint.starts_with("column 21: expected a filter: lower, "),
        "{hint}"
    );
}

#[test]
fn nothing_is_no_template() {
    let mistake = KIND.check(&Value::Text(String::new())).err().unwrap();
    assert_eq!((&*mistake.found, mistake.hint), ("empty", None));
}
