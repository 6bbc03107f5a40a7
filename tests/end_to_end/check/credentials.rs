//! Credentials: whose they are, when they end, and what is said of roles that are missing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use entra_forwarder_emulator::{Action, Fault};
use rcgen::{CertificateParams, KeyPair};

use crate::check::{calm, check, ran, scene};
use crate::credentials::{by_platform, entra, principal};
use crate::forwarder::Settings;
use crate::hub::GROUP;
use crate::identity::{CLIENT_ID, IdentityService, TENANT};
use crate::jwt::OBJECT_ID;
use crate::scene::Scene;
use crate::trust::Trust;

const NAMESPACE: &str = "contoso.servicebus.windows.net";
const HOUR: Duration = Duration::from_secs(3600);

/// Reads with an identity.
fn by_identity(scene: &Scene) -> Settings {
    calm(scene)
        .without("sources.logs.connection_string")
        .set("sources.logs.namespace", NAMESPACE)
        .set("sources.logs.event_hub", "logs")
        .set("sources.logs.consumer_group", GROUP)
        .set(
            "sources.logs.custom_endpoint",
            &format!("amqp://{}", scene.hub.emulator.address()),
        )
}

fn managed(scene: &Scene, service: &IdentityService) -> Settings {
    let settings = by_identity(scene)
        .set("sources.logs.credential", "own")
        .set("credentials.own.type", "managed_identity")
        .set("credentials.own.client_id", CLIENT_ID);
    by_platform(settings, service)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_token_it_is_and_which_role_it_lacks() {
    let scene = scene(1).await;
    let service = IdentityService::platform(&[HOUR]).await;
    let settings = managed(&scene, &service);
    let only = ["--only", "sources"];
    let checked = check(&settings, &only).await;
    assert_eq!(checked.code, Some(0), "{}", checked.text);
    let token = checked.at("sources.logs", "credential").seen;
    for known in [CLIENT_ID, OBJECT_ID, TENANT] {
        assert!(token.contains(known), "{token}");
    }
    assert!(!checked.text.contains("eyJ"), "a token is shown");
    let refusal = Fault::always(Action::RefuseToken {
        status: 401,
        description: "Unauthorized access. 'Listen' claim(s) are required.".to_owned(),
    });
    let faults = scene.hub.emulator.faults();
    let refusal = faults.inject(refusal);
    let checked = check(&settings, &only).await;
    faults.remove(refusal);
    let command = format!(
        "az role assignment create --assignee-object-id {OBJECT_ID} --assignee-principal-type \
         ServicePrincipal --role \"Azure Event Hubs Data Receiver\" --scope"
    );
    let scope = "Microsoft.EventHub/namespaces/contoso/eventhubs/logs\"";
    let remedy = &[&command[..], scope, "<SUBSCRIPTION-ID>", "<RESOURCE-GROUP>"];
    checked.failed(
        77,
        "sources.logs hub",
        &["not authorized", "Listen"],
        remedy,
    );
    // Nobody gives a token.
    service.set_down(true);
    let checked = check(&settings, &only).await;
    let remedy = &["identity service"];
    checked.failed(69, "sources.logs credential", &["no token"], remedy);
    service.set_down(false);
    let unknown = settings.set(
        "credentials.own.client_id",
        "99999999-0000-0000-0000-000000000000",
    );
    let checked = check(&unknown, &only).await;
    checked.failed(77, "sources.logs credential", &["no token"], &["client_id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signature_that_has_ended() {
    let scene = scene(1).await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = i64::try_from(now.as_secs()).unwrap();
    let port = scene.hub.emulator.address().port();
    let with = |ends: i64| {
        let key = &scene.hub.emulator.keys()[0];
        let signature = key.sign("amqp://localhost/logs", ends);
        let text = format!(
            "Endpoint=sb://localhost:{port};SharedAccessSignature={signature};EntityPath=logs;\
             UseDevelopmentEmulator=true"
        );
        calm(&scene).set("sources.logs.connection_string", &text)
    };
    let only = ["--only", "sources"];
    let checked = check(&with(now - 3600), &only).await;
    let remedy = &["put a new one into sources.logs.connection_string"];
    checked.failed(
        77,
        "sources.logs credential",
        &["the signature", "ended at"],
        remedy,
    );
    let checked = check(&with(now + 3600), &only).await;
    let credential = checked.at("sources.logs", "credential");
    assert_eq!(credential.outcome, "warning", "{credential:?}");
    assert!(!checked.text.contains("sig="));
}

/// A certificate of one's own with its key, which holds from 2020 to the end of this year.
fn pair(year: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["forwarder".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(year, 12, 31);
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_have_ended() {
    let scene = scene(1).await;
    for (year, code) in [(2021, 77), (2090, 0)] {
        let (certificate, key) = pair(year);
        let settings = calm(&scene)
            .set("sinks.main.endpoint", &scene.endpoint.url())
            .set("sinks.main.tls.certificate", &certificate)
            .set("sinks.main.tls.key", &key);
        let checked = check(&settings, &["--only", "sinks"]).await;
        assert_eq!(checked.code, Some(code), "{}", checked.text);
        if code != 0 {
            let remedy = &["put a new one into sinks.main.tls.certificate"];
            let seen = &["the certificate", "ended at 2021-12-31"];
            checked.failed(code, "sinks.main credential", seen, remedy);
            assert_eq!(checked.at("sinks.main", "request").outcome, "skipped");
        }
    }
}

/// OpenSSL's own tool makes the certificate: an identity needs an RSA key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_certificate_of_an_identity_and_the_login() {
    let (scene, trust) = (scene(1).await, Trust::new());
    let login = entra(&trust, &[HOUR]).await;
    let file = scene.folder.path().join("both.pem");
    let script = format!(
        "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=forwarder -days 2 -keyout {0} -out \
         {0}.crt && cat {0}.crt >> {0}",
        file.display()
    );
    let made = std::process::Command::new("sh")
        .args(["-c", &script])
        .output();
    assert!(made.unwrap().status.success());
    let settings = principal(by_identity(&scene), "client_certificate")
        .set(
            "credentials.principal.certificate_file",
            &file.to_string_lossy(),
        )
        .variable("AZURE_AUTHORITY_HOST", &login.authority_host());
    let trusting = settings.clone().variable("SSL_CERT_FILE", &trust.file());
    let only = [
        "--only",
        "sources",
        "--only",
        "credentials",
        "--only",
        "login",
    ];
    let checked = check(&trusting, &only).await;
    assert_eq!(checked.code, Some(0), "{}", checked.text);
    let own = checked.at("credentials.principal", "credential");
    assert_eq!(own.outcome, "warning", "{own:?}");
    assert!(own.seen.contains("`CN=forwarder` ends at"), "{own:?}");
    assert_eq!(checked.at("login", "tls").outcome, "ok");
    // Whoever opens TLS to the login is seen there.
    let checked = check(&settings, &only).await;
    assert_eq!(checked.code, Some(69), "{}", checked.text);
    let tls = checked.at("login", "tls");
    assert!(tls.seen.contains("UnknownIssuer"), "{tls:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn destinations_are_printed_without_connecting() {
    let scene = scene(1).await;
    let settings = by_identity(&scene)
        .without("sources.logs.custom_endpoint")
        .set(
            "sinks.main.endpoint",
            "https://siem.example.com/x?token=MARK",
        )
        .container("https://contoso.blob.core.windows.net/checkpoints")
        .variable("AZURE_FEDERATED_TOKEN_FILE", "/token")
        .variable("HTTPS_PROXY", "http://user:MARK@proxy.corp:3128")
        .variable(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "https://otel.example.com:4318",
        );
    let (code, out, text) = ran(&settings, &["check", "--print-destinations"]).await;
    assert_eq!(code, Some(0), "{text}");
    let lines: Vec<Vec<&str>> = out
        .lines()
        .map(|it| it.split_whitespace().collect())
        .collect();
    let found: Vec<_> = lines.iter().map(|it| (it[0], it[1])).collect();
    let expected = [
        ("https", "contoso.blob.core.windows.net:443"),
        ("amqps", "contoso.servicebus.windows.net:5671"),
        ("https", "login.microsoftonline.com:443"),
        ("https", "otel.example.com:4318"),
        ("https", "siem.example.com:443"),
    ];
    assert_eq!(found, expected, "{out}");
    assert!(lines[0].ends_with(&["proxy", "proxy.corp:3128"]), "{out}");
    assert!(
        lines[1].ends_with(&["sources.logs"]),
        "AMQP takes no proxy: {out}"
    );
    let (code, json, _) = ran(&settings, &["check", "--print-destinations", "--json"]).await;
    assert_eq!(code, Some(0));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let first = &json["destinations"][0];
    assert_eq!(
        (first["port"].as_u64(), first["host"].as_str()),
        (Some(443), Some("contoso.blob.core.windows.net"))
    );
    assert!(!out.contains("MARK") && !json.to_string().contains("MARK"));
}
