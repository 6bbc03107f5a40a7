//! A simulated endpoint as one process reaches it: what of its requests is measured, and what it is
//! answered.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use entra_forwarder::deliver::http::{Request, Transport};
use entra_forwarder::deliver::response::{Answer, TransportError};
use tokio::time::Instant;

use super::{Endpoint, Reply, answer};
use crate::gate::Gate;
use crate::journal::Rule;
use crate::oracle::RecordKey;
use crate::rate::Level;
use crate::verdicts::Outcome;

/// The endpoint as one process reaches it.
pub(crate) struct EndpointHandle {
    endpoint: Arc<Endpoint>,
    gate: Arc<Gate>,
    process: String,
    in_flight: AtomicUsize,
    bytes: AtomicU64,
    /// Requests that failed since the last one that was accepted.
    failed_in_row: AtomicUsize,
    requests_rate: Option<Mutex<Level>>,
    bytes_rate: Option<Mutex<Level>>,
}

impl EndpointHandle {
    pub(crate) fn new(endpoint: &Arc<Endpoint>, gate: &Arc<Gate>, process: &str) -> Self {
        let rate = endpoint.config.rate;
        let level =
            |per_second: Option<u64>| per_second.map(|it| Mutex::new(Level::new(it, rate.burst)));
        Self {
            endpoint: Arc::clone(endpoint),
            gate: Arc::clone(gate),
            process: process.to_owned(),
            in_flight: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            failed_in_row: AtomicUsize::new(0),
            requests_rate: level(rate.requests_per_second),
            bytes_rate: level(rate.bytes_per_second),
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

/// What a request meets.
struct Met {
    result: Result<Answer, TransportError>,
    /// When the endpoint takes the records over, if it does.
    accepts_after: Option<Duration>,
    outcome: Outcome,
    /// For the journal.
    kind: String,
}

#[async_trait]
impl Transport for EndpointHandle {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        let endpoint = &self.endpoint;
        let (sink, bytes) = (endpoint.sink, request.body.len() as u64);
        let is_probe = endpoint.is_probe(&request.body);
        if !is_probe {
            self.measure(bytes);
        }
        let _in_flight = (!is_probe).then(|| self.begin());
        self.gate.pass().await;
        let is_refusal = self.gate.is_refused(sink);
        let (result, outcome, records) = if is_probe {
            let result = match is_refusal {
                true => self.refused().await,
                false => endpoint.probed().await,
            };
            (result, Outcome::Failed, Vec::new())
        } else {
            let records = endpoint.read(&request.body);
            endpoint.verdicts.sent(&self.process, sink, &records);
            let (result, outcome) = match is_refusal {
                true => (self.refused().await, Outcome::Failed),
                false => self.deliver(&records, bytes).await,
            };
            (result, outcome, records)
        };
        self.gate.pass().await;
        if !is_probe {
            let (process, verdicts) = (&self.process, &endpoint.verdicts);
            verdicts.answered(process, sink, &records, outcome);
            match outcome {
                Outcome::Accepted => self.failed_in_row.store(0, Ordering::Relaxed),
                Outcome::Failed => _ = self.failed_in_row.fetch_add(1, Ordering::Relaxed),
                Outcome::Refused { .. } => {}
            }
        }
        // Whoever finds fault with records knows address and credentials.
        let status = result.as_ref().ok().map(|answer| answer.status);
        self.gate.answered(sink, status, is_refusal);
        result
    }
}

impl EndpointHandle {
    /// Looks at how much is sent in a second.
    fn measure(&self, bytes: u64) {
        let journal = &self.endpoint.journal;
        let levels = [
            ("requests", &self.requests_rate, 1),
            ("bytes", &self.bytes_rate, bytes),
        ];
        for (what, level, amount) in levels {
            let Some(level) = level else { continue };
            let filled = level.lock().unwrap().sent(amount);
            if filled > 0.999 {
                journal.count(&format!("{what} at their rate"), 1);
            }
            // For what is lost in fractions of a nanosecond and a token.
            if filled > 1.001 {
                let sink = self.endpoint.sink;
                let detail = format!("{filled} times the {what} that sink {sink} may be sent");
                journal.violate(Rule::Rate, detail);
            }
        }
    }

    /// Looks at how many are in flight.
    fn begin(&self) -> InFlight<'_> {
        let Endpoint {
            journal,
            config,
            sink,
            ..
        } = &*self.endpoint;
        let in_flight = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        let failed_in_row = self.failed_in_row.load(Ordering::Relaxed);
        if in_flight > config.concurrency {
            let detail = format!("{in_flight} requests at sink {sink} at a time");
            journal.violate(Rule::Memory, detail);
        }
        if failed_in_row >= config.concurrency && config.concurrency > 1 {
            journal.count("half-open", 1);
            if in_flight > 1 {
                let detail = format!(
                    "{in_flight} requests at sink {sink} at a time, after {failed_in_row} failures"
                );
                journal.violate(Rule::HalfOpen, detail);
            }
        }
        InFlight(&self.in_flight)
    }

    async fn refused(&self) -> Result<Answer, TransportError> {
        let (process, sink) = (&self.process, self.endpoint.sink);
        self.endpoint
            .journal
            .note("refused", format_args!("{process} {sink}"));
        tokio::time::sleep(Duration::from_millis(10)).await;
        answer(401, None)
    }

    async fn deliver(
        &self,
        records: &[RecordKey],
        bytes: u64,
    ) -> (Result<Answer, TransportError>, Outcome) {
        let endpoint = &self.endpoint;
        let in_flight = self.in_flight.load(Ordering::Relaxed);
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
        let met = self.meet(reply, latency, records, bytes);
        let timeout = endpoint.config.timeout;
        let (result, outcome, answers_after) = match met.result {
            Err(TransportError::Timeout) => (met.result, met.outcome, timeout),
            // A slow endpoint takes the records over when nobody waits for it any more.
            _ if latency > timeout => (Err(TransportError::Timeout), Outcome::Failed, timeout),
            result => (result, met.outcome, latency),
        };
        if let Some(after) = met.accepts_after {
            let process = self.process.clone();
            Endpoint::accept(endpoint, process, records.to_vec(), after);
        }
        // Behind the acceptance, should both fall on the same moment.
        tokio::time::sleep(answers_after + Duration::from_millis(1)).await;
        endpoint.journal.note(
            &format!("answer {}", met.kind),
            format_args!("{} {}", endpoint.sink, records.len()),
        );
        (result, outcome)
    }

    /// What a scripted reply becomes when the endpoint has looked at the records.
    fn meet(&self, reply: Reply, latency: Duration, records: &[RecordKey], bytes: u64) -> Met {
        let broken = || Err(TransportError::Broken("as scripted".into()));
        let fails = |kind: &str, result| Met {
            result,
            accepts_after: None,
            outcome: Outcome::Failed,
            kind: kind.to_owned(),
        };
        let accepts = match reply {
            Reply::Status(200 | 201 | 202 | 204 | 205) | Reply::BrokenAccepted => Some(latency),
            Reply::TimeoutAccepted(ms) => Some(Duration::from_millis(ms.into())),
            _ => None,
        };
        let objection = accepts.and_then(|_| self.endpoint.objection(records, bytes));
        let accepts_after = accepts.filter(|_| objection.is_none());
        match reply {
            Reply::Status(status) => match (objection, accepts_after) {
                (Some((None, _)), _) => fails("BrokenRefused", broken()),
                (Some((Some(status), outcome)), _) => Met {
                    outcome,
                    ..fails(&format!("Status({status})"), answer(status, None))
                },
                (None, Some(_)) => Met {
                    outcome: Outcome::Accepted,
                    accepts_after,
                    ..fails(&format!("Status({status})"), answer(status, None))
                },
                (None, None) => fails(&format!("Status({status})"), answer(status, None)),
            },
            Reply::RetryAfter(status, seconds) => {
                fails("RetryAfter", answer(status, Some(seconds)))
            }
            Reply::NoConnection => {
                let refused = TransportError::Connect("as scripted".into());
                fails("NoConnection", Err(refused))
            }
            Reply::TimeoutAccepted(_) => Met {
                accepts_after,
                ..fails("TimeoutAccepted", Err(TransportError::Timeout))
            },
            Reply::TimeoutRefused => fails("TimeoutRefused", Err(TransportError::Timeout)),
            Reply::BrokenAccepted => Met {
                accepts_after,
                ..fails("BrokenAccepted", broken())
            },
            Reply::BrokenRefused => fails("BrokenRefused", broken()),
        }
    }
}
