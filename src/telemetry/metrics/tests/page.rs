//! The tables of docs/metrics.md.

use std::fmt::Write;

use super::{Family, TABLES};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md");
const BEGIN: &str = "<!-- Made of src/telemetry/metrics: UPDATE_DOCUMENTS=1 cargo test --lib metrics::tests::page -->\n";
const END: &str = "<!-- End of what is made. -->\n";

fn row(family: &Family) -> String {
    let labels: Vec<_> = family.labels.iter().map(|it| format!("`{it}`")).collect();
    format!(
        "| `{}` | {} | {} | {} | {} | {} |\n",
        family.full_name(),
        family.kind.name(),
        family.unit.name().unwrap_or_default(),
        labels.join(", "),
        family.help,
        family.normal
    )
}

fn tables() -> String {
    let mut text = String::new();
    for (heading, families) in &TABLES {
        write!(text, "\n## {heading}\n\n").unwrap();
        text.push_str("| name | kind | unit | labels | meaning | normal, or when to worry |\n");
        text.push_str("|---|---|---|---|---|---|\n");
        text.extend(families.iter().map(row));
    }
    text.push('\n');
    text
}

#[test]
fn the_page_is_up_to_date() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (head, rest) = page.split_once(BEGIN).expect("the mark of the beginning");
    let (_, tail) = rest.split_once(END).expect("the mark of the end");
    let made = format!("{head}{BEGIN}{}{END}{tail}", tables());
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        std::fs::write(PAGE, made).unwrap();
        return;
    }
    assert!(
        page == made,
        "docs/metrics.md is not up to date: run the command in it"
    );
}
