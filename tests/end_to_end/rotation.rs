//! Secrets that change while the program runs: no restart, and nothing lost.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::endpoint::{Endpoint, Reply};
use crate::eventually::{eventually, eventually_some};
use crate::scene::Scene;
use crate::trust::Trust;

/// Files as Kubernetes mounts a secret: each is a link into a folder that is a link itself, and
/// only the latter is replaced.
struct Mount {
    folder: TempDir,
    versions: usize,
}

impl Mount {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Self {
            folder,
            versions: 0,
        };
        mount.replace(files);
        for (name, _) in files {
            let link = Path::new("..data").join(name);
            std::os::unix::fs::symlink(link, mount.folder.path().join(name)).unwrap();
        }
        mount
    }

    fn replace(&mut self, files: &[(&str, &str)]) {
        self.versions += 1;
        let (folder, version) = (self.folder.path(), format!("..{}", self.versions));
        std::fs::create_dir(folder.join(&version)).unwrap();
        for (name, content) in files {
            std::fs::write(folder.join(&version).join(name), content).unwrap();
        }
        std::os::unix::fs::symlink(&version, folder.join("..new")).unwrap();
        std::fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("..data")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_replaced_is_used_before_anybody_waits() {
    for (key, prefix) in [
        ("auth.token_file", ""),
        ("headers_file.Authorization", "Bearer "),
    ] {
        let scene = Scene::set(1).await;
        let content = |number: u32| format!("{prefix}MARK{number}\n");
        let mut mount = Mount::new(&[("token", &content(1))]);
        let mut settings = scene
            .settings()
            .argument("--log")
            .argument("trace")
            .set(&format!("sinks.main.{key}"), &mount.path("token"));
        if prefix.is_empty() {
            settings = settings.set("sinks.main.auth.type", "bearer");
        }
        scene.produce(20, 3);
        let forwarder = settings.start();
        scene.everything_arrives().await;
        assert_eq!(
            scene.endpoint.arrivals()[0].headers["authorization"],
            "Bearer MARK1"
        );
        // The old one ends at the moment at which the new one is there.
        for number in 2..5 {
            let refusals = scene.endpoint.refusals();
            mount.replace(&[("token", &content(number))]);
            let old = format!("Bearer MARK{}", number - 1);
            scene.endpoint.refuse_token(Some(&old));
            scene.produce(20, 3);
            scene.everything_arrives().await;
            let last = scene.endpoint.arrivals().pop().unwrap();
            assert_eq!(
                last.headers["authorization"],
                format!("Bearer MARK{number}")
            );
            assert!(scene.endpoint.refusals() <= refusals + 4, "at once");
        }
        // It goes: what was known is used on, and that is said once.
        let data = mount.data();
        std::fs::rename(&data, data.with_file_name("..gone")).unwrap();
        let unreadable = || forwarder.logged("secrets_unreadable").pop();
        scene
            .under_load(eventually("that the file is gone", || {
                unreadable().is_some()
            }))
            .await;
        scene.everything_arrives().await;
        std::fs::rename(data.with_file_name("..gone"), &data).unwrap();
        let forwarder = forwarder.stop().await;
        assert_eq!(forwarder.logged("secrets_unreadable").len(), 1);
        assert_eq!(forwarder.logged("secrets_changed").len(), 3);
        assert_eq!(forwarder.waits(), [], "nobody has waited");
        assert!(!forwarder.text().contains("MARK"));
        assert_eq!(scene.endpoint.accepted(), scene.hub.produced());
    }
}

/// Server certificate, client certificate and authority are replaced, one after the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_replaced() {
    let scene = Scene::set(1).await;
    let [servers, clients, servers2, clients2] = std::array::from_fn(|_| Trust::new());
    let endpoint = Endpoint::start_tls(servers.mutual("localhost", &clients)).await;
    // Every request makes a connection of its own.
    endpoint.behave(Reply::With(200, "connection", "close".to_owned()));
    let (first, second) = (clients.certify("forwarder"), clients2.certify("forwarder"));
    let (ca, ca2) = (servers.pem(), servers2.pem());
    let mut mount = Mount::new(&[
        ("ca.pem", &ca),
        ("tls.crt", &first.certificate),
        ("tls.key", &first.key),
    ]);
    let url = format!("https://localhost:{}/ingest", endpoint.address.port());
    let forwarder = scene
        .settings()
        .set("sinks.main.endpoint", &url)
        // When a connection ends at the moment at which it gets its request, hyper may never say so
        // (hyperium/hyper#4122): one of 2,500 attempts that are refused in TLS lasts that long.
        .set("sinks.main.timeout", "8s")
        .set("sinks.main.connect_timeout", "8s")
        .set("sinks.main.tls.ca_file", &mount.path("ca.pem"))
        .set("sinks.main.tls.certificate_file", &mount.path("tls.crt"))
        .set("sinks.main.tls.key_file", &mount.path("tls.key"))
        .start();
    let arrives = async || {
        scene.produce(20, 3);
        let produced = scene.hub.produced();
        eventually("every record", || endpoint.has(&produced)).await;
    };
    arrives().await;
    // Another client authority: the old certificate gets no further.
    endpoint.renew_tls(servers.mutual("localhost", &clients2));
    scene.produce(20, 3);
    let waiting = || forwarder.logged("waiting").pop();
    eventually_some("that it waits", waiting).await;
    // A key that does not belong to the certificate is not used.
    mount.replace(&[
        ("ca.pem", &ca),
        ("tls.crt", &second.certificate),
        ("tls.key", &first.key),
    ]);
    let said = forwarder.says("secrets_unreadable").await;
    assert!(said["message"].as_str().unwrap().contains("tls."), "{said}");
    mount.replace(&[
        ("ca.pem", &ca),
        ("tls.crt", &second.certificate),
        ("tls.key", &second.key),
    ]);
    arrives().await;
    // Another server authority.
    endpoint.renew_tls(servers2.mutual("localhost", &clients2));
    scene.produce(20, 3);
    let said = || {
        let waits = forwarder.waits();
        waits
            .into_iter()
            .find(|(_, it)| it.contains("UnknownIssuer"))
    };
    eventually_some("that the server is not trusted", said).await;
    mount.replace(&[
        ("ca.pem", &ca2),
        ("tls.crt", &second.certificate),
        ("tls.key", &second.key),
    ]);
    arrives().await;
    forwarder.stop().await;
    assert_eq!(endpoint.taken(), scene.hub.produced(), "each once");
    scene.assert_orderly();
}
