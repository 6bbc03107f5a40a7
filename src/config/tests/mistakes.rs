//! What a user is told: exact sentences, and all at once.

use super::{BASE, base_with, wrong};

/// One mistake in the file, and the whole answer.
const SENTENCES: &[(&str, &str, &str)] = &[
    (
        "sinks.siem",
        "timeout = 5",
        "forwarder.toml line 8: sinks.siem.timeout is 5, a number without a unit, expected a duration from 100ms to 1h; write the unit, as in \"500ms\", \"5s\" or \"2min\"",
    ),
    (
        "sinks.siem",
        "batch.bytes = \"1048576\"",
        "forwarder.toml line 8: sinks.siem.batch.bytes is \"1048576\", a number without a unit, expected a size from 1KiB to 64MiB; write the unit, as in \"512KiB\" or \"1MiB\"",
    ),
    (
        "sinks.siem",
        "endpiont = \"https://x.example\"",
        "forwarder.toml line 8: sinks.siem.endpiont is not a known key, expected one of those that `config example` shows; did you mean sinks.siem.endpoint?",
    ),
    (
        "sinks.siem",
        "records = 5",
        "forwarder.toml line 8: sinks.siem.records is not a known key, expected one of those that `config example` shows; did you mean sinks.siem.batch.records?",
    ),
    (
        "sinks.siem",
        "encoding = \"json-array\"",
        "forwarder.toml line 8: sinks.siem.encoding is \"json-array\", expected \"ndjson\" or \"json_array\"; did you mean \"json_array\"?",
    ),
    (
        "sinks.siem",
        "gzip_level = \"9\"",
        "forwarder.toml line 8: sinks.siem.gzip_level is \"9\", expected a whole number from 0 to 9; write it without quotes",
    ),
    (
        "sinks.siem",
        "endpoint = \"${SIEM_URL}\"",
        "forwarder.toml line 8: sinks.siem.endpoint is a text with \"${\", which is not substituted, expected a URL that starts with https:// or http://; use the key with \"_file\" at its end, or the environment variable of the key",
    ),
    (
        "sinks.siem",
        "headers.Authorization = \"Bearer ${TOKEN}\"",
        "forwarder.toml line 8: sinks.siem.headers.authorization is a text with \"${\", which is not substituted, expected the value of an HTTP header: visible characters on one line; use headers_file, or the environment variable of the key",
    ),
    (
        "sinks.siem",
        "prefix = \"${X}\"",
        "forwarder.toml line 8: sinks.siem.prefix is a text with \"${\", which is not substituted, expected text; use the environment variable of the key",
    ),
    (
        "sinks.siem",
        "endpoint_file = \"/run/secrets/none\"",
        "forwarder.toml line 8: sinks.siem.endpoint_file is given beside sinks.siem.endpoint, expected only one of them; remove the value or the file",
    ),
    (
        "sinks.siem",
        "batch.bytes = \"32MiB\"",
        "forwarder.toml line 8: sinks.siem.batch.bytes is 32MiB, expected at most a sixteenth of limits.memory_budget (8MiB of 128MiB); lower it, or raise limits.memory_budget to 512MiB",
    ),
    (
        "sinks.siem",
        "retry.max = \"100ms\"",
        "forwarder.toml line 8: sinks.siem.retry.max is 100ms, expected at least sinks.siem.retry.initial (1s)",
    ),
    (
        "sources.entra",
        "namespace = \"contoso.privatelink.servicebus.windows.net\"",
        "forwarder.toml line 2: sources.entra.namespace is the name of a private link, expected the namespace's own name, such as \"contoso\" or \"contoso.servicebus.windows.net\"; leave \"privatelink.\" out: the namespace's own name leads to the private endpoint where DNS resolves it privately, and only it fits the certificate",
    ),
    (
        "sources.entra",
        "consumer_group = \"$default\"",
        "forwarder.toml line 2: sources.entra.consumer_group is \"$Default\", expected a consumer group made for this purpose; an epoch receiver throws other readers of the group off; if there are none, set allow_default_group = true",
    ),
    (
        "sources.entra",
        "tools_consumer_group = \"Forwarder\"",
        "forwarder.toml line 2: sources.entra.tools_consumer_group is sources.entra.consumer_group, the same, expected a consumer group of its own, in which nothing reads exclusively; create one on the hub, or leave the key out",
    ),
    (
        "sources.entra",
        "credential = \"identify\"",
        "forwarder.toml line 2: sources.entra.credential is \"identify\", expected one of the names in [credentials]: identity; add that credential or name another",
    ),
    (
        "sources.entra",
        "connection_string = \"Endpoint=sb://contoso\"",
        "forwarder.toml line 2: sources.entra.connection_string is something else (not shown), expected a connection string of the Event Hubs namespace or hub; it has neither SharedAccessKeyName with SharedAccessKey nor SharedAccessSignature\nforwarder.toml line 6: sources.entra.credential is given beside connection_string, expected at most one of the two",
    ),
    (
        "sources.entra",
        "connection_string = \"Endpoint=sb://other.servicebus.windows.net;SharedAccessSignature=x\"",
        "forwarder.toml line 3: sources.entra.namespace is another one than in connection_string, expected the Endpoint of sources.entra.connection_string; remove namespace, or take the right connection string\nforwarder.toml line 6: sources.entra.credential is given beside connection_string, expected at most one of the two",
    ),
    (
        "source.entra",
        "event_hub = \"a\"",
        "forwarder.toml line 17: source is not a known key, expected one of those that `config example` shows; did you mean sources?",
    ),
    (
        "sinks.Siem",
        "type = \"http\"",
        "forwarder.toml line 17: sinks.Siem is not a possible name, expected a lower-case letter, then letters, digits and single underscores, at most 31, none at the end",
    ),
    (
        "credentials.identity",
        "tenant_id = \"contoso.com\"",
        "forwarder.toml line 12: credentials.identity.tenant_id is not a key of this type, expected only client_id beside type = \"auto\"; remove it or change the type",
    ),
    (
        "credentials.identity",
        "type = \"azure_cli\"\nclient_id = \"11111111-2222-3333-4444-555555555555\"",
        "forwarder.toml line 13: credentials.identity.client_id is not a key of this type, expected no other key beside type = \"azure_cli\"; remove it or change the type",
    ),
    (
        "checkpoints",
        "store = \"blob\"",
        "checkpoints.container_url is missing, expected the URL of a blob container, such as https://<account>.blob.core.windows.net/<container>; set it in the file or by ENTRA_FORWARDER__CHECKPOINTS__CONTAINER_URL",
    ),
    (
        "health",
        "listen = \"8080\"",
        "forwarder.toml line 18: health.listen is \"8080\", expected an address and port such as \"0.0.0.0:8080\", or \"off\"; write \"0.0.0.0:8080\" for every interface",
    ),
    (
        "health",
        "listen = 8080",
        "forwarder.toml line 18: health.listen is 8080, expected an address and port such as \"0.0.0.0:8080\", or \"off\"; put it in quotes",
    ),
    (
        "",
        "sinks = 5",
        "forwarder.toml line 8 column 2: the configuration is not TOML (cannot extend value of type integer with a dotted key), expected valid TOML; correct this line; what follows it was not read",
    ),
    (
        "",
        "[",
        "forwarder.toml line 1 column 2: the configuration is not TOML (unquoted keys cannot be empty, expected letters, numbers, `-`, `_`), expected valid TOML; correct this line; what follows it was not read",
    ),
    (
        "",
        "a = 1\na = 2",
        "forwarder.toml line 2 column 1: the configuration is not TOML (duplicate key), expected valid TOML; correct this line; what follows it was not read",
    ),
];

