use super::*;

fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, String> {
    Settings::read(&|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

fn asked(variables: &[(&str, &str)]) -> Settings {
    read(variables).unwrap().unwrap()
}

const ENDPOINT: (&str, &str) = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "https://otel.example.com:4318/a/",
);

#[test]
fn nothing_is_pushed_unless_somebody_asks() {
    let off: &[&[(&str, &str)]] = &[
        &[],
        &[("OTEL_SERVICE_NAME", "entra")],
        &[ENDPOINT, ("OTEL_SDK_DISABLED", "True")],
        &[ENDPOINT, ("OTEL_METRICS_EXPORTER", "none")],
        &[ENDPOINT, ("OTEL_METRICS_EXPORTER", "prometheus")],
    ];
    for variables in off {
        assert!(read(variables).unwrap().is_none(), "{variables:?}");
    }
    let local = asked(&[("OTEL_METRICS_EXPORTER", "console, otlp")]);
    assert_eq!(local.url.as_str(), "http://localhost:4318/v1/metrics");
    assert_eq!(local.protocol, Protocol::Http);
    assert_eq!(local.interval, Duration::from_secs(60));
    assert_eq!(local.timeout, Duration::from_secs(10));
    assert!(!local.is_compressed);
}

#[test]
fn where_it_goes() {
    let metrics = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://other:1/x");
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let bare = ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317");
    let platform = (CONTAINER_APPS, "http://k8se-otel.svc:4317");
    let insecure = ("OTEL_EXPORTER_OTLP_INSECURE", "true");
    for (variables, expected) in [
        (vec![ENDPOINT], "https://otel.example.com:4318/a/v1/metrics"),
        (vec![ENDPOINT, metrics], "http://other:1/x"),
        (
            vec![ENDPOINT, grpc],
            &format!("https://otel.example.com:4318{GRPC_PATH}"),
        ),
        (
            vec![bare, grpc],
            &format!("https://collector:4317{GRPC_PATH}"),
        ),
        (
            vec![bare, grpc, insecure],
            &format!("http://collector:4317{GRPC_PATH}"),
        ),
        (
            vec![platform],
            &format!("http://k8se-otel.svc:4317{GRPC_PATH}"),
        ),
        (
            vec![platform, ENDPOINT],
            "https://otel.example.com:4318/a/v1/metrics",
        ),
    ] {
        let found = asked(&variables);
        assert_eq!(found.url.as_str(), expected, "{variables:?}");
        let is_grpc = expected.ends_with("Export");
        assert_eq!(found.protocol == Protocol::Grpc, is_grpc, "{variables:?}");
        let version = found.connection.http_version;
        assert_eq!(version == HttpVersion::Http2, is_grpc, "{variables:?}");
    }
}

#[test]
fn what_it_carries() {
    let settings = asked(&[
        ENDPOINT,
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=a%20b, Other = c"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "250"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
        ("OTEL_SERVICE_NAME", "entra"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=x,team=soc%2C night",
        ),
    ]);
    assert_eq!(settings.headers["x-api-key"], "a b");
    assert_eq!(settings.headers["other"], "c");
    assert!(settings.headers.values().all(HeaderValue::is_sensitive));
    assert!(settings.is_compressed);
    assert_eq!(settings.timeout, Duration::from_millis(250));
    assert_eq!(settings.interval, Duration::from_secs(5));
    let expected = [("team", "soc, night"), ("service.name", "entra")];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(settings.attributes, expected);
}

#[test]
fn mistakes_are_one_sentence_without_secrets() {
    for (name, value, expected) in [
        (
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "http/json",
            "OTEL_EXPORTER_OTLP_PROTOCOL is \"http/json\": set it to http/protobuf or grpc",
        ),
        (
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
            "secret@nowhere",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is no URL: write it as \
             https://collector.example.com:4318",
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "x-key=secret%0A",
            "OTEL_EXPORTER_OTLP_HEADERS: header 1 cannot be sent: write it as name=value",
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "a=b,Authorization: Basic c2VjcmV0OnBhc3N3b3Jk==",
            "OTEL_EXPORTER_OTLP_HEADERS: header 2 cannot be sent: write it as name=value",
        ),
        (
            "OTEL_EXPORTER_OTLP_COMPRESSION",
            "zstd",
            "OTEL_EXPORTER_OTLP_COMPRESSION is \"zstd\": set it to gzip or none",
        ),
        (
            "OTEL_METRIC_EXPORT_INTERVAL",
            "60s",
            "OTEL_METRIC_EXPORT_INTERVAL is \"60s\": set it to a number of milliseconds above 0",
        ),
    ] {
        let problem = read(&[ENDPOINT, (name, value)]).err();
        assert_eq!(problem.as_deref(), Some(expected));
    }
    let missing = read(&[ENDPOINT, (CERTIFICATE, "/no/such/file")]).err();
    let missing = missing.unwrap();
    assert!(
        missing.starts_with("OTEL_EXPORTER_OTLP_CERTIFICATE names a file"),
        "{missing}"
    );
}
