//! Every kind of value: what it takes and what it refuses.

use super::super::connection_string::{ConnectionString, ConnectionStringError, SharedAccess};
use super::{base_with, right, wrong};

/// Lines that are refused, by section. The values stand in for each kind.
const REFUSED: &[(&str, &str)] = &[
    ("", "shutdown_grace = \"2h\""),
    ("", "shutdown_grace = 25"),
    ("", "shutdown_grace = [\"25s\"]"),
    (
        "sources.entra",
        "namespace = \"contoso.servicebus.windows.net:5671\"",
    ),
    (
        "sources.entra",
        "namespace = \"sb://contoso.servicebus.windows.net\"",
    ),
    ("sources.entra", "namespace = \"contoso..net\""),
    ("sources.entra", "event_hub = \"-a\""),
    ("sources.entra", "event_hub = \"a b\""),
    ("sources.entra", "event_hub = \"\""),
    ("sources.entra", "event_hub = 5"),
    ("sources.entra", "consumer_group = \"a/b\""),
    ("sources.entra", "allow_default_group = \"true\""),
    ("sources.entra", "allow_default_group = 1"),
    ("sources.entra", "start = \"yesterday\""),
    ("sources.entra", "start = -5"),
    ("sources.entra", "start = 2026-01-31"),
    ("sources.entra", "max_event_size = \"63KiB\""),
    ("sources.entra", "max_event_size = 1048576"),
    ("sources.entra", "max_event_size = \"1 potato\""),
    ("sources.entra", "on_undecodable = \"drop\""),
    ("sources.entra", "custom_endpoint = \"https://host:5671\""),
    ("sources.entra", "custom_endpoint = \"amqps://host\""),
    (
        "sources.entra",
        "custom_endpoint = \"amqps://user:word@host:5671\"",
    ),
    (
        "sources.entra",
        "custom_endpoint = \"amqp://proxy.example:5672\"",
    ),
    ("sinks.siem", "type = \"kafka\""),
    ("sinks.siem", "endpoint = \"siem.example.com\""),
    ("sinks.siem", "endpoint = \"ftp://siem.example.com\""),
    ("sinks.siem", "endpoint = 5"),
    ("sinks.siem", "headers = { Host = \"x\" }"),
    ("sinks.siem", "headers = { content-LENGTH = \"5\" }"),
    ("sinks.siem", "headers = { Content-Encoding = \"zstd\" }"),
    (
        "sinks.siem",
        "headers = { Transfer-Encoding = \"chunked\" }",
    ),
    ("sinks.siem", "headers = { \"a b\" = \"x\" }"),
    ("sinks.siem", "headers = { X-A = \"line\\nline\" }"),
    ("sinks.siem", "headers = { X-A = \"1\", x-a = \"2\" }"),
    ("sinks.siem", "headers = \"X-A: 1\""),
    ("sinks.siem", "compression = \"brotli\""),
    ("sinks.siem", "zstd_level = 0"),
    ("sinks.siem", "zstd_level = 20"),
    ("sinks.siem", "gzip_level = 10"),
    ("sinks.siem", "gzip_level = 6.5"),
    ("sinks.siem", "batch.records = 1_000_001"),
    ("sinks.siem", "batch = 5"),
    ("sinks.siem", "batch.bytes = \"65MiB\""),
    ("sinks.siem", "batch.age = \"9ms\""),
    ("sinks.siem", "concurrency = 65"),
    ("sinks.siem", "retry.max = \"500ms\""),
    ("sinks.siem", "retry.initial = \"2min\""),
    ("sinks.siem", "connect_timeout = \"2min\""),
    ("sinks.siem", "timeout = \"1s\""),
    ("credentials.identity", "client_id = \"me\""),
    (
        "credentials.identity",
        "tenant_id = \"contoso.onmicrosoft.com\"",
    ),
    ("credentials.identity", "client_secret = \"x\""),
    ("credentials.identity", "type = \"client_secret\""),
    ("credentials.identity", "type = \"client_certificate\""),
    ("credentials.identity", "certificate = \"MIIJqQIBAzCCCW8G\""),
    (
        "credentials.identity",
        "type = \"client_certificate\"\nclient_id = \"11111111-2222-3333-4444-55555555abcd\"\n\
         tenant_id = \"contoso.com\"\ncertificate = \"/etc/certificate.pem\"",
    ),
    (
        "sinks.siem",
        "headers = { Authorization = \"Bearer x\\n\" }",
    ),
    ("sinks.siem", "endpoint = \" https://siem.example.com\""),
    ("checkpoints", "store = \"blob\""),
    (
        "checkpoints",
        "container_url = \"https://account.blob.core.windows.net/\"",
    ),
    ("checkpoints", "directory = \"\""),
    ("checkpoints", "interval = \"50ms\""),
    ("dead_letters", "store = \"directory\""),
    ("dead_letters", "store = \"blob\""),
    (
        "dead_letters",
        "store = \"blob\"\ncontainer_url = \"http://account.blob.core.windows.net/c\"",
    ),
    ("dead_letters", "store = \"disk\""),
    ("health", "listen = \"8080\""),
    ("health", "listen = \"localhost:8080\""),
    ("admin", "listen = \"0.0.0.0:9090\""),
    ("admin", "listen = \"[::]:9090\""),
    ("admin", "listen = \"127.0.0.1:8080\""),
    ("admin", "token = \"too-short\""),
    ("admin", "token = \"with a space in between\""),
    ("limits", "memory_budget = \"15MiB\""),
    ("limits", "open_events_max = 0"),
    ("limits", "uncommitted_max = \"100\""),
    ("sinks.Siem", "type = \"http\""),
    ("sinks.a__b", "type = \"http\""),
    ("sinks.a_", "type = \"http\""),
    ("sinks.abcdefghijabcdefghijabcdefghijab", "type = \"http\""),
];

