use super::*;
use crate::record::testing::with;

mod bounds;
mod mistakes;
mod page;
mod random;
mod rendering;

fn compiled(template: &str) -> Template {
    Template::compile(template).unwrap_or_else(|error| panic!("{template}: {error}"))
}

/// The text of a template for the only record of a body.
fn rendered(template: &str, body: &str) -> String {
    let template = compiled(template);
    let mut text = String::new();
    with(body, |record| template.render(&record, &mut text));
    text
}
