//! How a stream ends, and that it does not go on by itself.

use std::time::Duration;

use entra_forwarder::config::Secret;
use entra_forwarder::event_hub::client::{Access, EventHubSource};
use entra_forwarder::event_hub::{OpenAt, SequenceNumber, SourceErrorKind};
use entra_forwarder_emulator::{Action, Body, Emulator, Fault};
use futures::FutureExt;

use crate::support::*;

/// A partition with a thousand events, and something that happens behind 700 of them.
async fn failing(action: &Action) -> (Emulator, EventHubSource) {
    let emulator = emulator().await;
    let source = source(&emulator);
    append(&emulator, 0, 1_000);
    let fault = Fault::once(action.clone()).after(700);
    emulator.faults().inject(fault);
    (emulator, source)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_detached_link_ends_right_after_its_last_event() {
    for (action, expected) in [
        (Action::detach(), SourceErrorKind::Unavailable),
        (
            Action::DetachLink {
                condition: None,
                description: None,
            },
            SourceErrorKind::Unavailable,
        ),
        (Action::server_busy(), SourceErrorKind::Throttled),
        (
            Action::detach_with(
                "amqp:link:detach-forced",
                "Unauthorized access. 'Listen' claim(s) are required to perform this operation.",
            ),
            SourceErrorKind::Unauthorized,
        ),
    ] {
        let (emulator, source) = failing(&action).await;
        let mut stream = open_first(&source).await;
        let (numbers, error) = drain(&mut stream).await;
        assert_eq!(numbers, (0..700).collect::<Vec<_>>(), "{action:?}");
        assert_eq!(error.kind, expected, "{action:?}: {error}");
        // It stays at its end and does not attach again.
        assert_eq!(kind(next(&mut stream).await), SourceErrorKind::Unavailable);
        bounded(stream.close()).await;
        assert_eq!(emulator.attach_log().len(), 1);

        let from = OpenAt::FromSequence(SequenceNumber(699));
        let mut stream = open(&source, 0, from).await.unwrap();
        for number in 699..1_000 {
            assert_eq!(next_number(&mut stream).await, number);
        }
        bounded(stream.close()).await;
        leave(source, emulator).await;
    }
}

/// With the connection the SDK drops what it had received and not handed on: the events that come
/// are those from the start on, without a gap, and perhaps not even the open succeeds.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_is_unavailable() {
    let close = Action::CloseConnection {
        condition: Some("amqp:connection:forced".to_owned()),
        description: Some("The connection was inactive.".to_owned()),
    };
    for action in [
        close,
        Action::Reset,
        Action::GarbageFrame,
        Action::OversizedFrame,
    ] {
        let (emulator, source) = failing(&action).await;
        let (numbers, error) = match open(&source, 0, OpenAt::Earliest).await {
            Ok(mut stream) => {
                let end = drain(&mut stream).await;
                bounded(stream.close()).await;
                end
            }
            Err(error) => (Vec::new(), error),
        };
        assert!(numbers.len() <= 700);
        assert_eq!(
            numbers,
            (0..numbers.len() as i64).collect::<Vec<_>>(),
            "{action:?}"
        );
        assert_eq!(
            error.kind,
            SourceErrorKind::Unavailable,
            "{action:?}: {error}"
        );
        assert_eq!(emulator.attach_log().len(), 1);
        bounded(source.shutdown()).await;
        emulator.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_reader_takes_the_partition() {
    let emulator = emulator().await;
    let (first, second) = (source(&emulator), source(&emulator));
    append(&emulator, 0, 1);
    let mut mine = open_first(&first).await;
    assert_eq!(next_number(&mut mine).await, 0);
    let mut theirs = open_first(&second).await;
    assert_eq!(next_number(&mut theirs).await, 0);
    assert_eq!(kind(next(&mut mine).await), SourceErrorKind::Stolen);
    bounded(mine.close()).await;
    append(&emulator, 1, 2);
    assert_eq!(next_number(&mut theirs).await, 1);
    bounded(theirs.close()).await;
    bounded(first.shutdown()).await;
    leave(second, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undecodable_message_comes_after_those_before_it() {
    for body in [
        Body::ListProperty("x".into()),
        Body::InvalidText,
        uneven_map(),
    ] {
        let emulator = emulator().await;
        let source = source(&emulator);
        append(&emulator, 0, 3);
        emulator.append_event(HUB, 0, body.clone().into()).unwrap();
        append(&emulator, 4, 6);
        for _ in 0..3 {
            let mut stream = open_first(&source).await;
            let (numbers, error) = drain(&mut stream).await;
            assert_eq!(numbers, [0, 1, 2], "{body:?}");
            assert_eq!(
                error.kind,
                SourceErrorKind::Undecodable,
                "{body:?}: {error}"
            );
            bounded(stream.close()).await;
        }
        let after = OpenAt::FromSequence(SequenceNumber(4));
        let mut stream = open(&source, 0, after).await.unwrap();
        assert_eq!(next_number(&mut stream).await, 4);
        bounded(stream.close()).await;
        leave(source, emulator).await;
    }
}

/// A map of an odd number of things, on which the decoder panics when overflows are checked.
fn uneven_map() -> Body {
    let map = [0xc1, 9, 1, 0x73, 0];
    Body::Raw(
        [
            &[0, 0x53, 0x76, 0xc0, 4, 1][..],
            &map,
            &[0x53, 0x78, 0xc1, 2, 0],
        ]
        .concat()
        .into(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_opens_before_an_undecodable_message() {
    for body in [Body::ListProperty("x".into()), uneven_map()] {
        let emulator = emulator().await;
        let source = source(&emulator);
        emulator.append_event(HUB, 0, body.clone().into()).unwrap();
        let mut stream = open_first(&source).await;
        assert_eq!(
            kind(next(&mut stream).await),
            SourceErrorKind::Undecodable,
            "{body:?}"
        );
        assert_eq!(
            kind(next(&mut stream).await),
            SourceErrorKind::Unavailable,
            "{body:?}"
        );
        bounded(stream.close()).await;
        leave(source, emulator).await;
    }
}

/// An open link lives as long as its token.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_unauthorized() {
    let emulator = emulator().await;
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() as i64;
    let signature = emulator.keys()[0].sign("sb://localhost/logs", now + 3);
    let mut settings = settings(&emulator);
    settings.access = Access::ConnectionString(Secret::new(format!(
        "Endpoint=sb://localhost:{};SharedAccessSignature={signature};UseDevelopmentEmulator=true",
        emulator.address().port()
    )));
    let source = source_with(settings);
    append(&emulator, 0, 2);
    let mut stream = open_first(&source).await;
    let (numbers, error) = drain(&mut stream).await;
    assert_eq!(numbers, [0, 1]);
    assert_eq!(error.kind, SourceErrorKind::Unauthorized, "{error}");
    bounded(stream.close()).await;
    let error = open(&source, 0, OpenAt::Earliest).await.err().unwrap();
    assert_eq!(error.kind, SourceErrorKind::Unauthorized, "{error}");
    leave(source, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_next_loses_nothing() {
    let emulator = emulator().await;
    let source = source(&emulator);
    let mut stream = open_first(&source).await;
    let (mut dropped, mut expected, mut appended) = (0, 0, 0);
    while dropped < 1_000 {
        if dropped % 3 == 0 && appended < 2_000 {
            append(&emulator, appended, appended + 2);
            appended += 2;
        }
        let event = match dropped % 2 {
            0 => stream.next().now_or_never(),
            _ => tokio::time::timeout(Duration::from_micros(300), stream.next())
                .await
                .ok(),
        };
        match event {
            Some(event) => {
                assert_eq!(event.unwrap().position.sequence.0, expected);
                expected += 1;
            }
            None => dropped += 1,
        }
    }
    for number in expected..appended {
        assert_eq!(next_number(&mut stream).await, number);
    }
    assert!(stream.next().now_or_never().is_none());
    bounded(stream.close()).await;
    leave(source, emulator).await;
}
