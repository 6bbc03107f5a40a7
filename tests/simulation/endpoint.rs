//! A simulated endpoint: takes requests apart, compares every record, answers by script.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use entra_forwarder::compress::Compression;
use entra_forwarder::config::{Encoding, SinkConfig};
use entra_forwarder::deliver::http::{Request, Transport};
use entra_forwarder::deliver::response::{Answer, TransportError};
use serde_json::value::RawValue;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::gate::Gate;
use super::journal::{Journal, Rule};
use super::oracle::{Oracle, RecordKey};
use super::records::{JSON_ARRAY, NDJSON};
use super::witness::Witness;

/// Largest body that is taken apart.
const PLAIN_BYTES_MAX: u64 = 16 << 20;

/// How an endpoint answers one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// With this status; 200, 201, 202, 204 and 205 take the records over.
    Status(u16),
    /// With this status and `Retry-After`.
    RetryAfter(u16, u64),
    NoConnection,
    /// Not in time, and the records were taken over after so many milliseconds.
    TimeoutAccepted(u16),
    TimeoutRefused,
    /// The answer is cut off, and the records were taken over.
    BrokenAccepted,
    BrokenRefused,
}

pub(crate) struct Endpoint {
    journal: Arc<Journal>,
    oracle: Arc<Oracle>,
    sink: usize,
    config: SinkConfig,
    /// Most bytes of bodies that one process may have in flight, unless it is one body.
    body_bytes_max: u64,
    encoding: usize,
    script: Mutex<Script>,
    witness: Arc<Witness>,
    /// Requests on their way: they arrive whether or not anybody still waits for the answer.
    requests: Mutex<JoinSet<()>>,
}

#[derive(Default)]
struct Script {
    replies: VecDeque<Reply>,
    slow: Option<(Duration, Instant)>,
    requests: u64,
}

impl Endpoint {
    pub(crate) fn new(
        journal: Arc<Journal>,
        oracle: Arc<Oracle>,
        witness: Arc<Witness>,
        sink: usize,
        config: SinkConfig,
        body_bytes_max: u64,
    ) -> Self {
        let encoding = match config.encoding {
            Encoding::Ndjson => NDJSON,
            Encoding::JsonArray => JSON_ARRAY,
        };
        Self {
            journal,
            oracle,
            sink,
            config,
            body_bytes_max,
            encoding,
            script: Mutex::default(),
            witness,
            requests: Mutex::default(),
        }
    }

    pub(crate) fn answer(&self, reply: Reply, times: u8) {
        let mut script = self.script.lock().unwrap();
        script
            .replies
            .extend(std::iter::repeat_n(reply, times.into()));
    }

    pub(crate) fn slow_down(&self, answer: Duration, lasts: Duration) {
        self.script.lock().unwrap().slow = Some((answer, Instant::now() + lasts));
    }

    pub(crate) fn calm_down(&self) {
        let mut script = self.script.lock().unwrap();
        script.replies.clear();
        script.slow = None;
    }

    fn plain(&self, body: &Bytes) -> Vec<u8> {
        plain(self.config.compression, body)
    }

    /// Whether a body holds no records: then it only asks whether the endpoint would accept.
    fn is_probe(&self, body: &Bytes) -> bool {
        let (prefix, suffix) = (&self.config.prefix, &self.config.suffix);
        let empty = if self.encoding == NDJSON { "" } else { "[]" };
        self.plain(body) == format!("{prefix}{empty}{suffix}").as_bytes()
    }