#[test]
fn sentences() {
    let mut failed = false;
    for (section, line, expected) in SENTENCES {
        let found = wrong(&base_with(section, line), &[]).to_string();
        if found != *expected {
            failed = true;
            println!("    ({section:?}, {line:?},\n     {found:?}),");
        }
    }
    assert!(!failed, "the sentences above are not those expected");
}

#[test]
fn sentences_about_the_environment() {
    let mut failed = false;
    for (variable, value, expected) in [
        (
            "SINKS__SIEM__BATCH__AGE",
            "5",
            "ENTRA_FORWARDER__SINKS__SIEM__BATCH__AGE: sinks.siem.batch.age is \"5\", a number without a unit, expected a duration from 10ms to 10min; write the unit, as in \"500ms\", \"5s\" or \"2min\"",
        ),
        (
            "SINKS__SIEM__ENDPIONT",
            "https://x.example",
            "ENTRA_FORWARDER__SINKS__SIEM__ENDPIONT: sinks.siem.endpiont is not a known key, expected one of those that `config example` shows; did you mean ENTRA_FORWARDER__SINKS__SIEM__ENDPOINT?",
        ),
        (
            "SINKS__SIEM__HEADERS",
            "Authorization: Bearer x",
            "ENTRA_FORWARDER__SINKS__SIEM__HEADERS: sinks.siem.headers is neither TOML nor JSON (not shown), expected a table, such as {key = \"value\"} or {\"key\": \"value\"}",
        ),
        (
            "SINKS__SIEM__HEADERS__X_API_KEY",
            "abc",
            "ENTRA_FORWARDER__SINKS__SIEM__HEADERS__X_API_KEY: sinks.siem.headers.x_api_key is a header name with an underscore, given by a variable's name, expected a table; set ...__HEADERS={\"X-Name\" = \"value\"}, which says hyphen or underscore",
        ),
        (
            "SINKS__SIEM",
            "{endpoint = 5, type = \"http\"}",
            "ENTRA_FORWARDER__SINKS__SIEM: sinks.siem.endpoint is not text; its value is not shown, expected a URL that starts with https:// or http://; put it in quotes",
        ),
        (
            "SINK__SIEM__ENDPOINT",
            "https://x.example",
            "ENTRA_FORWARDER__SINK__SIEM__ENDPOINT: sink.siem.endpoint is not a known key, expected one of those that `config example` shows; did you mean ENTRA_FORWARDER__SINKS__SIEM__ENDPOINT?",
        ),
        (
            "SINKS___SIEM__ENDPOINT",
            "https://x.example",
            "ENTRA_FORWARDER__SINKS___SIEM__ENDPOINT: sinks._siem is not a possible name, expected a lower-case letter, then letters, digits and single underscores, at most 31, none at the end",
        ),
        (
            "",
            "x",
            "ENTRA_FORWARDER__: (a name of 0 characters) is not a known key, expected one of those that `config example` shows",
        ),
    ] {
        let name = format!("ENTRA_FORWARDER__{variable}");
        let found = wrong(BASE, &[(name.as_str(), value)]).to_string();
        if found != expected {
            failed = true;
            println!("        ({variable:?}, {value:?},\n         {found:?}),");
        }
    }
    assert!(!failed, "the sentences above are not those expected");
}