const ACCEPTED: &[(&str, &str)] = &[
    ("", "shutdown_grace = \"1min 30s\""),
    (
        "sources.entra",
        "namespace = \"contoso.servicebus.chinacloudapi.cn\"",
    ),
    ("sources.entra", "event_hub = \"Insights_logs.x-1\""),
    (
        "sources.entra",
        "custom_endpoint = \"amqp://127.0.0.1:5672\"",
    ),
    (
        "sources.entra",
        "custom_endpoint = \"amqps://proxy.example:5671/\"",
    ),
    ("sources.entra", "max_event_size = \"20 MB\""),
    (
        "sinks.siem",
        "endpoint = \"http://127.0.0.1:8088/?token=x\"",
    ),
    (
        "sinks.siem",
        "headers = { Content-Type = \"text/plain\", X_A = \"a\\tb\" }",
    ),
    ("sinks.siem", "batch.bytes = \"8MiB\""),
    ("sinks.siem", "suffix = \"]}\\n\""),
    (
        "credentials.identity",
        "client_id = \"11111111-2222-3333-4444-55555555abcD\"",
    ),
    (
        "credentials.identity",
        "type = \"client_certificate\"\nclient_id = \"11111111-2222-3333-4444-55555555abcd\"\n\
         tenant_id = \"contoso.com\"\ncertificate = \"MIIJqQIBAzCC\\nCW8G\\n\"\n\
         certificate_password = \"x\"",
    ),
    (
        "checkpoints",
        "container_url = \"http://127.0.0.1:10000/dev/c?sv=1&sig=a%3D\"",
    ),
    ("health", "listen = \"[::]:8080\""),
    ("admin", "listen = \"off\""),
    ("admin", "listen = \"[::1]:9090\""),
    (
        "admin",
        "listen = \"0.0.0.0:9090\"\ntoken = \"0123456789abcdef0123\"",
    ),
    ("limits", "memory_budget = \"1GiB\""),
];