    /// Answers a probe as the next request would be answered.
    async fn probed(&self) -> Result<Answer, TransportError> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let reply = self.script.lock().unwrap().replies.pop_front();
        self.journal
            .note("probed", format_args!("{} {reply:?}", self.sink));
        match reply {
            None => answer(200, None),
            Some(Reply::Status(status)) => answer(status, None),
            Some(Reply::RetryAfter(status, seconds)) => answer(status, Some(seconds)),
            Some(_) => Err(TransportError::Timeout),
        }
    }

    /// Which records a body holds, after a look at the limits of a batch.
    fn read(&self, body: &Bytes) -> Vec<RecordKey> {
        let plain = self.plain(body);
        let (prefix, suffix) = (self.config.prefix.as_bytes(), self.config.suffix.as_bytes());
        let framed = plain
            .strip_prefix(prefix)
            .and_then(|it| it.strip_suffix(suffix));
        let Some(framed) = framed else {
            self.journal
                .violate(Rule::Unaltered, "prefix or suffix is missing".into());
            return Vec::new();
        };
        let wires: Vec<Vec<u8>> = if self.encoding == NDJSON {
            let lines = framed.split_inclusive(|byte| *byte == b'\n');
            lines
                .map(|line| line.strip_suffix(b"\n").unwrap_or(line).to_vec())
                .collect()
        } else {
            match serde_json::from_slice::<Vec<&RawValue>>(framed) {
                Ok(elements) => elements
                    .iter()
                    .map(|it| it.get().as_bytes().to_vec())
                    .collect(),
                Err(error) => {
                    self.journal
                        .violate(Rule::Unaltered, format!("no JSON array: {error}"));
                    return Vec::new();
                }
            }
        };
        let limit = self.config.batch;
        let is_large = plain.len() as u64 > limit.bytes && wires.len() > 1;
        if wires.is_empty() || wires.len() > limit.records || is_large {
            let (records, bytes) = (wires.len(), plain.len());
            let detail = format!("a batch of {records} records, {bytes} bytes, against {limit:?}");
            self.journal.violate(Rule::Unaltered, detail);
        }
        wires
            .iter()
            .filter_map(|wire| self.oracle.identify(self.encoding, wire))
            .collect()
    }

    /// Lets a request arrive, whether or not anybody waits for its answer.
    fn arrive(endpoint: &Arc<Self>, process: String, body: Bytes, accepts_after: Option<Duration>) {
        let mut requests = endpoint.requests.lock().unwrap();
        while let Some(ended) = requests.try_join_next() {
            ended.expect("an endpoint does not panic");
        }
        let endpoint = Arc::clone(endpoint);
        requests.spawn(async move {
            let records = endpoint.read(&body);
            let Some(accepts_after) = accepts_after else {
                return;
            };
            tokio::time::sleep(accepts_after).await;
            endpoint.oracle.accepted(endpoint.sink, &records);
            endpoint.witness.accepted(&process, &records);
            let (sink, count) = (endpoint.sink, records.len());
            endpoint
                .journal
                .note("accepted", format_args!("{sink} {count}"));
        });
    }
}

/// A body without its compression.
pub(crate) fn plain(compression: Compression, body: &Bytes) -> Vec<u8> {
    let wire = body.as_ref();
    let decoder: Box<dyn Read> = match compression {
        Compression::Gzip { .. } => Box::new(flate2::bufread::MultiGzDecoder::new(wire)),
        Compression::Zstd { .. } => Box::new(zstd::Decoder::with_buffer(wire).expect("zstd")),
        Compression::None => Box::new(wire),
    };
    let mut plain = Vec::new();
    let read = decoder.take(PLAIN_BYTES_MAX).read_to_end(&mut plain);
    read.expect("a body as the configuration says");
    plain
}

fn answer(status: u16, retry_after: Option<u64>) -> Result<Answer, TransportError> {
    Ok(Answer {
        status,
        retry_after: retry_after.map(Duration::from_secs),
        body: Bytes::from_static(b"as the script says"),
    })
}

/// The endpoint as one process reaches it.
pub(crate) struct EndpointHandle {
    endpoint: Arc<Endpoint>,
    gate: Arc<Gate>,
    process: String,
    in_flight: AtomicUsize,
    bytes: AtomicU64,
}

impl EndpointHandle {
    pub(crate) fn new(endpoint: &Arc<Endpoint>, gate: &Arc<Gate>, process: &str) -> Self {
        Self {
            endpoint: Arc::clone(endpoint),
            gate: Arc::clone(gate),
            process: process.to_owned(),
            in_flight: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
        }
    }
}