#[test]
fn all_mistakes_at_once() {
    let text = r#"
shutdown_grace = 25
[sources.entra]
event_hub = "a b"
custom_endpoint = "x"
[sinks.siem]
type = "http"
timeout = "1ms"
headers = { Host = "x", "a b" = "y" }
retry = { initial = "2min" }
[credentials.principal]
type = "client_secret"
[checkpoint]
store = "memory"
"#;
    let variables = [("ENTRA_FORWARDER__LIMITS__MEMORY_BUDGET", "1")];
    let problems = wrong(text, &variables);
    let paths: Vec<&str> = problems
        .iter()
        .map(|problem| problem.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "shutdown_grace",
            "sources.entra.event_hub",
            "sources.entra.custom_endpoint",
            "sinks.siem.timeout",
            "sinks.siem.headers.host",
            "sinks.siem.headers.(a name of 3 characters)",
            "sinks.siem.retry.initial",
            "checkpoint",
            "limits.memory_budget",
            "sources.entra.consumer_group",
            "checkpoints.store",
            "sources.entra.namespace",
            "sinks.siem.endpoint",
            "credentials.principal.tenant_id",
            "credentials.principal.client_id",
            "credentials.principal.client_secret",
        ]
    );
}

#[test]
fn nothing_at_all() {
    let problems = super::super::load(None, []).err().unwrap();
    assert_eq!(
        problems.to_string(),
        "checkpoints.store is missing, expected \"blob\", \"directory\" or \"memory\"; set it in \
         the file or by ENTRA_FORWARDER__CHECKPOINTS__STORE\n\
         sources is missing, expected at least one [sources.<name>]; in the environment the name \
         is part of the variable: ENTRA_FORWARDER__SOURCES__ENTRA__EVENT_HUB\n\
         sinks is missing, expected at least one [sinks.<name>]; in the environment the name is \
         part of the variable: ENTRA_FORWARDER__SINKS__SIEM__ENDPOINT"
    );
}

#[test]
fn two_sources_are_apart() {
    let second = "[sources.second]\nnamespace = \"CONTOSO.servicebus.windows.net\"\n\
                  event_hub = \"Signins\"\nconsumer_group = \"forwarder\"\ncredential = \"identity\"\n";
    assert_eq!(
        wrong(&format!("{BASE}{second}"), &[]).to_string(),
        "forwarder.toml line 20: sources.second.consumer_group is the one with which \
         sources.entra reads the same hub, expected a consumer group of its own for every source; \
         remove one of the two, or give it another group"
    );
    let other = second.replace("forwarder", "other");
    super::right(&format!("{BASE}{other}"), &[]);
}

#[test]
fn substitution_in_the_environment() {
    let variables = [(
        "ENTRA_FORWARDER__SINKS__SIEM__ENDPOINT",
        "https://${HOST}/ingest",
    )];
    assert_eq!(
        wrong(BASE, &variables).to_string(),
        "ENTRA_FORWARDER__SINKS__SIEM__ENDPOINT: sinks.siem.endpoint is a text with \"${\", which \
         is not substituted, expected a URL that starts with https:// or http://; put the value \
         itself into the variable, or use a file (_FILE)"
    );
}
