//! How the blob store fails: in words that help and hold no secret, within its time limit.

use std::time::Duration;

use entra_forwarder::checkpoint::blob::{Container, ContainerError};
use entra_forwarder::checkpoint::{CheckpointStore, Condition, StoreError};
use entra_forwarder::config::Secret;

use crate::azurite::TestContainer;
use crate::blob::{TIMEOUT, open};
use crate::conformance::{checkpoint, group, partition};
use crate::stub::Stub;

#[tokio::test]
async fn refused_signatures_are_told_apart_and_never_shown() {
    let container = TestContainer::create().await;
    let wrong = container.url().replace("sig=", "sig=AAAA");
    let (expired, read_only) = (
        container.url_with("racwl", -60),
        container.url_with("rl", 3600),
    );
    for (url, advice) in [
        (expired, "expired"),
        (wrong, "wrong"),
        (read_only, "Storage Blob Data Contributor"),
    ] {
        let store = open(&url, TIMEOUT);
        let error = store
            .claim(&group(), &partition("0"), "me", Condition::Absent)
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Unauthorized(_)), "{error}");
        let text = format!("{error} {error:?} {store:?}");
        assert!(text.contains(advice), "{text}");
        assert!(!text.contains("sig=") && !text.contains("se="), "{text}");
        let (_, signature) = url.split_once("sig=").unwrap();
        assert!(!text.contains(signature), "{text}");
    }
    let error = open(&container.url_with("racwl", -60), TIMEOUT)
        .read(&group(), &partition("0"))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unauthorized(_)), "{error}");
}

#[tokio::test]
async fn a_missing_container_is_waited_for() {
    let store = open(&TestContainer::missing().url(), TIMEOUT);
    let zero = partition("0");
    let errors = [
        store.list_owners(&group()).await.unwrap_err(),
        store.read(&group(), &zero).await.unwrap_err(),
        store
            .claim(&group(), &zero, "me", Condition::Absent)
            .await
            .unwrap_err(),
        store
            .write(&group(), &zero, &checkpoint(1), Condition::Absent)
            .await
            .unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(
            error.to_string().contains("does not exist: create it"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_server_that_never_answers_costs_the_time_limit_only() {
    let stub = Stub::start(None).await;
    let store = open(&stub.url, Duration::from_millis(200));
    let began = tokio::time::Instant::now();
    let error = store.list_owners(&group()).await.unwrap_err();
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert!(error.to_string().contains("within 200ms"), "{error}");
    assert!(!error.to_string().contains("VERYSECRET"), "{error}");
}

#[tokio::test]
async fn other_answers_mean_not_now_and_are_not_asked_for_again() {
    let code = "x-ms-error-code: ServerBusy\r\n";
    for (answer, expected) in [
        (
            Stub::answer("503 Busy", code, ""),
            "throttles (503 ServerBusy)",
        ),
        (
            Stub::answer("500 Oops", "", "?sig=VERYSECRET"),
            "answered 500",
        ),
        (
            Stub::answer("307 Moved", "location: /elsewhere\r\n", ""),
            "answered 307",
        ),
        (Stub::answer("404 Not Found", "", ""), "answered 404"),
        (
            Stub::answer("200 OK", "", "<html>please sign in</html>"),
            "blob storage",
        ),
        (Some(String::new()), "no answer from"),
    ] {
        let stub = Stub::start(answer).await;
        let error = open(&stub.url, TIMEOUT)
            .list_owners(&group())
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert!(!format!("{error:?}").contains("VERYSECRET"), "{error:?}");
        assert_eq!(stub.requests(), 1, "{error}");
    }
    // A proxy's 404 is no proof that there is no checkpoint.
    let stub = Stub::start(Stub::answer("404 Not Found", "", "")).await;
    let read = open(&stub.url, TIMEOUT)
        .read(&group(), &partition("0"))
        .await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
}

#[tokio::test]
async fn nobody_listening_is_not_now() {
    let url = "http://127.0.0.1:9/account/box?sv=1&sig=VERYSECRET";
    let error = open(url, TIMEOUT).list_owners(&group()).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(!format!("{error:?}").contains("VERYSECRET"), "{error:?}");
}

#[test]
fn unusable_container_urls_are_refused_without_their_secrets() {
    let check = |url: &str, expected: &str| {
        let error = Container::new(&Secret::new(url), None, TIMEOUT).unwrap_err();
        assert!(error.to_string().contains(expected), "{url}: {error}");
        assert!(
            !format!("{error} {error:?}").contains("SECRET"),
            "{error:?}"
        );
    };
    check("SECRET", "not a URL");
    check("ftp://host/box?sig=SECRET", "not a URL");
    check(
        "https://a.blob.core.windows.net/?sig=SECRET",
        "names no container",
    );
    check(
        "https://a.blob.core.windows.net/box?sp=SECRET",
        "carries no shared-access signature",
    );
    let config = entra_forwarder::config::CredentialConfig::AzureCli;
    let with_credential = |url: &str| {
        let credential = entra_forwarder::auth::credential(
            &config,
            &entra_forwarder::auth::Surroundings::default(),
        )
        .unwrap();
        Container::new(&Secret::new(url), Some(credential), TIMEOUT)
    };
    assert!(matches!(
        with_credential("http://h/box"),
        Err(ContainerError::NotHttps(_))
    ));
    let both = with_credential("https://h/box?sig=SECRET");
    assert!(matches!(both, Err(ContainerError::TwoCredentials(_))));
    assert_eq!(
        with_credential("https://h/box/").unwrap().url(),
        "https://h/box/"
    );
}
