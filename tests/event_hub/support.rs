//! An emulator and a source that reads it.

use std::sync::{LazyLock, Once};
use std::time::Duration;

use entra_forwarder::config::Secret;
use entra_forwarder::event_hub::client::{Access, EXCLUSIVE, EventHubSource, Settings, Timeouts};
use entra_forwarder::event_hub::runtime::AmqpRuntime;
use entra_forwarder::event_hub::{
    Body, EventStream, OpenAt, PartitionId, ReceivedEvent, Source, SourceError, SourceErrorKind,
};
use entra_forwarder_emulator::{Emulator, HubOptions, Options};

pub(crate) const HUB: &str = "logs";
pub(crate) const GROUP: &str = "forwarder";

/// Short, so that a test of a silence ends soon, and long enough for two busy cores.
pub(crate) const TIMEOUTS: Timeouts = Timeouts {
    open: Duration::from_secs(3),
    call: Duration::from_secs(3),
    close: Duration::from_secs(1),
};

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) async fn emulator() -> Emulator {
    emulator_of(HubOptions::new(4).group(GROUP)).await
}

pub(crate) async fn emulator_of(hub: HubOptions) -> Emulator {
    let options = Options {
        hubs: vec![(HUB.to_owned(), hub)],
        ..Options::default()
    };
    Emulator::start(options).await.unwrap()
}

pub(crate) fn settings(emulator: &Emulator) -> Settings {
    Settings {
        namespace: "localhost".to_owned(),
        event_hub: HUB.to_owned(),
        consumer_group: GROUP.to_owned(),
        transport: entra_forwarder::config::SourceTransport::Amqp,
        custom_endpoint: None,
        access: Access::ConnectionString(Secret::new(emulator.connection_string(Some(HUB)))),
        epoch: EXCLUSIVE,
    }
}

pub(crate) fn source(emulator: &Emulator) -> EventHubSource {
    source_with(settings(emulator))
}

pub(crate) fn source_with(settings: Settings) -> EventHubSource {
    EventHubSource::new(settings, TIMEOUTS, runtime())
}

/// One thread for all tests: it outlives each source, as it does in the program.
pub(crate) fn runtime() -> &'static AmqpRuntime {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::aws_lc_rs::default_provider()
            .install_default()
            .unwrap();
    });
    static RUNTIME: LazyLock<AmqpRuntime> = LazyLock::new(|| AmqpRuntime::start().unwrap());
    &RUNTIME
}

pub(crate) fn partition(id: u32) -> PartitionId {
    PartitionId::new(id.to_string())
}

pub(crate) async fn open(
    source: &EventHubSource,
    id: u32,
    at: OpenAt,
) -> Result<Box<dyn EventStream>, SourceError> {
    bounded(source.open(&partition(id), at, 100)).await
}

/// Opens partition 0 at its first event.
pub(crate) async fn open_first(source: &EventHubSource) -> Box<dyn EventStream> {
    open(source, 0, OpenAt::Earliest).await.unwrap()
}

pub(crate) async fn bounded<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .expect("it takes too long")
}

pub(crate) async fn next(stream: &mut Box<dyn EventStream>) -> Result<ReceivedEvent, SourceError> {
    bounded(stream.next()).await
}

/// The sequence number of the next event.
pub(crate) async fn next_number(stream: &mut Box<dyn EventStream>) -> i64 {
    next(stream).await.unwrap().position.sequence.0
}

/// Everything until the end, and why it ended.
pub(crate) async fn drain(stream: &mut Box<dyn EventStream>) -> (Vec<i64>, SourceError) {
    let mut numbers = Vec::new();
    loop {
        match next(stream).await {
            Ok(event) => numbers.push(event.position.sequence.0),
            Err(error) => return (numbers, error),
        }
    }
}

pub(crate) fn text(body: &Body) -> &str {
    match body {
        Body::Bytes(bytes) => std::str::from_utf8(bytes).unwrap(),
        Body::Unsupported(kind, _) => panic!("{kind}"),
    }
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{what} does not come"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Appends events `from..to` with their number as body to partition 0.
pub(crate) fn append(emulator: &Emulator, from: i64, to: i64) {
    for number in from..to {
        let position = emulator.append(HUB, 0, format!("event {number}")).unwrap();
        assert_eq!(position.sequence, number);
    }
}

pub(crate) fn kind<T>(result: Result<T, SourceError>) -> SourceErrorKind {
    match result {
        Ok(_) => panic!("no error"),
        Err(error) => {
            assert!(
                error.message.len() < 600 && !error.message.contains('\n'),
                "{error}"
            );
            error.kind
        }
    }
}

/// Shuts the source down and checks that it left no connection behind.
pub(crate) async fn leave(source: EventHubSource, emulator: Emulator) {
    bounded(source.shutdown()).await;
    assert_eq!(source.abandoned_clients(), 0);
    // The broker may learn of the last close a little later than the client.
    eventually("the last close", || emulator.open_connections() == 0).await;
    let report = emulator.stop().await;
    assert_eq!((report.open, report.leaked), (0, 0), "{report:?}");
}
