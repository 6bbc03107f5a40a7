//! Where a source is reached: clouds, transports, endpoints.

use super::super::{Cloud, SourceTransport};
use super::{base_with, right, wrong};

/// What a source reads from, by these lines in place of namespace and credential.
fn reached(lines: &str) -> (String, SourceTransport, Option<String>) {
    let source = right(&source(lines), &[]).config.sources["entra"].clone();
    (source.namespace, source.transport, source.custom_endpoint)
}

fn source(lines: &str) -> String {
    format!(
        "[sources.entra]\n{lines}\nevent_hub = \"signins\"\nconsumer_group = \"forwarder\"\n\
         [sinks.siem]\ntype = \"http\"\nendpoint = \"https://siem.example.com/ingest\"\n\
         [credentials.identity]\ntype = \"auto\"\n[checkpoints]\nstore = \"directory\"\n\
         directory = \"/var/lib/forwarder\"\n"
    )
}

#[test]
fn the_cloud_completes_namespaces() {
    for (word, cloud, namespace) in [
        ("public", Cloud::Public, "contoso.servicebus.windows.net"),
        (
            "commercial",
            Cloud::Public,
            "contoso.servicebus.windows.net",
        ),
        ("gcc", Cloud::Public, "contoso.servicebus.windows.net"),
        (
            "usgov",
            Cloud::UsGovernment,
            "contoso.servicebus.usgovcloudapi.net",
        ),
        (
            "gcc_high",
            Cloud::UsGovernment,
            "contoso.servicebus.usgovcloudapi.net",
        ),
        (
            "dod",
            Cloud::UsGovernment,
            "contoso.servicebus.usgovcloudapi.net",
        ),
        ("china", Cloud::China, "contoso.servicebus.chinacloudapi.cn"),
    ] {
        let loaded = right(&base_with("", &format!("cloud = \"{word}\"")), &[]);
        assert_eq!(loaded.config.cloud, cloud);
        assert_eq!(loaded.config.sources["entra"].namespace, namespace);
        assert!(loaded.effective.to_string().contains(namespace));
        assert_eq!(loaded.warnings, Vec::<String>::new());
    }
    let found = wrong(&base_with("", "cloud = \"gcc-high\""), &[]).to_string();
    assert!(found.contains("did you mean \"gcc_high\"?"), "{found}");
}

#[test]
fn names_of_another_cloud_are_warned_of() {
    let text = base_with(
        "sources.entra",
        "namespace = \"a.servicebus.chinacloudapi.cn\"",
    );
    let warnings = right(&text, &[]).warnings;
    let expected = "sources.entra.namespace is in cloud \"china\" and cloud is \"public\": set \
                    cloud = \"china\", unless this is meant";
    assert_eq!(warnings, [expected]);
    // A name of one's own says nothing.
    let text = base_with("sources.entra", "namespace = \"hubs.example.com\"");
    assert_eq!(right(&text, &[]).warnings, Vec::<String>::new());

    let blob = |suffix: &str| {
        format!(
            "cloud = \"usgov\"\n{}",
            source("namespace = \"contoso\"\ncredential = \"identity\"").replace(
                "store = \"directory\"\ndirectory = \"/var/lib/forwarder\"",
                &format!("store = \"blob\"\ncontainer_url = \"https://a.{suffix}/c\"\ncredential = \"identity\""),
            )
        )
    };
    let text = blob("blob.core.usgovcloudapi.net");
    assert_eq!(right(&text, &[]).warnings, Vec::<String>::new());
    let warnings = right(&blob("blob.core.windows.net"), &[]).warnings;
    let expected = "checkpoints.container_url is in cloud \"public\" and cloud is \"usgov\": set \
                    cloud = \"public\", unless this is meant";
    assert_eq!(warnings, [expected]);
    // A connection string needs no login.
    let text = source(
        "connection_string = \"Endpoint=sb://a.servicebus.chinacloudapi.cn;\
         SharedAccessKeyName=k;SharedAccessKey=abc=\"",
    );
    assert_eq!(right(&text, &[]).warnings, Vec::<String>::new());
}

