//! Right configurations: defaults, precedence, tables in the environment, what follows from
//! other keys.

use std::path::PathBuf;
use std::time::Duration;

use super::super::{
    CredentialConfig, DeadLettersConfig, Encoding, FileText, OnUndecodable, SinkConfig,
    SourceAccess, Start, StoreConfig, load, read_file,
};
use super::{BASE, base_with, env, right, wrong};
use crate::compress::Compression;
use crate::config::Secret;
use crate::event_hub::{SequenceNumber, Timestamp};

#[test]
fn defaults() {
    let loaded = right(BASE, &[]);
    let config = loaded.config;
    let source = &config.sources["entra"];
    assert_eq!(source.namespace, "contoso.servicebus.windows.net");
    assert_eq!(
        source.access,
        SourceAccess::Credential("identity".to_owned())
    );
    assert_eq!(
        (source.start, source.max_event_size),
        (Start::Earliest, 1 << 20)
    );
    assert_eq!(
        (source.on_undecodable, &source.custom_endpoint),
        (OnUndecodable::Stall, &None)
    );
    let sink = &config.sinks["siem"];
    assert_eq!(
        (sink.encoding, sink.compression, sink.concurrency),
        (Encoding::Ndjson, Compression::Gzip { level: 6 }, 4)
    );
    let defaults = SinkConfig {
        endpoint: sink.endpoint.clone(),
        ..SinkConfig::default()
    };
    assert_eq!(*sink, defaults);
    assert!(!sink.unwrap_office365);
    assert_eq!((sink.batch.records, sink.batch.bytes), (5000, 1 << 20));
    assert_eq!(sink.batch.age, Duration::from_secs(5));
    assert_eq!(
        (
            sink.prefix.as_str(),
            sink.suffix.as_str(),
            sink.headers.len()
        ),
        ("", "", 0)
    );
    assert_eq!(
        [sink.connect_timeout, sink.timeout].map(|time| time.as_secs()),
        [10, 60]
    );
    let retry = [
        sink.retry.initial,
        sink.retry.max,
        sink.retry.retry_after_max,
    ];
    assert_eq!(retry.map(|time| time.as_secs()), [1, 60, 300]);
    let checkpoints = &config.checkpoints;
    assert_eq!(
        [checkpoints.interval, checkpoints.timeout].map(|time| time.as_secs()),
        [5, 5]
    );
    let path = PathBuf::from("/var/lib/forwarder");
    assert_eq!(checkpoints.store, StoreConfig::Directory { path });
    assert_eq!(config.dead_letters, DeadLettersConfig::Checkpoints);
    assert_eq!(config.health.listen, Some("0.0.0.0:8080".parse().unwrap()));
    assert_eq!(config.limits.memory_budget, 128 << 20);
    assert_eq!(
        (config.limits.open_events_max, config.limits.uncommitted_max),
        (10_000, 100_000)
    );
    assert_eq!(config.shutdown_grace, Duration::from_secs(25));
    assert_eq!(
        config.credentials["identity"],
        CredentialConfig::Auto { client_id: None }
    );
    assert_eq!(loaded.warnings, Vec::<String>::new());
}

#[test]
fn the_environment_wins_and_other_variables_are_ignored() {
    let loaded = right(
        BASE,
        &[
            ("ENTRA_FORWARDER__SINKS__SIEM__BATCH__AGE", "250ms"),
            (
                "ENTRA_FORWARDER__SOURCES__ENTRA__NAMESPACE",
                "Other.servicebus.windows.net",
            ),
            ("ENTRA_FORWARDER_PORT", "tcp://10.0.0.1:8080"),
            ("ENTRA_FORWARDER_SERVICE_HOST", "10.0.0.1"),
            ("ENTRA_FORWARDER_LOG", "debug"),
            ("ENTRA_FORWARDERS__X", "1"),
        ],
    );
    assert_eq!(
        loaded.config.sinks["siem"].batch.age,
        Duration::from_millis(250)
    );
    assert_eq!(
        loaded.config.sources["entra"].namespace,
        "other.servicebus.windows.net"
    );
}

