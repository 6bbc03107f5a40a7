//! Where a receiver starts, and why it is refused.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::OffsetDateTime;
use entra_forwarder::config::Secret;
use entra_forwarder::event_hub::client::Access;
use entra_forwarder::event_hub::{
    Offset, OpenAt, SequenceNumber, Source, SourceErrorKind, Timestamp,
};
use entra_forwarder_emulator::{Action, Fault, StartAt};

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn every_start_delivers_its_first_event() {
    let emulator = emulator().await;
    let source = source(&emulator);
    let mut positions = Vec::new();
    for number in 0..10 {
        positions.push(emulator.append(HUB, 0, format!("event {number}")).unwrap());
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let (offset, time) = (positions[4].offset.clone(), positions[6].enqueued_ms);
    let first_at_time = positions
        .iter()
        .position(|p| p.enqueued_ms >= time)
        .unwrap();
    for (at, first, start, inclusive) in [
        (OpenAt::Earliest, 0, StartAt::Earliest, false),
        (
            OpenAt::FromSequence(SequenceNumber(3)),
            3,
            StartAt::Sequence(3),
            true,
        ),
        (
            OpenAt::FromSequence(SequenceNumber(9)),
            9,
            StartAt::Sequence(9),
            true,
        ),
        (
            OpenAt::FromOffset(Offset::new(offset.as_str())),
            4,
            StartAt::Offset(offset),
            true,
        ),
        (
            OpenAt::FromTime(Timestamp(time)),
            first_at_time,
            StartAt::Time(time),
            true,
        ),
    ] {
        let mut stream = open(&source, 0, at.clone()).await.unwrap();
        let event = next(&mut stream).await.unwrap();
        let expected = &positions[first];
        assert_eq!(event.position.sequence.0, expected.sequence, "{at:?}");
        assert_eq!(event.position.offset.as_str(), expected.offset);
        assert_eq!(
            event.position.enqueued_at,
            Some(Timestamp(expected.enqueued_ms))
        );
        assert_eq!(text(&event.body), format!("event {first}"));
        bounded(stream.close()).await;
        let attach = emulator.attach_log().pop().unwrap();
        assert_eq!(
            (attach.start, attach.inclusive),
            (start, inclusive),
            "{at:?}"
        );
        assert_eq!((attach.epoch, attach.credit), (Some(0), 100));
        assert_eq!(
            (attach.group.as_str(), attach.partition.as_str()),
            (GROUP, "0")
        );
    }
    assert_eq!(emulator.attach_log().len(), 5);
    leave(source, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offset_is_found_again() {
    let emulator = emulator().await;
    let source = source(&emulator);
    let append = |number: u32| emulator.append(HUB, 0, format!("event {number}")).unwrap();
    let positions: Vec<_> = (0..5).map(append).collect();
    for expected in &positions {
        let at = OpenAt::FromOffset(Offset::new(expected.offset.as_str()));
        let mut stream = open(&source, 0, at).await.unwrap();
        let event = next(&mut stream).await.unwrap();
        assert_eq!(event.position.sequence.0, expected.sequence);
        assert_eq!(event.position.offset.as_str(), expected.offset);
        bounded(stream.close()).await;
        let attach = emulator.attach_log().pop().unwrap();
        assert_eq!(attach.start, StartAt::Offset(expected.offset.clone()));
        assert!(attach.inclusive);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opened_receiver_is_attached() {
    let emulator = emulator().await;
    let source = source(&emulator);
    let mut stream = open_first(&source).await;
    assert_eq!(emulator.readers(HUB, 0).unwrap(), 1);
    append(&emulator, 0, 3);
    for number in 0..3 {
        assert_eq!(next_number(&mut stream).await, number);
    }
    bounded(stream.close()).await;
    leave(source, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_attaching() {
    let emulator = emulator().await;
    let source = source(&emulator);
    append(&emulator, 0, 20);
    for _ in 0..100 {
        let mut stream = open_first(&source).await;
        for number in 0..20 {
            assert_eq!(next_number(&mut stream).await, number);
        }
        bounded(stream.close()).await;
    }
    assert_eq!(emulator.attach_log().len(), 100);
    leave(source, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credit_is_never_exceeded_by_prefetch() {
    let emulator = emulator().await;
    let source = source(&emulator);
    append(&emulator, 0, 500);
    let mut stream = open_first(&source).await;
    for number in 0..10 {
        assert_eq!(next_number(&mut stream).await, number);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let sent = emulator.sent_count(HUB, 0).unwrap();
    assert!(sent <= 10 + 100 + 1, "{sent} events sent, 10 taken");
    bounded(stream.close()).await;
    leave(source, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_start_says_why() {
    let emulator = emulator().await;
    append(&emulator, 0, 10);
    let source = source(&emulator);
    let ahead = OpenAt::FromSequence(SequenceNumber(100));
    assert_eq!(
        kind(open(&source, 0, ahead).await),
        SourceErrorKind::PositionRefused
    );
    assert_eq!(
        kind(open(&source, 17, OpenAt::Earliest).await),
        SourceErrorKind::NotFound
    );

    let mut unknown = settings(&emulator);
    unknown.consumer_group = "nobody".to_owned();
    let unknown = source_with(unknown);
    assert_eq!(
        kind(open(&unknown, 0, OpenAt::Earliest).await),
        SourceErrorKind::NotFound
    );

    let mut nowhere = settings(&emulator);
    nowhere.event_hub = "nothing".to_owned();
    let text = emulator.connection_string(None);
    nowhere.access = Access::ConnectionString(Secret::new(text));
    let nowhere = source_with(nowhere);
    assert_eq!(
        kind(open(&nowhere, 0, OpenAt::Earliest).await),
        SourceErrorKind::NotFound
    );
    assert_eq!(
        kind(nowhere.hub_properties().await),
        SourceErrorKind::NotFound
    );
    bounded(unknown.shutdown()).await;
    bounded(nowhere.shutdown()).await;
    leave(source, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_unauthorized() {
    let emulator = emulator().await;
    let mut wrong = settings(&emulator);
    let key = &emulator.keys()[0].key;
    let text = emulator
        .connection_string(Some(HUB))
        .replace(key.as_str(), "d3Jvbmc=");
    wrong.access = Access::ConnectionString(Secret::new(text));
    let source = source_with(wrong);
    let error = open(&source, 0, OpenAt::Earliest).await.err().unwrap();
    assert_eq!(error.kind, SourceErrorKind::Unauthorized, "{error}");
    assert!(
        error.message.contains("Listen") && !error.message.contains("d3J"),
        "{error}"
    );
    assert_eq!(
        kind(source.hub_properties().await),
        SourceErrorKind::Unauthorized
    );
    leave(source, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_the_broker_are_told_apart() {
    let emulator = emulator().await;
    let source = source(&emulator);
    let refuse = |condition: &str, description: &str| Action::RefuseAttach {
        condition: condition.to_owned(),
        description: description.to_owned(),
    };
    let status = |status| Action::RefuseToken {
        status,
        description: "no".to_owned(),
    };
    for (action, expected) in [
        (Action::refuse_busy(), SourceErrorKind::Throttled),
        (
            refuse("amqp:unauthorized-access", "no claim"),
            SourceErrorKind::Unauthorized,
        ),
        (
            refuse("amqp:internal-error", "trouble"),
            SourceErrorKind::Unavailable,
        ),
        (status(403), SourceErrorKind::Unauthorized),
        (status(404), SourceErrorKind::NotFound),
        (status(500), SourceErrorKind::Unavailable),
    ] {
        let id = emulator.faults().inject(Fault::once(action.clone()));
        assert_eq!(
            kind(open(&source, 0, OpenAt::Earliest).await),
            expected,
            "{action:?}"
        );
        assert_eq!(emulator.faults().fired(id), 1);
    }
    let stream = open_first(&source).await;
    bounded(stream.close()).await;
    leave(source, emulator).await;
}

#[derive(Debug)]
struct Token(&'static str);

#[async_trait]
impl TokenCredential for Token {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let expires_on = OffsetDateTime::now_utc() + azure_core::time::Duration::hours(1);
        Ok(AccessToken::new(self.0.to_owned(), expires_on))
    }
}

/// Unsigned, for `https://eventhubs.azure.net`, until the year 2100.
const JWT: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.\
    eyJhdWQiOiJodHRwczovL2V2ZW50aHVicy5henVyZS5uZXQiLCJleHAiOjQxMDI0NDQ4MDB9.";

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_an_identity_opens() {
    let emulator = emulator().await;
    append(&emulator, 0, 1);
    let with = |token| {
        let mut settings = settings(&emulator);
        settings.custom_endpoint = Some(format!("amqp://{}", emulator.address()));
        settings.access = Access::Credential(Arc::new(Token(token)));
        source_with(settings)
    };
    let source = with(JWT);
    let mut stream = open_first(&source).await;
    assert_eq!(next_number(&mut stream).await, 0);
    bounded(stream.close()).await;
    assert_eq!(source.hub_properties().await.unwrap().partitions.len(), 4);

    let refused = with("not.a.token");
    let error = open(&refused, 0, OpenAt::Earliest).await.err().unwrap();
    assert_eq!(error.kind, SourceErrorKind::Unauthorized, "{error}");
    assert!(
        error.message.contains("Azure Event Hubs Data Receiver"),
        "{error}"
    );
    bounded(refused.shutdown()).await;
    leave(source, emulator).await;
}
