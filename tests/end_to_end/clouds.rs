//! Where tokens come from: the login of the cloud, through the proxy; the platform's own
//! endpoint, never through one.

use std::time::Duration;

use crate::forward_proxy::ForwardProxy;
use crate::forwarder::Settings;
use crate::hub::{GROUP, HUB};
use crate::identity::{CLIENT_ID, IDENTITY_HEADER, IdentityService, TENANT};
use crate::ports;
use crate::scene::Scene;
use crate::trust::Trust;

const HOUR: Duration = Duration::from_secs(3600);

/// Reads the emulator as the namespace `contoso` of a cloud.
fn settings(scene: &Scene, cloud: &str, credential: &str) -> Settings {
    let endpoint = format!("amqp://{}", scene.hub.emulator.address());
    scene
        .settings()
        .without("sources.logs.connection_string")
        .set("cloud", cloud)
        .set("sources.logs.namespace", "contoso")
        .set("sources.logs.event_hub", HUB)
        .set("sources.logs.credential", "identity")
        .set("sources.logs.custom_endpoint", &endpoint)
        .set("credentials.identity.type", credential)
}

/// Runs until everything has arrived, and looks whether it was read as this namespace.
async fn reads_as(scene: &Scene, settings: Settings, namespace: &str) {
    scene.produce(20, 3);
    let forwarder = settings.start();
    scene.everything_arrives().await;
    forwarder.stop().await;
    let prefix = format!("amqps://{namespace}/{HUB}");
    let audiences = scene.hub.emulator.audiences();
    let right = |audience: &String| audience.starts_with(&prefix);
    assert!(
        !audiences.is_empty() && audiences.iter().all(right),
        "{audiences:?}"
    );
    let store = scene.folder.path().join("store");
    let checkpoint = store
        .join(namespace)
        .join(HUB)
        .join(GROUP)
        .join("checkpoint/0.json");
    assert!(checkpoint.exists(), "{}", checkpoint.display());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cloud_has_its_login() {
    for (cloud, variable, login, namespace) in [
        (
            "public",
            None,
            "login.microsoftonline.com",
            "contoso.servicebus.windows.net",
        ),
        (
            "gcc_high",
            None,
            "login.microsoftonline.us",
            "contoso.servicebus.usgovcloudapi.net",
        ),
        (
            "china",
            None,
            "login.chinacloudapi.cn",
            "contoso.servicebus.chinacloudapi.cn",
        ),
        (
            "china",
            Some("https://login.invalid/"),
            "login.invalid",
            "contoso.servicebus.chinacloudapi.cn",
        ),
    ] {
        let (scene, trust) = (Scene::set(1).await, Trust::new());
        let identity = IdentityService::entra(&trust, login, &[HOUR]).await;
        let proxy = ForwardProxy::start(&[(login, identity.address)]).await;
        let mut settings = settings(&scene, cloud, "client_secret")
            .set("credentials.identity.tenant_id", TENANT)
            .set("credentials.identity.client_id", CLIENT_ID)
            .set("credentials.identity.client_secret", "secret")
            .variable("SSL_CERT_FILE", &trust.file())
            .variable("HTTPS_PROXY", &proxy.url());
        if let Some(host) = variable {
            settings = settings.variable("AZURE_AUTHORITY_HOST", host);
        }
        reads_as(&scene, settings, namespace).await;
        let tunnel = format!("CONNECT {login}:443");
        let asked = proxy.asked();
        assert!(
            !asked.is_empty() && asked.iter().all(|it| *it == tunnel),
            "{asked:?}"
        );
        let asked = identity.asked();
        assert!(
            !asked.is_empty() && asked.iter().all(|it| it.status == 200),
            "{asked:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_platforms_identity_takes_no_proxy() {
    let scene = Scene::set(1).await;
    let identity = IdentityService::platform(&[HOUR]).await;
    let mut settings = settings(&scene, "usgov", "managed_identity")
        .set("credentials.identity.client_id", CLIENT_ID)
        .variable("IDENTITY_ENDPOINT", &identity.endpoint())
        .variable("IDENTITY_HEADER", IDENTITY_HEADER);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        settings = settings.variable(name, &format!("http://{}", ports::unused()));
    }
    reads_as(&scene, settings, "contoso.servicebus.usgovcloudapi.net").await;
    let asked = identity.asked();
    assert!(
        !asked.is_empty() && asked.iter().all(|it| it.status == 200),
        "{asked:?}"
    );
}