#[test]
fn tables_in_the_environment() {
    const HEADERS: &str = "ENTRA_FORWARDER__SINKS__SIEM__HEADERS";
    let text = base_with("sinks.siem", r#"headers = { X-Old = "1", X-Team = "old" }"#);
    for table in [
        r#"{X-Team = "soc", "Authorization" = "Bearer a=b"}"#,
        r#"{"X-Team": "soc", "Authorization": "Bearer a=b"}"#,
    ] {
        let headers = right(&text, &[(HEADERS, table)]).config.sinks["siem"]
            .headers
            .clone();
        let plain: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()))
            .collect();
        assert_eq!(plain, [("authorization", "Bearer a=b"), ("x-team", "soc")]);
    }
    // One header by a variable of its own, beside those of the table.
    let variables = [
        (
            "ENTRA_FORWARDER__SINKS__SIEM__HEADERS__AUTHORIZATION",
            "Bearer own",
        ),
        (
            HEADERS,
            r#"{"Authorization": "Bearer table", "X-Team": "soc"}"#,
        ),
    ];
    let headers = right(&text, &variables).config.sinks["siem"]
        .headers
        .clone();
    assert_eq!(headers["authorization"].expose(), "Bearer own");
    assert_eq!(headers.len(), 2);
    // A whole section.
    let text = BASE.replace("[credentials.identity]\ntype = \"auto\"\n", "");
    let variables = [(
        "ENTRA_FORWARDER__CREDENTIALS",
        r#"{identity = {type = "azure_cli"}}"#,
    )];
    assert_eq!(
        right(&text, &variables).config.credentials["identity"],
        CredentialConfig::AzureCli
    );
}

#[test]
fn start_positions() {
    let time = Start::Time(Timestamp::parse_rfc3339("2026-01-31T00:00:00Z").unwrap());
    for (line, expected) in [
        ("start = \"latest\"", Start::Latest),
        ("start = 42", Start::Sequence(SequenceNumber(42))),
        ("start = \"42\"", Start::Sequence(SequenceNumber(42))),
        ("start = 2026-01-31T01:00:00+01:00", time),
        ("start = \"2026-01-31T00:00:00Z\"", time),
    ] {
        let loaded = right(&base_with("sources.entra", line), &[]);
        assert_eq!(loaded.config.sources["entra"].start, expected, "{line}");
    }
}

#[test]
fn connection_strings_fill_in() {
    let text = BASE
        .replace("namespace = \"contoso\"\nevent_hub = \"signins\"\n", "")
        .replace("credential = \"identity\"", "connection_string = \"\"");
    let set = |string: &str| {
        let variables = [("ENTRA_FORWARDER__SOURCES__ENTRA__CONNECTION_STRING", string)];
        right(&text, &variables).config.sources["entra"].clone()
    };
    let source = set(
        "Endpoint=sb://Contoso.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=abc=;EntityPath=audit",
    );
    assert_eq!(source.namespace, "contoso.servicebus.windows.net");
    assert_eq!(
        (source.event_hub.as_str(), source.custom_endpoint),
        ("audit", None)
    );
    let source = set(
        "Endpoint=sb://localhost;SharedAccessKeyName=k;SharedAccessKey=v;UseDevelopmentEmulator=true;EntityPath=eh1",
    );
    assert_eq!(source.namespace, "localhost");
    assert_eq!(
        source.custom_endpoint.as_deref(),
        Some("amqp://localhost:5672")
    );
    let source = set(
        "endpoint=sb://127.0.0.1:7000/;SharedAccessSignature=SharedAccessSignature sr=x&sig=y;usedevelopmentemulator=TRUE;entitypath=eh1",
    );
    assert_eq!(
        source.custom_endpoint.as_deref(),
        Some("amqp://127.0.0.1:7000")
    );
}

#[test]
fn default_group_off_and_sequence() {
    for group in ["$Default", "$default"] {
        let text = base_with("sources.entra", &format!("consumer_group = \"{group}\"")).replace(
            "[sources.entra]",
            "[sources.entra]\nallow_default_group = true",
        );
        assert_eq!(
            right(&text, &[]).config.sources["entra"].consumer_group,
            group
        );
    }
    let loaded = right(BASE, &[("ENTRA_FORWARDER__HEALTH__LISTEN", "off")]);
    assert_eq!(loaded.config.health.listen, None);
}

#[test]
fn warnings() {
    let text = BASE
        .replace("\"directory\"\n", "\"memory\"\n")
        .replace("https://", "http://");
    assert_eq!(
        right(&text, &[]).warnings,
        [
            "sinks.siem.endpoint starts with http://: records and headers travel unencrypted",
            "checkpoints.store is \"memory\": after a restart everything is read and delivered again",
            "checkpoints.directory is not used: checkpoints.store is \"memory\"",
        ]
    );
}

