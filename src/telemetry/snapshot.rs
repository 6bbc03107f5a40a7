//! One picture of the process, of which metrics, log lines, `status` and the status page are made.
//!
//! Plain data: names, numbers, and reasons that hold neither payload nor secrets. Moments are RFC
//! 3339 texts, times are seconds, sizes are bytes. Counts are since the start of the process.
//! [`super::observer`] takes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::histogram::Distribution;

#[cfg(test)]
pub(crate) mod testing;

/// The picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was taken.
    pub at: String,
    /// The process.
    pub process: Process,
    /// Whether everything arrives, as far as this process is concerned.
    pub verdict: Verdict,
    /// What became of everything that was read.
    pub balance: Balance,
    /// Age of the oldest event that is there and not settled, over all partitions.
    pub oldest_unsettled_seconds: f64,
    /// The largest share of a source's retention that such an event has used; `None` when no
    /// source says how long its events are kept.
    pub retention_used: Option<f64>,
    /// Per source, by name.
    pub sources: Vec<Source>,
    /// Per sink, in the order of the configuration.
    pub sinks: Vec<Sink>,
    /// Memory.
    pub memory: Memory,
    /// Credentials whose end is known.
    pub credentials: Vec<Credential>,
    /// Everything that depends on something outside.
    pub components: Vec<Component>,
    /// Dead letters that were confirmed.
    pub dead_letters: Vec<DeadLetters>,
    /// The last of them, the latest first.
    pub recent_dead_letters: Vec<RecentDeadLetter>,
}

/// The process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Version of the program.
    pub version: String,
    /// Name of this process start in the ownerships.
    pub owner: String,
    /// When it started.
    pub started_at: String,
    /// Time since then.
    pub uptime_seconds: f64,
    /// Memory that it has in use; `None` where the system does not say.
    #[serde(default)]
    pub resident_bytes: Option<u64>,
    /// Files and connections that it has open; `None` where the system does not say.
    #[serde(default)]
    pub open_files: Option<u64>,
}

/// Whether everything arrives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Yes or no.
    pub is_well: bool,
    /// The same as one sentence, with the most important reason.
    pub sentence: String,
    /// All reasons, the most important first.
    pub reasons: Vec<String>,
}

/// `received = wanted + unrouted`, and per sink what [`SinkBalance`] says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Balance {
    /// Events that were read.
    pub events: u64,
    /// Records in them.
    pub received: u64,
    /// Records that at least one sink wants.
    pub wanted: u64,
    /// Records that no sink wants, which were dropped as configured.
    pub unrouted: u64,
    /// What the sums lack or have too much: zero, or a bug.
    pub error: i64,
}

/// One source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Its name in the configuration.
    pub name: String,
    /// The namespace.
    pub namespace: String,
    /// The hub.
    pub event_hub: String,
    /// The consumer group.
    pub consumer_group: String,
    /// Partitions that the hub has; 0 as long as it has not answered.
    pub partitions_of_hub: u64,
    /// How long the hub keeps events, if the configuration says so.
    pub retention_seconds: Option<f64>,
    /// Those that this process owns, or has owned.
    pub partitions: Vec<Partition>,
    /// Per category, by name.
    pub categories: BTreeMap<String, Category>,
    /// Events without any record.
    pub empty: u64,
    /// Events that were compressed, or in another encoding than UTF-8.
    pub encoded: u64,
    /// Records that were JSON only after a repair.
    pub repaired: u64,
    /// Pieces that are no JSON, by kind.
    pub unparsable: BTreeMap<String, u64>,
    /// Claims on partitions of replicas with more than their share.
    pub steals: u64,
    /// Partitions that another replica took.
    pub partitions_lost: u64,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Partition {
    /// Its id.
    pub id: String,
    /// Whether this process owns it now. Without that, nothing below but the counts is known.
    pub is_owned: bool,
    /// Why it waits; `None` when it goes on.
    pub reason: Option<String>,
    /// Number of the last event that the hub has, as far as it is known; -1 before the first.
    pub last_enqueued: Option<i64>,
    /// Number of the last event that was read.
    pub received: Option<i64>,
    /// Number up to which everything is settled.
    pub settled: Option<i64>,
    /// Number in the stored checkpoint.
    pub checkpointed: Option<i64>,
    /// Events that the hub has and that are not settled.
    pub lag_events: Option<u64>,
    /// Age of the oldest of them, at least; 0 when there is none. While the hub does not answer, the
    /// time for which it has not.
    pub lag_seconds: Option<f64>,
    /// Events that are read and not settled.
    pub open_events: u64,
    /// Bytes of these.
    pub open_bytes: u64,
    /// Events that are read and not covered by the stored checkpoint.
    pub uncommitted: u64,
    /// Events that were handed on.
    pub events: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// Events that had been handed on before.
    pub duplicates: u64,
    /// Jumps in the numbers.
    pub gaps: u64,
    /// Numbers in these jumps.
    pub missing: u64,
    /// Times that the numbers began anew.
    pub rewinds: u64,
    /// Positions that did not belong to the hub.
    pub stale: u64,
    /// Receivers that were opened again.
    pub reopenings: u64,
    /// Receivers that brought nothing although there was something.
    pub stalls: u64,
    /// Receivers whose token had expired.
    pub expiries: u64,
    /// Receivers that another consumer ended.
    pub stolen: u64,
}