#[test]
fn transports_and_endpoints() {
    let by_name = "namespace = \"contoso\"\ncredential = \"identity\"";
    let namespace = || "contoso.servicebus.windows.net".to_owned();
    let (amqp, websocket) = (SourceTransport::Amqp, SourceTransport::WebSocket);
    assert_eq!(reached(by_name), (namespace(), amqp, None));
    for (transport, endpoint, expected) in [
        ("amqp", "amqps://gateway.internal:5671", amqp),
        ("amqp", "amqp://127.0.0.1:5672", amqp),
        ("websocket", "wss://gateway.internal:8443", websocket),
        ("websocket", "wss://gateway.internal", websocket),
        ("websocket", "wss://gateway.internal:443", websocket),
    ] {
        let lines =
            format!("{by_name}\ntransport = \"{transport}\"\ncustom_endpoint = \"{endpoint}\"");
        // The namespace stays, whatever is connected to.
        let found = reached(&lines);
        assert_eq!(found, (namespace(), expected, Some(endpoint.to_owned())));
    }
    let string = |endpoint: &str, more: &str| {
        let lines = format!(
            "connection_string = \"Endpoint=sb://{endpoint};SharedAccessKeyName=k;\
             SharedAccessKey=abc=;{more}\""
        );
        let websocket = format!("{lines}\ntransport = \"websocket\"");
        (reached(&lines).2, lines, websocket)
    };
    for (endpoint, over_amqp, over_websocket) in [
        ("h.example.com", None, None),
        ("h.example.com:5671", None, None),
        ("h.example.com:443", Some("amqps://h.example.com:443"), None),
        (
            "h.example.com:9000",
            Some("amqps://h.example.com:9000"),
            Some("wss://h.example.com:9000"),
        ),
    ] {
        let (plain, _, websocket) = string(endpoint, "");
        assert_eq!(plain.as_deref(), over_amqp, "{endpoint}");
        assert_eq!(
            reached(&websocket).2.as_deref(),
            over_websocket,
            "{endpoint}"
        );
    }
    let (plain, _, websocket) = string("localhost", "UseDevelopmentEmulator=true");
    assert_eq!(plain.as_deref(), Some("amqp://localhost:5672"));
    let found = wrong(&source(&websocket), &[]).to_string();
    assert!(
        found.contains("has no WebSocket: remove transport"),
        "{found}"
    );
}

#[test]
fn endpoints_that_do_not_fit() {
    let mistake = |transport: &str, endpoint: &str| {
        let lines = format!(
            "namespace = \"contoso\"\ncredential = \"identity\"\ntransport = \"{transport}\"\n\
             custom_endpoint = \"{endpoint}\""
        );
        wrong(&source(&lines), &[]).to_string()
    };
    assert_eq!(
        mistake("websocket", "amqps://h:5671"),
        "forwarder.toml line 5: sources.entra.custom_endpoint is a URL that starts with amqps://, \
         expected wss://host:port; give the port on which the endpoint takes WebSockets"
    );
    assert_eq!(
        mistake("amqp", "wss://h:443"),
        "forwarder.toml line 5: sources.entra.custom_endpoint is a URL that starts with wss://, \
         expected amqps://host:port; set sources.entra.transport = \"websocket\""
    );
    for endpoint in ["https://h:443", "wss://h/path", "amqps://h", "h:5671"] {
        let found = mistake("amqp", endpoint);
        assert!(
            found.contains("expected a URL of the form amqps://host:port"),
            "{found}"
        );
    }
    let found = mistake("amqp", "amqps://a.privatelink.servicebus.windows.net:5671");
    assert!(found.contains("leave \"privatelink.\" out"), "{found}");
}
