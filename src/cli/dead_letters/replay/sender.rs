//! Sends records to one sink, as the forwarder does.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Loaded;
use super::prepare::Part;
use crate::app::outside::places;
use crate::budget::Budget;
use crate::clock::SharedRng;
use crate::compress::{CompressionPool, Compressor, WriteBody};
use crate::config::{Config, SinkConfig, SinkKind};
use crate::deliver::dead_letter::DeadLetterError;
use crate::deliver::http::{HttpTransport, Request, Transport};
use crate::deliver::request_id::RequestId;
use crate::deliver::response::{Verdict, judge};
use crate::deliver::retry::Backoff;
use crate::format::Format;

/// Records that may be refused before the first one is accepted: more means a wrong configuration.
const REFUSALS_MAX: u64 = 100;

/// Why a replay ended before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    #[error("stopped by a signal")]
    Interrupted,
    #[error("sink {sink}: {why}")]
    Unwell { sink: String, why: String },
    #[error(transparent)]
    Store(#[from] DeadLetterError),
}

/// One sink.
pub(super) struct Sender {
    name: String,
    config: SinkConfig,
    format: Format,
    transport: HttpTransport,
    compressor: CompressionPool,
    rng: SharedRng,
    patience: Duration,
    /// When an answer last said something about the records.
    well_at: Instant,
    has_accepted: bool,
    refusals: u64,
    stop: CancellationToken,
}

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Letters with so many of their records.
    pub(super) accepted: Vec<(Arc<Loaded>, u64)>,
    /// Letters with a record that is refused, and why.
    pub(super) refused: Vec<(Arc<Loaded>, String)>,
    /// Why the rest of it was not sent.
    pub(super) stop: Option<Stop>,
}

/// What became of a request.
enum Sent {
    Accepted,
    /// The records are found fault with.
    Refused(String),
}

impl Sender {
    pub(super) fn new(
        name: &str,
        config: &Config,
        patience: Duration,
        stop: CancellationToken,
    ) -> Result<Self, Stop> {
        let unwell = |why: String| Stop::Unwell {
            sink: name.to_owned(),
            why,
        };
        let sink = config.sinks.get(name);
        let sink = sink.ok_or_else(|| unwell("it is not in the configuration".to_owned()))?;
        if sink.kind == SinkKind::Null {
            let why = "it is of type \"null\", which keeps nothing: name another one with --to";
            return Err(unwell(why.to_owned()));
        }
        let client_id = std::env::var("AZURE_CLIENT_ID").ok();
        let transport = places::transport(config, (name, sink), client_id.as_deref())
            .map_err(|error| unwell(error.to_string()))?;
        let building = Budget::new(config.limits.memory_budget).building();
        Ok(Self {
            name: name.to_owned(),
            format: Format::of(sink),
            transport,
            compressor: CompressionPool::within(building, sink.batch.bytes),
            config: sink.clone(),
            rng: SharedRng::from_entropy(),
            patience,
            well_at: Instant::now(),
            has_accepted: false,
            refusals: 0,
            stop,
        })
    }

    /// Divides letters into requests, within the limits of the sink. A record that is larger than
    /// they allow has a request of its own.
    pub(super) fn batches(&self, letters: &[Arc<Loaded>]) -> Vec<Vec<Part>> {
        let limits = self.config.batch;
        let (mut batches, mut open) = (Vec::new(), Vec::<Part>::new());
        let (mut records, mut bytes) = (0, self.format.frame_bytes());
        for letter in letters {
            let whole = Part {
                letter: Arc::clone(letter),
                from: 0,
                to: letter.records.len(),
            };
            for (place, record) in whole.records().enumerate() {
                let more = self.format.record_bytes_max(&record);
                if records > 0 && (records == limits.records || bytes + more > limits.bytes) {
                    batches.push(std::mem::take(&mut open));
                    (records, bytes) = (0, self.format.frame_bytes());
                }
                (records, bytes) = (records + 1, bytes + more);
                match open.last_mut() {
                    Some(part) if Arc::ptr_eq(&part.letter, letter) => part.to = place + 1,
                    _ => open.push(Part {
                        letter: Arc::clone(letter),
                        from: place,
                        to: place + 1,
                    }),
                }
            }
        }
        batches.extend((!open.is_empty()).then_some(open));
        batches
    }

