//! JSON Schema of the configuration file, for editors.

use serde_json::{Map, Value, json};

use super::keys::{Key, Need, SECTIONS, keys};
use super::kind::{Kind, TextRule};

/// A name that the user chooses.
const NAME: &str = "^[a-z](?:_?[a-z0-9])*$";

/// The schema (draft 2020-12). Required keys are not marked, since the environment may set them;
/// what it accepts can still break a rule between keys.
pub fn schema() -> Value {
    let mut root = table("Configuration of entra-forwarder.");
    for key in keys() {
        insert(&mut root, key.path, value_schema(key));
        if let Some(path) = key.file_path() {
            let doc = format!("Path of a file with the value. {}", key.doc);
            insert(
                &mut root,
                &path,
                json!({"type": "string", "minLength": 1, "description": doc}),
            );
        }
    }
    if let Value::Object(object) = &mut root {
        object.insert(
            "$schema".into(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
        object.insert("title".into(), "entra-forwarder".into());
    }
    root
}

fn table(doc: &str) -> Value {
    let mut object = Map::new();
    object.insert("type".into(), "object".into());
    if !doc.is_empty() {
        object.insert("description".into(), doc.into());
    }
    object.insert("additionalProperties".into(), false.into());
    Value::Object(object)
}

/// Puts the schema of a value at its path, with the tables above it.
fn insert(root: &mut Value, path: &str, value: Value) {
    let segments: Vec<&str> = path.split('.').collect();
    let mut at = root;
    for (index, segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        let child = if last {
            value.clone()
        } else {
            let here = segments.get(..=index).unwrap_or_default().join(".");
            let section = SECTIONS.iter().find(|section| {
                section.path == here || section.path.strip_suffix(".*") == Some(here.as_str())
            });
            table(section.map_or("", |section| section.doc))
        };
        let Value::Object(object) = at else { return };
        // Names are restricted by a pattern; names of headers are checked by the program.
        let (place, name) = match *segment {
            "*" if last => {
                object.insert("additionalProperties".into(), child);
                return;
            }
            "*" => ("patternProperties", NAME),
            name => ("properties", name),
        };
        let properties = object.entry(place).or_insert_with(|| json!({}));
        let Value::Object(properties) = properties else {
            return;
        };
        at = properties.entry(name).or_insert(child);
    }
}

fn value_schema(key: &Key) -> Value {
    let mut schema = match &key.kind {
        Kind::Text(rule) => text_schema(*rule),
        Kind::Secret(_) => json!({"type": "string", "minLength": 1, "writeOnly": true}),
        Kind::Integer { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Word(words) => json!({"enum": words}),
        Kind::Duration { .. } => json!({"type": "string", "pattern": "^\\s*[0-9]+\\s*[a-z]"}),
        Kind::Bytes { .. } => {
            json!({"type": "string", "pattern": "^\\s*[0-9.]+\\s*([KMGTkmgt]i?)?[Bb]?\\s*$"})
        }
        Kind::Listen => json!({"type": "string", "pattern": "^off$|:[0-9]+$"}),
        Kind::Globs => {
            json!({"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}})
        }
        Kind::Start => json!({"type": ["string", "integer"], "minimum": 0}),
    };
    if let Value::Object(object) = &mut schema {
        let doc = format!("{} Takes {}.", key.doc, key.kind.expected());
        object.insert("description".into(), doc.into());
        if let Need::Default(text) = key.need {
            object.insert("default".into(), default(&key.kind, text));
        }
    }
    schema
}

fn text_schema(rule: TextRule) -> Value {
    match rule {
        TextRule::Any => json!({"type": "string"}),
        TextRule::Credential | TextRule::Unrouted => {
            json!({"type": "string", "pattern": NAME, "maxLength": 31})
        }
        TextRule::EventHub => json!({"type": "string", "minLength": 1, "maxLength": 256}),
        TextRule::ConsumerGroup => json!({"type": "string", "minLength": 1, "maxLength": 50}),
        TextRule::HeaderName => {
            json!({"type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"})
        }
        TextRule::AmqpUrl => json!({"type": "string", "pattern": "^amqps?://"}),
        _ => json!({"type": "string", "minLength": 1}),
    }
}

fn default(kind: &Kind, text: &str) -> Value {
    match kind {
        Kind::Integer { .. } => text.parse::<u64>().map_or(Value::Null, Value::from),
        Kind::Bool => Value::Bool(text == "true"),
        _ => Value::from(text),
    }
}
