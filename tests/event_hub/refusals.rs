//! What is said when something is refused, and what to do about it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use entra_forwarder::config::Secret;
use entra_forwarder::event_hub::client::{Access, Settings};
use entra_forwarder::event_hub::{OpenAt, Source, SourceErrorKind};
use entra_forwarder_emulator::{Action, Emulator, Fault, HubOptions, Options, Rights, SharedKey};

use crate::jwt::{EVENT_HUBS, jwt};
use crate::support::*;

/// Gives one token, or fails.
#[derive(Debug)]
struct Fixed(Result<String, (ErrorKind, &'static str)>);

impl Fixed {
    fn hour(audience: &str) -> Self {
        Self(Ok(jwt(
            audience,
            SystemTime::now() + Duration::from_secs(3600),
        )))
    }
}

#[async_trait]
impl TokenCredential for Fixed {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let ends = SystemTime::now() + Duration::from_secs(3600);
        match &self.0 {
            Ok(token) => Ok(AccessToken::new(token.clone(), ends.into())),
            Err((kind, words)) => Err(azure_core::Error::with_message(kind.clone(), *words)),
        }
    }
}

async fn keyed_emulator() -> Emulator {
    let options = Options {
        hubs: vec![(HUB.to_owned(), HubOptions::new(4).group(GROUP))],
        keys: vec![
            SharedKey::new("all", "c2VjcmV0LW9uZQ==", Rights::ALL),
            SharedKey::new("send", "c2VjcmV0LXR3bw==", Rights::SEND),
        ],
        ..Options::default()
    };
    Emulator::start(options).await.unwrap()
}

fn by_identity(emulator: &Emulator, credential: Fixed) -> Settings {
    Settings {
        custom_endpoint: Some(format!("amqp://{}", emulator.address())),
        access: Access::Credential(Arc::new(credential)),
        ..settings(emulator)
    }
}

fn by_string(emulator: &Emulator, rest: &str) -> Settings {
    let endpoint = format!("Endpoint=sb://localhost:{}", emulator.address().port());
    let text = format!("{endpoint};{rest};UseDevelopmentEmulator=true");
    Settings {
        access: Access::ConnectionString(Secret::new(text)),
        ..settings(emulator)
    }
}

/// Opens partition 0 and asks for the hub; both must be refused so, and say this.
async fn expect(settings: Settings, kind: SourceErrorKind, sayings: &[&str]) {
    let source = source_with(settings);
    let open = open(&source, 0, OpenAt::Earliest).await.err().unwrap();
    let asked = bounded(source.hub_properties()).await.unwrap_err();
    for error in [open, asked] {
        assert_eq!(error.kind, kind, "{error}");
        for saying in sayings {
            assert!(error.message.contains(saying), "no {saying:?} in: {error}");
        }
        assert!(!error.message.contains("c2Vj"), "{error}");
    }
    bounded(source.shutdown()).await;
}

const ROLE: &str = "give the identity the role 'Azure Event Hubs Data Receiver' on localhost/logs";

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials() {
    use SourceErrorKind::Unauthorized;
    let emulator = keyed_emulator().await;
    let key = |name, key| format!("SharedAccessKeyName={name};SharedAccessKey={key}");
    let policy = ["check the connection string", "of event hub logs"];
    for rest in [key("all", "d3Jvbmc="), key("nobody", "c2VjcmV0LW9uZQ==")] {
        expect(by_string(&emulator, &rest), Unauthorized, &policy).await;
    }
    let other = Fixed::hour("https://vault.azure.net");
    expect(
        by_identity(&emulator, other),
        Unauthorized,
        &["audience", ROLE],
    )
    .await;
    let none = Fixed(Err((ErrorKind::Credential, "no such secret")));
    let sayings = ["no such secret", "check the source's credential"];
    expect(by_identity(&emulator, none), Unauthorized, &sayings).await;
    let dead = Fixed(Err((ErrorKind::Connection, "nobody is there")));
    let sayings = ["nobody is there"];
    expect(
        by_identity(&emulator, dead),
        SourceErrorKind::Unavailable,
        &sayings,
    )
    .await;
    emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_permission() {
    let emulator = keyed_emulator().await;
    let send = "SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0LXR3bw==";
    let source = source_with(by_string(&emulator, send));
    let error = open(&source, 0, OpenAt::Earliest).await.err().unwrap();
    assert_eq!(error.kind, SourceErrorKind::Unauthorized, "{error}");
    assert!(
        error
            .message
            .contains("needs the right Listen on event hub logs"),
        "{error}"
    );
    bounded(source.shutdown()).await;

    // What an identity without the role hears.
    let claims = "Unauthorized access. 'Listen' claim(s) are required to perform this operation.";
    emulator
        .faults()
        .inject(Fault::always(Action::RefuseAttach {
            condition: "amqp:unauthorized-access".to_owned(),
            description: claims.to_owned(),
        }));
    emulator
        .faults()
        .inject(Fault::always(Action::ManagementStatus {
            status: 401,
            description: claims.to_owned(),
        }));
    let settings = by_identity(&emulator, Fixed::hour(EVENT_HUBS));
    expect(settings, SourceErrorKind::Unauthorized, &[claims, ROLE]).await;
    emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_such_thing() {
    let emulator = keyed_emulator().await;
    let key = "SharedAccessKeyName=all;SharedAccessKey=c2VjcmV0LW9uZQ==";
    let hub = Settings {
        event_hub: "nothing".to_owned(),
        ..by_string(&emulator, key)
    };
    let sayings = ["check namespace localhost, event hub nothing, consumer group forwarder"];
    expect(hub, SourceErrorKind::NotFound, &sayings).await;
    let group = Settings {
        consumer_group: "nobody".to_owned(),
        ..by_string(&emulator, key)
    };
    let source = source_with(group);
    let error = open(&source, 0, OpenAt::Earliest).await.err().unwrap();
    assert_eq!(error.kind, SourceErrorKind::NotFound, "{error}");
    assert!(error.message.contains("consumer group nobody"), "{error}");
    leave(source, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled() {
    let emulator = keyed_emulator().await;
    emulator
        .faults()
        .inject(Fault::always(Action::refuse_busy()));
    let source = source(&emulator);
    let error = open(&source, 0, OpenAt::Earliest).await.err().unwrap();
    assert_eq!(error.kind, SourceErrorKind::Throttled, "{error}");
    assert!(error.message.contains("throughput units"), "{error}");
    leave(source, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_network() {
    let emulator = keyed_emulator().await;
    let settings = settings(&emulator);
    emulator.stop().await;
    expect(settings, SourceErrorKind::Unavailable, &["refused"]).await;
}

/// A ready-made signature says when it ends, and the error afterwards that it has.
#[tokio::test(flavor = "multi_thread")]
async fn an_ended_signature_is_named() {
    let emulator = keyed_emulator().await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
    let signature = emulator.keys()[0].sign("sb://localhost/logs", now + 2);
    let signature = format!("SharedAccessSignature={signature}");
    let source = source_with(by_string(&emulator, &signature));
    let mut stream = open_first(&source).await;
    bounded(source.hub_properties()).await.unwrap();
    let error = next(&mut stream).await.unwrap_err();
    assert_eq!(error.kind, SourceErrorKind::Unauthorized, "{error}");
    bounded(stream.close()).await;
    let ended = "the shared access signature ended at 20";
    assert!(error.message.contains(ended), "{error}");
    bounded(source.shutdown()).await;
    let sayings = [ended, "put a new one into connection_string"];
    let settings = by_string(&emulator, &signature);
    expect(settings, SourceErrorKind::Unauthorized, &sayings).await;
    emulator.stop().await;
}
