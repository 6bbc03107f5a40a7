//! A sink of a configuration, without the hub before it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use entra_forwarder::checkpoint::ledger::SinkBalance;
use entra_forwarder::clock::SystemClock;
use entra_forwarder::config::{Config, FileText, load, load_for_replay};
use entra_forwarder::deliver::dead_letter::StoredLetter;
use entra_forwarder::deliver::http::HttpTransport;
use entra_forwarder::envelope;
use entra_forwarder::event_hub::{Offset, PartitionId, Position, SequenceNumber, Timestamp};
use entra_forwarder::format;
use entra_forwarder::record::{HubName, Origin, Record, ReplayId};

use crate::sink::Sink;

/// What every configuration needs beside its sinks.
pub(crate) const BASE: &str = r#"
[sources.entra]
connection_string = "Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessKeyName=listen;SharedAccessKey=bm8gc2VjcmV0;EntityPath=logs"
consumer_group = "forwarder"
[checkpoints]
store = "directory"
directory = "/var/lib/entra-forwarder"
"#;

/// A configuration of these sinks that is right, and gives no warning.
pub(crate) fn config(sinks: &str) -> Config {
    config_for_replay(sinks, None)
}

/// The same for sinks that mark what they send.
pub(crate) fn config_for_replay(sinks: &str, replay: Option<ReplayId>) -> Config {
    let file = FileText {
        name: "test".into(),
        text: format!("{BASE}{sinks}"),
    };
    let loaded = load_for_replay(Some(file), [], replay);
    let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}\n{sinks}"));
    assert_eq!(loaded.warnings, Vec::<String>::new(), "{sinks}");
    loaded.config
}

/// What is wrong with the configuration of these sinks.
pub(crate) fn wrong(sinks: &str) -> String {
    let file = FileText {
        name: "test".into(),
        text: format!("{BASE}{sinks}"),
    };
    load(Some(file), []).expect_err(sinks).to_string()
}

/// The event of the given number.
pub(crate) fn origin(sequence: i64) -> Origin {
    Origin {
        hub: Arc::new(HubName::new("contoso.servicebus.windows.net", "logs")),
        partition: PartitionId::new("3"),
        position: Position {
            sequence: SequenceNumber(sequence),
            offset: Offset::new("4711"),
            enqueued_at: Timestamp::parse_rfc3339("2026-01-31T12:00:05.678Z"),
        },
    }
}

/// The body that the only sink of a configuration makes of an event, not compressed.
pub(crate) fn body(sinks: &str, event: &[u8]) -> Vec<u8> {
    let config = config(sinks);
    let sink = config.sinks.values().next().unwrap();
    let format = format::of(sink, Arc::new(SystemClock));
    let (records, origin) = (
        envelope::split(&Bytes::copy_from_slice(event), 0),
        origin(42),
    );
    // Batches are measured by what a record adds at most.
    let all = || records.all().map(|piece| Record::new(piece, &origin));
    for record in all() {
        let mut alone = Vec::new();
        format.write(&mut std::iter::once(record), &mut alone);
        let most = format.frame_bytes() + format.record_bytes_max(&record);
        assert!(alone.len() as u64 <= most, "{} > {most}", alone.len());
    }
    let mut out = Vec::new();
    format.write(&mut all(), &mut out);
    out
}

/// Checks that no record of an event takes more bytes than its format says, alone or with others;
/// so of what is no record, too.
pub(crate) fn check_bounds(sinks: &str, event: &[u8]) {
    let config = config(sinks);
    let format = format::of(config.sinks.values().next().unwrap(), Arc::new(SystemClock));
    let others = [
        &b"plain \x01 \"text\""[..],
        b"\xff\x00\x1f",
        b"{\"a\":[\"\\u0001\",\n\t{}]}",
        b"[\"a\",1,null]",
        b"{\"a\":'b',}",
        b"{}",
    ];
    let origin = origin(42);
    for event in others.into_iter().chain([event]) {
        let records = envelope::split(&Bytes::copy_from_slice(event), 0);
        let written = |records: &mut dyn Iterator<Item = Record<'_>>| {
            let mut out = Vec::new();
            format.write(records, &mut out);
            out.len() as u64
        };
        let mut all = 0;
        for piece in records.all() {
            let record = Record::new(piece, &origin);
            let max = format.record_bytes_max(&record);
            let alone = written(&mut std::iter::once(record));
            assert!(alone <= max + format.frame_bytes(), "{alone} of {max}");
            all += max;
        }
        let mut records = records.all().map(|piece| Record::new(piece, &origin));
        assert!(written(&mut records) <= all + format.frame_bytes());
    }
}

/// Why records of an event may not leave by the limits of the only sink of a configuration.
pub(crate) fn unfit(sinks: &str, event: &str) -> Vec<&'static str> {
    let config = config(sinks);
    let format = format::of(config.sinks.values().next().unwrap(), Arc::new(SystemClock));
    let records = envelope::split(&Bytes::copy_from_slice(event.as_bytes()), 0);
    let (origin, now) = (origin(42), std::time::SystemTime::now().into());
    let checks = records
        .all()
        .filter_map(|piece| format.check(&Record::new(piece, &origin), now).err());
    checks.map(|unfit| unfit.reason()).collect()
}

/// The running sink of a configuration.
pub(crate) struct World {
    sink: Sink,
    next: i64,
}

impl World {
    /// Starts the only sink of this configuration.
    pub(crate) fn start(sinks: &str) -> Self {
        let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let mut config = config(sinks);
        let (name, mut sink) = config.sinks.pop_first().unwrap();
        sink.retry.initial = Duration::from_millis(10);
        sink.retry.max = Duration::from_millis(50);
        let format = format::of(&sink, Arc::new(SystemClock));
        let http = HttpTransport::new(&name, &sink, None).unwrap();
        let transport = format.transport(Arc::new(http));
        Self {
            sink: Sink::start(&name, sink, format, transport),
            next: 0,
        }
    }

    /// Gives the sink an event with this body.
    pub(crate) async fn give(&mut self, event: &[u8]) {
        self.give_from("3", event).await;
    }

    /// Gives the sink an event of this partition with this body.
    pub(crate) async fn give_from(&mut self, partition: &str, event: &[u8]) {
        let mut origin = origin(self.next);
        origin.partition = PartitionId::new(partition);
        self.next += 1;
        let body = Bytes::copy_from_slice(event);
        self.sink.give(origin, body).await;
    }

    /// Gives the sink so many events with so many records each, numbered in `n` from 0.
    pub(crate) async fn give_numbered(&mut self, events: u64, records: u64, category: &str) {
        for event in 0..events {
            let numbers = event * records..(event + 1) * records;
            let records: Vec<_> = numbers
                .map(|n| format!("{{\"n\":{n},\"category\":\"{category}\"}}"))
                .collect();
            let event = format!("{{\"records\":[{}]}}", records.join(","));
            self.give(event.as_bytes()).await;
        }
    }

    /// Ends the input, and waits until every record is delivered or a dead letter.
    pub(crate) async fn end(mut self) -> (SinkBalance, Vec<StoredLetter>) {
        let is_settled = self.sink.end().await;
        assert!(is_settled, "not all is settled: {:?}", self.sink.waiting());
        (self.sink.balance(), self.sink.letters())
    }
}
