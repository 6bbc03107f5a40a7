//! A simulated endpoint: takes requests apart, compares every record, answers by script.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use entra_forwarder::compress::Compression;
use entra_forwarder::config::{Encoding, SinkConfig, SinkKind};
use entra_forwarder::deliver::response::{Answer, TransportError};
use serde_json::value::RawValue;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::journal::{Journal, Rule};
use super::oracle::{Oracle, RecordKey};
use super::records::{JSON_ARRAY, NDJSON};
use super::taste::Dislike;
use super::verdicts::{Outcome, Verdicts};
use super::witness::Witness;

mod handle;

pub(crate) use handle::EndpointHandle;

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
    verdicts: Arc<Verdicts>,
    /// Requests on their way: they arrive whether or not anybody still waits for the answer.
    requests: Mutex<JoinSet<()>>,
}

#[derive(Default)]
struct Script {
    replies: VecDeque<Reply>,
    slow: Option<(Duration, Instant)>,
    /// It refuses all records with this status, until this moment.
    whim: Option<(u16, Instant)>,
    requests: u64,
}

impl Endpoint {
    pub(crate) fn new(
        (journal, oracle): (Arc<Journal>, Arc<Oracle>),
        (witness, verdicts): (Arc<Witness>, Arc<Verdicts>),
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
            verdicts,
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

    pub(crate) fn refuse_records(&self, status: u16, lasts: Duration) {
        self.script.lock().unwrap().whim = Some((status, Instant::now() + lasts));
    }

    /// Whether nothing is ever sent to it.
    pub(crate) fn is_null(&self) -> bool {
        self.config.kind == SinkKind::Null
    }

    /// Why it does not take a body of so many bytes: the status, or a reset without one, and what
    /// the process makes of it.
    fn objection(&self, records: &[RecordKey], bytes: u64) -> Option<(Option<u16>, Outcome)> {
        let refused = |status, is_whim| {
            let reason = if status == 413 { "oversize" } else { "refused" };
            (Some(status), Outcome::Refused { reason, is_whim })
        };
        let whim = self.script.lock().unwrap().whim;
        if let Some((status, _)) = whim.filter(|(_, until)| Instant::now() < *until) {
            self.journal.count("refused everything", 1);
            return Some(refused(status, true));
        }
        let most = self.oracle.tastes().body_bytes_max(self.sink);
        if most.is_some_and(|most| bytes > most) {
            self.journal.count(
                match records.len() {
                    1 => "record too large for its endpoint",
                    _ => "body too large for its endpoint",
                },
                1,
            );
            return Some(refused(413, false));
        }
        if self.oracle.tastes().is_mended(self.sink) {
            return None;
        }
        let dislikes = records.iter();
        let dislikes: Vec<_> = dislikes
            .filter_map(|record| self.oracle.dislike(self.sink, *record))
            .collect();
        let content = dislikes.iter().find_map(|it| match it {
            Dislike::Content(status) => Some(refused(*status, false)),
            _ => None,
        });
        let poison = dislikes.iter().find_map(|it| match it {
            Dislike::Poison(status) => Some((*status, Outcome::Failed)),
            _ => None,
        });
        if poison.is_some() && content.is_none() {
            self.journal.count("poison sent", 1);
        }
        content.or(poison)
    }

    pub(crate) fn calm_down(&self) {
        let mut script = self.script.lock().unwrap();
        script.whim = None;
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
        let (reply, whim) = {
            let mut script = self.script.lock().unwrap();
            (script.replies.pop_front(), script.whim)
        };
        self.journal
            .note("probed", format_args!("{} {reply:?}", self.sink));
        match reply {
            None => match whim.filter(|(_, until)| Instant::now() < *until) {
                Some((status, _)) => answer(status, None),
                None => answer(200, None),
            },
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
        let wire_bytes = body.len() as u64;
        if limit.compressed_bytes.is_some_and(|most| wire_bytes > most) {
            let detail = format!("a body of {wire_bytes} bytes, against {limit:?}");
            self.journal.violate(Rule::Unaltered, detail);
        }
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

    /// Takes records over after a while, whether or not anybody waits for the answer.
    fn accept(endpoint: &Arc<Self>, process: String, records: Vec<RecordKey>, after: Duration) {
        let mut requests = endpoint.requests.lock().unwrap();
        while let Some(ended) = requests.try_join_next() {
            ended.expect("an endpoint does not panic");
        }
        let endpoint = Arc::clone(endpoint);
        requests.spawn(async move {
            tokio::time::sleep(after).await;
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
