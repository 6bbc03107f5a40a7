//! Identities whose tokens come from stand-ins on this machine.

use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;

use crate::azurite_oauth;
use crate::eventually::eventually;
use crate::forwarder::Settings;
use crate::hub::GROUP;
use crate::identity::{CLIENT_ID, IDENTITY_HEADER, IdentityService, TENANT};
use crate::scene::Scene;
use crate::trust::Trust;

/// A port where nobody listens.
const DEAD_PROXY: &str = "http://127.0.0.1:9";
pub(super) const HUBS_SCOPE: &str = "https://eventhubs.azure.net/.default";
const STORAGE_SCOPE: &str = "https://storage.azure.com/.default";
const SHORT: Duration = Duration::from_secs(4);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

/// Name of the namespace: one by which it cannot be reached.
const NAMESPACE: &str = "forwarder-test.servicebus.windows.net";

pub(super) async fn scene(partitions: u32) -> Scene {
    Scene::set(partitions).await.in_namespace(NAMESPACE)
}

/// A configuration that reads with an identity. A proxy stands in the environment that leads
/// nowhere: only the endpoint of the sink, which goes by number, is excepted from it.
pub(super) fn settings(scene: &Scene) -> Settings {
    let settings = scene
        .settings()
        .without("sources.logs.connection_string")
        .set("sources.logs.namespace", NAMESPACE)
        .set("sources.logs.event_hub", "logs")
        .set("sources.logs.consumer_group", GROUP)
        .set(
            "sources.logs.custom_endpoint",
            &format!("amqp://{}", scene.hub.emulator.address()),
        );
    ["HTTP_PROXY", "HTTPS_PROXY"]
        .into_iter()
        .fold(settings, |settings, name| {
            settings.variable(name, DEAD_PROXY)
        })
        .variable("NO_PROXY", "127.0.0.1")
}

pub(super) fn by_platform(settings: Settings, service: &IdentityService) -> Settings {
    settings
        .variable("IDENTITY_ENDPOINT", &service.endpoint())
        .variable("IDENTITY_HEADER", IDENTITY_HEADER)
}

/// Microsoft Entra, as [`by_entra`] reaches it.
pub(super) async fn entra(trust: &Trust, lives: &[Duration]) -> IdentityService {
    IdentityService::entra(trust, "localhost", lives).await
}

pub(super) fn by_entra(settings: Settings, trust: &Trust, service: &IdentityService) -> Settings {
    settings
        .variable("AZURE_AUTHORITY_HOST", &service.authority_host())
        .variable("SSL_CERT_FILE", &trust.file())
}

pub(super) fn principal(settings: Settings, kind: &str) -> Settings {
    settings
        .set("sources.logs.credential", "principal")
        .set("credentials.principal.type", kind)
        .set("credentials.principal.tenant_id", TENANT)
        .set("credentials.principal.client_id", CLIENT_ID)
}

