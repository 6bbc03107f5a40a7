//! AMQP over TLS and over WebSockets: what arrives, what a certificate that nobody vouches for
//! does, and that a custom endpoint changes no name.

use std::net::SocketAddr;

use entra_forwarder_emulator::{Action, Fault, Layers};

use crate::eventually::{eventually, eventually_some};
use crate::forwarder::Settings;
use crate::hub::{GROUP, HUB};
use crate::ports;
use crate::scene::Scene;
use crate::trust::Trust;

/// The namespace, which nothing resolves.
const NAMESPACE: &str = "Contoso.servicebus.windows.net";

#[derive(Clone, Copy, PartialEq)]
enum Over {
    Tls,
    WebSocket,
}

impl Over {
    fn transport(self) -> &'static str {
        match self {
            Self::Tls => "amqp",
            Self::WebSocket => "websocket",
        }
    }

    fn url(self, address: SocketAddr) -> String {
        let scheme = match self {
            Self::Tls => "amqps",
            Self::WebSocket => "wss",
        };
        format!("{scheme}://localhost:{}", address.port())
    }

    /// Opens a port for it.
    async fn listen(self, scene: &Scene, trust: &Trust) -> SocketAddr {
        let tls = trust.tls("localhost");
        let layers = match self {
            Self::Tls => Layers::tls(tls),
            Self::WebSocket => Layers::websocket(tls),
        };
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        scene.hub.emulator.listen(any, layers).await.unwrap()
    }
}

/// A connection string of the service, for the namespace at this host and port.
fn connection_string(scene: &Scene, endpoint: &str) -> String {
    let key = &scene.hub.emulator.keys()[0];
    format!(
        "Endpoint=sb://{endpoint}/;SharedAccessKeyName={};SharedAccessKey={};EntityPath={HUB}",
        key.name, key.key
    )
}

/// Reads through a custom endpoint, in an environment whose proxy leads nowhere: AMQP takes none.
fn settings(scene: &Scene, over: Over, address: SocketAddr) -> Settings {
    scene
        .settings()
        .set(
            "sources.logs.connection_string",
            &connection_string(scene, NAMESPACE),
        )
        .set("sources.logs.transport", over.transport())
        .set("sources.logs.custom_endpoint", &over.url(address))
        .variable("HTTPS_PROXY", &format!("http://{}", ports::unused()))
}

async fn reads(over: Over) {
    let (scene, trust) = (Scene::set(2).await, Trust::new());
    let address = over.listen(&scene, &trust).await;
    scene.produce(30, 3);
    let forwarder = settings(&scene, over, address)
        .variable("SSL_CERT_FILE", &trust.file())
        .start();
    scene.everything_arrives().await;
    let detaches: Vec<_> = (0..2)
        .map(|partition| {
            let detach = Fault::once(Action::detach()).partition(partition);
            scene.hub.emulator.faults().inject(detach)
        })
        .collect();
    let faults = scene.hub.emulator.faults();
    let detached = || detaches.iter().all(|detach| faults.fired(*detach) == 1);
    eventually("the end of both links", detached).await;
    scene.produce(30, 3);
    scene.everything_arrives().await;
    let reset = faults.inject(Fault::once(Action::Reset).partition(0));
    eventually("the reset of a connection", || faults.fired(reset) == 1).await;
    scene.produce(30, 3);
    scene.everything_arrives().await;
    forwarder.stop().await;
    assert_eq!(scene.duplicates(), 0);
    let none = || scene.hub.emulator.open_connections() == 0;
    eventually("the end of every connection", none).await;

    // The name of the namespace is everywhere, that of the endpoint nowhere.
    let namespace = NAMESPACE.to_ascii_lowercase();
    let of_namespace = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with(&format!("amqps://{namespace}/{HUB}"))
    };
    let audiences = scene.hub.emulator.audiences();
    assert!(!audiences.is_empty());
    assert!(audiences.iter().all(|it| of_namespace(it)), "{audiences:?}");
    let attaches = scene.hub.emulator.attach_log();
    assert!(attaches.len() >= 4, "{attaches:?}");
    assert!(
        attaches.iter().all(|it| of_namespace(&it.address)),
        "{attaches:?}"
    );
    let store = scene.folder.path().join("store");
    let checkpoints = store
        .join(&namespace)
        .join(HUB)
        .join(GROUP)
        .join("checkpoint");
    for partition in 0..2 {
        let file = checkpoints.join(format!("{partition}.json"));
        assert!(file.exists(), "{}", file.display());
    }
    assert!(!store.join("localhost").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls() {
    reads(Over::Tls).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_a_websocket() {
    reads(Over::WebSocket).await;
}

/// The port in a connection string is one of TLS, unless it is the emulator's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_at_the_port_of_the_connection_string() {
    for over in [Over::Tls, Over::WebSocket] {
        let (scene, trust) = (Scene::set(1).await, Trust::new());
        let address = over.listen(&scene, &trust).await;
        scene.produce(10, 3);
        let endpoint = format!("localhost:{}", address.port());
        let forwarder = scene
            .settings()
            .set(
                "sources.logs.connection_string",
                &connection_string(&scene, &endpoint),
            )
            .set("sources.logs.transport", over.transport())
            .variable("SSL_CERT_FILE", &trust.file())
            .start();
        scene.everything_arrives().await;
        forwarder.stop().await;
        scene.assert_orderly();
    }
}

/// Said once, with what to do; the process waits, and asks again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_that_nobody_trusts() {
    for over in [Over::Tls, Over::WebSocket] {
        let (scene, trust, other) = (Scene::set(1).await, Trust::new(), Trust::new());
        let address = over.listen(&scene, &trust).await;
        scene.produce(10, 3);
        let settings = settings(&scene, over, address).variable("SSL_CERT_FILE", &other.file());
        let mut forwarder = settings.clone().argument("--fail-fast").start();
        assert_eq!(forwarder.exit().await, Some(69), "{}", forwarder.text());
        let said = forwarder.text();
        let sentence = format!(
            "sources.logs: event hub unavailable: {}: the certificate was refused (UnknownIssuer): \
             its authority is not trusted here: add the authority's certificate to the system's, \
             or to the file that SSL_CERT_FILE names in their place",
            over.url(address)
        );
        assert!(said.contains(&sentence), "{said}");

        let mut forwarder = settings.start();
        let waits = || forwarder.waits().into_iter().next();
        let (component, reason) = eventually_some("a reason", waits).await;
        assert_eq!(component, "source logs");
        assert!(reason.contains("SSL_CERT_FILE"), "{reason}");
        assert_eq!(forwarder.health("/livez").await.0, 200);
        let (status, text) = forwarder.health("/readyz").await;
        assert_eq!(status, 503);
        assert!(text.contains("SSL_CERT_FILE"), "{text}");
        assert!(forwarder.is_running());
        assert_eq!(forwarder.stop().await.waits().len(), 1);
        assert_eq!(scene.endpoint.count(), 0);
    }
}
