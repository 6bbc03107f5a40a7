//! A plain `http` sink into ClickHouse, as docs/sinks/clickhouse.md has it: what arrives is counted
//! by SQL. Skipped where ClickHouse is not installed (`apt-get install clickhouse-server`).

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::eventually::{eventually, eventually_some};
use crate::ports;
use crate::scene::Scene;

const PROGRAM: &str = "clickhouse-server";

/// A server with a folder of its own; it ends when this is dropped.
struct ClickHouse {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
}

impl Drop for ClickHouse {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _ended_before = self.child.wait();
    }
}

impl ClickHouse {
    /// `None` when it is not installed.
    async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let address = ports::unused();
        let path = write_configuration(folder.path(), address.port());
        let spawned = Command::new(PROGRAM)
            .arg(format!("--config-file={path}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = match spawned {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => panic!("{error}"),
        };
        let server = Self {
            child,
            address,
            _folder: folder,
        };
        eventually("ClickHouse", || {
            std::net::TcpStream::connect(address).is_ok()
        })
        .await;
        Some(server)
    }

    /// The answer to a statement.
    async fn ask(&self, statement: &str) -> String {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("http://{}/", self.address);
        let asked = client.post(url).body(statement.to_owned()).send().await;
        let answer = asked.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, 200, "{statement}: {text}");
        text.trim().to_owned()
    }
}

fn write_configuration(folder: &Path, port: u16) -> String {
    let shown = folder.display();
    let config = format!(
        "<yandex><logger><level>none</level><console>1</console></logger>\
         <http_port>{port}</http_port><listen_host>127.0.0.1</listen_host>\
         <path>{shown}/data/</path><tmp_path>{shown}/tmp/</tmp_path>\
         <mark_cache_size>5368709</mark_cache_size><users_config>users.xml</users_config>\
         <default_profile>default</default_profile><default_database>default</default_database>\
         </yandex>"
    );
    let users = "<yandex><profiles><default/></profiles><quotas><default/></quotas>\
                 <users><default><password></password><networks><ip>127.0.0.1</ip></networks>\
                 <profile>default</profile><quota>default</quota></default></users></yandex>";
    for name in ["data", "tmp"] {
        std::fs::create_dir(folder.join(name)).unwrap();
    }
    std::fs::write(folder.join("users.xml"), users).unwrap();
    let path = folder.join("config.xml");
    std::fs::write(&path, config).unwrap();
    path.to_string_lossy().into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clickhouse_counts_every_record_once() {
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let Some(server) = ClickHouse::start().await else {
        println!("skipped: {PROGRAM} is not installed");
        return;
    };
    server
        .ask(
            "CREATE TABLE entra (time String, category String, n UInt64) \
             ENGINE = MergeTree ORDER BY (category, n)",
        )
        .await;
    let scene = Scene::set(2).await;
    scene.produce(100, 5);
    let forwarder = scene
        .settings()
        .set(
            "sinks.main.endpoint",
            &format!("http://{}/", server.address),
        )
        .set(
            "sinks.main.query.query",
            "INSERT INTO entra FORMAT JSONEachRow",
        )
        .set("sinks.main.query.input_format_skip_unknown_fields", "1")
        .start();
    eventually("the last checkpoint", || scene.is_stored()).await;
    forwarder.stop().await;
    scene.assert_orderly();
    let counted = server
        .ask("SELECT count(), uniqExact(n), min(n), max(n), uniqExact(category) FROM entra")
        .await;
    assert_eq!(counted, "1000\t1000\t1\t1000\t1");

    // Nobody is let in with a wrong password, and nothing is counted as delivered.
    let settings = scene
        .settings()
        .set(
            "sinks.main.query.query",
            "INSERT INTO entra FORMAT JSONEachRow",
        )
        .set("sinks.main.query.password", "wrong")
        .set("sinks.main.query.user", "nobody")
        .set(
            "sinks.main.endpoint",
            &format!("http://{}/", server.address),
        );
    scene.produce(1, 1);
    let forwarder = settings.start();
    eventually_some("a word on it", || {
        let failing = forwarder.logged("failing");
        failing
            .into_iter()
            .find(|it| it["component"] == "sink main")
    })
    .await;
    forwarder.stop().await;
    assert_eq!(server.ask("SELECT count() FROM entra").await, "1000");
}
