//! What is left behind.

use entra_forwarder::event_hub::{OpenAt, Source, SourceErrorKind};
use entra_forwarder_emulator::{Action, Fault};
use tokio::time::Instant;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_stream_is_closed() {
    let emulator = emulator().await;
    let source = source(&emulator);
    let stream = open_first(&source).await;
    drop(stream);
    eventually("the close", || emulator.open_connections() == 0).await;
    leave(source, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_open_is_closed() {
    let emulator = emulator().await;
    let source = source(&emulator);
    let asked = partition(0);
    for round in 0..60 {
        let open = source.open(&asked, OpenAt::Earliest, 10);
        let wait = std::time::Duration::from_millis(round * 2);
        drop(tokio::time::timeout(wait, open).await);
    }
    eventually("the close", || emulator.open_connections() == 0).await;
    leave(source, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_source_is_closed() {
    let emulator = emulator().await;
    let source = source(&emulator);
    assert!(source.hub_properties().await.is_ok());
    let stream = open_first(&source).await;
    drop(source);
    eventually("the close of the management", || {
        emulator.open_connections() == 1
    })
    .await;
    drop(stream);
    eventually("the close of the stream", || {
        emulator.open_connections() == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_peer_bounds_open_and_close() {
    let emulator = emulator().await;
    let source = source(&emulator);
    append(&emulator, 0, 1);
    let mut stream = open_first(&source).await;
    assert_eq!(next_number(&mut stream).await, 0);
    emulator.faults().freeze_all();

    let start = Instant::now();
    stream.close().await;
    assert!(
        start.elapsed() < TIMEOUTS.close * 2,
        "{:?}",
        start.elapsed()
    );
    assert_eq!(source.abandoned_clients(), 1);

    let start = Instant::now();
    assert_eq!(
        kind(open(&source, 0, OpenAt::Earliest).await),
        SourceErrorKind::Unavailable
    );
    assert!(start.elapsed() < TIMEOUTS.open * 2, "{:?}", start.elapsed());
    let start = Instant::now();
    assert_eq!(
        kind(source.hub_properties().await),
        SourceErrorKind::Unavailable
    );
    assert!(start.elapsed() < TIMEOUTS.call * 2, "{:?}", start.elapsed());

    emulator.faults().thaw();
    eventually("the end of the closes", || source.abandoned_clients() == 0).await;
    eventually("the end of the connections", || {
        emulator.open_connections() == 0
    })
    .await;
    let mut stream = open_first(&source).await;
    assert_eq!(next_number(&mut stream).await, 0);
    bounded(stream.close()).await;
    leave(source, emulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_peer_bounds_shutdown() {
    let emulator = emulator().await;
    let source = source(&emulator);
    assert!(source.hub_properties().await.is_ok());
    let stream = open_first(&source).await;
    emulator.faults().freeze_all();
    drop(stream);
    let start = Instant::now();
    source.shutdown().await;
    assert!(
        start.elapsed() < TIMEOUTS.close * 4,
        "{:?}",
        start.elapsed()
    );
    assert_eq!(source.abandoned_clients(), 0);
    assert_eq!(
        kind(source.hub_properties().await),
        SourceErrorKind::Unavailable
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn hanging_closes_are_bounded_per_partition() {
    let emulator = emulator().await;
    let source = source(&emulator);
    // Every connection falls silent at its first event.
    let silence = Fault::always(Action::Freeze { ms: None });
    emulator.faults().inject(silence);
    for id in 0..2 {
        emulator.append(HUB, id, "x").unwrap();
    }
    for hanging in 1..=4 {
        let stream = open_first(&source).await;
        drop(stream);
        eventually("a hanging close", || source.abandoned_clients() == hanging).await;
    }

    let start = Instant::now();
    let error = open(&source, 0, OpenAt::Earliest).await.err().unwrap();
    assert!(start.elapsed() < TIMEOUTS.open / 2, "{:?}", start.elapsed());
    assert_eq!(error.kind, SourceErrorKind::Unavailable);
    assert!(
        error
            .message
            .starts_with("4 connections for partition 0 hang in closing"),
        "{error}"
    );
    // The others have not used up their share.
    let stream = open(&source, 1, OpenAt::Earliest).await.unwrap();
    drop(stream);
    emulator.faults().clear();
    emulator.faults().thaw();
    eventually("the end of the closes", || source.abandoned_clients() == 0).await;
    let stream = open_first(&source).await;
    bounded(stream.close()).await;
    leave(source, emulator).await;
}
