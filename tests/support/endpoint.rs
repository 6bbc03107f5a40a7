//! An HTTP endpoint that does what a test tells it to, and remembers every request.
//!
//! It shares no code with the forwarder: it decompresses and decodes by itself.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::{Request, Response, Version};
use tokio_rustls::TlsAcceptor;

use crate::bag::Bag;
use crate::server::{Acceptor, FREE, Server};

/// What the endpoint does with a request whose body it has.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Answers with this status.
    Status(u16),
    /// Answers with this status and this header.
    With(u16, &'static str, String),
    /// Answers with this status after a while.
    After(Duration, u16),
    /// Answers with this status when the body has this text in it, and 200 otherwise.
    Refuse(&'static str, u16),
    /// Answers with this status and the request's own body.
    Echo(u16),
    /// Never answers; the connection stays open.
    Hang,
    /// Closes the connection without an answer.
    Close,
}

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    /// Method and path with query.
    pub(crate) line: String,
    /// The version of HTTP.
    pub(crate) version: Version,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body on the wire.
    pub(crate) wire: Bytes,
    /// Its body without the compression.
    pub(crate) body: Bytes,
    /// The records in it.
    pub(crate) records: Vec<Bytes>,
    /// The status that it was answered with; `None` while it is not answered.
    pub(crate) answered: Option<u16>,
}

type Script = Box<dyn FnMut(usize) -> Reply + Send>;

struct State {
    script: Script,
    arrivals: Vec<Arrival>,
    held: usize,
    probes: usize,
    probe_status: u16,
    refused_token: Option<String>,
    refusals: usize,
    taken: Bag,
    accepted: Bag,
}

impl State {
    fn refuses(&mut self, headers: &HeaderMap) -> bool {
        let is_refused = self.refused_token.as_ref().is_some_and(|token| {
            let given = headers.get("authorization");
            given.is_some_and(|given| given == token.as_str())
        });
        self.refusals += usize::from(is_refused);
        is_refused
    }
}

/// A request that waits for its answer; dropped with the answer, or when the client is gone.
struct Held(Arc<Mutex<State>>);

impl Drop for Held {
    fn drop(&mut self) {
        lock(&self.0).held -= 1;
    }
}

/// The running endpoint; it ends, with all its connections, when this is dropped.
pub(crate) struct Endpoint {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    acceptor: Option<Acceptor>,
    _server: Server,
}

impl Endpoint {
    /// Starts on a free port and answers 200.
    pub(crate) async fn start() -> Self {
        Self::start_at(FREE).await
    }

    /// Starts at an address.
    pub(crate) async fn start_at(address: SocketAddr) -> Self {
        Self::start_over(address, None).await
    }

    /// Starts on a free port, over TLS.
    pub(crate) async fn start_tls(acceptor: TlsAcceptor) -> Self {
        Self::start_over(FREE, Some(acceptor)).await
    }

    /// From now on new connections over TLS meet this.
    pub(crate) fn renew_tls(&self, acceptor: TlsAcceptor) {
        *self.acceptor.as_ref().unwrap().lock().unwrap() = acceptor;
    }

    async fn start_over(address: SocketAddr, acceptor: Option<TlsAcceptor>) -> Self {
        let acceptor = acceptor.map(|it| Arc::new(Mutex::new(it)));
        let state = Arc::new(Mutex::new(State {
            script: Box::new(|_| Reply::Status(200)),
            arrivals: Vec::new(),
            held: 0,
            probes: 0,
            probe_status: 200,
            refused_token: None,
            refusals: 0,
            taken: Bag::default(),
            accepted: Bag::default(),
        }));
        let shared = Arc::clone(&state);
        let answer = move |request| answer(request, Arc::clone(&shared));
        let server = Server::http(address, acceptor.clone(), answer).await;
        Self {
            address: server.address,
            state,
            acceptor,
            _server: server,
        }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/ingest", self.address)
    }

    /// From now on does the same with every request.
    pub(crate) fn behave(&self, reply: Reply) {
        self.script(move |_| reply.clone());
    }

    /// From now on answers requests without records with this status (200 unless told). They are
    /// not among the arrivals, and no script sees them.
    pub(crate) fn answer_probes(&self, status: u16) {
        lock(&self.state).probe_status = status;
    }

    /// How many requests without records came.
    pub(crate) fn probes(&self) -> usize {
        lock(&self.state).probes
    }

    /// From now on answers 401 to every request, also to those without records, whose header
    /// `Authorization` has this value, whatever else was told; with `None` to no request.
    pub(crate) fn refuse_token(&self, token: Option<&str>) {
        lock(&self.state).refused_token = token.map(str::to_owned);
    }

    /// How many requests were refused for their token.
    pub(crate) fn refusals(&self) -> usize {
        lock(&self.state).refusals
    }

