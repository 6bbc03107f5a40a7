//! examples/full.toml: every key with its default, or with an example where there is none.

use super::keys::{Key, Need, SECTIONS, keys};
use super::kind::Kind;
use super::show::quoted;
use crate::destination;

/// What stands before the keys.
const HEAD: &str = "\
# Every key of entra-forwarder, with its default, or with an example where it has none.
# Lines with ## explain. A key after a single # is not set here: it has no default, or it excludes
# another key.
# Made of the table of keys: cargo run -- config example > examples/full.toml
# What the keys mean: docs/configuration.md
";

/// One table of the example.
#[derive(Clone, Copy)]
struct Table {
    /// Section in the table of keys.
    section: &'static str,
    /// The name in place of `*`.
    name: &'static str,
    /// Keys without a default that are set, with other values than the key's example where given.
    set: &'static [(&'static str, Option<&'static str>)],
    /// Whether the keys that are not set are shown as comments.
    comments: bool,
}

/// The tables that are shown, with those of the destinations.
fn tables() -> impl Iterator<Item = Table> {
    let of_destinations = destination::ALL
        .iter()
        .filter(|destination| !destination.section.keys.is_empty())
        .map(|destination| Table {
            section: destination.section.path,
            name: "siem",
            set: &[],
            comments: true,
        });
    let (before, behind) = TABLES
        .split_at_checked(BEFORE_DESTINATIONS)
        .unwrap_or_default();
    let (before, behind) = (before.iter().copied(), behind.iter().copied());
    before.chain(of_destinations).chain(behind)
}

/// How many of [`TABLES`] stand before those of the destinations.
const BEFORE_DESTINATIONS: usize = 7;

/// The tables of everything else. Further tables of a section show only what differs.
const TABLES: &[Table] = &[
    Table {
        section: "",
        name: "",
        set: &[],
        comments: true,
    },
    Table {
        section: "sources.*",
        name: "signins",
        set: &[
            ("namespace", None),
            ("event_hub", None),
            ("consumer_group", None),
            ("credential", None),
        ],
        comments: true,
    },
    Table {
        section: "sources.*",
        name: "audit",
        set: &[("connection_string", None), ("consumer_group", None)],
        comments: false,
    },
    Table {
        section: "sinks.*",
        name: "siem",
        set: &[("type", None), ("endpoint", None), ("headers.*", None)],
        comments: true,
    },
    Table {
        section: "sinks.*.batch",
        name: "siem",
        set: &[],
        comments: true,
    },
    Table {
        section: "sinks.*.success",
        name: "siem",
        set: &[],
        comments: true,
    },
    Table {
        section: "sinks.*.auth",
        name: "siem",
        set: &[],
        comments: true,
    },
    Table {
        section: "sinks.*.tls",
        name: "siem",
        set: &[],
        comments: true,
    },
    Table {
        section: "credentials.*",
        name: "principal",
        set: &[
            ("type", Some("client_secret")),
            ("client_id", None),
            ("tenant_id", None),
            ("client_secret", None),
        ],
        comments: true,
    },
    Table {
        section: "credentials.*",
        name: "identity",
        set: &[("type", None)],
        comments: false,
    },
    Table {
        section: "checkpoints",
        name: "",
        set: &[
            ("store", None),
            ("container_url", None),
            ("credential", None),
        ],
        comments: true,
    },
    Table {
        section: "ownership",
        name: "",
        set: &[],
        comments: true,
    },
    Table {
        section: "dead_letters",
        name: "",
        set: &[],
        comments: true,
    },
    Table {
        section: "health",
        name: "",
        set: &[],
        comments: true,
    },
    Table {
        section: "admin",
        name: "",
        set: &[],
        comments: true,
    },
    Table {
        section: "limits",
        name: "",
        set: &[],
        comments: true,
    },
];

/// A file that sets every key.
pub fn example() -> String {
    let mut text = HEAD.to_owned();
    for table in tables() {
        text.push('\n');
        if !table.section.is_empty() {
            let mut sections = SECTIONS.iter();
            if let Some(section) = sections.find(|section| section.path == table.section)
                && table.comments
            {
                comment(&mut text, section.doc);
            }
            text.push_str(&format!("[{}]\n", table.section.replace('*', table.name)));
        }
        for key in keys().filter(|key| key.section() == table.section) {
            line(&mut text, &table, key);
        }
    }
    text
}

fn line(text: &mut String, table: &Table, key: &Key) {
    let set = table.set.iter().find(|(short, _)| *short == key.short());
    let (mark, plain) = match (set, key.need) {
        (Some((_, value)), _) => ("", value.unwrap_or(key.example)),
        (None, Need::Default(value)) if table.comments => ("", value),
        (None, _) if table.comments => ("# ", key.example),
        (None, _) => return,
    };
    if table.comments {
        comment(text, key.doc);
    }
    let name = key.short().replace('*', chosen_name(key));
    let value = match key.kind {
        Kind::Integer { .. } | Kind::Bool | Kind::Globs => plain.to_owned(),
        _ => quoted(plain),
    };
    text.push_str(&format!("{mark}{name} = {value}\n"));
    if table.comments && key.file_path().is_some() {
        let name = match key.short().strip_suffix(".*") {
            Some(table) => format!("{table}_file.{}", chosen_name(key)),
            None => format!("{name}_file"),
        };
        let file = key.short().trim_end_matches(".*");
        text.push_str(&format!("# {name} = \"/run/secrets/{file}\"\n"));
    }
}

/// A name that a user might choose in place of the star at the end of a key.
fn chosen_name(key: &Key) -> &'static str {
    match key.short() {
        "headers.*" => "Authorization",
        "start_partitions.*" => "0",
        _ => "name",
    }
}

/// Adds a text as comment lines of at most 100 characters.
fn comment(text: &mut String, doc: &str) {
    let mut length = 0;
    for word in doc.split_whitespace() {
        if length == 0 || length + 1 + word.len() > 98 {
            if length > 0 {
                text.push('\n');
            }
            text.push_str("##");
            length = 2;
        }
        text.push(' ');
        text.push_str(word);
        length += 1 + word.len();
    }
    text.push('\n');
}
