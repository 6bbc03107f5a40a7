//! What sinks select, and what becomes of the rest.

use super::super::{CategoriesConfig, SinkKind, Unrouted};
use super::{BASE, base_with, right, wrong};

const INCLUDE: &str = r#"include_categories = ["*SignInLogs", "<none>"]"#;

fn problems(text: &str) -> String {
    wrong(text, &[]).to_string()
}

#[test]
fn lists_are_toml_and_in_the_environment_also_json() {
    let text = base_with("sinks.siem", INCLUDE);
    let expected = CategoriesConfig {
        include: vec!["*SignInLogs".into(), "<none>".into()],
        exclude: vec!["AuditLogs".into()],
    };
    for list in [r#"["AuditLogs"]"#, "['AuditLogs',]", " [ \"AuditLogs\" ] "] {
        let variables = [
            ("ENTRA_FORWARDER__SINKS__SIEM__EXCLUDE_CATEGORIES", list),
            ("ENTRA_FORWARDER__UNROUTED", "drop"),
        ];
        let loaded = right(&text, &variables);
        assert_eq!(loaded.config.sinks["siem"].categories, expected, "{list}");
        assert_eq!(loaded.config.unrouted, Some(Unrouted::Drop));
        let shown = loaded.effective.to_string();
        assert!(
            shown.contains(r#"exclude_categories = ["AuditLogs"]"#),
            "{shown}"
        );
    }
}

#[test]
fn a_wrong_list_is_said() {
    for line in [
        "include_categories = []",
        "include_categories = \"SignInLogs\"",
        "include_categories = [1]",
        "include_categories = [\"\"]",
        "include_categories = [\" x\"]",
        "include_categories = [\"{a,b}\"]",
        "exclude_categories = [\"[ab]\"]",
        "exclude_categories = [\"${X}\"]",
    ] {
        let text = problems(&base_with("sinks.siem", line));
        assert!(text.contains("_categories"), "{text}");
        assert!(text.contains("a list of at least one pattern"), "{text}");
        assert!(!text.contains("unrouted"), "{text}");
    }
    let variables = [(
        "ENTRA_FORWARDER__SINKS__SIEM__INCLUDE_CATEGORIES",
        "SignInLogs",
    )];
    assert!(
        wrong(BASE, &variables)
            .to_string()
            .contains("write it as in")
    );
}

#[test]
fn unrouted_must_be_chosen_when_every_sink_selects() {
    let text = base_with("sinks.siem", INCLUDE);
    let said = problems(&text);
    assert!(said.contains("unrouted"), "{said}");
    assert!(
        said.contains("a record could be left without one"),
        "{said}"
    );
    assert!(said.contains("known sinks: siem"), "{said}");
    let set = |value: &str, rest: &str| format!("unrouted = \"{value}\"\n{text}{rest}");
    let loaded = right(&set("siem", ""), &[]);
    assert_eq!(loaded.config.unrouted, Some(Unrouted::Sink("siem".into())));
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let said = problems(&set("archive", ""));
    assert!(said.contains("no sink of this name"), "{said}");
    assert!(said.contains("known sinks: siem"), "{said}");
    let said = problems(&set("drop", "[sinks.drop]\ntype = \"null\"\n"));
    assert!(said.contains("another name"), "{said}");
    let others =
        "[sinks.rest]\ntype = \"null\"\nexclude_categories = [\"*signinlogs\", \"<none>\"]\n";
    right(&format!("{text}{others}"), &[]);
    let loaded = right(&set("drop", others), &[]);
    assert_eq!(
        loaded.warnings,
        ["unrouted is not used: every record goes to some sink"]
    );
}

#[test]
fn null_needs_nothing_and_says_what_it_does_not_use() {
    let plain = BASE.replace("endpoint = \"https://siem.example.com/ingest\"\n", "");
    assert!(problems(&plain).contains("sinks.siem.endpoint is missing"));
    let null = plain.replace("\"http\"", "\"null\"");
    let loaded = right(&null, &[]);
    assert_eq!(loaded.config.sinks["siem"].kind, SinkKind::Null);
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let more =
        "type = \"null\"\ngzip_level = 6\nheaders.X-A = \"b\"\nendpoint = \"http://10.0.0.1/\"";
    let loaded = right(&null.replace("type = \"null\"", more), &[]);
    let unused = |key: &str| format!("sinks.siem.{key} is not used: sinks.siem.type is \"null\"");
    assert_eq!(
        loaded.warnings,
        ["endpoint", "headers", "gzip_level"].map(unused)
    );
}
