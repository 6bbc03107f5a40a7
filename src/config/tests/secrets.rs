//! No secret is shown: not in problems, not in `config show`, not by `Debug`.

use super::super::keys::{Key, keys, variable};
use super::super::kind::Kind;
use super::super::{load, process_environment};
use super::{BASE, base_with, env, file, right, wrong};

/// As long as the shortest secrets that Azure and endpoints issue, and greppable.
const MARK: &str = "MARKEDSECRETMARKEDSECRET";

/// Whether the mark is to be seen, in any case.
fn shows(text: &str) -> bool {
    text.to_ascii_uppercase().contains(MARK)
}

/// Wrong and right values that carry the mark.
fn marked() -> Vec<String> {
    [
        "%",
        "https://siem.example.com/%?token=%",
        "https://%:%@siem.example.com",
        "https://account.blob.core.windows.net/c?sig=%",
        "http://account.blob.core.windows.net/?sig=%",
        "ftp://%",
        "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=%=",
        "Endpoint=sb://contoso.privatelink.servicebus.windows.net/;SharedAccessKeyName=%;SharedAccessKey=%=",
        "Endpoint=sb://%/%;SharedAccessKeyName=k;SharedAccessKey=%",
        "SharedAccessKey=%",
        "Bearer %",
        "%\nline",
        "${%}",
        "/%",
        "/%/%",
        "amqps://%:%@host:5671",
        "{\"%\" = \"%\"}",
        "{\"%\": {\"%\": \"%\"}}",
        "{% = ",
    ]
    .iter()
    .map(|value| value.replace('%', MARK))
    .collect()
}

/// Everything that a user may see of a configuration.
fn seen(text: &str, variables: &[(&str, &str)]) -> String {
    match load(file(text), env(variables)) {
        Ok(loaded) => format!("{loaded:?}\n{:?}\n{}", loaded.warnings, loaded.effective),
        Err(problems) => format!("{problems}\n{problems:?}"),
    }
}

/// Keys that take any text and say so, or that tell the path of a directory.
const SHOWN: [&str; 10] = [
    "sinks.*.auth.client_id",
    "sinks.*.auth.scope",
    "sinks.*.auth.audience",
    "sinks.*.auth.prefix",
    "sinks.*.prefix",
    "sinks.*.suffix",
    "sinks.*.success.body_contains",
    "sinks.*.success.body_excludes",
    "checkpoints.directory",
    "dead_letters.directory",
];

/// Keys whose right values look like such a mark; they are names that others must be able to read.
const NAMES: [&str; 6] = [
    "sinks.*.request_id_header",
    "sinks.*.auth.header",
    "sources.*.namespace",
    "sources.*.event_hub",
    "sources.*.consumer_group",
    "sources.*.tools_consumer_group",
];

#[test]
fn a_secret_at_any_key_is_not_shown() {
    let mut tried = 0;
    let is_said = |key: &Key| key.doc.contains("it is shown");
    for key in keys().filter(|key| !SHOWN.contains(&key.path) && !is_said(key)) {
        let mut paths = vec![key.path.to_owned()];
        paths.extend(key.file_path());
        for path in paths {
            let (section, name) = (
                path.split('.').next().unwrap(),
                match path.split('.').next() {
                    Some("sources") => "entra",
                    Some("sinks") => "siem",
                    _ => "identity",
                },
            );
            let path = path.replacen('*', name, 1).replace('*', "x-key");
            for value in marked() {
                if NAMES.contains(&key.path) && value == MARK {
                    continue;
                }
                let name = variable(&path.split('.').collect::<Vec<_>>());
                let by_environment = seen(BASE, &[(name.as_str(), value.as_str())]);
                assert!(!shows(&by_environment), "{path} {value}\n{by_environment}");
                let quoted = super::super::show::quoted(&value);
                let (table, short) = path.split_once(&format!("{section}.")).map_or(
                    ("".to_owned(), path.clone()),
                    |_| {
                        let depth = if key.path.contains('*') { 2 } else { 1 };
                        let segments: Vec<&str> = path.split('.').collect();
                        (segments[..depth].join("."), segments[depth..].join("."))
                    },
                );
                let by_file = seen(&base_with(&table, &format!("{short} = {quoted}")), &[]);
                assert!(!shows(&by_file), "{path} {value}\n{by_file}");
                tried += 1;
            }
        }
    }
    assert!(tried > 500);
}

#[test]
fn a_secret_in_place_of_a_key_is_not_shown() {
    for value in marked() {
        let quoted = super::super::show::quoted(&value);
        for section in [
            "",
            "sinks.siem",
            "sinks.siem.headers",
            "sources",
            "dead_letters",
        ] {
            let text = format!("{BASE}\n[{section}.{quoted}]\nx = 1\n").replace("[.", "[");
            // A short bare word is a name that a user may have misspelled: it is shown.
            if value != MARK {
                let shown = seen(&text, &[]);
                assert!(!shows(&shown), "{text}\n{shown}");
            }
        }
        for section in ["SOURCES", "SINKS__SIEM", "SINKS__SIEM__HEADERS", "LIMITS"] {
            let name = format!("ENTRA_FORWARDER__{section}");
            let shown = seen(BASE, &[(name.as_str(), value.as_str())]);
            let misspelled = value.contains('{') && !value.contains('$');
            assert!(misspelled || !shows(&shown), "{section} {value}\n{shown}");
        }
    }
}

