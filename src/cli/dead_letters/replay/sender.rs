//! Sends records to one sink, as the forwarder does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Loaded;
use super::parts::{Open, Parts};
use super::prepare::Part;
use crate::app::outside::places;
use crate::budget::Budget;
use crate::clock::{Clock, SharedRng, SystemClock};
use crate::compress::{CompressionPool, Compressor, WriteBody};
use crate::config::{Config, SinkConfig, SinkKind};
use crate::deliver::dead_letter::DeadLetterError;
use crate::deliver::halving::{Divide, Halving, Step};
use crate::deliver::http::{Request, Transport};
use crate::deliver::request_id::RequestId;
use crate::deliver::response::{Fault, RecordVerdict, Verdict, judge};
use crate::deliver::retry::Backoff;
use crate::format::{self, Format};
use crate::record::Record;

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
    format: Arc<dyn Format>,
    transport: Arc<dyn Transport>,
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
    /// Something in it is not taken.
    Refused(Fault, String),
    /// It is told of every record.
    PerRecord(Vec<RecordVerdict>),
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
            format: format::of(sink, Arc::new(SystemClock)),
            transport,
            compressor: CompressionPool::within(building, [(sink.batch.bytes, sink.compression)]),
            config: sink.clone(),
            rng: SharedRng::from_entropy(),
            patience,
            well_at: Instant::now(),
            has_accepted: false,
            refusals: 0,
            stop,
        })
    }

    /// Divides letters into requests, within the limits of the sink, and of one group each. A record
    /// that is larger than they allow has a request of its own.
    pub(super) fn batches(&self, letters: &[Arc<Loaded>]) -> Vec<Vec<Part>> {
        let limits = self.config.batch;
        let (mut batches, mut groups) = (Vec::new(), BTreeMap::<_, Open>::new());
        for letter in letters {
            let whole = Part {
                letter: Arc::clone(letter),
                from: 0,
                to: letter.records.len(),
            };
            for (place, record) in whole.records().enumerate() {
                let open = groups.entry(self.format.group(&record)).or_default();
                let more = self.format.record_bytes_max(&record);
                let bytes = self.format.frame_bytes() + open.bytes + more;
                if open.records > 0 && (open.records == limits.records || bytes > limits.bytes) {
                    batches.push(std::mem::take(open).parts);
                }
                open.push(letter, place, more);
            }
        }
        batches.extend(groups.into_values().map(|open| open.parts));
        batches
    }

    /// Sends a batch, and what it must be divided into.
    pub(super) async fn deliver(&mut self, batch: Vec<Part>) -> Outcome {
        self.well_at = Instant::now();
        let mut outcome = Outcome::default();
        let batch = self.screen(Parts(batch), &mut outcome);
        if batch.count() == 0 {
            return outcome;
        }
        let mut search = Halving::of(vec![batch]);
        while !search.is_done() {
            let part = match search.next() {
                Step::Send(part) => part,
                Step::Rest if self.has_accepted && search.accusation().is_some() => {
                    search.witness();
                    continue;
                }
                Step::Rest => {
                    let refused = [search.guilty(), search.unproven()].concat();
                    if let Some(stop) = self.refused(refused, &mut outcome) {
                        outcome.stop = Some(stop);
                        break;
                    }
                    continue;
                }
            };
            match self.send(&part).await {
                Ok(Sent::Accepted) => {
                    outcome.accept(part);
                    self.has_accepted = true;
                    search.accepted();
                }
                Ok(Sent::Refused(fault, why)) => search.refused(part, fault, why),
                Ok(Sent::PerRecord(verdicts)) => {
                    search.undecided();
                    let mut later = Parts(Vec::new());
                    for (record, verdict) in part.records().zip(verdicts) {
                        match verdict {
                            RecordVerdict::Accepted => {
                                outcome.accept(record);
                                self.has_accepted = true;
                                search.witness();
                            }
                            RecordVerdict::Faulty(objection) => {
                                search.refused(record, Fault::Content, objection.in_full());
                            }
                            RecordVerdict::NotNow => later.0.extend(record.0),
                        }
                    }
                    if !later.0.is_empty() {
                        search.again(later);
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

    /// Notes what the sink's own limits do not let pass, and gives the rest.
    fn screen(&self, batch: Parts, outcome: &mut Outcome) -> Parts {
        if self.config.record.is_unlimited() {
            return batch;
        }
        let now = SystemClock.now();
        let mut rest = Parts(Vec::new());
        for record in batch.records() {
            let check = |it: Record<'_>| self.format.check(&it, now).err();
            let unfit = record.0.iter().flat_map(Part::records).find_map(check);
            match unfit {
                None => rest.add(record),
                Some(unfit) => {
                    let letters = record.0.iter().map(|part| Arc::clone(&part.letter));
                    let refused = letters.map(|letter| (letter, unfit.to_string()));
                    outcome.refused.extend(refused);
                }
            }
        }
        rest
    }

    /// Notes what is refused; says why the rest should not be sent, if it should not.
    fn refused(&mut self, refused: Vec<(Parts, String)>, outcome: &mut Outcome) -> Option<Stop> {
        let mut last = None;
        for (parts, why) in refused {
            self.refusals += parts.count() as u64;
            let letters = parts.0.into_iter().map(|part| (part.letter, why.clone()));
            outcome.refused.extend(letters);
            last = Some(why);
        }
        let why = last.filter(|_| !self.has_accepted && self.refusals >= REFUSALS_MAX)?;
        Some(self.unwell(format!(
            "it has refused {} records and accepted none ({why}): is it configured as the endpoint \
             expects?",
            self.refusals
        )))
    }

    /// Sends a request until its answer says something about the records.
    async fn send(&mut self, parts: &Parts) -> Result<Sent, Stop> {
        let request = self.request(&parts.0).await?;
        let mut backoff = Backoff::new(self.config.retry.initial, self.config.retry.max);
        loop {
            if self.stop.is_cancelled() {
                return Err(Stop::Interrupted);
            }
            let attempt = self.transport.send(request.clone()).await;
            let verdict = judge(&attempt, self.format.as_ref(), parts.count());
            let said = match &verdict {
                Verdict::Accepted => Some(Sent::Accepted),
                Verdict::Faulty(fault, objection) => {
                    Some(Sent::Refused(*fault, objection.in_full()))
                }
                _ => None,
            };
            if let Some(said) = said {
                self.well_at = Instant::now();
                return Ok(said);
            }
            let (reason, retry_after) = match verdict {
                Verdict::PerRecord(verdicts) if verdicts.len() == parts.count() => {
                    // Where nothing is said, the whole is asked for again.
                    if verdicts.iter().any(|it| *it != RecordVerdict::NotNow) {
                        self.well_at = Instant::now();
                        return Ok(Sent::PerRecord(verdicts));
                    }
                    ("it takes none of the records now".to_owned(), None)
                }
                // Nobody mends an address or a credential while a command waits.
                Verdict::Refused { reason } => return Err(self.unwell(reason)),
                Verdict::NotNow {
                    reason,
                    retry_after,
                    ..
                } => (reason, retry_after),
                _ => ("the answer does not tell of every record".to_owned(), None),
            };
            let most = self.config.retry.retry_after_max;
            let asked = retry_after.unwrap_or_default().min(most);
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
        let (parts, format) = (batch.to_vec(), Arc::clone(&self.format));
        let records = batch.iter().flat_map(Part::records);
        let bytes = records
            .map(|record| self.format.record_bytes_max(&record))
            .sum();
        let write: WriteBody =
            Box::new(move |out| format.write(&mut parts.iter().flat_map(Part::records), out));
        let compression = self.config.compression;
        let body = self.compressor.compress(write, bytes, compression).await;
        let body = body.map_err(|error| self.unwell(error.to_string()))?;
        let records = batch.iter().flat_map(Part::records);
        Ok(Request {
            id: RequestId::of_records(records, &body.bytes),
            body: body.bytes,
            content_type: self.format.content_type(),
            target: self
                .format
                .target(&mut batch.iter().flat_map(Part::records)),
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

impl Outcome {
    fn accept(&mut self, parts: Parts) {
        let accepted = parts.0.into_iter().map(|part| {
            let records = part.len() as u64;
            (part.letter, records)
        });
        self.accepted.extend(accepted);
    }
}
