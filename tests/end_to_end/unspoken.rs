//! Every secret of the configuration, and payload in every place, under peers that repeat what they
//! were told: no output shows any of it, with every library asked for everything.

use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entra_forwarder_emulator::{Body, Options, Rights, SharedKey};
use rustix::process::Signal;
use serde_json::Value;

use crate::endpoint::Reply;
use crate::eventually::eventually;
use crate::forwarder::{Forwarder, Settings};
use crate::hostile::{Hostile, TOKENS};
use crate::hub::{GROUP, HUB, Hub};
use crate::identity::{CLIENT_ID, TENANT};
use crate::scene::Scene;
use crate::trust::Trust;

/// In every secret and in every payload.
const MARK: &str = "MARK";
/// Everything of everybody; what is above the ceiling must not come.
const LOG: &str = "trace,entra_forwarder=trace,azure_core=trace,azure_core_amqp=trace,\
                   azure_identity=trace,azure_messaging_eventhubs=trace,fe2o3_amqp=trace,\
                   hyper=trace,hyper_util=trace,reqwest=trace,rustls=trace,h2=trace,tower=trace";
/// What the listener for probes is asked for.
const PATHS: [&str; 3] = ["/livez", "/readyz", "/startupz"];
/// What the listener for people is asked for, by whoever has this token.
const ADMIN_PATHS: [&str; 4] = ["/", "/metrics", "/status.json", "/config"];
const ADMIN_TOKEN: &str = "MARKADMIN0123456789abcdef";

/// Secrets that hold no text of ours: `client_certificate.rs` looks after them.
const NOT_HERE: [&str; 2] = [
    "credentials.*.certificate",
    "credentials.*.certificate_password",
];

/// Name, type and keys of a sink.
type Sink = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// Sinks that all go to the hostile server, each with its secrets.
const SINKS: [Sink; 14] = [
    (
        "bearer",
        "http",
        &[
            ("auth.type", "bearer"),
            ("auth.token", "MARKTOKEN"),
            ("headers.X-Key", "MARKHEADER"),
            ("query.key", "MARKQUERY"),
        ],
    ),
    (
        "basic",
        "http",
        &[
            ("auth.type", "basic"),
            ("auth.user", "MARKUSER"),
            ("auth.password", "MARKPASSWORD"),
        ],
    ),
    (
        "oauth",
        "http",
        &[
            ("auth.type", "oauth2"),
            ("auth.client_id", "client"),
            ("auth.client_secret", "MARKSECRET"),
            ("auth.parameters.more", "MARKPARAMETER"),
        ],
    ),
    (
        "inbody",
        "http",
        &[
            ("auth.type", "oauth2"),
            ("auth.client_id", "client"),
            ("auth.client_secret", "MARKSECRET"),
            ("auth.client_authentication", "body"),
        ],
    ),
    (
        "hmac",
        "http",
        &[
            ("auth.type", "hmac"),
            ("auth.key", "MARKKEY"),
            ("auth.header", "x-signature"),
        ],
    ),
    ("proxied", "http", &[]),
    (
        "better",
        "better_stack",
        &[("better_stack.source_token", "MARKTOKEN")],
    ),
    (
        "coralogix",
        "coralogix",
        &[("coralogix.api_key", "MARKTOKEN")],
    ),
    ("datadog", "datadog", &[("datadog.api_key", "MARKTOKEN")]),
    (
        "dynatrace",
        "dynatrace",
        &[("dynatrace.token", "MARKTOKEN")],
    ),
    (
        "elastic",
        "elasticsearch",
        &[("elasticsearch.api_key", "MARKTOKEN")],
    ),
    ("logzio", "logzio", &[("logzio.token", "MARKTOKEN")]),
    (
        "relic",
        "new_relic",
        &[("new_relic.license_key", "MARKTOKEN")],
    ),
    ("splunk", "splunk_hec", &[("splunk_hec.token", "MARKTOKEN")]),
];

fn assert_clean(text: &str) {
    let encoded = ["MARKUSER:MARKPASSWORD", "client:MARKSECRET"].map(|it| STANDARD.encode(it));
    let marks = encoded.iter().map(String::as_str).chain([MARK]);
    for mark in marks {
        let line = text.lines().find(|line| line.contains(mark));
        assert!(line.is_none(), "{mark}: {line:?}");
    }
}

/// A hub whose key is marked, with payload of every kind.
async fn scene() -> Scene {
    let key = SharedKey {
        name: "listen".to_owned(),
        key: "MARKKEYabc=".to_owned(),
        rights: Rights::ALL,
    };
    let options = Options {
        keys: vec![key],
        ..Options::default()
    };
    let scene = Scene::with(Hub::start_with(1, options).await, 1).await;
    payload(&scene);
    scene
}