#[test]
fn syntax_errors_do_not_quote_the_file() {
    for line in [
        "x = MARKEDSECRETMARKEDSECRET",
        "x = \"MARKEDSECRETMARKEDSECRET",
        "MARKEDSECRETMARKEDSECRET",
        "x = 'MARKEDSECRETMARKEDSECRET' MARKEDSECRETMARKEDSECRET",
        "x = \"\\MARKEDSECRETMARKEDSECRET\"",
        "x = {MARKEDSECRETMARKEDSECRET}",
        "[MARKEDSECRETMARKEDSECRET\n",
        "MARKEDSECRETMARKEDSECRET = 1\nMARKEDSECRETMARKEDSECRET = 2",
        "x = 1MARKEDSECRETMARKEDSECRET",
    ] {
        let problems = wrong(&format!("{line}\n{BASE}"), &[]);
        assert_eq!(problems.iter().count(), 1);
        assert!(!shows(&format!("{problems} {problems:?}")), "{problems}");
    }
}

#[test]
fn secrets_from_files() {
    let directory = std::env::temp_dir().join(format!("entra-forwarder-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let path = |name: &str, content: &str| {
        let path = directory.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let url = path(
        "url",
        "https://siem.example.com/MARKEDSECRETMARKEDSECRET\r\n",
    );
    let header = path("header", "Bearer MARKEDSECRETMARKEDSECRET\n");
    let text = BASE.replace(
        "endpoint = \"https://siem.example.com/ingest\"",
        &format!("endpoint_file = {url:?}\nheaders_file.Authorization = {header:?}"),
    );
    let loaded = right(&text, &[]);
    let sink = &loaded.config.sinks["siem"];
    assert!(sink.endpoint.expose().ends_with(MARK));
    assert_eq!(
        sink.headers["authorization"].expose(),
        format!("Bearer {MARK}")
    );
    let shown = seen(&text, &[]);
    assert!(!shows(&shown), "{shown}");
    let line = format!("endpoint = \"REDACTED\"  # content of {url} (forwarder.toml line 9)\n");
    assert!(shown.contains(&line), "{shown}");
    // The environment wins over the file of the same secret, in either direction.
    let value = (
        "ENTRA_FORWARDER__SINKS__SIEM__ENDPOINT",
        "https://other.example",
    );
    let loaded = right(&text, &[value]);
    assert_eq!(
        loaded.config.sinks["siem"].endpoint.expose(),
        "https://other.example"
    );
    let by_file = ("ENTRA_FORWARDER__SINKS__SIEM__ENDPOINT_FILE", url.as_str());
    let loaded = right(BASE, &[by_file]);
    assert!(
        loaded.config.sinks["siem"]
            .endpoint
            .expose()
            .ends_with(MARK)
    );
    assert!(
        wrong(BASE, &[by_file, value])
            .to_string()
            .contains("endpoint_file is given beside")
    );
    // Files that are of no use.
    let nothing = directory.join("nothing").to_str().unwrap().to_owned();
    for (path, reason) in [
        (path("empty", "\n"), "is empty"),
        (
            path("bad", "ftp://MARKEDSECRETMARKEDSECRET"),
            "is a file with something else (not shown)",
        ),
        (path("large", &"x".repeat(70_000)), "is larger than 64KiB"),
        (directory.to_str().unwrap().to_owned(), "is a directory"),
        (nothing, "does not exist"),
    ] {
        let variables = [("ENTRA_FORWARDER__SINKS__SIEM__ENDPOINT_FILE", path.as_str())];
        let problems = wrong(BASE, &variables).to_string();
        assert!(problems.contains(reason) && !shows(&problems), "{problems}");
    }
    std::fs::remove_dir_all(&directory).unwrap();
}

fn is_of_destination(key: &Key) -> bool {
    let mut all = crate::destination::ALL.iter();
    all.any(|destination| destination.section.path == key.section())
}

#[test]
fn every_secret_has_a_kind_that_hides_it() {
    let secrets: Vec<&str> = keys()
        .filter(|key| matches!(key.kind, Kind::Secret(_)))
        .filter(|key| !is_of_destination(key))
        .map(|key| key.path)
        .collect();
    for key in keys().filter(|key| is_of_destination(key)) {
        let name = key.path.rsplit('.').next().unwrap();
        let sounds = ["key", "token", "secret", "password"];
        let sounds_secret = sounds.iter().any(|word| name.ends_with(word));
        let is_secret = matches!(key.kind, Kind::Secret(_));
        assert!(is_secret || !sounds_secret, "{}", key.path);
    }
    assert_eq!(
        secrets,
        [
            "sources.*.connection_string",
            "sinks.*.endpoint",
            "sinks.*.headers.*",
            "sinks.*.query.*",
            "sinks.*.proxy",
            "sinks.*.auth.token",
            "sinks.*.auth.user",
            "sinks.*.auth.password",
            "sinks.*.auth.token_url",
            "sinks.*.auth.client_secret",
            "sinks.*.auth.parameters.*",
            "sinks.*.auth.key",
            "sinks.*.tls.ca",
            "sinks.*.tls.certificate",
            "sinks.*.tls.key",
            "credentials.*.client_secret",
            "credentials.*.certificate",
            "credentials.*.certificate_password",
            "checkpoints.container_url",
            "dead_letters.container_url",
        ]
    );
    assert!(process_environment().iter().any(|(name, _)| name == "PATH"));
}
