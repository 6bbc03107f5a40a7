//! An emulated Event Hub that remembers what was produced into it.

use std::sync::Mutex;

use bytes::Bytes;
use entra_forwarder_emulator::{Emulator, Event, HubOptions, Options, Position};

use crate::bag::Bag;

/// Name of the hub.
pub(crate) const HUB: &str = "logs";
/// Name of the consumer group.
pub(crate) const GROUP: &str = "forwarder";

/// The emulator with one hub.
pub(crate) struct Hub {
    /// The emulator itself.
    pub(crate) emulator: Emulator,
    produced: Mutex<(u64, Bag)>,
}

impl Hub {
    /// Starts on a free port.
    pub(crate) async fn start(partitions: u32) -> Self {
        Self::start_with(partitions, Options::default()).await
    }

    /// Starts with other options than the usual ones.
    pub(crate) async fn start_with(partitions: u32, mut options: Options) -> Self {
        let hub = HubOptions::new(partitions).group(GROUP);
        options.hubs.push((HUB.to_owned(), hub));
        Self::of(Emulator::start(options).await.unwrap())
    }

    /// The hub of an emulator that has it.
    pub(crate) fn of(emulator: Emulator) -> Self {
        Self {
            emulator,
            produced: Mutex::default(),
        }
    }

    /// The connection string for it.
    pub(crate) fn connection_string(&self) -> String {
        self.emulator.connection_string(Some(HUB))
    }

    /// Appends `events` events of `records` records, no two of which are the same.
    pub(crate) fn produce(&self, partition: u32, events: u64, records: u64) {
        for _ in 0..events {
            let mut produced = self.produced.lock().unwrap();
            let texts: Vec<String> = (0..records)
                .map(|_| {
                    produced.0 += 1;
                    record(produced.0)
                })
                .collect();
            self.append(partition, format!("{{\"records\":[{}]}}", texts.join(",")));
            produced.1.extend(texts.into_iter().map(Bytes::from));
        }
    }

    /// Appends a body as it is.
    pub(crate) fn append(&self, partition: u32, body: impl Into<Bytes>) -> Position {
        self.emulator.append(HUB, partition, body).unwrap()
    }

    /// Appends any event.
    pub(crate) fn append_event(&self, partition: u32, event: impl Into<Event>) -> Position {
        let appended = self.emulator.append_event(HUB, partition, event.into());
        appended.unwrap()
    }

    /// Everything that [`Self::produce`] has appended.
    pub(crate) fn produced(&self) -> Bag {
        self.produced.lock().unwrap().1.clone()
    }

    /// Number of the last event of a partition.
    pub(crate) fn last(&self, partition: u32) -> i64 {
        self.emulator.last_sequence(HUB, partition).unwrap()
    }
}

/// A record that no other is like.
pub(crate) fn record(number: u64) -> String {
    format!(
        "{{\"time\":\"2025-01-01T00:00:00.0000000Z\",\"category\":\"SignInLogs\",\
         \"n\":{number},\"properties\":{{\"id\":\"{:032x}\",\"score\":0.{number:017}}}}}",
        u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    )
}
