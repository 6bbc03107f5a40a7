//! Faults of stores.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::azurite::{self, TestContainer};
use crate::azurite_oauth;
use crate::check::{calm, check, on_blobs, scene};
use crate::identity::{CLIENT_ID, IDENTITY_HEADER, IdentityService};
use crate::server::{FREE, Server};
use crate::trust::Trust;

const MONTH: i64 = 30 * 24 * 3600;
const STORES: [&str; 4] = ["--only", "checkpoints", "--only", "dead_letters"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_that_is_missing_or_refuses() {
    let scene = scene(1).await;
    let missing = TestContainer::missing();
    let url = missing.url_with("racwdl", MONTH);
    let checked = check(&calm(&scene).container(&url), &STORES).await;
    let seen = &["does not exist"];
    checked.failed(69, "checkpoints container", seen, &["create it"]);
    let letters = checked.at("dead_letters", "write");
    assert_eq!(letters.outcome, "skipped");

    let container = TestContainer::create().await;
    let read_only = container.url_with("rl", MONTH);
    let checked = check(&calm(&scene).container(&read_only), &STORES).await;
    checked.failed(77, "checkpoints write", &["403"], &["racwl"]);
    assert_eq!(checked.at("checkpoints", "container").outcome, "ok");
    assert_eq!(checked.at("checkpoints", "read").outcome, "ok");

    let url = container.url_with("racwdl", MONTH);
    let wrong = url.replace("sig=", "sig=A");
    let checked = check(&calm(&scene).container(&wrong), &STORES).await;
    checked.failed(77, "checkpoints container", &["403"], &["signature"]);

    let expired = container.url_with("racwdl", -3600);
    let checked = check(&calm(&scene).container(&expired), &STORES).await;
    let remedy = &["put a new one into checkpoints.container_url"];
    checked.failed(77, "checkpoints credential", &["ended at"], remedy);
    assert!(!checked.text.contains("sig="));
    let soon = container.url_with("racwdl", 3600);
    let checked = check(&calm(&scene).container(&soon), &STORES).await;
    assert_eq!(checked.with("warning"), ["checkpoints credential"]);
    assert_eq!(container.blobs("", "Content-Length").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_to_delete_nothing_is_written() {
    let scene = scene(1).await;
    let container = TestContainer::create().await;
    let url = container.url_with("racwl", MONTH);
    let checked = check(&calm(&scene).container(&url), &STORES).await;
    assert_eq!(checked.code, Some(0), "{}", checked.text);
    let notes = checked.with("note");
    for point in [
        "checkpoints conditions",
        "checkpoints delete",
        "dead_letters write",
    ] {
        assert!(notes.iter().any(|it| it == point), "{notes:?}");
    }
    assert_eq!(checked.at("checkpoints", "write").outcome, "ok");
    assert_eq!(container.blobs("", "Content-Length").await.len(), 0);
}

/// Something on the way that takes the conditions out of requests, as a gateway may.
async fn careless(of: &str, conditions: &'static [&'static str]) -> Server {
    let server: std::net::SocketAddr = of.parse().unwrap();
    Server::start(FREE, move |mut client| async move {
        let mut server = TcpStream::connect(server).await?;
        let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
        loop {
            tokio::select! {
                read = client.read(&mut asked) => match read? {
                    0 => return Ok::<_, std::io::Error>(()),
                    length => {
                        let mut text = String::from_utf8_lossy(&asked[..length]).into_owned();
                        for name in conditions {
                            let other = name.replacen("if", "no", 1);
                            text = text.replace(name, &other);
                        }
                        server.write_all(text.as_bytes()).await?;
                    }
                },
                read = server.read(&mut answered) => match read? {
                    0 => return Ok(()),
                    length => client.write_all(&answered[..length]).await?,
                },
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_that_nobody_looks_at() {
    let scene = scene(1).await;
    let container = TestContainer::create().await;
    let plain = container.plain_url();
    let real = plain.split('/').nth(2).unwrap().to_owned();
    for (names, permissions, word) in [
        (&["if-match"][..], "racwdl", "If-Match is not looked at"),
        (
            &["if-none-match"][..],
            "racwdl",
            "If-None-Match is not looked at",
        ),
        (
            &["if-match", "if-none-match"][..],
            "racwl",
            "If-Match is not looked at",
        ),
    ] {
        let server = careless(&real, names).await;
        let url = container.url_with(permissions, MONTH);
        let url = url.replace(&real, &server.address.to_string());
        let only = ["--only", "checkpoints"];
        let checked = check(&calm(&scene).container(&url), &only).await;
        let remedy = &["blob storage of Azure"];
        checked.failed(1, "checkpoints conditions", &[word], remedy);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_keeps_what_is_deleted() {
    let (scene, trust) = (scene(1).await, Trust::new());
    let (azurite, url) = azurite_oauth::container(&trust).await;
    let identity = IdentityService::platform(&[std::time::Duration::from_secs(3600)]).await;
    let settings = calm(&scene)
        .container(&url)
        .set("checkpoints.credential", "own")
        .set("credentials.own.type", "managed_identity")
        .set("credentials.own.client_id", CLIENT_ID)
        .variable("IDENTITY_ENDPOINT", &identity.endpoint())
        .variable("IDENTITY_HEADER", IDENTITY_HEADER)
        .variable("SSL_CERT_FILE", &trust.file());
    let only = ["--only", "checkpoints"];
    let checked = check(&settings, &only).await;
    assert_eq!(checked.code, Some(0), "{}", checked.text);
    assert_eq!(checked.at("checkpoints", "protection").outcome, "ok");
    let credential = checked.at("checkpoints", "credential").seen;
    assert!(
        credential.contains(&format!("app id {CLIENT_ID}")),
        "{credential}"
    );
    let properties = "<?xml version=\"1.0\" encoding=\"utf-8\"?><StorageServiceProperties>\
                      <DeleteRetentionPolicy><Enabled>true</Enabled><Days>7</Days>\
                      </DeleteRetentionPolicy></StorageServiceProperties>";
    let to = format!(
        "{}/{}?restype=service&comp=properties&{}",
        azurite.address,
        azurite::ACCOUNT,
        azurite::account_signature()
    );
    let authority = reqwest::Certificate::from_pem(trust.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([authority]);
    let client = client.build().unwrap();
    let set = client
        .put(to)
        .header("x-ms-version", "2021-12-02")
        .body(properties);
    let set = set.send().await.unwrap();
    assert_eq!(set.status(), 202, "{}", set.text().await.unwrap());
    let checked = check(&settings, &only).await;
    assert_eq!(checked.code, Some(0), "{}", checked.text);
    let protection = checked.at("checkpoints", "protection");
    assert_eq!(protection.outcome, "warning", "{protection:?}");
    assert!(
        protection.seen.contains("soft delete is on (7 days)"),
        "{protection:?}"
    );
    assert!(
        protection
            .remedy
            .contains("--enable-delete-retention false"),
        "{protection:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_of_their_own() {
    let scene = scene(1).await;
    let (settings, container) = on_blobs(&scene).await;
    let missing = TestContainer::missing();
    let own = settings.set("dead_letters.store", "blob").set(
        "dead_letters.container_url",
        &missing.url_with("racwdl", MONTH),
    );
    let checked = check(&own, &STORES).await;
    checked.failed(
        69,
        "dead_letters write",
        &["does not exist"],
        &["create it"],
    );
    missing.make().await;
    let checked = check(&own, &STORES).await;
    assert_eq!(checked.code, Some(0), "{}", checked.text);
    assert_eq!(checked.at("dead_letters", "delete").outcome, "ok");
    for container in [container, missing] {
        assert_eq!(container.blobs("", "Content-Length").await.len(), 0);
    }
    let file = scene.folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let settings = calm(&scene).set("checkpoints.directory", &file.to_string_lossy());
    let checked = check(&settings, &STORES).await;
    checked.failed(
        69,
        "checkpoints container",
        &["cannot be written"],
        &["name a directory"],
    );
}