/// Tokens of a few seconds: reading goes on over their ends, and over a time in which none can be
/// had; nothing is lost, and the right things were asked for.
async fn lives_on(
    service: &IdentityService,
    scene: &Scene,
    settings: &Settings,
    scope: (&str, &str),
) {
    let forwarder = settings.start();
    scene.produce(5, 3);
    scene.everything_arrives().await;
    forwarder.health_becomes("/readyz", 200).await;
    let attached = || scene.hub.emulator.attach_log().len();
    for round in 2..=3 {
        eventually("the next token", || attached() >= 2 * round).await;
        scene.produce(5, 3);
        scene.everything_arrives().await;
        assert_eq!(forwarder.health("/readyz").await.0, 200);
    }
    service.set_down(true);
    // No link outlives its token.
    let readers = || scene.hub.emulator.readers("logs", 0).unwrap();
    eventually("the end of the link", || readers() == 0).await;
    scene.produce(5, 3);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(readers(), 0);
    service.set_down(false);
    scene.everything_arrives().await;
    eventually("the checkpoints", || scene.is_stored()).await;
    forwarder.stop().await;
    scene.assert_orderly();
    let asked = service.asked();
    assert!(asked.len() > 6, "{asked:?}");
    for asked in asked {
        assert_eq!(asked.status, 200, "{asked:?}");
        assert_eq!(asked.fields[scope.0], scope.1, "{asked:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn managed_identity() {
    let service = IdentityService::platform(&[SHORT]).await;
    let scene = scene(2).await;
    // Nothing says which credential: `auto` takes what the platform has.
    let settings = by_platform(settings(&scene), &service).variable("AZURE_CLIENT_ID", CLIENT_ID);
    let scope = ("resource", "https://eventhubs.azure.net");
    lives_on(&service, &scene, &settings, scope).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workload_identity() {
    let trust = Trust::new();
    let service = entra(&trust, &[SHORT]).await;
    let scene = scene(2).await;
    let file = scene.folder.path().join("federated");
    std::fs::write(&file, "signed-by-the-cluster").unwrap();
    let settings = by_entra(settings(&scene), &trust, &service)
        .variable("AZURE_FEDERATED_TOKEN_FILE", &file.to_string_lossy())
        .variable("AZURE_TENANT_ID", TENANT)
        .variable("AZURE_CLIENT_ID", CLIENT_ID);
    lives_on(&service, &scene, &settings, ("scope", HUBS_SCOPE)).await;
    for asked in service.asked() {
        assert_eq!(asked.fields["client_assertion"], "signed-by-the-cluster");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn client_secret() {
    let trust = Trust::new();
    let service = entra(&trust, &[SHORT]).await;
    let scene = scene(2).await;
    let settings = principal(
        by_entra(settings(&scene), &trust, &service),
        "client_secret",
    )
    .set("credentials.principal.client_secret", "hunter2");
    lives_on(&service, &scene, &settings, ("scope", HUBS_SCOPE)).await;
    for asked in service.asked() {
        assert_eq!(asked.fields["client_secret"], "hunter2");
    }
}

/// Two minutes before their use would end, tokens are renewed without a new link; and the store
/// gets tokens of its own.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_renewed_before_they_end() {
    // The first one is due for the SDK after 2 to 12 s.
    let lives = [Duration::from_secs(217), HOUR];
    let trust = Trust::new();
    let service = entra(&trust, &lives).await;
    let (_azurite, container) = azurite_oauth::container(&trust).await;
    let scene = scene(1).await;
    let settings = principal(
        by_entra(settings(&scene), &trust, &service),
        "client_secret",
    )
    .set("credentials.principal.client_secret", "hunter2")
    .set("checkpoints.store", "blob")
    .set("checkpoints.container_url", &container)
    .set("checkpoints.credential", "principal")
    .without("checkpoints.directory");
    let forwarder = settings.start();
    scene.produce(5, 3);
    scene.everything_arrives().await;
    let asked_for = |scope: &str| {
        let asked = service.asked();
        asked
            .iter()
            .filter(|asked| asked.fields["scope"] == scope)
            .count()
    };
    eventually("the renewal", || asked_for(HUBS_SCOPE) >= 2).await;
    // On the links that are there: one for management, one for the partition.
    eventually("the new token", || scene.hub.emulator.tokens() >= 3).await;
    scene.produce(5, 3);
    scene.everything_arrives().await;
    assert_eq!(scene.hub.emulator.attach_log().len(), 1);
    assert!(asked_for(STORAGE_SCOPE) >= 1);
    assert_eq!(
        asked_for(HUBS_SCOPE) + asked_for(STORAGE_SCOPE),
        service.asked().len()
    );
    forwarder.stop().await;
}

/// What is asked without a client id, or by a proxy, where one is needed.
#[tokio::test(flavor = "multi_thread")]
async fn a_platform_refuses_whom_it_does_not_know() {
    let service = IdentityService::platform(&[HOUR]).await;
    let scene = scene(1).await;
    let forwarder = by_platform(settings(&scene), &service).start();
    let reason = forwarder.health_becomes("/readyz", 503).await;
    eventually("the refusal", || !service.asked().is_empty()).await;
    eventually("the reason", || !forwarder.waits().is_empty()).await;
    assert!(reason.contains("source logs"), "{reason}");
    let (_, reason) = forwarder.waits().remove(0);
    for part in [
        "auto tried managed identity (IDENTITY_ENDPOINT or MSI_ENDPOINT is set): The requested \
         identity has not been assigned to this resource",
        "check the source's credential",
    ] {
        assert!(reason.contains(part), "{reason}");
    }
    let asked = service.asked();
    assert!(
        asked
            .iter()
            .all(|asked| asked.status == 400 && !asked.fields.contains_key("client_id"))
    );
    forwarder.stop().await;
}

/// Microsoft Entra itself is reached by the proxy of the environment.
#[tokio::test(flavor = "multi_thread")]
async fn entra_is_asked_by_the_proxy() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let scene = scene(1).await;
    let settings = principal(settings(&scene), "client_secret")
        .set("credentials.principal.client_secret", "hunter2")
        .variable(
            "HTTPS_PROXY",
            &format!("http://{}", proxy.local_addr().unwrap()),
        )
        .variable("AZURE_AUTHORITY_HOST", "https://login.example.invalid");
    let forwarder = settings.start();
    let (stream, _) = proxy.accept().await.unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await.unwrap();
    assert_eq!(line.trim(), "CONNECT login.example.invalid:443 HTTP/1.1");
    drop(forwarder);
}

/// A ready-made signature: when it ends is said at the start, beforehand, and afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn an_ending_signature_is_told() {
    let scene = Scene::set(1).await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
    let signature = scene.hub.emulator.keys()[0].sign("sb://localhost/logs", now + 3);
    let text = format!(
        "Endpoint=sb://localhost:{};SharedAccessSignature={signature};EntityPath=logs;\
         UseDevelopmentEmulator=true",
        scene.hub.emulator.address().port()
    );
    let forwarder = scene
        .settings()
        .set("sources.logs.connection_string", &text)
        .start();
    scene.produce(5, 3);
    scene.everything_arrives().await;
    let said = forwarder.says("signature_expires").await;
    assert_eq!(said["place"], "sources.logs.connection_string");
    let waits_for = |component: &str, reason: &str| {
        let waits = forwarder.waits();
        waits
            .iter()
            .any(|(who, why)| who.contains(component) && why.contains(reason))
    };
    let of = "signature of sources.logs.connection_string";
    assert!(waits_for(of, "it ends at 20"), "{}", forwarder.text());
    eventually("the end", || waits_for(of, "it ended at 20")).await;
    let ended = "the shared access signature ended at 20";
    eventually("the partition's reason", || waits_for("partition 0", ended)).await;
    assert!(!forwarder.text().contains("sig="), "{}", forwarder.text());
    forwarder.stop().await;
}

/// The Azure CLI, as far as the forwarder sees it.
#[tokio::test(flavor = "multi_thread")]
async fn azure_cli() {
    use std::os::unix::fs::PermissionsExt;
    let scene = scene(1).await;
    let ends = std::time::SystemTime::now() + HOUR;
    let seconds = ends
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let answer = serde_json::json!({
        "accessToken": crate::jwt::jwt(crate::jwt::EVENT_HUBS, ends),
        "expires_on": seconds,
        "tokenType": "Bearer",
    });
    let (folder, asked) = (
        scene.folder.path().join("bin"),
        scene.folder.path().join("asked"),
    );
    std::fs::create_dir(&folder).unwrap();
    let script = format!(
        "#!/bin/sh\necho \"$@\" >> '{}'\necho '{answer}'\n",
        asked.display()
    );
    std::fs::write(folder.join("az"), script).unwrap();
    std::fs::set_permissions(folder.join("az"), PermissionsExt::from_mode(0o755)).unwrap();
    let forwarder = settings(&scene)
        .set("sources.logs.credential", "developer")
        .set("credentials.developer.type", "azure_cli")
        .variable("PATH", &format!("{}:/usr/bin:/bin", folder.display()))
        .start();
    scene.produce(5, 3);
    scene.everything_arrives().await;
    forwarder.stop().await;
    let asked = std::fs::read_to_string(asked).unwrap();
    assert!(
        asked.contains(&format!("get-access-token -o json --scope {HUBS_SCOPE}")),
        "{asked}"
    );
}
