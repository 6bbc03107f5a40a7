//! The admin listener: what it answers, to whom, and that nobody who asks holds anything up.

use std::net::SocketAddr;

use entra_forwarder_emulator::{Options, Rights, SharedKey};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::eventually::{PATIENCE, eventually};
use crate::forwarder::{Forwarder, Settings};
use crate::hub::Hub;
use crate::ports;
use crate::scene::Scene;
use crate::told::told;

/// Stands in every secret, and in every payload.
const MARK: &str = "MARKED";
const TOKEN: &str = "MARKED0123456789abcdef";

async fn address(forwarder: &Forwarder) -> SocketAddr {
    let line = forwarder.says("admin_listening").await;
    line["address"].as_str().unwrap().parse().unwrap()
}

/// Opens a connection and sends the head of a request.
async fn send(address: SocketAddr, line: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let host = match headers.contains("Host:") {
        true => String::new(),
        false => format!("Host: {address}\r\n"),
    };
    let head = format!("{line} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Status, head and body of an answer.
async fn ask(address: SocketAddr, line: &str, headers: &str) -> (u16, String, String) {
    let mut stream = send(address, line, headers).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head[9..12].parse().unwrap(),
        head.to_lowercase(),
        body.to_owned(),
    )
}

/// The first part of an answer that has no end: until it has this text in it.
async fn until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = String::new();
    let mut piece = vec![0; 65_536];
    while !read.contains(text) {
        let length = stream.read(&mut piece).await.unwrap();
        assert!(length > 0, "it ended: {read}");
        read.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    read
}

/// A hub whose key is marked, with two partitions.
async fn marked() -> Scene {
    let key = SharedKey {
        name: "listen".to_owned(),
        key: format!("{MARK}abc="),
        rights: Rights::ALL,
    };
    let options = Options {
        keys: vec![key],
        ..Options::default()
    };
    Scene::with(Hub::start_with(2, options).await, 2).await
}

/// Every path answers with the headers that a browser needs, to nobody without the token, and
/// shows no secret.
async fn all_paths_are_safe(address: SocketAddr, bring: &str) {
    for path in [
        "/",
        "/page.css",
        "/page.js",
        "/parts.js",
        "/chart.js",
        "/render.js",
        "/icon.svg",
        "/metrics",
        "/config",
        "/status.json",
        "/nothing",
    ] {
        let (status, head, body) = ask(address, &format!("GET {path}"), bring).await;
        assert_eq!(status, if path == "/nothing" { 404 } else { 200 }, "{path}");
        for header in [
            "content-security-policy: default-src 'none'; script-src 'self'",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cache-control: no-store",
        ] {
            assert!(head.contains(header), "{path}: {head}");
        }
        assert!(
            !head.contains("access-control-") && !head.contains("unsafe-"),
            "{head}"
        );
        assert!(!body.contains(MARK), "{path}: {body}");
        let (status, head, body) = ask(address, &format!("GET {path}"), "").await;
        assert_eq!(status, 401, "{path}");
        assert!(head.contains("www-authenticate: basic") && head.contains("default-src 'none'"));
        assert!(!body.contains(MARK));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_answers_safely_and_shows_no_secret() {
    let scene = marked().await;
    let endpoint = format!("{}?token={MARK}", scene.endpoint.url());
    let settings = scene
        .settings()
        .set("sinks.main.endpoint", &endpoint)
        .set(
            "sinks.main.headers.Authorization",
            &format!("Bearer {MARK}"),
        )
        .set("admin.token", TOKEN)
        .argument("--log")
        .argument("trace");
    let forwarder = settings.start();
    let address = address(&forwarder).await;
    scene
        .hub
        .append(0, format!("{{\"records\":[{{\"{MARK}\":\"{MARK}\"}}]}}"));
    // Becomes a dead letter, of which the page may show what it is and not what is in it.
    scene
        .endpoint
        .script(|_| crate::endpoint::Reply::Refuse(MARK, 400));
    scene.produce(3, 2);
    scene.everything_arrives().await;
    eventually("a dead letter", || !scene.dead_letters().is_empty()).await;
    let bring = format!("Authorization: Bearer {TOKEN}\r\n");
    all_paths_are_safe(address, &bring).await;
    let (_, _, configuration) = ask(address, "GET /config", &bring).await;
    assert!(
        configuration.contains("token = \"REDACTED\""),
        "{configuration}"
    );
    let (_, _, status) = ask(address, "GET /status.json", &bring).await;
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["snapshot"]["balance"]["received"], 13);
    assert_eq!(status["snapshot"]["dead_letters"][0]["count"], 1);
    assert_eq!(
        status["snapshot"]["recent_dead_letters"][0]["partition"],
        "0"
    );
    let mut pushed = send(address, "GET /events", &bring).await;
    let pushed = until(&mut pushed, "\"group\":{").await;
    assert!(pushed.contains("event: history") && pushed.contains("event: state"));
    assert!(!pushed.contains(MARK), "{pushed}");
    let forwarder = forwarder.stop().await;
    assert!(!forwarder.text().contains(MARK));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_only_this_machine_asks_by_its_own_name() {
    let scene = Scene::set(1).await;
    let forwarder = scene.settings().start();
    let address = address(&forwarder).await;
    assert_eq!(ask(address, "GET /status.json", "").await.0, 200);
    let rebound = "Host: attacker.example:9090\r\n";
    assert_eq!(ask(address, "GET /status.json", rebound).await.0, 421);
    let foreign = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: cors\r\n";
    assert_eq!(ask(address, "GET /events", foreign).await.0, 403);
    assert_eq!(
        ask(address, "PUT /log-level", "Content-Length: 0\r\n")
            .await
            .0,
        415
    );
    forwarder.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_bounded_and_slow_ones_hold_nothing_up() {
    let scene = Scene::set(2).await;
    let forwarder = scene.settings().start();
    let address = address(&forwarder).await;
    let mut pages = Vec::new();
    for _ in 0..16 {
        let mut page = send(address, "GET /events", "").await;
        until(&mut page, "event: state").await;
        // From here on nobody reads.
        pages.push(page);
    }
    assert_eq!(ask(address, "GET /events", "").await.0, 503);
    assert_eq!(ask(address, "GET /status.json", "").await.0, 200);
    assert_eq!(forwarder.health("/livez").await.0, 200);
    scene.produce(50, 3);
    scene.everything_arrives().await;
    // Half a head of a request, too.
    let mut half = TcpStream::connect(address).await.unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
    assert_eq!(ask(address, "GET /", "").await.0, 200);
    // Whoever goes makes room.
    pages.pop();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut page = send(address, "GET /events", "").await;
        let mut start = [0; 12];
        page.read_exact(&mut start).await.unwrap();
        if &start[9..] == b"200" {
            break;
        }
        assert!(Instant::now() < deadline, "no room");
    }
    forwarder.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_in_use_stops_no_forwarding() {
    let scene = Scene::set(1).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let settings = scene.settings().set("admin.listen", &listen.to_string());
    let forwarder = settings.start();
    let said = forwarder.says("admin_listener_failed").await;
    assert_eq!(said["level"], "WARN");
    scene.produce(5, 1);
    scene.everything_arrives().await;
    // As soon as it is free, the page is there.
    drop(taken);
    assert_eq!(address(&forwarder).await, listen);
    forwarder.stop().await;
}

/// Each refusal has an exit code that tells what to do.
async fn log_level_is_refused(settings: &Settings, listen: SocketAddr) {
    for (arguments, code, words) in [
        (["log-level", "loud"].as_slice(), 2, "no log filter"),
        (
            &["log-level", "debug", "--for", "1000days"],
            2,
            "answers 422",
        ),
    ] {
        told(settings, arguments).await.refused(code, &[words]);
    }
    let url = format!("http://{listen}");
    let arguments = ["log-level", "debug", "--admin", &url];
    told(settings, &arguments)
        .await
        .refused(77, &["refuses the token"]);
    let nobody = format!("http://{}", ports::unused());
    let arguments = ["log-level", "debug", "--admin", &nobody];
    told(settings, &arguments)
        .await
        .refused(69, &["nothing listens there"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_tells_of_replica_and_group() {
    let scene = Scene::set(2).await;
    let listen = ports::unused();
    let settings = scene
        .settings()
        .set("admin.listen", &listen.to_string())
        .set("admin.token", TOKEN);
    let forwarder = settings.start();
    address(&forwarder).await;
    scene.produce(5, 2);
    scene.everything_arrives().await;
    eventually("the checkpoints", || scene.is_stored()).await;
    let text = told(&settings, &["status"]).await.done();
    for words in [
        "replica      ok: Everything arrives",
        "group        ok: Everything arrives: all 2 partitions have a live owner (1 replica)",
        "partitions   logs: 2 partitions, 2 with a live owner, 2 by this replica; 0 events behind",
        "balance      20 received = 20 wanted + 0 unrouted; adds up",
        "sink         main accepting",
        "dead letters 0 since the start",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(
        text.lines().count() <= 10 && !text.contains('\x1b'),
        "{text}"
    );

    // A sink that fails makes the answer no.
    scene.endpoint.behave(crate::endpoint::Reply::Status(503));
    scene.produce(1, 1);
    eventually("a failure", || !forwarder.waits().is_empty()).await;
    let said = told(&settings, &["status", "--json"]).await;
    assert_eq!(said.code, Some(1), "{}", said.out);
    let json: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(json["is_well"], false);
    assert_eq!(json["replica"]["sinks"][0]["state"], "failing");
    assert_eq!(
        json["group"]["sources"][0]["partitions"][1]["is_live"],
        true
    );
    scene.endpoint.behave(crate::endpoint::Reply::Status(200));
    scene.everything_arrives().await;

    // Another token, and another file with it.
    let url = format!("http://{listen}");
    let wrong = told(&settings, &["status", "--admin", &url]).await;
    assert_eq!(wrong.code, Some(77));
    assert!(wrong.out.contains("refuses the token"), "{}", wrong.out);
    let file = scene.folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let file = file.to_string_lossy();
    let arguments = ["status", "--admin", &url, "--token-file", &file];
    eventually("the checkpoints", || scene.is_stored()).await;
    assert!(told(&settings, &arguments).await.done().contains("adds up"));
    forwarder.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_level_is_changed_by_whoever_may() {
    let scene = Scene::set(1).await;
    let listen = ports::unused();
    let settings = scene
        .settings()
        .set("admin.listen", &listen.to_string())
        .set("admin.token", TOKEN);
    let forwarder = settings.start();
    address(&forwarder).await;
    told(&settings, &["log-level", "debug", "--for", "1m"])
        .await
        .done();
    let said = forwarder.says("log_level").await;
    assert_eq!(
        (said["filter"].as_str(), said["lasts_seconds"].as_u64()),
        (Some("debug"), Some(60))
    );
    log_level_is_refused(&settings, listen).await;

    // Another listener, and another token.
    let url = format!("http://{listen}");
    let arguments = ["log-level", "debug", "--admin", &url];
    told(&settings, &arguments)
        .await
        .refused(77, &["refuses the token"]);
    let nobody = format!("http://{}", ports::unused());
    let arguments = ["log-level", "debug", "--admin", &nobody];
    told(&settings, &arguments)
        .await
        .refused(69, &["nothing listens there"]);
    forwarder.stop().await;
}

/// The memory of the replica is its own to tell of: also the first time that it is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_with_a_store_in_memory_is_well_from_the_first_time_on() {
    let scene = Scene::set(2).await;
    let settings = scene
        .settings()
        .set("checkpoints.store", "memory")
        .set("admin.listen", &ports::unused().to_string());
    let forwarder = settings.start();
    let address = address(&forwarder).await;
    scene.produce(3, 2);
    scene.everything_arrives().await;
    let text = told(&settings, &["status"]).await.done();
    assert!(
        text.contains("all 2 partitions have a live owner"),
        "{text}"
    );
    let (_, _, status) = ask(address, "GET /status.json", "").await;
    let status: Value = serde_json::from_str(&status).unwrap();
    assert!(status["group_age_seconds"].is_number(), "{status}");
    forwarder.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_without_the_replica_tells_of_the_group() {
    let scene = Scene::set(2).await;
    let settings = scene
        .settings()
        .set("admin.listen", &ports::unused().to_string());
    let forwarder = settings.start();
    eventually("the first checkpoints", || scene.is_stored()).await;
    forwarder.stop().await;
    let said = told(&settings, &["status"]).await;
    assert_eq!(said.code, Some(1));
    assert!(
        said.out.contains("does not answer: nothing listens there"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains("partitions 0, 1: no live owner"),
        "{}",
        said.out
    );
    let container = format!(
        "http://{}/account/container?sv=2021-12-02&sr=c&sp=racwl&sig={MARK}",
        ports::unused()
    );
    let nowhere = settings.container(&container);
    let said = told(&nowhere, &["status"]).await;
    assert_eq!(said.code, Some(69), "{}", said.out);
    assert!(!said.out.contains(MARK));
}
