//! Replayed records bear their mark in every destination, and keep the id by which it recognises
//! them.

use std::sync::Arc;

use bytes::Bytes;
use entra_forwarder::clock::SystemClock;
use entra_forwarder::config::SinkKind;
use entra_forwarder::envelope;
use entra_forwarder::format;
use entra_forwarder::record::{REPLAYED, Record};

use crate::pages::blocks;
use crate::world::{config_for_replay, origin};

#[test]
fn every_destination_marks_what_is_replayed() {
    let body = br#"{"records":[{"time":"2026-01-31T12:00:00Z","category":"SignInLogs","n":1.50}]}"#;
    let (records, origin) = (envelope::split(&Bytes::from_static(body), 0), origin(17));
    let record = Record::new(records.all().next().unwrap(), &origin);
    let id = record.stable_id().to_string();
    let (mut marked, mut with_id) = (0, 0);
    for block in blocks() {
        let written = |replay: Option<&str>| {
            let replay = replay.map(|id| id.parse().unwrap());
            let config = config_for_replay(&block, replay);
            let sink = config.sinks.values().next().unwrap();
            let format = format::of(sink, Arc::new(SystemClock));
            let mut out = Vec::new();
            format.write(&mut std::iter::once(record), &mut out);
            let most = format.frame_bytes() + format.record_bytes_max(&record);
            assert!(out.len() as u64 <= most, "{block}");
            let sends = sink.kind != SinkKind::Null;
            (String::from_utf8_lossy(&out).into_owned(), sends)
        };
        let ((plain, sends), (replayed, _)) = (written(None), written(Some("monday")));
        assert!(!plain.contains(REPLAYED), "{plain}");
        if sends {
            assert!(replayed.contains(REPLAYED), "{replayed}");
            assert!(replayed.contains("monday"), "{replayed}");
            marked += 1;
        }
        assert_eq!(plain.contains(&id), replayed.contains(&id), "{replayed}");
        with_id += usize::from(replayed.contains(&id));
    }
    assert!(marked > 10 && with_id > 2, "{marked} {with_id}");
}