/// One category of one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Category {
    /// Records.
    pub records: u64,
    /// Seconds from what happened until the hub had it.
    pub lateness: Distribution,
    /// Time since the hub took the last one in.
    pub silent_seconds: Option<f64>,
}

/// How an endpoint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkState {
    /// It has not answered yet.
    Unknown,
    /// It accepts.
    Accepting,
    /// It is not there, or cannot take anything now.
    Failing,
    /// It says that address or credentials are wrong.
    Refusing,
    /// It takes no record, or too few.
    Misconfigured,
}

impl SinkState {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Unknown,
        Self::Accepting,
        Self::Failing,
        Self::Refusing,
        Self::Misconfigured,
    ];

    /// A stable word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Accepting => "accepting",
            Self::Failing => "failing",
            Self::Refusing => "refusing",
            Self::Misconfigured => "misconfigured",
        }
    }
}

/// `wanted = delivered + dead_lettered + abandoned + in_flight`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SinkBalance {
    /// Records that were read for this sink.
    pub wanted: u64,
    /// Records that the endpoint accepted.
    pub delivered: u64,
    /// Records that the dead-letter store confirmed.
    pub dead_lettered: u64,
    /// Records that the next owner of their partition reads again.
    pub abandoned: u64,
    /// Records that are owed.
    pub in_flight: u64,
}

/// One sink.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sink {
    /// Its name in the configuration.
    pub name: String,
    /// How it does.
    pub state: SinkState,
    /// Why it does not accept; `None` when it does.
    pub reason: Option<String>,
    /// How long it has accepted, or has not accepted for whatever reason.
    pub since_seconds: Option<f64>,
    /// What became of the records that it wants.
    pub balance: SinkBalance,
    /// Attempts that came to an end, by outcome.
    pub requests: BTreeMap<String, u64>,
    /// Attempts that repeat one that failed.
    pub retries: u64,
    /// Requests whose records had to be divided.
    pub divided: u64,
    /// Bytes of accepted bodies before compression.
    pub bytes_plain: u64,
    /// Bytes of accepted bodies on the wire.
    pub bytes_sent: u64,
    /// Requests that are in flight.
    pub requests_in_flight: u64,
    /// Requests that may be in flight now.
    pub concurrency: u64,
    /// Batches that are under way.
    pub batches: u64,
    /// Batches among them that are put aside, so that others pass.
    pub parked: u64,
    /// Bytes of compressed bodies that it holds.
    pub body_bytes: u64,
    /// Records of the batches that were closed.
    pub batch_records: Distribution,
    /// How old they were then, in seconds.
    pub batch_age: Distribution,
    /// Bytes of the requests on the wire.
    pub request_bytes: Distribution,
    /// How long the endpoint took for its answers, in seconds.
    pub request_seconds: Distribution,
}

/// Memory that is counted against `limits.memory_budget`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// The budget.
    pub budget_bytes: u64,
    /// Bodies of events that are read and not settled.
    pub events_bytes: u64,
    /// Compressed bodies that wait or are in flight.
    pub bodies_bytes: u64,
}

/// A credential that ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Credential {
    /// Where it is set, as a path in the configuration.
    pub place: String,
    /// What it is: `signature`, `certificate` or `token`.
    pub kind: String,
    /// When it ends.
    pub ends_at: String,
    /// Time until then; negative when it has ended.
    pub seconds_left: f64,
}

/// Something that depends on something outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Its name.
    pub name: String,
    /// Why it waits; `None` when it works.
    pub reason: Option<String>,
    /// Whether that makes the process not ready.
    pub is_failing: bool,
    /// Time since it works, or does not.
    pub since_seconds: f64,
}

/// Dead letters that were confirmed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeadLetters {
    /// The source.
    pub source: String,
    /// The sink that refused them; `None` when no sink was asked.
    pub sink: Option<String>,
    /// Why, as a stable word.
    pub reason: String,
    /// How many.
    pub count: u64,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecentDeadLetter {
    /// When it was first found to be one.
    pub first_seen: String,
    /// The source.
    pub source: String,
    /// The sink that refused it; `None` when no sink was asked.
    pub sink: Option<String>,
    /// Why, as a stable word.
    pub reason: String,
    /// The partition of its event.
    pub partition: String,
    /// The number of its event.
    pub sequence: i64,
    /// Index of the record in its event; `None` when the whole event is meant.
    pub index: Option<u32>,
}