    /// From now on asks `script` with the number of the request, counted from 0 since the start.
    pub(crate) fn script(&self, script: impl FnMut(usize) -> Reply + Send + 'static) {
        lock(&self.state).script = Box::new(script);
    }

    /// All requests so far.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        lock(&self.state).arrivals.clone()
    }

    /// How many requests came.
    pub(crate) fn count(&self) -> usize {
        lock(&self.state).arrivals.len()
    }

    /// How many requests there are whose body is here, whose client waits, and that have no
    /// answer.
    pub(crate) fn held(&self) -> usize {
        lock(&self.state).held
    }

    /// The records of all requests, also of those that were refused or not answered.
    pub(crate) fn taken(&self) -> Bag {
        lock(&self.state).taken.clone()
    }

    /// The records of the requests that were answered with 2xx.
    pub(crate) fn accepted(&self) -> Bag {
        lock(&self.state).accepted.clone()
    }

    /// How many different records were accepted.
    pub(crate) fn distinct(&self) -> u64 {
        lock(&self.state).accepted.distinct()
    }

    /// Whether every one of these records was accepted.
    pub(crate) fn has(&self, produced: &Bag) -> bool {
        lock(&self.state).accepted.contains(produced)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap()
}

/// Closes the connection.
#[derive(Debug, thiserror::Error)]
#[error("closed")]
struct Closed;

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, Closed> {
    let line = format!("{} {}", request.method(), request.uri());
    let (version, headers) = (request.version(), request.headers().clone());
    let wire = request.into_body().collect().await;
    let wire = wire.map_err(|_| Closed)?.to_bytes();
    let body = plain(&headers, &wire);
    let records = records(&headers, &body);
    if records.is_empty() {
        return Ok(probed(&mut lock(&shared), &headers));
    }
    let (number, reply, _held) = {
        let mut state = lock(&shared);
        let number = state.arrivals.len();
        let reply = match state.refuses(&headers) {
            true => Reply::Status(401),
            false => (state.script)(number),
        };
        state.taken.extend(records.iter().cloned());
        state.arrivals.push(Arrival {
            line,
            version,
            headers,
            wire,
            body: body.clone(),
            records,
            answered: None,
        });
        state.held += 1;
        (number, reply, Held(Arc::clone(&shared)))
    };
    let mut echo = Bytes::new();
    let (status, header) = match reply {
        Reply::Status(status) => (status, None),
        Reply::With(status, name, value) => (status, Some((name, value))),
        Reply::After(wait, status) => {
            tokio::time::sleep(wait).await;
            (status, None)
        }
        Reply::Refuse(text, status) => {
            let mut windows = body.windows(text.len());
            match windows.any(|window| window == text.as_bytes()) {
                true => (status, None),
                false => (200, None),
            }
        }
        Reply::Echo(status) => {
            echo = body;
            (status, None)
        }
        Reply::Hang => std::future::pending().await,
        Reply::Close => return Err(Closed),
    };
    let mut state = lock(&shared);
    let arrival = &mut state.arrivals[number];
    arrival.answered = Some(status);
    let records = arrival.records.clone();
    if (200..300).contains(&status) {
        state.accepted.extend(records);
    }
    drop(state);
    let mut response = Response::builder().status(status);
    if let Some((name, value)) = header {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(echo)).unwrap())
}

fn probed(state: &mut State, headers: &HeaderMap) -> Response<Full<Bytes>> {
    state.probes += 1;
    let status = match state.refuses(headers) {
        true => 401,
        false => state.probe_status,
    };
    let response = Response::builder().status(status);
    response.body(Full::default()).unwrap()
}

fn plain(headers: &HeaderMap, wire: &Bytes) -> Bytes {
    match headers.get("content-encoding").map(HeaderValue::as_bytes) {
        Some(b"gzip") => {}
        Some(b"zstd") => return zstd::decode_all(wire.as_ref()).unwrap().into(),
        _ => return wire.clone(),
    }
    // This one checks length and checksum at its end.
    let mut decoder = flate2::write::GzDecoder::new(Vec::new());
    decoder.write_all(wire).unwrap();
    decoder.finish().unwrap().into()
}

/// The records in a body, by its content type.
fn records(headers: &HeaderMap, body: &Bytes) -> Vec<Bytes> {
    if headers
        .get("content-type")
        .is_some_and(|it| it == "application/json")
    {
        let values: Vec<&serde_json::value::RawValue> = serde_json::from_slice(body).unwrap();
        return values
            .iter()
            .map(|it| body.slice_ref(it.get().as_bytes()))
            .collect();
    }
    let Some(lines) = body.strip_suffix(b"\n") else {
        assert!(body.is_empty(), "the last line is cut off");
        return Vec::new();
    };
    lines
        .split(|byte| *byte == b'\n')
        .map(|line| body.slice_ref(line))
        .collect()
}
