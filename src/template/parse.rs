//! The grammar of templates.
//!
//! ```text
//! template    = { text | "{{" expression "}}" }
//! expression  = operand { "||" operand | "|" filter }
//! operand     = name | path | quoted
//! path        = ( word | "[" quoted "]" ) { "." word | "[" quoted "]" | "[" number "]" }
//! filter      = "lower" | "upper" | "trim" | "slug" | "truncate(" number ")" | "date(" quoted ")"
//! ```

use super::cursor::{Cursor, Quoted, error};
use super::date::Pattern;
use super::{Filter, Known, Operand, Part, Source, Step, TemplateError, VALUE_MAX};
use crate::record::{Path, Segment};

pub(super) const NAMES: [(&str, Known); 12] = [
    ("category", Known::Category),
    ("enqueued", Known::Enqueued),
    ("hub", Known::Hub),
    ("id", Known::Id),
    ("namespace", Known::Namespace),
    ("own_id", Known::OwnId),
    ("partition", Known::Partition),
    ("resource_provider", Known::ResourceProvider),
    ("sequence", Known::Sequence),
    ("severity", Known::Severity),
    ("tenant", Known::Tenant),
    ("time", Known::Time),
];

const OPERAND: &str = "a name, a path such as properties.id, or a text in quotes";
const FILTER: &str = "a filter: lower, upper, trim, slug, truncate(20) or date(\"YYYY/MM/DD/HH\")";
const MEMBER: &str = "the name of a member, in the form [\"...\"] unless it is a plain word";

/// The largest index of an element.
const INDEX_MAX: usize = 999_999;

pub(super) fn parse(text: &str) -> Result<Vec<Part>, TemplateError> {
    if let Some(place) = text.chars().position(char::is_control) {
        return Err(error(
            place,
            "no line breaks, tabs or other control characters",
        ));
    }
    let mut cursor = Cursor::new(text);
    let mut parts = Vec::new();
    let mut plain = String::new();
    loop {
        let open = cursor.place();
        if cursor.take("{{") {
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Expression(expression(open, &mut cursor)?));
        } else if let Some(next) = cursor.next() {
            plain.push(next);
        } else {
            break;
        }
    }
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}

/// What stands between `{{` and `}}`, which it takes.
fn expression(open: usize, cursor: &mut Cursor) -> Result<Vec<Step>, TemplateError> {
    cursor.blanks();
    let mut steps = vec![Step::Or(operand(cursor)?)];
    loop {
        cursor.blanks();
        let place = cursor.place();
        if cursor.take("}}") {
            return Ok(steps);
        }
        if cursor.take("||") {
            if steps.iter().any(is_text) {
                let expected = "\"|\" or \"}}\": no alternative behind a text in quotes is used";
                return Err(error(place, expected));
            }
            cursor.blanks();
            steps.push(Step::Or(operand(cursor)?));
        } else if cursor.take("|") {
            cursor.blanks();
            let filter = filter(cursor, &steps)?;
            steps.push(Step::Filter(filter));
        } else if cursor.peek().is_none() {
            return Err(error(open, "a \"}}\" that closes this \"{{\""));
        } else {
            return Err(error(place, "\"|\", \"||\" or \"}}\""));
        }
    }
}

/// Whether a step always leaves a text.
fn is_text(step: &Step) -> bool {
    matches!(step, Step::Or(Operand::Literal(text)) if !text.is_empty())
}

