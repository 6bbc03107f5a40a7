//! Tokens of OAuth 2.0 servers and of Microsoft Entra ID, with which records are delivered.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::connections::{delivered, reason, with};
use crate::credentials::HOUR;
use crate::endpoint::Arrival;
use crate::eventually::eventually;
use crate::forwarder::Settings;
use crate::identity::{CLIENT_ID, IdentityService, TENANT};
use crate::scene::Scene;
use crate::token_server::{Manner, TokenServer};
use crate::trust::Trust;

fn bearer(settings: Settings, server: &TokenServer) -> Settings {
    with(
        settings,
        &[
            ("auth.type", "oauth2"),
            ("auth.token_url", &server.url()),
            ("auth.client_id", "the client"),
            ("auth.client_secret", "MARK:SECRET"),
        ],
    )
}

fn authorizations(arrivals: &[Arrival]) -> Vec<&str> {
    let values = arrivals.iter().map(|it| &it.headers["authorization"]);
    values.map(|it| it.to_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_are_fetched_kept_and_renewed() {
    let scene = Scene::set(1).await;
    let server = TokenServer::start(Manner::Gives(3600)).await;
    let settings = with(
        bearer(scene.settings(), &server),
        &[
            ("auth.scope", "logs.write more"),
            ("auth.audience", "https://siem"),
            ("auth.parameters.tenant", "MARKTENANT"),
            ("batch.records", "10"),
        ],
    );
    let (arrivals, _) = delivered(&scene, settings).await;
    assert!(arrivals.len() > 3);
    assert!(
        authorizations(&arrivals)
            .iter()
            .all(|it| *it == "Bearer token-1")
    );
    let [asked] = &server.asked()[..] else {
        panic!("one question for all requests");
    };
    let form = asked.form.iter();
    let form: Vec<_> = form.map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(
        form,
        [
            ("audience", "https://siem"),
            ("grant_type", "client_credentials"),
            ("scope", "logs.write more"),
            ("tenant", "MARKTENANT"),
        ]
    );
    let expected = format!("Basic {}", STANDARD.encode("the+client:MARK%3ASECRET"));
    assert_eq!(asked.headers["authorization"], expected);

    // Short-lived ones are renewed, and id and secret may stand in the body.
    let scene = Scene::set(1).await;
    server.behave(Manner::Gives(1));
    let settings = with(
        bearer(scene.settings(), &server),
        &[("auth.client_authentication", "body")],
    );
    let forwarder = settings.start();
    let renewed = eventually("three tokens", || server.asked().len() >= 4);
    scene.under_load(renewed).await;
    scene.everything_arrives().await;
    let forwarder = forwarder.stop().await;
    assert_eq!(forwarder.waits(), []);
    let asked = server.asked().pop().unwrap();
    assert_eq!(asked.form["client_secret"], "MARK:SECRET");
    assert_eq!(asked.form["client_id"], "the client");
    assert!(!asked.headers.contains_key("authorization"));
}

/// Neither a token server that is away, nor one that refuses, loses anything; both are said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_nothing_is_sent_and_nothing_is_lost() {
    let scene = Scene::set(1).await;
    let server = TokenServer::start(Manner::IsDown).await;
    scene.produce(20, 3);
    let settings = bearer(scene.settings(), &server);
    let settings = settings.argument("--log").argument("trace");
    let forwarder = settings.start();
    reason(&forwarder, "failing: no token").await;
    server.behave(Manner::Answers(
        400,
        r#"{"error":"invalid_client","x":"MARK"}"#,
    ));
    let said = reason(&forwarder, "refusing: no token").await;
    assert!(
        said.contains("400 invalid_client (check auth.client_id"),
        "{said}"
    );
    server.behave(Manner::Answers(302, ""));
    reason(&forwarder, "answers 302 (a redirect").await;
    assert_eq!((scene.endpoint.count(), scene.endpoint.probes()), (0, 0));
    server.behave(Manner::Gives(3600));
    scene.everything_arrives().await;
    // A token is refused once: a new one is fetched at once, and nothing waits.
    let token = authorizations(&scene.endpoint.arrivals())[0].to_owned();
    let waits = forwarder.waits().len();
    scene.endpoint.refuse_token(Some(&token));
    server.behave(Manner::Gives(3600));
    scene.produce(20, 3);
    scene.everything_arrives().await;
    assert_eq!(forwarder.waits().len(), waits);
    assert!(scene.endpoint.refusals() >= 1);
    let forwarder = forwarder.stop().await;
    assert!(!forwarder.text().contains("MARK"));
    // What was refused came again.
    assert!(scene.duplicates() > 0);
    let accepted = scene.endpoint.accepted();
    assert_eq!(accepted, scene.hub.produced());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_entra_for_a_scope() {
    let (scene, trust) = (Scene::set(1).await, Trust::new());
    let service = IdentityService::entra(&trust, "localhost", &[HOUR]).await;
    let settings = with(
        scene.settings(),
        &[
            ("auth.type", "entra"),
            ("auth.scope", "https://siem.example.com/.default"),
            ("auth.credential", "principal"),
        ],
    );
    let settings = settings
        .set("credentials.principal.type", "client_secret")
        .set("credentials.principal.tenant_id", TENANT)
        .set("credentials.principal.client_id", CLIENT_ID)
        .set("credentials.principal.client_secret", "MARK")
        .variable("AZURE_AUTHORITY_HOST", &service.authority_host())
        .variable("SSL_CERT_FILE", &trust.file());
    let (arrivals, _) = delivered(&scene, settings).await;
    for value in authorizations(&arrivals) {
        assert!(value.starts_with("Bearer ey"), "{value}");
    }
    let asked = service.asked();
    assert_eq!(
        asked[0].fields["scope"],
        "https://siem.example.com/.default"
    );
}
