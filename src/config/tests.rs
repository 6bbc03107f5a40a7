//! Tests of the configuration.

use std::collections::BTreeMap;

use super::{FileText, Loaded, Problems, load};

mod connect;
mod documents;
mod kinds;
mod mistakes;
mod routing;
mod secrets;
mod sink_connection;
mod templates;
mod values;

/// A right configuration to change in one place.
const BASE: &str = r#"[sources.entra]
namespace = "contoso"
event_hub = "signins"
consumer_group = "forwarder"
credential = "identity"

[sinks.siem]
type = "http"
endpoint = "https://siem.example.com/ingest"

[credentials.identity]
type = "auto"

[checkpoints]
store = "directory"
directory = "/var/lib/forwarder"
"#;

fn file(text: &str) -> Option<FileText> {
    Some(FileText {
        name: "forwarder.toml".to_owned(),
        text: text.to_owned(),
    })
}

fn env(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    variables.iter().map(owned).collect()
}

/// [`BASE`] with a line for a key, in place of the line that sets it now if there is one.
fn base_with(section: &str, line: &str) -> String {
    let key = line.split('=').next().unwrap().trim();
    let mut text = String::new();
    let mut here = section.is_empty();
    if here {
        text = format!("{line}\n");
    }
    let mut placed = here;
    for old in BASE.lines() {
        if old.starts_with('[') {
            here = old == format!("[{section}]");
        }
        if !here || old.split('=').next().unwrap().trim() != key {
            text.push_str(old);
            text.push('\n');
        }
        if here && !placed {
            text.push_str(line);
            text.push('\n');
            placed = true;
        }
    }
    if !placed {
        text.push_str(&format!("[{section}]\n{line}\n"));
    }
    text
}

#[track_caller]
fn right(text: &str, variables: &[(&str, &str)]) -> Loaded {
    load(file(text), env(variables)).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

#[track_caller]
fn wrong(text: &str, variables: &[(&str, &str)]) -> Problems {
    match load(file(text), env(variables)) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(problems) => problems,
    }
}