    /// Sends a batch, and what it must be divided into.
    pub(super) async fn deliver(&mut self, batch: Vec<Part>) -> Outcome {
        self.well_at = Instant::now();
        let mut outcome = Outcome::default();
        let mut left = vec![batch];
        while let Some(batch) = left.pop() {
            let records: usize = batch.iter().map(Part::len).sum();
            match self.send(&batch).await {
                Ok(Sent::Accepted) => {
                    self.has_accepted = true;
                    let accepted = batch.into_iter().map(|part| {
                        let records = part.len() as u64;
                        (part.letter, records)
                    });
                    outcome.accepted.extend(accepted);
                }
                Ok(Sent::Refused(_)) if records > 1 => {
                    let (first, second) = halves(batch, records / 2);
                    left.extend([second, first]);
                }
                Ok(Sent::Refused(why)) => {
                    self.refusals += 1;
                    let letters = batch.into_iter().map(|part| (part.letter, why.clone()));
                    outcome.refused.extend(letters);
                    if !self.has_accepted && self.refusals >= REFUSALS_MAX {
                        outcome.stop = Some(self.unwell(format!(
                            "it has refused {REFUSALS_MAX} records and accepted none ({why}): is it \
                             configured as the endpoint expects?"
                        )));
                        break;
                    }
                }
                Err(stop) => {
                    outcome.stop = Some(stop);
                    break;
                }
            }
        }
        outcome
    }

    /// Sends a request until its answer says something about the records.
    async fn send(&mut self, batch: &[Part]) -> Result<Sent, Stop> {
        let request = self.request(batch).await?;
        let mut backoff = Backoff::new(self.config.retry.initial, self.config.retry.max);
        loop {
            if self.stop.is_cancelled() {
                return Err(Stop::Interrupted);
            }
            let attempt = self.transport.send(request.clone()).await;
            let status = attempt.as_ref().map_or(0, |answer| answer.status);
            let (reason, retry_after) = match (status, judge(&attempt)) {
                (_, Verdict::Accepted) => {
                    self.well_at = Instant::now();
                    return Ok(Sent::Accepted);
                }
                (400 | 413 | 422, verdict) => {
                    self.well_at = Instant::now();
                    return Ok(Sent::Refused(reason_of(verdict)));
                }
                // Nobody mends an address or a credential while a command waits.
                (_, Verdict::Refused { reason }) => return Err(self.unwell(reason)),
                (
                    _,
                    Verdict::NotNow {
                        reason,
                        retry_after,
                        ..
                    },
                ) => (reason, retry_after),
            };
            let asked = retry_after.unwrap_or_default();
            let wait = backoff.next(&self.rng).max(asked);
            if Instant::now() + wait > self.well_at + self.patience {
                let waited = humantime::format_duration(self.patience);
                return Err(self.unwell(format!("{reason}, and nothing else within {waited}")));
            }
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Stop::Interrupted),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn request(&self, batch: &[Part]) -> Result<Request, Stop> {
        let (parts, format) = (batch.to_vec(), self.format.clone());
        let records = batch.iter().flat_map(Part::records);
        let bytes = records
            .map(|record| self.format.record_bytes_max(&record))
            .sum();
        let write: WriteBody =
            Box::new(move |out| format.write(parts.iter().flat_map(Part::records), out));
        let compression = self.config.compression;
        let body = self.compressor.compress(write, bytes, compression).await;
        let body = body.map_err(|error| self.unwell(error.to_string()))?;
        let records = batch.iter().flat_map(Part::records);
        Ok(Request {
            id: RequestId::of_records(records, &body.bytes),
            body: body.bytes,
            content_type: self.format.content_type(),
            content_encoding: compression.content_encoding(),
        })
    }

    fn unwell(&self, why: String) -> Stop {
        Stop::Unwell {
            sink: self.name.clone(),
            why,
        }
    }
}

fn reason_of(verdict: Verdict) -> String {
    match verdict {
        Verdict::Accepted => String::new(),
        Verdict::NotNow { reason, .. } | Verdict::Refused { reason } => reason,
    }
}

/// The first `records` records, and the others.
fn halves(batch: Vec<Part>, records: usize) -> (Vec<Part>, Vec<Part>) {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let mut left = records;
    for part in batch {
        let middle = part.from + left.min(part.len());
        left -= middle - part.from;
        if middle > part.from {
            first.push(Part {
                to: middle,
                ..part.clone()
            });
        }
        if middle < part.to {
            second.push(Part {
                from: middle,
                ..part
            });
        }
    }
    (first, second)
}