#[test]
fn refused() {
    for (section, line) in REFUSED {
        let text = base_with(section, line);
        let problems = wrong(&text, &[]);
        let shown = problems.to_string();
        let first = section.split('.').next().filter(|first| !first.is_empty());
        assert!(
            shown.contains(first.unwrap_or("shutdown_grace")),
            "{line}: {shown}"
        );
    }
}

#[test]
fn accepted() {
    for (section, line) in ACCEPTED {
        right(&base_with(section, line), &[]);
    }
}

#[test]
fn connection_string_parts() {
    let parsed = ConnectionString::parse(
        " endpoint = sb://Contoso.servicebus.windows.net:5671/ ;SHAREDACCESSKEYNAME=listen;\
         SharedAccessKey=a+b/c==;EntityPath=hub;TransportType=Amqp;",
    )
    .unwrap();
    assert_eq!(
        (parsed.host.as_str(), parsed.port),
        ("contoso.servicebus.windows.net", Some(5671))
    );
    let SharedAccess::Key { name, key } = &parsed.access else {
        panic!("a key")
    };
    assert_eq!((name.as_str(), key.expose()), ("listen", "a+b/c=="));
    assert_eq!(parsed.entity_path.as_deref(), Some("hub"));
    assert_eq!(parsed.custom_endpoint(false), None);
    assert!(!format!("{parsed:?}").contains("a+b"));
    let parsed = ConnectionString::parse(
        "Endpoint=sb://h:9000;SharedAccessSignature=SharedAccessSignature sr=a&sig=b=",
    )
    .unwrap();
    assert_eq!(
        parsed.custom_endpoint(false).as_deref(),
        Some("amqps://h:9000")
    );
    let SharedAccess::Signature(signature) = &parsed.access else {
        panic!("a signature")
    };
    assert_eq!(signature.expose(), "SharedAccessSignature sr=a&sig=b=");
}

#[test]
fn connection_string_mistakes() {
    use ConnectionStringError as E;
    for (text, expected) in [
        ("", E::Endpoint),
        ("Endpoint=sb://", E::Endpoint),
        ("Endpoint=sb://h/path;SharedAccessSignature=x", E::Endpoint),
        ("Endpoint=sb://h;x", E::NoEquals(2)),
        ("Endpoint=sb://h;endpoint=sb://h", E::Twice("Endpoint")),
        ("Endpoint=sb://h;SharedAccessKeyName=a", E::Access),
        ("Endpoint=sb://h;SharedAccessKey=a", E::Access),
        (
            "Endpoint=sb://h;SharedAccessKeyName=n;SharedAccessKey=",
            E::Access,
        ),
        (
            "Endpoint=sb://h;SharedAccessKeyName=n;SharedAccessKey=k;SharedAccessSignature=s",
            E::TwoAccesses,
        ),
        (
            "Endpoint=sb://h;SharedAccessSignature=s;UseDevelopmentEmulator=yes",
            E::Emulator,
        ),
    ] {
        assert_eq!(ConnectionString::parse(text), Err(expected), "{text}");
    }
}

#[test]
fn a_ready_made_signature_says_its_end() {
    let ends = |access: &str| {
        let text = format!("Endpoint=sb://h;{access}");
        ConnectionString::parse(&text).unwrap().signature_ends()
    };
    let signature = "SharedAccessSignature=SharedAccessSignature sr=a&sig=b%3D";
    for (rest, expected) in [
        ("&se=1700000000&skn=n", Some(1_700_000_000_000)),
        ("&skn=n&se=1700000000", Some(1_700_000_000_000)),
        ("&skn=n", None),
        ("&se=soon", None),
        ("&se=9223372036854775807", None),
    ] {
        let found = ends(&format!("{signature}{rest}"));
        assert_eq!(found.map(|end| end.0), expected, "{rest}");
    }
    assert_eq!(ends("SharedAccessKeyName=n;SharedAccessKey=se=1"), None);
}
