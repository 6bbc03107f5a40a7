//! Counts of one sink since the start.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::telemetry::histogram::Histogram;
use crate::telemetry::seldom::Seldom;

/// Bounds of the records of a batch.
const RECORDS: [f64; 8] = [1.0, 10.0, 100.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0];
/// Bounds of the compressed bytes of a request.
const BYTES: [f64; 8] = [
    1_024.0,
    8_192.0,
    32_768.0,
    131_072.0,
    524_288.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
];
/// Bounds of times, in seconds.
const SECONDS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

/// Events with dead letters that are told of one by one, before they are only counted.
const EVENTS_AT_ONCE: u32 = 5;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint has all of it.
    Accepted,
    /// The answer told of every record.
    PerRecord,
    /// The endpoint asks to send less.
    Throttled,
    /// The endpoint is not there, or fails.
    Failed,
    /// Address or credentials are wrong.
    Refused,
    /// Something in the body is not taken.
    Rejected,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Accepted,
        Self::PerRecord,
        Self::Throttled,
        Self::Failed,
        Self::Refused,
        Self::Rejected,
    ];

    /// A stable word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::PerRecord => "per_record",
            Self::Throttled => "throttled",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
        }
    }
}

/// Counts of one sink since the start, and how many requests it may have in flight.
#[derive(Debug)]
pub struct SinkStats {
    /// Attempts.
    pub requests: AtomicU64,
    /// Attempts that came to an end, by what became of them, in the order of [`Outcome::ALL`].
    pub outcomes: [AtomicU64; Outcome::ALL.len()],
    /// Attempts that repeat one that failed.
    pub retries: AtomicU64,
    /// Records in accepted requests.
    pub records_accepted: AtomicU64,
    /// Requests whose records had to be divided.
    pub divided: AtomicU64,
    /// Records that were given up, and confirmed as dead letters.
    pub records_dead_lettered: AtomicU64,
    /// Those of them that the log does not say yet.
    pub(in crate::deliver) given_up_unsaid: Seldom,
    /// Bytes of accepted bodies before compression.
    pub bytes_plain: AtomicU64,
    /// Bytes of accepted bodies on the wire.
    pub bytes_sent: AtomicU64,
    /// Requests that may be in flight now, from 1 to the sink's `concurrency`. A gauge, no count.
    pub concurrency: AtomicUsize,
    /// Records of the batches that were closed.
    pub batch_records: Histogram,
    /// How old they were then, in seconds since their first record.
    pub batch_age: Histogram,
    /// Bytes of the requests on the wire.
    pub request_bytes: Histogram,
    /// How long the endpoint took for its answers, in seconds.
    pub request_seconds: Histogram,
}

impl Default for SinkStats {
    fn default() -> Self {
        Self::starting_with(1)
    }
}

impl SinkStats {
    /// Nothing has happened, and so many requests may be in flight.
    pub fn starting_with(concurrency: usize) -> Self {
        let zero = AtomicU64::default;
        Self {
            requests: zero(),
            outcomes: Default::default(),
            retries: zero(),
            records_accepted: zero(),
            divided: zero(),
            records_dead_lettered: zero(),
            given_up_unsaid: Seldom::of(EVENTS_AT_ONCE),
            bytes_plain: zero(),
            bytes_sent: zero(),
            concurrency: concurrency.into(),
            batch_records: Histogram::new(&RECORDS),
            batch_age: Histogram::new(&SECONDS),
            request_bytes: Histogram::new(&BYTES),
            request_seconds: Histogram::new(&SECONDS),
        }
    }

    /// Counts an attempt that came to an end.
    pub fn note(&self, outcome: Outcome) {
        let named = Outcome::ALL.iter().zip(&self.outcomes);
        for (_, count) in named.filter(|(known, _)| **known == outcome) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}
