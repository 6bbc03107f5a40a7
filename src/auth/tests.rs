use std::sync::atomic::{AtomicUsize, Ordering};

use azure_core_blob::credentials::TokenCredential as _;

use super::*;
use crate::config::Secret;

const RESOURCE_ID: &str = "/subscriptions/1/resourceGroups/2/providers/Microsoft.ManagedIdentity/x";

fn make(
    config: &CredentialConfig,
    client_id: Option<&str>,
    variables: &[(&str, &str)],
) -> Result<Arc<dyn TokenCredential>, AuthError> {
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let surroundings = Surroundings {
        client_id: client_id.map(str::to_owned),
        cloud: None,
    };
    build(config, &surroundings, &|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn a_resource_id_is_refused_with_what_to_give_instead() {
    let config = CredentialConfig::ManagedIdentity {
        client_id: Some(RESOURCE_ID.to_owned()),
    };
    let error = make(&config, None, &[]).unwrap_err();
    assert!(error.to_string().contains("client id instead"), "{error}");
    let config = CredentialConfig::Auto { client_id: None };
    assert!(make(&config, Some(RESOURCE_ID), &[]).is_err());
}

#[test]
fn auto_takes_what_the_platform_offers() {
    let config = CredentialConfig::Auto {
        client_id: Some("id".to_owned()),
    };
    let made = |variable| make(&config, None, &[(variable, "x")]).map(|made| format!("{made:?}"));
    // The federated token's file does not exist here: what counts is that it was asked for.
    let error = made(WORKLOAD_VARIABLE).unwrap_err();
    assert!(
        error.to_string().starts_with("workload identity: "),
        "{error}"
    );
    let platform = made("IDENTITY_ENDPOINT").unwrap();
    assert!(
        platform.contains("ManagedIdentityCredential") && !platform.contains("Cli"),
        "{platform}"
    );
    let both = made("").unwrap();
    let places = ["ManagedIdentityCredential", "AzureCliCredential"].map(|name| both.find(name));
    assert!(places[0].unwrap() < places[1].unwrap(), "{both}");
}

#[test]
fn the_authority_is_the_clouds() {
    let none = |_: &str| None;
    let variable = |name: &str| (name == AUTHORITY_VARIABLE).then(|| "https://a.example/".into());
    assert_eq!(authority(None, &none), "https://login.microsoftonline.com");
    assert_eq!(authority(None, &variable), "https://a.example");
    for (cloud, expected) in [
        (
            CloudConfiguration::AzurePublic,
            "https://login.microsoftonline.com",
        ),
        (
            CloudConfiguration::AzureGovernment,
            "https://login.microsoftonline.us",
        ),
        (
            CloudConfiguration::AzureChina,
            "https://login.chinacloudapi.cn",
        ),
    ] {
        assert_eq!(authority(Some(&cloud), &variable), expected);
    }
}

#[test]
fn a_client_secret_stays_out_of_errors() {
    let config = CredentialConfig::ClientSecret {
        tenant_id: "not a tenant!".to_owned(),
        client_id: "id".to_owned(),
        client_secret: Secret::new("hunter2"),
    };
    let error = make(&config, None, &[]).unwrap_err();
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

fn auto_of(credentials: &[&Arc<Scripted>]) -> Auto {
    let names = ["one", "two"];
    let candidates = credentials.iter().zip(names).map(|(credential, name)| {
        let credential: Arc<dyn TokenCredential> = Arc::<Scripted>::clone(credential);
        Candidate { name, credential }
    });
    Auto::new(candidates.collect(), "; no third", ATTEMPT_MAX)
}

#[tokio::test]
async fn the_first_that_works_is_kept_and_failures_are_all_named() {
    use azure_core::error::ErrorKind;
    let bad = Scripted::new(Err(ErrorKind::Credential));
    let good = Scripted::new(Ok("token"));
    let both = auto_of(&[&bad, &good]);
    for _ in 0..3 {
        assert_eq!(
            both.get_token(&["s"], None).await.unwrap().token.secret(),
            "token"
        );
    }
    assert_eq!(bad.asked.load(Ordering::Relaxed), 1);
    let error = auto_of(&[&bad, &bad])
        .get_token(&["s"], None)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "auto tried one: it failed; two: it failed; no third"
    );
    assert!(matches!(error.kind(), ErrorKind::Credential));
    // The only one, which is not there just now, has not refused.
    let late = Scripted::new(Err(ErrorKind::Connection));
    let error = auto_of(&[&late]).get_token(&["s"], None).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Io), "{error}");
    let error = auto_of(&[&late, &bad])
        .get_token(&["s"], None)
        .await
        .unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Credential), "{error}");
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
        (ErrorKind::Connection, BlobErrorKind::Io),
        (ErrorKind::Other, BlobErrorKind::Credential),
    ] {
        let bridge = BlobCredential::new(Scripted::new(Err(kind)));
        assert_eq!(
            *bridge.get_token(&["s"], None).await.unwrap_err().kind(),
            expected
        );
    }
}
