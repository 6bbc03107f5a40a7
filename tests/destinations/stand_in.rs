//! A stand-in of a service: answers as a test says, and remembers what came.

use std::convert::Infallible;
use std::io::Read;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Request, Response};

use crate::server::{FREE, Server};

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    /// Bytes on the wire.
    pub(crate) wire: usize,
    /// The body without its compression.
    pub(crate) body: Bytes,
}

impl Arrival {
    /// A header's text; empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Status and body of an answer.
pub(crate) type Answer = (u16, String);

/// The running stand-in.
pub(crate) struct StandIn {
    server: Server,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
}

impl StandIn {
    /// Answers as `answer` says. What it says of probes (requests without records) counts, too.
    pub(crate) async fn start(
        answer: impl Fn(&Arrival) -> Answer + Clone + Send + Sync + 'static,
    ) -> Self {
        let arrivals = Arc::<Mutex<Vec<Arrival>>>::default();
        let kept = Arc::clone(&arrivals);
        let serve = move |request: Request<Incoming>| {
            let (answer, kept) = (answer.clone(), Arc::clone(&kept));
            async move {
                let arrival = receive(request).await;
                let (status, body) = answer(&arrival);
                kept.lock().unwrap().push(arrival);
                let response = Response::builder().status(status);
                let body = Full::new(Bytes::from(body));
                Ok::<_, Infallible>(response.body(body).unwrap())
            }
        };
        Self {
            server: Server::http(FREE, None, serve).await,
            arrivals,
        }
    }

    /// Its address, without a path.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// Everything that came.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().unwrap().clone()
    }
}

async fn receive(request: Request<Incoming>) -> Arrival {
    let (head, body) = request.into_parts();
    let wire = body.collect().await.unwrap().to_bytes();
    let encoding = head.headers.get("content-encoding");
    let mut body = Vec::new();
    match encoding.map(|it| it.to_str().unwrap()) {
        Some("gzip") => {
            let mut decoder = flate2::bufread::MultiGzDecoder::new(wire.as_ref());
            decoder.read_to_end(&mut body).unwrap();
        }
        None => body.extend_from_slice(&wire),
        Some(other) => panic!("unexpected encoding {other}"),
    }
    Arrival {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        headers: head.headers,
        wire: wire.len(),
        body: body.into(),
    }
}
