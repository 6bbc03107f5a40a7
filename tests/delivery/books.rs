//! What the endpoint and the client know of every request.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use entra_forwarder::deliver::http::{HttpTransport, Request, Transport};
use entra_forwarder::deliver::response::{Answer, TransportError, Verdict, judge};
use entra_forwarder::format::Format;
use tokio::time::Instant;

/// A request whose body the endpoint has.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) wire: Bytes,
    pub(crate) records: Vec<Bytes>,
    /// The endpoint keeps its records, whether or not the client gets to know.
    pub(crate) is_accepted: bool,
    pub(crate) at: Instant,
}

/// The records of a body as it travelled.
pub(crate) fn records(wire: &Bytes, encoding: Option<&str>) -> Vec<Bytes> {
    let body: Bytes = match encoding {
        Some("gzip") => {
            // This one checks length and checksum at its end.
            let mut decoder = flate2::write::GzDecoder::new(Vec::new());
            decoder.write_all(wire).unwrap();
            decoder.finish().unwrap().into()
        }
        None => wire.clone(),
        other => panic!("{other:?}"),
    };
    let lines = body.strip_suffix(b"\n").expect("the last line is whole");
    let lines = lines.split(|byte| *byte == b'\n');
    lines.map(|line| body.slice_ref(line)).collect()
}

/// What the client knows of a record.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    /// An answer that accepts it was received.
    pub(crate) is_accepted: bool,
    /// Requests with it whose answer was not.
    pub(crate) lost: u64,
}

/// The real transport; nothing passes it that is known to be accepted.
pub(crate) struct Client {
    http: HttpTransport,
    format: Arc<dyn Format>,
    known: Mutex<HashMap<Bytes, Known>>,
    /// What must not happen and did.
    wrong: Mutex<Vec<String>>,
    results: Mutex<Vec<Result<u16, TransportError>>>,
}

impl Client {
    pub(crate) fn new(http: HttpTransport, format: Arc<dyn Format>) -> Self {
        Self {
            http,
            format,
            known: Mutex::default(),
            wrong: Mutex::default(),
            results: Mutex::default(),
        }
    }

    pub(crate) fn known(&self, record: &Bytes) -> Known {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(record).copied().unwrap_or_default()
    }

    pub(crate) fn wrong(&self) -> Vec<String> {
        self.wrong.lock().unwrap().clone()
    }

    /// What every attempt has led to: a status, or no answer.
    pub(crate) fn results(&self) -> Vec<Result<u16, TransportError>> {
        self.results.lock().unwrap().clone()
    }
}

#[async_trait]
impl Transport for Client {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        let records = records(&request.body, request.content_encoding);
        for record in &records {
            if self.known(record).is_accepted {
                let text = String::from_utf8_lossy(record);
                let said = format!("{text} is sent again, and is known to be accepted");
                self.wrong.lock().unwrap().push(said);
            }
        }
        let answer = self.http.send(request).await;
        let result = answer.as_ref().map(|answer| answer.status);
        self.results
            .lock()
            .unwrap()
            .push(result.map_err(TransportError::clone));
        let verdict = judge(&answer, self.format.as_ref(), records.len());
        let mut known = self.known.lock().unwrap();
        for record in records {
            let known = known.entry(record).or_default();
            known.is_accepted |= verdict == Verdict::Accepted;
            known.lost += u64::from(answer.is_err());
        }
        drop(known);
        answer
    }
}
