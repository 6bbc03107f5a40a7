//! The page for users says what is true.

use super::super::parse::NAMES;
use super::rendered;

const PAGE: &str = include_str!("../../../docs/templates.md");

/// The content of the page's blocks of one language.
fn blocks(language: &str) -> Vec<&'static str> {
    let open = format!("```{language}\n");
    let behind = PAGE.split(open.as_str()).skip(1);
    behind.map(|it| it.split("```").next().unwrap()).collect()
}

#[test]
fn every_example_gives_what_the_page_says() {
    let [record] = blocks("json")[..] else {
        panic!("the page has one record");
    };
    let lines = blocks("text").into_iter().flat_map(str::lines);
    let mut examples = 0;
    for line in lines {
        let (template, expected) = line.split_once(" => ").expect(line);
        assert_eq!(rendered(template.trim(), record), expected.trim(), "{line}");
        examples += 1;
    }
    assert!(examples >= 12, "{examples}");
}

#[test]
fn every_name_stands_on_the_page() {
    for (name, _) in NAMES {
        assert!(PAGE.contains(&format!("\n| `{name}` |")), "{name}");
    }
}