fn payload(scene: &Scene) {
    for body in [
        r#"{"records":[{"MARKKEY":"MARKVALUE","category":"MARKCATEGORY","time":"MARKTIME",
            "id":"MARKID","tenantId":"MARKTENANT","operationName":"MARKOPERATION"}]}"#,
        // One that can be repaired, and some that cannot.
        r#"{"records":[{"a":"MARKVALUE",}]}"#,
        r#"{"records":[{"a":"MARKVALUE"#,
        "MARKVALUE no JSON",
        "\u{feff}MARKVALUE",
    ] {
        scene.hub.append(0, body.to_owned());
    }
    scene
        .hub
        .append_event(0, Body::ListProperty("MARKVALUE".into()));
    scene.hub.append_event(0, Body::NestedList(50));
}

fn container(hostile: &Hostile, name: &str) -> String {
    format!(
        "http://{}/{name}/container?sv=2021-12-02&sr=c&sp=racwdl&se=2099-01-01T00:00:00Z\
         &sig=MARKSIGNATURE",
        hostile.address
    )
}

/// What can be delivered to: records flow.
fn flowing(scene: &Scene, hostile: &Hostile) -> Settings {
    let at = |name: &str| format!("http://{}/{name}/MARKPATH?a=MARKQUERY", hostile.address);
    let mut settings = scene
        .settings()
        .argument("--log")
        .argument(LOG)
        .set("shutdown_grace", "2s")
        .set("admin.token", ADMIN_TOKEN)
        .set("sources.logs.on_undecodable", "skip")
        .set("sinks.lake.type", "azure_blob")
        .set("sinks.lake.batch.age", "100ms")
        .set(
            "sinks.lake.azure_blob.container_url",
            &container(hostile, "lake"),
        );
    for (name, kind, keys) in SINKS {
        settings = settings
            .sink(name, &at(name))
            .set(&format!("sinks.{name}.type"), kind)
            .set(&format!("sinks.{name}.compression"), "none");
        for (key, value) in keys {
            settings = settings.set(&format!("sinks.{name}.{key}"), value);
        }
    }
    let proxy = format!("http://MARKUSER:MARKPASSWORD@{}", hostile.address);
    settings
        .set("sinks.proxied.proxy", &proxy)
        .set("sinks.oauth.auth.token_url", &at(TOKENS))
        .set("sinks.inbody.auth.token_url", &at(TOKENS))
}

/// With more that never works: stores, sources, a sink over TLS, one with an identity.
fn stuck(
    settings: Settings,
    scene: &Scene,
    hostile: &Hostile,
    entra: &Hostile,
    trust: &Trust,
) -> Settings {
    let at = |name: &str| format!("http://{}/{name}/MARKPATH?a=MARKQUERY", hostile.address);
    let certified = trust.certify("client");
    let hub = scene.hub.emulator.address();
    let refused = format!(
        "Endpoint=sb://localhost:{};SharedAccessSignature=SharedAccessSignature \
         sr=sb%3A%2F%2Flocalhost%2F{HUB}&sig=MARKSIGNATURE&se=4070908800&skn=listen;\
         EntityPath={HUB};UseDevelopmentEmulator=true",
        hub.port()
    );
    let authority = format!("https://localhost:{}/", entra.address.port());
    settings
        .variable("AZURE_AUTHORITY_HOST", &authority)
        .variable("SSL_CERT_FILE", &trust.file())
        .set("sources.refused.connection_string", &refused)
        .set("sources.refused.consumer_group", "refused")
        .set(
            "sources.unknown.namespace",
            "unspoken.servicebus.windows.net",
        )
        .set("sources.unknown.event_hub", HUB)
        .set("sources.unknown.consumer_group", GROUP)
        .set("sources.unknown.custom_endpoint", &format!("amqp://{hub}"))
        .set("sources.unknown.credential", "principal")
        .set("credentials.principal.type", "client_secret")
        .set("credentials.principal.tenant_id", TENANT)
        .set("credentials.principal.client_id", CLIENT_ID)
        .set("credentials.principal.client_secret", "MARKSECRET")
        .set("dead_letters.store", "blob")
        .set("dead_letters.container_url", &container(hostile, "letters"))
        .set("sinks.main.tls.ca", &trust.pem())
        .set("sinks.main.tls.certificate", &certified.certificate)
        .set("sinks.main.tls.key", &certified.key)
        .set("sinks.main.endpoint", &at("tls").replace("http:", "https:"))
        .sink("entra", &at("entra").replace("http:", "https:"))
        .set("sinks.entra.auth.type", "entra")
        .set("sinks.entra.auth.credential", "principal")
        .set("sinks.entra.auth.scope", "api://siem/.default")
        .container(&container(hostile, "checkpoints"))
}

/// The secrets among all keys, with `*` for names.
fn secrets(node: &Value, path: &str, found: &mut Vec<String>) {
    if node["writeOnly"] == true {
        found.push(path.trim_start_matches('.').to_owned());
    }
    for (key, inner) in node["properties"].as_object().into_iter().flatten() {
        secrets(inner, &format!("{path}.{key}"), found);
    }
    let named = node["patternProperties"].as_object().into_iter().flatten();
    for inner in named.map(|it| it.1).chain(node.get("additionalProperties")) {
        secrets(inner, &format!("{path}.*"), found);
    }
    for key in ["anyOf", "oneOf", "allOf"] {
        for inner in node[key].as_array().into_iter().flatten() {
            secrets(inner, path, found);
        }
    }
}

