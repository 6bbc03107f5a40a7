//! The same over HTTP/2, where an attempt is a stream among others.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use entra_forwarder::config::{HttpVersion, SinkConfig};
use http_body_util::{BodyExt, Full};
use hyper::Response;

use crate::bench::{Bench, Way, config, marked};
use crate::endpoint::Script;
use crate::records::{fate, judged};
use crate::reply::Ending::Close;
use crate::reply::{Fault, Reply};
use crate::server::{FREE, Server};
use crate::trust::Trust;

/// The stream ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed")]
struct Closed;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_that_fail_and_records_that_are_refused() {
    let script = Script::new(|number, records| match number {
        1 => Reply::status(503).header("retry-after", "0"),
        4 => Reply::status(401),
        2 | 5 | 9 => Reply {
            fault: Fault::Silent(Close),
            ..judged(records)
        },
        _ => judged(records),
    });
    let shared = script.clone();
    let answer = move |request: hyper::Request<hyper::body::Incoming>| {
        let script = shared.clone();
        async move {
            assert_eq!(request.version(), hyper::Version::HTTP_2);
            let number = script.lock().begin();
            let text = |name: &str| {
                request
                    .headers()
                    .get(name)?
                    .to_str()
                    .ok()
                    .map(str::to_owned)
            };
            let (id, encoding) = (text("x-request-id").unwrap(), text("content-encoding"));
            let wire = request.into_body().collect().await.map_err(|_| Closed)?;
            let wire = wire.to_bytes();
            let reply = script
                .lock()
                .arrived(number, &id, wire, encoding.as_deref());
            if reply.fault != Fault::None {
                return Err(Closed);
            }
            let mut response = Response::builder().status(reply.status);
            for (name, value) in &reply.headers {
                response = response.header(*name, value);
            }
            Ok(response.body(Full::new(Bytes::from(reply.body))).unwrap())
        }
    };
    let trust = Trust::new();
    let acceptor = Arc::new(Mutex::new(trust.acceptor_h2("localhost")));
    let server = Server::http(FREE, Some(acceptor), answer).await;
    let defaults = config(16, 4);
    let mut connection = defaults.connection.clone();
    connection.http_version = HttpVersion::Http2;
    let config = SinkConfig {
        connection,
        ..defaults
    };
    let mut bench = Bench::start(Way::Tls, server.address, &trust, config);
    for event in marked(120, &[(20, "malformed"), (77, "too large")]).chunks(9) {
        bench.give(event).await;
    }
    let ended = bench.end(&script, fate).await;
    let lost = ended
        .client
        .results()
        .iter()
        .filter(|it| it.is_err())
        .count();
    assert!(lost >= 3);
    assert_eq!(ended.letters.len(), 2);
}
