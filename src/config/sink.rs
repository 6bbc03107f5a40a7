//! What is set for one endpoint.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{CategoriesConfig, Secret, SinkConnection, SinkKind};
use crate::compress::Compression;
use crate::format::{Format, Success};
use crate::record::ReplayId;

/// One endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkConfig {
    /// What becomes of its records.
    pub kind: SinkKind,
    /// What it selects.
    pub categories: CategoriesConfig,
    /// URL that batches are posted to; may hold a secret, so it is never printed. Empty when
    /// nothing is sent.
    pub endpoint: Secret,
    /// Path that is added to an endpoint without one.
    pub path: Option<String>,
    /// The wire format, of a destination that has one of its own; otherwise the next keys say it.
    pub format: Option<Arc<dyn Format>>,
    /// How records become a body.
    pub encoding: Encoding,
    /// Whether Office 365 audit records are taken out of Defender's.
    pub unwrap_office365: bool,
    /// Bytes before the body (inside the compression).
    pub prefix: String,
    /// Bytes after the body (inside the compression).
    pub suffix: String,
    /// Request headers; every value counts as a secret.
    pub headers: BTreeMap<String, Secret>,
    /// How the endpoint is reached, and by whose right.
    pub connection: SinkConnection,
    /// How bodies are compressed.
    pub compression: Compression,
    /// When a batch is closed.
    pub batch: BatchConfig,
    /// Most requests in flight at the same time; fewer when the endpoint takes less.
    pub concurrency: usize,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for a whole answer.
    pub timeout: Duration,
    /// Backoff between attempts.
    pub retry: RetryConfig,
    /// Bounds that the user sets.
    pub rate: RateConfig,
    /// Which answers are acceptances.
    pub success: Success,
    /// What may be given up.
    pub refusals: RefusalsConfig,
    /// What a single record may be.
    pub record: RecordLimits,
}

/// What a single record may be, and what becomes of one that is more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordLimits {
    /// Most bytes of a record, as it is written into a body and without what separates it.
    pub bytes: Option<u64>,
    /// What becomes of a larger one.
    pub on_oversize: OnOversize,
    /// Longest time since what a record tells of.
    pub age: Option<Duration>,
    /// What becomes of an older one.
    pub on_old: OnOld,
    /// The replay that records are marked with: no key, since what is forwarded has none.
    pub replay: Option<ReplayId>,
}

impl RecordLimits {
    /// Whether every record may leave as it is.
    pub fn is_unlimited(&self) -> bool {
        self.bytes.is_none() && self.age.is_none() && self.replay.is_none()
    }
}

/// What becomes of a record that is too large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOversize {
    /// It becomes a dead letter.
    #[default]
    DeadLetter,
    /// It is cut, and marked.
    Truncate,
}

/// What becomes of a record that is too old.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOld {
    /// It becomes a dead letter.
    #[default]
    DeadLetter,
    /// It leaves with the present as its time, and marked.
    Restamp,
}

/// How many refused records become dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusalsConfig {
    /// At most so many of the last 10,000.
    pub max: u64,
    /// Whether also without a witness, and without that bound.
    pub without_witness: bool,
}

/// How the records of a batch become one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// One record per line.
    Ndjson,
    /// One JSON array.
    JsonArray,
}

/// When a batch is closed: by whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchConfig {
    /// Most records in one batch.
    pub records: usize,
    /// Most bytes before compression; a single larger record goes alone.
    pub bytes: u64,
    /// Most bytes after compression, where the endpoint counts those.
    pub compressed_bytes: Option<u64>,
    /// Longest time from the first record until the batch is closed.
    pub age: Duration,
}

/// How much is sent in a second, all requests with records together; repetitions count too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateConfig {
    /// Requests per second on average.
    pub requests_per_second: Option<u64>,
    /// Bytes of bodies per second on average, as they are sent.
    pub bytes_per_second: Option<u64>,
    /// How much may be sent at once after a pause, as the time in which it may be sent on average.
    pub burst: Duration,
}

/// Exponential backoff with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryConfig {
    /// Upper bound of the first wait.
    pub initial: Duration,
    /// Upper bound of every wait.
    pub max: Duration,
    /// Longest `Retry-After` that is honoured.
    pub retry_after_max: Duration,
}

/// An `http` sink of which nothing is set, not even its endpoint.
impl Default for SinkConfig {
    fn default() -> Self {
        Self {
            kind: SinkKind::Http,
            categories: CategoriesConfig::default(),
            endpoint: Secret::new(""),
            path: None,
            format: None,
            encoding: Encoding::Ndjson,
            unwrap_office365: false,
            prefix: String::new(),
            suffix: String::new(),
            headers: BTreeMap::new(),
            connection: SinkConnection {
                request_id_header: Some("x-request-id".to_owned()),
                ..SinkConnection::default()
            },
            compression: Compression::Gzip { level: 6 },
            batch: BatchConfig::default(),
            concurrency: 4,
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
            retry: RetryConfig::default(),
            rate: RateConfig::default(),
            success: Success::default(),
            refusals: RefusalsConfig::default(),
            record: RecordLimits::default(),
        }
    }
}

impl Default for BatchConfig {
    fn default() -> Self {
        Self {
            records: 5_000,
            bytes: 1 << 20,
            compressed_bytes: None,
            age: Duration::from_secs(5),
        }
    }
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            max: Duration::from_secs(60),
            retry_after_max: Duration::from_secs(300),
        }
    }
}

impl Default for RateConfig {
    fn default() -> Self {
        Self {
            requests_per_second: None,
            bytes_per_second: None,
            burst: Duration::from_secs(1),
        }
    }
}

impl Default for RefusalsConfig {
    fn default() -> Self {
        Self {
            max: 100,
            without_witness: false,
        }
    }
}