/// A new secret must be marked here as well.
async fn assert_complete(settings: &Settings) {
    let mut command = Forwarder::start(&["config", "schema"], Vec::new());
    command.exit().await;
    let schema: Value = serde_json::from_str(&command.text()).unwrap();
    let mut known = Vec::new();
    secrets(&schema, "", &mut known);
    assert!(known.len() > 20, "{known:?}");
    let text = settings.toml();
    let set: Vec<_> = text.lines().filter_map(|it| it.split_once(" = ")).collect();
    for secret in known.iter().filter(|it| !NOT_HERE.contains(&it.as_str())) {
        let parts: Vec<_> = secret.split('.').collect();
        let is_it = |key: &str| {
            let key: Vec<_> = key.split('.').collect();
            key.len() == parts.len() && key.iter().zip(&parts).all(|(a, b)| a == b || *b == "*")
        };
        let is_set = |(key, value): &&(&str, &str)| {
            is_it(key) && (value.contains(MARK) || value.contains("BEGIN"))
        };
        assert!(
            set.iter().any(|it| is_set(&it)),
            "{secret} is not marked here"
        );
    }
}

async fn asked_and_stopped(mut forwarder: Forwarder) -> Forwarder {
    for path in PATHS {
        let (_, answer) = forwarder.health(path).await;
        assert_clean(&answer);
    }
    let line = forwarder.says("admin_listening").await;
    let address = line["address"].as_str().unwrap();
    let client = reqwest::Client::new();
    for path in ADMIN_PATHS {
        let asked = client.get(format!("http://{address}{path}"));
        let answer = asked.bearer_auth(ADMIN_TOKEN).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_clean(&answer.text().await.unwrap());
    }
    forwarder.signal(Signal::TERM);
    forwarder.exit().await;
    assert_clean(&forwarder.text());
    let beats = forwarder.logged("heartbeat");
    assert!(beats.len() >= 2, "the first and the last");
    assert_eq!(beats[beats.len() - 1]["last"], true);
    assert!(!forwarder.logged("waiting").is_empty());
    forwarder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_that_repeat_what_they_were_told() {
    let (scene, hostile) = (scene().await, Hostile::start(None).await);
    let forwarder = flowing(&scene, &hostile).start();
    for name in SINKS.map(|it| it.0).into_iter().chain([TOKENS, "lake"]) {
        eventually(name, || hostile.count(name) >= 6).await;
    }
    eventually("a record", || scene.endpoint.distinct() > 0).await;
    let forwarder = asked_and_stopped(forwarder).await;
    let beats = forwarder.logged("heartbeat");
    assert!(
        beats[beats.len() - 1]["received"].as_u64() > Some(0),
        "records were read"
    );
    assert_eq!(forwarder.logged("partition").len(), 1);
    assert_eq!(forwarder.logged("category")[0]["category"], "other");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stores_and_sources_that_repeat_what_they_were_told() {
    let (scene, trust) = (scene().await, Trust::new());
    let tls = Arc::new(Mutex::new(trust.acceptor("localhost")));
    let (hostile, entra) = (Hostile::start(None).await, Hostile::start(Some(tls)).await);
    let settings = stuck(flowing(&scene, &hostile), &scene, &hostile, &entra, &trust);
    assert_complete(&settings).await;
    let toml = settings.toml();
    let key = toml.lines().find(|it| it.starts_with("sinks.main.tls.key"));
    let key: Vec<_> = key
        .unwrap()
        .split("\\n")
        .filter(|it| it.len() > 60)
        .collect();
    assert!(!key.is_empty());
    let folder = tempfile::tempdir().unwrap();
    let forwarder = settings.start_by_file(&folder.path().join("forwarder.toml"));
    for name in ["checkpoints", "letters", TOKENS] {
        eventually(name, || hostile.count(name) >= 3).await;
    }
    eventually("a question for a token", || entra.count(TENANT) >= 2).await;
    let forwarder = asked_and_stopped(forwarder).await;
    assert!(key.iter().all(|line| !forwarder.text().contains(line)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_dead_letters() {
    let scene = scene().await;
    scene.endpoint.behave(Reply::Refuse("MARKTIME", 400));
    let forwarder = scene
        .settings()
        .argument("--log")
        .argument(LOG)
        .set("sources.logs.on_undecodable", "skip")
        .set("sources.logs.on_unparsable", "dead_letter")
        .start();
    eventually("the dead letters", || scene.dead_letters().len() >= 4).await;
    let forwarder = forwarder.stop().await;
    assert_clean(&forwarder.text());
    assert!(!forwarder.logged("records_given_up").is_empty());
    let mut folders = vec![scene.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            assert_clean(&path.to_string_lossy());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
}
