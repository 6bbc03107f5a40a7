use std::sync::atomic::{AtomicUsize, Ordering};

use azure_core_blob::credentials::TokenCredential as _;

use super::*;
use crate::config::Secret;

const RESOURCE_ID: &str = "/subscriptions/1/resourceGroups/2/providers/Microsoft.ManagedIdentity/x";

#[test]
fn a_resource_id_is_refused_with_what_to_give_instead() {
    let config = CredentialConfig::ManagedIdentity {
        client_id: Some(RESOURCE_ID.to_owned()),
    };
    let error = build(&config, None, &|_| false, Cloud::Public).unwrap_err();
    assert!(error.to_string().contains("client id instead"), "{error}");
    let config = CredentialConfig::Auto { client_id: None };
    assert!(
        build(
            &config,
            Some(RESOURCE_ID.to_owned()),
            &|_| false,
            Cloud::Public
        )
        .is_err()
    );
}

#[test]
fn auto_takes_what_the_platform_offers() {
    let config = CredentialConfig::Auto {
        client_id: Some("id".to_owned()),
    };
    let made = |variable: &'static str| {
        build(&config, None, &|name| name == variable, Cloud::Public)
            .map(|made| format!("{made:?}"))
    };
    // The federated token's file does not exist here: what counts is that it was asked for.
    let error = made(WORKLOAD_VARIABLE).unwrap_err();
    assert!(
        error.to_string().starts_with("workload identity: "),
        "{error}"
    );
    assert!(
        made("IDENTITY_ENDPOINT")
            .unwrap()
            .contains("ManagedIdentityCredential")
    );
    assert!(made("").unwrap().starts_with("FirstOf"));
}

#[test]
fn a_client_secret_stays_out_of_errors() {
    let config = CredentialConfig::ClientSecret {
        tenant_id: "not a tenant!".to_owned(),
        client_id: "id".to_owned(),
        client_secret: Secret::new("hunter2"),
    };
    let error = build(&config, None, &|_| false, Cloud::Public).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
}

#[derive(Debug)]
struct Scripted {
    answer: Result<&'static str, azure_core::error::ErrorKind>,
    asked: AtomicUsize,
}

impl Scripted {
    fn new(answer: Result<&'static str, azure_core::error::ErrorKind>) -> Arc<Self> {
        Arc::new(Self {
            answer,
            asked: AtomicUsize::new(0),
        })
    }
}

#[async_trait]
impl TokenCredential for Scripted {
    async fn get_token(
        &self,
        _scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.answer.clone();
        let token = answer.map_err(|kind| azure_core::Error::with_message(kind, "it failed"))?;
        Ok(AccessToken::new(
            token,
            azure_core::time::OffsetDateTime::now_utc(),
        ))
    }
}

#[tokio::test]
async fn the_first_that_works_is_kept_and_failures_are_all_named() {
    let bad = Scripted::new(Err(azure_core::error::ErrorKind::Credential));
    let good = Scripted::new(Ok("token"));
    let chain = |second: &Arc<Scripted>| {
        let credentials: Vec<(&'static str, Arc<dyn TokenCredential>)> = vec![
            ("one", Arc::<Scripted>::clone(&bad)),
            ("two", Arc::<Scripted>::clone(second)),
        ];
        FirstOf::new(credentials, ATTEMPT_MAX)
    };
    let both = chain(&good);
    for _ in 0..3 {
        assert_eq!(
            both.get_token(&["s"], None).await.unwrap().token.secret(),
            "token"
        );
    }
    assert_eq!(bad.asked.load(Ordering::Relaxed), 1);
    let error = chain(&bad)
        .get_token(&["s"], None)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("one: ") && error.contains("two: "),
        "{error}"
    );
}

#[tokio::test]
async fn the_bridge_hands_on_tokens_and_kinds_of_failure() {
    use azure_core::error::ErrorKind;
    use azure_core_blob::error::ErrorKind as BlobErrorKind;
    let bridge = BlobCredential::new(Scripted::new(Ok("token")));
    assert_eq!(
        bridge.get_token(&["s"], None).await.unwrap().token.secret(),
        "token"
    );
    for (kind, expected) in [
        (ErrorKind::Credential, BlobErrorKind::Credential),
        (ErrorKind::Connection, BlobErrorKind::Connection),
        (ErrorKind::Other, BlobErrorKind::Credential),
    ] {
        let bridge = BlobCredential::new(Scripted::new(Err(kind)));
        assert_eq!(
            *bridge.get_token(&["s"], None).await.unwrap_err().kind(),
            expected
        );
    }
}

#[test]
fn the_cloud_says_where_tokens_are_asked_for_unless_the_variable_does() {
    let none = |_: &str| false;
    for (cloud, expected) in [
        (Cloud::Public, "https://login.microsoftonline.com"),
        (Cloud::UsGovernment, "https://login.microsoftonline.us"),
        (Cloud::China, "https://login.chinacloudapi.cn"),
    ] {
        assert_eq!(authority(cloud, &none), Some(expected));
        let secret = CredentialConfig::ClientSecret {
            tenant_id: "contoso.com".to_owned(),
            client_id: "id".to_owned(),
            client_secret: Secret::new("hunter2"),
        };
        let made = format!("{:?}", build(&secret, None, &none, cloud).unwrap());
        assert!(made.contains("ClientSecretCredential"), "{made}");
        assert_eq!(authority(cloud, &|name| name == AUTHORITY_VARIABLE), None);
    }
}
