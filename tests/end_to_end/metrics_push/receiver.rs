//! A receiver of OTLP metrics, over HTTP or gRPC, that shares no code with the forwarder.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Read;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::TcpStream;

use crate::server::{FREE, Server};

/// What it does with pushes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Manner {
    /// Takes Protobuf over HTTP/1.1.
    Http,
    /// Takes gRPC.
    Grpc,
    /// Answers HTTP/1.1 with 503.
    Refuses,
    /// Answers gRPC with status 7 (permission denied), without a message.
    Forbids,
    /// Never answers.
    Hangs,
}

/// A push, as it came.
pub(crate) struct Pushed {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    /// The message, uncompressed.
    pub(crate) message: Vec<u8>,
    /// Sums and gauges by name and attributes.
    pub(crate) numbers: BTreeMap<String, f64>,
}

/// The running receiver.
pub(crate) struct Receiver {
    server: Server,
    pushed: Arc<Mutex<Vec<Pushed>>>,
}

impl Receiver {
    pub(crate) async fn start(manner: Manner) -> Self {
        let pushed = Arc::<Mutex<Vec<Pushed>>>::default();
        let shared = Arc::clone(&pushed);
        let server = Server::start(FREE, move |stream| {
            converse(manner, stream, Arc::clone(&shared))
        });
        Self {
            server: server.await,
            pushed,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    pub(crate) fn count(&self) -> usize {
        self.pushed.lock().unwrap().len()
    }

    /// Takes everything that was pushed so far.
    pub(crate) fn take(&self) -> Vec<Pushed> {
        std::mem::take(&mut self.pushed.lock().unwrap())
    }
}

async fn converse(manner: Manner, stream: TcpStream, pushed: Arc<Mutex<Vec<Pushed>>>) {
    let answer = service_fn(move |request| answer(manner, request, Arc::clone(&pushed)));
    let stream = TokioIo::new(stream);
    // Both end with an error when the client is gone.
    let _ended = match manner {
        Manner::Grpc | Manner::Forbids => {
            hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(stream, answer)
                .await
        }
        _ => {
            hyper::server::conn::http1::Builder::new()
                .serve_connection(stream, answer)
                .await
        }
    };
}

async fn answer(
    manner: Manner,
    request: Request<Incoming>,
    pushed: Arc<Mutex<Vec<Pushed>>>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let (is_gzip, message) = match manner {
        Manner::Grpc | Manner::Forbids => {
            let length = u32::from_be_bytes(body[1..5].try_into().unwrap());
            assert_eq!(length as usize, body.len() - 5);
            (body[0] == 1, body.slice(5..))
        }
        _ => (head.headers.contains_key("content-encoding"), body),
    };
    let mut plain = message.to_vec();
    if is_gzip {
        plain.clear();
        let mut decoder = flate2::bufread::GzDecoder::new(message.as_ref()).take(16 << 20);
        decoder.read_to_end(&mut plain).unwrap();
    }
    let numbers = numbers(&plain);
    pushed.lock().unwrap().push(Pushed {
        path: head.uri.path().to_owned(),
        headers: head.headers,
        message: plain,
        numbers,
    });
    let builder = Response::builder();
    let empty = Empty::new().boxed();
    let grpc = "application/grpc";
    Ok(match manner {
        Manner::Http => builder.body(empty).unwrap(),
        Manner::Refuses => builder.status(503).body(empty).unwrap(),
        Manner::Hangs => std::future::pending().await,
        // Without a message the status stands among the headers.
        Manner::Forbids => builder
            .header("content-type", grpc)
            .header("grpc-status", "7")
            .body(empty)
            .unwrap(),
        Manner::Grpc => {
            let trailers = [("grpc-status", HeaderValue::from_static("0"))];
            let trailers = trailers.map(|(name, value)| (name.parse().unwrap(), value));
            let trailers: HeaderMap = trailers.into_iter().collect();
            let message = Full::new(Bytes::from_static(&[0; 5]));
            let body = message.with_trailers(std::future::ready(Some(Ok(trailers))));
            builder
                .header("content-type", grpc)
                .body(body.boxed())
                .unwrap()
        }
    })
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    string: String,
}

#[derive(Clone, PartialEq, Message)]
struct Attribute {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Point {
    #[prost(double, tag = "4")]
    double: f64,
    #[prost(sfixed64, tag = "6")]
    int: i64,
    #[prost(message, repeated, tag = "7")]
    attributes: Vec<Attribute>,
}

#[derive(Clone, PartialEq, Message)]
struct Points {
    #[prost(message, repeated, tag = "1")]
    points: Vec<Point>,
}

#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "5")]
    gauge: Option<Points>,
    #[prost(message, optional, tag = "7")]
    sum: Option<Points>,
}

#[derive(Clone, PartialEq, Message)]
struct Scoped {
    #[prost(message, repeated, tag = "2")]
    metrics: Vec<Metric>,
}

#[derive(Clone, PartialEq, Message)]
struct Resourced {
    #[prost(message, repeated, tag = "2")]
    scoped: Vec<Scoped>,
}

#[derive(Clone, PartialEq, Message)]
struct Exported {
    #[prost(message, repeated, tag = "1")]
    resourced: Vec<Resourced>,
}

/// Sums and gauges: `name{key=value,...}`, those of sums with `+` in front.
fn numbers(message: &[u8]) -> BTreeMap<String, f64> {
    let exported = Exported::decode(message).unwrap();
    let scoped = exported.resourced.into_iter().flat_map(|it| it.scoped);
    let mut numbers = BTreeMap::new();
    for metric in scoped.flat_map(|it| it.metrics) {
        for (mark, points) in [("", metric.gauge), ("+", metric.sum)] {
            for point in points.unwrap_or_default().points {
                let attribute = |it: &Attribute| {
                    format!("{}={}", it.key, it.value.clone().unwrap_or_default().string)
                };
                let attributes: Vec<_> = point.attributes.iter().map(attribute).collect();
                let name = format!("{mark}{}{{{}}}", metric.name, attributes.join(","));
                assert!(
                    numbers
                        .insert(name, point.double + point.int as f64)
                        .is_none()
                );
            }
        }
    }
    numbers
}
