//! What tests can learn about what clients did.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::filter::StartAt;
use crate::log::PartitionState;

/// The most attaches that are remembered; older ones are forgotten.
const ATTACHES_REMEMBERED: usize = 100_000;

/// One consumer link that asked to be attached, refused ones included.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AttachRecord {
    /// When, in milliseconds of the broker's clock.
    pub at_ms: i64,
    /// Number of the connection, counted from 1.
    pub connection: u64,
    /// Name of the link as the client chose it.
    pub link: String,
    /// The address, as the client wrote it.
    pub address: String,
    /// Hub in the address.
    pub hub: String,
    /// Consumer group in the address.
    pub group: String,
    /// Partition id in the address.
    pub partition: String,
    /// The start position that the filter asked for.
    pub start: StartAt,
    /// Whether the position itself is wanted (`>=`) or what follows it (`>`).
    pub inclusive: bool,
    /// The epoch, when the reader is exclusive.
    pub epoch: Option<i64>,
    /// Credit of the first flow; 0 until it has arrived.
    pub credit: u32,
    /// Condition with which the attach was refused.
    pub refused: Option<String>,
}

/// One event handed to one link.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SentRecord {
    /// Sequence number of the event.
    pub sequence: i64,
    /// Number of the connection.
    pub connection: u64,
    /// Name of the link.
    pub link: std::sync::Arc<str>,
    /// Consumer group of the link.
    pub group: std::sync::Arc<str>,
}

/// One partition at a glance.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PartitionOverview {
    /// Name of the hub.
    pub hub: String,
    /// Partition id.
    pub partition: u32,
    /// What it holds.
    #[serde(flatten)]
    pub state: PartitionState,
    /// Readers over all groups.
    pub readers: usize,
    /// Events sent so far, repetitions included.
    pub sent: u64,
}

/// What a stop found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct StopReport {
    /// Connections that were open when the stop began.
    pub open: usize,
    /// Connections of these that did not end within `Options::stop_wait` after
    /// the broker's Close and were cut: leaked by the client, or frozen.
    pub leaked: usize,
    /// Connections served in all.
    pub served: u64,
}

/// Counters and records of one emulator.
#[derive(Default)]
pub(crate) struct Observed {
    attaches: Mutex<VecDeque<(u64, AttachRecord)>>,
    next_attach: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) dispositions: AtomicU64,
    pub(crate) tokens: AtomicU64,
    audiences: Mutex<BTreeSet<String>>,
    pub(crate) credit_violations: AtomicU64,
}

impl Observed {
    /// Remembers an attach and gives the number under which its credit can be added.
    pub(crate) fn attach(&self, record: AttachRecord) -> u64 {
        let number = self.next_attach.fetch_add(1, Ordering::Relaxed);
        let mut attaches = self.attaches.lock();
        if attaches.len() >= ATTACHES_REMEMBERED {
            attaches.pop_front();
        }
        attaches.push_back((number, record));
        number
    }

    /// Adds the credit of the first flow.
    pub(crate) fn credit(&self, number: u64, credit: u32) {
        if let Some((_, record)) = self
            .attaches
            .lock()
            .iter_mut()
            .rev()
            .find(|(n, _)| *n == number)
        {
            record.credit = credit;
        }
    }

    /// Remembers for what a token was put, as the client wrote it.
    pub(crate) fn audience(&self, audience: &str) {
        let mut audiences = self.audiences.lock();
        if audiences.len() < ATTACHES_REMEMBERED && !audiences.contains(audience) {
            audiences.insert(audience.to_owned());
        }
    }

    pub(crate) fn audiences(&self) -> Vec<String> {
        self.audiences.lock().iter().cloned().collect()
    }

    pub(crate) fn attach_log(&self) -> Vec<AttachRecord> {
        self.attaches
            .lock()
            .iter()
            .map(|(_, record)| record.clone())
            .collect()
    }
}