fn operand(cursor: &mut Cursor) -> Result<Operand, TemplateError> {
    let start = cursor.place();
    if let Some(quoted) = cursor.quoted()? {
        if quoted.len() > VALUE_MAX {
            let expected = format!("a text of at most {VALUE_MAX} characters");
            return Err(error(start, expected));
        }
        return Ok(Operand::Literal(plain(&quoted)));
    }
    let (first, mut written) = match word(cursor) {
        Some(word) => (Segment::Member(word.clone()), word),
        None if cursor.peek() == Some('[') => bracket(cursor, false)?,
        None => return Err(error(start, OPERAND)),
    };
    let mut segments = vec![first];
    loop {
        let place = cursor.place();
        let (segment, more) = if cursor.take(".") {
            let word = word(cursor).ok_or_else(|| error(place + 1, MEMBER))?;
            let more = format!(".{word}");
            (Segment::Member(word), more)
        } else if cursor.peek() == Some('[') {
            bracket(cursor, true)?
        } else {
            break;
        };
        segments.push(segment);
        written.push_str(&more);
    }
    let known = NAMES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(&written));
    let from = match known {
        Some((_, known)) => Source::Known(*known),
        None => Source::Path(Path::new(segments).ok_or_else(|| {
            let expected = format!("a path of at most {} members", Path::SEGMENTS_MAX);
            error(start, expected)
        })?),
    };
    Ok(Operand::Read { written, from })
}

/// A word that needs no quotes.
fn word(cursor: &mut Cursor) -> Option<String> {
    let begins = |c: char| c.is_alphabetic() || "_$@".contains(c);
    cursor.peek().filter(|c| begins(*c))?;
    Some(cursor.take_while(|c| begins(c) || c.is_numeric() || c == '-'))
}

/// A segment in brackets, and how it is written.
fn bracket(cursor: &mut Cursor, or_number: bool) -> Result<(Segment, String), TemplateError> {
    cursor.need("[")?;
    let place = cursor.place();
    let segment = match cursor.quoted()? {
        Some(quoted) => Segment::Member(plain(&quoted)),
        None if or_number && cursor.peek().is_some_and(|c| c.is_ascii_digit()) => {
            Segment::Element(cursor.number(0, INDEX_MAX)?)
        }
        None if or_number => return Err(error(place, "a name in quotes or a number")),
        None => return Err(error(place, "a name in quotes")),
    };
    cursor.need("]")?;
    let written = match &segment {
        Segment::Member(name) => {
            let name = name.replace('\\', "\\\\").replace('"', "\\\"");
            format!("[\"{name}\"]")
        }
        Segment::Element(index) => format!("[{index}]"),
    };
    Ok((segment, written))
}

/// A filter behind these steps.
fn filter(cursor: &mut Cursor, steps: &[Step]) -> Result<Filter, TemplateError> {
    let start = cursor.place();
    let name = cursor.take_while(|c| c.is_alphanumeric() || c == '_');
    Ok(match name.as_str() {
        "lower" => Filter::Lower,
        "slug" => Filter::Slug,
        "trim" => Filter::Trim,
        "upper" => Filter::Upper,
        "truncate" => {
            cursor.need("(")?;
            cursor.blanks();
            let characters = cursor.number(1, VALUE_MAX)?;
            cursor.blanks();
            cursor.need(")")?;
            Filter::Truncate(characters)
        }
        "date" => {
            if !steps.iter().all(is_moment) {
                return Err(error(
                    start,
                    "date directly behind time or enqueued: nothing else is a moment",
                ));
            }
            cursor.need("(")?;
            cursor.blanks();
            let open = cursor.place();
            let quoted = cursor.quoted()?;
            let quoted = quoted.ok_or_else(|| error(open, "a pattern in quotes"))?;
            let pattern = Pattern::compile(open, &quoted)?;
            cursor.blanks();
            cursor.need(")")?;
            Filter::Date(pattern)
        }
        _ => return Err(error(start, FILTER)),
    })
}

/// Whether a step leaves a moment as it is, or takes one.
fn is_moment(step: &Step) -> bool {
    matches!(
        step,
        Step::Or(Operand::Read {
            from: Source::Known(Known::Time | Known::Enqueued),
            ..
        })
    )
}

fn plain(quoted: &Quoted) -> String {
    quoted.iter().map(|(c, _)| *c).collect()
}
