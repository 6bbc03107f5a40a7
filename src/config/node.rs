//! Values as they were written, before anything is known about their meaning.
//!
//! No type here is `Debug`: any text may be a secret.

use super::problem::Origin;

/// A value and where it was written.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// A value in TOML, JSON or an environment variable.
#[derive(Clone)]
pub(super) enum Value {
    /// Text in quotes.
    Text(String),
    /// The whole text of an environment variable: may stand for any scalar.
    Plain(String),
    /// An integer in decimal digits.
    Integer(String),
    /// A number with a fraction or an exponent.
    Float(String),
    /// `true` or `false`.
    Bool(bool),
    /// A date or time without quotes.
    Moment(String),
    /// JSON's `null`.
    Null,
    /// An array.
    List(Vec<Value>),
    /// A table.
    Table(Vec<(String, Node)>),
}

impl Value {
    /// The text of anything that may be read as text.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Plain(text) => Some(text),
            _ => None,
        }
    }

    /// What to call it in a problem: the value when it is short and harmless, else its kind.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) | Self::Plain(text) => shown_text(text),
            Self::Integer(text) | Self::Float(text) | Self::Moment(text) if text.len() <= SHOWN => {
                text.clone()
            }
            Self::Integer(_) | Self::Float(_) | Self::Moment(_) => "a long number".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Null => "null".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
        }
    }
}

/// Longest text that is shown: shorter than any key or token that Azure or an endpoint issues,
/// should one stand at a wrong place.
const SHOWN: usize = 20;

/// A text in quotes, or its length.
pub(super) fn shown_text(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || " ._:+-$".contains(c);
    if text.is_empty() {
        "empty".to_owned()
    } else if text.len() <= SHOWN && text.chars().all(harmless) {
        format!("\"{text}\"")
    } else {
        format!("a text of {} characters", text.chars().count())
    }
}

/// A path for people: segments that could be misplaced secrets are left out.
pub(super) fn shown_path<S: AsRef<str>>(path: &[S]) -> String {
    let shown = path.iter().map(|segment| {
        let segment = segment.as_ref();
        let harmless = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !segment.is_empty() && segment.len() <= 40 && segment.chars().all(harmless) {
            segment.to_owned()
        } else {
            format!("(a name of {} characters)", segment.chars().count())
        }
    });
    shown.collect::<Vec<_>>().join(".")
}

/// Turns a TOML value into nodes; `origin` tells where a key or value at this byte stands.
pub(super) fn from_toml(
    value: &toml::de::DeValue<'_>,
    origin: Origin,
    locate: &dyn Fn(usize) -> Origin,
) -> Node {
    use toml::de::DeValue;
    let value = match value {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Integer(number) => Value::Integer(
            i128::from_str_radix(number.as_str(), number.radix())
                .map_or_else(|_| number.as_str().to_owned(), |number| number.to_string()),
        ),
        DeValue::Float(number) => Value::Float(number.as_str().to_owned()),
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Datetime(moment) => Value::Moment(moment.to_string()),
        DeValue::Array(items) => {
            let item =
                |item: &toml::Spanned<_>| from_toml(item.get_ref(), origin.clone(), locate).value;
            Value::List(items.iter().map(item).collect())
        }
        DeValue::Table(table) => return from_table(table, origin, locate),
    };
    Node { value, origin }
}

/// Turns a TOML table into nodes, in the order of its lines.
pub(super) fn from_table(
    table: &toml::de::DeTable<'_>,
    origin: Origin,
    locate: &dyn Fn(usize) -> Origin,
) -> Node {
    let mut children: Vec<_> = table.iter().collect();
    children.sort_by_key(|(key, _)| key.span().start);
    let children = children.into_iter().map(|(key, value)| {
        let node = from_toml(value.get_ref(), locate(key.span().start), locate);
        (key.get_ref().clone().into_owned(), node)
    });
    Node {
        value: Value::Table(children.collect()),
        origin,
    }
}

/// Turns a JSON value into nodes that all have the same origin.
pub(super) fn from_json(value: serde_json::Value, origin: &Origin) -> Node {
    use serde_json::Value as Json;
    let value = match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(number) if number.is_f64() => Value::Float(number.to_string()),
        Json::Number(number) => Value::Integer(number.to_string()),
        Json::String(text) => Value::Text(text),
        Json::Array(items) => {
            let item = |item| from_json(item, origin).value;
            Value::List(items.into_iter().map(item).collect())
        }
        Json::Object(object) => Value::Table(
            object
                .into_iter()
                .map(|(key, value)| (key, from_json(value, origin)))
                .collect(),
        ),
    };
    Node {
        value,
        origin: origin.clone(),
    }
}