/// Counts a request for as long as somebody waits for it.
struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts its bytes for as long.
struct BytesInFlight<'a>(&'a AtomicU64, u64);

impl Drop for BytesInFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(self.1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Transport for EndpointHandle {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        let sink = self.endpoint.sink;
        self.gate.pass().await;
        let is_refusal = self.gate.is_refused(sink);
        let result = if is_refusal {
            self.endpoint
                .journal
                .note("refused", format_args!("{} {sink}", self.process));
            tokio::time::sleep(Duration::from_millis(10)).await;
            answer(401, None)
        } else if self.endpoint.is_probe(&request.body) {
            self.endpoint.probed().await
        } else {
            self.deliver(request).await
        };
        self.gate.pass().await;
        let status = result.as_ref().ok().map(|answer| answer.status);
        self.gate.answered(sink, status, is_refusal);
        result
    }
}

impl EndpointHandle {
    async fn deliver(&self, request: Request) -> Result<Answer, TransportError> {
        let endpoint = &self.endpoint;
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        let _in_flight = InFlight(&self.in_flight);
        if in_flight > endpoint.config.concurrency {
            let detail = format!("{in_flight} requests at sink {} at a time", endpoint.sink);
            endpoint.journal.violate(Rule::Memory, detail);
        }
        let bytes = request.body.len() as u64;
        let together = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let _bytes = BytesInFlight(&self.bytes, bytes);
        if in_flight > 1 && together > endpoint.body_bytes_max {
            let detail = format!("{together} bytes at sink {} at a time", endpoint.sink);
            endpoint.journal.violate(Rule::Memory, detail);
        }
        let (reply, latency) = {
            let mut script = endpoint.script.lock().unwrap();
            script.requests += 1;
            let slow = script.slow.filter(|(_, until)| Instant::now() < *until);
            let usual = Duration::from_millis(10 + script.requests * 37 % 50);
            let reply = script.replies.pop_front().unwrap_or(Reply::Status(200));
            (reply, slow.map_or(usual, |(answer, _)| answer))
        };
        let (result, accepts_after) = match reply {
            Reply::Status(status @ (200 | 201 | 202 | 204 | 205)) => {
                (answer(status, None), Some(latency))
            }
            Reply::Status(status) => (answer(status, None), None),
            Reply::RetryAfter(status, seconds) => (answer(status, Some(seconds)), None),
            Reply::NoConnection => (Err(TransportError::Connect("as scripted".into())), None),
            Reply::TimeoutAccepted(ms) => (
                Err(TransportError::Timeout),
                Some(Duration::from_millis(ms.into())),
            ),
            Reply::TimeoutRefused => (Err(TransportError::Timeout), None),
            Reply::BrokenAccepted => (
                Err(TransportError::Broken("as scripted".into())),
                Some(latency),
            ),
            Reply::BrokenRefused => (Err(TransportError::Broken("as scripted".into())), None),
        };
        let timeout = endpoint.config.timeout;
        let (result, answers_after) = match result {
            Err(TransportError::Timeout) => (result, timeout),
            // A slow endpoint takes the records over when nobody waits for it any more.
            _ if latency > timeout => (Err(TransportError::Timeout), timeout),
            _ => (result, latency),
        };
        let process = self.process.clone();
        Endpoint::arrive(endpoint, process, request.body, accepts_after);
        // Behind the acceptance, should both fall on the same moment.
        tokio::time::sleep(answers_after + Duration::from_millis(1)).await;
        let kind = format!("{reply:?}");
        let kind = match reply {
            Reply::TimeoutAccepted(_) => "TimeoutAccepted",
            Reply::RetryAfter(..) => "RetryAfter",
            _ => &kind,
        };
        endpoint
            .journal
            .note(&format!("answer {kind}"), format_args!("{}", endpoint.sink));
        result
    }
}