#[test]
fn a_container_of_dead_letters_has_the_rules_of_one_of_checkpoints() {
    let url = "https://contosoletters.blob.core.windows.net/letters";
    let letters = |more: &str| {
        let lines = format!("store = \"blob\"\ncontainer_url = \"{url}{more}");
        right(&base_with("dead_letters", &lines), &[])
    };
    let loaded = letters("\"\ncredential = \"identity\"");
    assert_eq!(
        loaded.config.dead_letters,
        DeadLettersConfig::Blob {
            container_url: Secret::new(url),
            credential: Some("identity".to_owned()),
        }
    );
    assert_eq!(loaded.warnings, Vec::<String>::new());
    let loaded = letters("?sv=1&sig=abc\"\ncredential = \"identity\"\ndirectory = \"/x\"");
    assert_eq!(
        loaded.warnings,
        [
            "dead_letters.credential is not used: dead_letters.container_url carries a signature",
            "dead_letters.directory is not used: dead_letters.store is \"blob\"",
        ]
    );
    let unused = format!("container_url = \"{url}\"");
    assert_eq!(
        right(&base_with("dead_letters", &unused), &[]).warnings,
        ["dead_letters.container_url is not used: dead_letters.store is \"checkpoints\""]
    );
    let unknown = format!("store = \"blob\"\ncontainer_url = \"{url}\"\ncredential = \"nobody\"");
    let problems = wrong(&base_with("dead_letters", &unknown), &[]).to_string();
    assert!(
        problems.contains("dead_letters.credential is \"nobody\""),
        "{problems}"
    );
}

#[test]
fn the_file_is_found() {
    let list = |variables: &[(&str, &str)]| env(variables).into_iter().collect::<Vec<_>>();
    assert!(
        read_file(None, &list(&[("ENTRA_FORWARDER_CONFIG", "")]))
            .unwrap()
            .is_none()
    );
    let found = read_file(None, &list(&[("ENTRA_FORWARDER_CONFIG_TOML", BASE)]))
        .unwrap()
        .unwrap();
    assert_eq!(found.name, "ENTRA_FORWARDER_CONFIG_TOML");
    assert!(
        load(
            Some(FileText {
                name: found.name,
                text: found.text
            }),
            []
        )
        .is_ok()
    );
    let both = [
        ("ENTRA_FORWARDER_CONFIG", "/a"),
        ("ENTRA_FORWARDER_CONFIG_TOML", ""),
    ];
    let problems = read_file(None, &list(&both)).err().unwrap().to_string();
    assert_eq!(
        problems,
        "the configuration file is /a, which cannot be read (entity not found), expected a readable TOML file; give its path by --config or ENTRA_FORWARDER_CONFIG"
    );
    let both = [
        ("ENTRA_FORWARDER_CONFIG", "/a"),
        ("ENTRA_FORWARDER_CONFIG_TOML", "x = 1"),
    ];
    assert!(
        read_file(None, &list(&both))
            .err()
            .unwrap()
            .to_string()
            .contains("given twice")
    );
}

#[test]
fn nothing_said_means_the_identity_that_is_there() {
    let text = BASE.replace("credential = \"identity\"\n", "");
    assert_eq!(
        right(&text, &[]).config.sources["entra"].access,
        SourceAccess::Auto
    );
}

#[test]
fn a_certificate_file_is_text_or_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for (bytes, expected) in [
        (
            &b"-----BEGIN CERTIFICATE-----\n\n"[..],
            "-----BEGIN CERTIFICATE-----",
        ),
        (&[0x30, 0x82, 0xff, 0x00], "MIL/AA=="),
    ] {
        let path = folder.path().join("certificate");
        std::fs::write(&path, bytes).unwrap();
        let text = BASE.replace(
            "type = \"auto\"",
            &format!(
                "type = \"client_certificate\"\ntenant_id = \"contoso.com\"\n\
                 client_id = \"11111111-2222-3333-4444-55555555abcd\"\n\
                 certificate_file = {path:?}"
            ),
        );
        let CredentialConfig::ClientCertificate {
            certificate,
            password,
            ..
        } = &right(&text, &[]).config.credentials["identity"]
        else {
            panic!("another type");
        };
        assert_eq!((certificate.expose(), password), (expected, &None));
    }
}
