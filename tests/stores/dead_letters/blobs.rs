//! What only the container does.

use entra_forwarder::deliver::dead_letter::{DeadLetterError, DeadLetterStore, Which};

use super::*;
use crate::stub::Stub;

async fn get(container: &TestContainer, path: &str) -> (BTreeMap<String, String>, Bytes) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(container.blob_url(path)).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    let fields = answer.headers().iter().filter_map(|(name, value)| {
        let name = name.as_str().strip_prefix("x-ms-meta-")?;
        Some((name.to_owned(), value.to_str().unwrap().to_owned()))
    });
    (fields.collect(), answer.bytes().await.unwrap())
}

async fn put(container: &TestContainer, path: &str, fields: &[(&str, &str)], body: &'static str) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client
        .put(container.blob_url(path))
        .header("x-ms-blob-type", "BlockBlob");
    for (name, value) in fields {
        request = request.header(format!("x-ms-meta-{name}"), *value);
    }
    assert_eq!(request.body(body).send().await.unwrap().status(), 201);
}

#[tokio::test]
async fn bytes_are_the_body_and_fields_the_metadata() {
    let container = TestContainer::create().await;
    let one = letter(Some(7), &b"\x00\xff not text \r\n"[..]);
    blob(&container.url())
        .write(std::slice::from_ref(&one))
        .await
        .unwrap();
    let (fields, body) = get(&container, &format!("dead-letters/{}", one.name())).await;
    assert_eq!(body, one.body);
    assert_eq!(fields["answer"], "status%20400:%20\"n%C3%B6\"%0D%0A");
    assert_eq!(fields["id"], one.id().to_string());
    assert_eq!(fields["sequence"], "42");
    assert_eq!(fields.len(), 14);
}

#[tokio::test]
async fn names_and_answers_fit_whatever_they_are() {
    let container = TestContainer::create().await;
    let mut odd = letter(Some(0), "body");
    odd.source = "../Zürich\n".to_owned();
    odd.answer = Some("\u{1}é".repeat(100_000));
    blob(&container.url())
        .write(std::slice::from_ref(&odd))
        .await
        .unwrap();
    let (_, name) = odd
        .name()
        .split_once("/siem")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let path = format!("dead-letters/%252E./Z%25C3%25BCrich%250A/siem{name}");
    let (fields, _) = get(&container, &path).await;
    assert_eq!(fields["source"], "../Z%C3%BCrich%0A");
    let bytes: usize = fields
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    assert!(bytes < 8 << 10, "{bytes}");
}

#[tokio::test]
async fn what_is_foreign_or_of_the_previous_layout_is_told_apart() {
    let container = TestContainer::create().await;
    let store = blob(&container.url_with(WITH_DELETE, 3600));
    let previous = [
        ("reason", "text"),
        ("source", "entra"),
        ("partition", "3"),
        ("sequence", "42"),
        ("digest", "00ff"),
    ];
    put(
        &container,
        "dead-letters/entra/-/2025-11-21/3-42-7",
        &previous,
        "body",
    )
    .await;
    put(&container, "dead-letters/notes", &[], "foreign").await;
    put(&container, "dead-letters/entra/a%20b", &previous, "foreign").await;
    put(&container, "elsewhere", &[], "foreign").await;
    let found = listed(&store).await;
    let names: Vec<_> = found.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["entra/-/2025-11-21/3-42-7", "entra/a b", "notes"]);
    let Content::One(facts) = &found[0].content else {
        panic!("{found:?}");
    };
    assert_eq!(facts.first_seen, found[0].modified_at);
    assert!(matches!(found[1].content, Content::Unreadable(_)));
    assert!(matches!(found[2].content, Content::Unreadable(_)));
    let read = store.read(names[0]).await.unwrap().unwrap();
    assert_eq!(read.letters[0].body, "body");
    store
        .remove(names[0], &read.version, Which::All)
        .await
        .unwrap();
    assert_eq!(listed(&store).await.len(), 2);
}

/// A container that is made only later, which is a store that fails for a while.
#[tokio::test]
async fn a_container_that_is_missing_for_a_while_is_an_error_for_a_while() {
    let container = TestContainer::missing();
    let store = blob(&container.url());
    for _ in 0..2 {
        let error = store.write(&many()).await.unwrap_err();
        assert!(error.to_string().contains("does not exist"), "{error}");
        assert!(store.list("", None, 1).await.is_err());
    }
    container.make().await;
    store.write(&many()).await.unwrap();
    holds(&store, &many()).await;
}

#[tokio::test]
async fn removing_needs_a_permission_that_writing_does_not() {
    let container = TestContainer::create().await;
    let store = blob(&container.url());
    store.write(&[letter(None, "body")]).await.unwrap();
    let found = listed(&store).await.remove(0);
    let removed = store.remove(&found.name, &found.version, Which::All).await;
    let Err(DeadLetterError::NotPermitted(problem)) = removed else {
        panic!("{removed:?}");
    };
    assert!(problem.contains("permission `d`"), "{problem}");
    holds(&store, &[letter(None, "body")]).await;
}

#[tokio::test]
async fn an_unconfirmed_call_is_an_error_that_hides_the_signature() {
    let container = TestContainer::create().await;
    let stub = Stub::start(Stub::answer("503 Busy", "", "")).await;
    for url in [
        container.url_with(WITH_DELETE, -60),
        TestContainer::missing().url(),
        stub.url.clone(),
    ] {
        let store = blob(&url);
        let written = store.write(&[letter(None, "body")]).await.unwrap_err();
        let listed = store.list("", None, 10).await.unwrap_err();
        let read = store.read("entra/x").await.unwrap_err();
        let (_, signature) = url.split_once("sig=").unwrap();
        for error in [written, listed, read] {
            assert!(!format!("{error:?}").contains(signature), "{error:?}");
            assert!(!error.to_string().contains("checkpoint"), "{error}");
        }
    }
}
