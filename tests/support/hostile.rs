//! A server that answers whatever it is asked with everything that it was told: a mistake of those
//! who run endpoints, token servers and stores, and a trap for whoever logs answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};

use crate::server::{Acceptor, FREE, Server};

/// The statuses that it answers with, one after the other; 0 closes the connection.
pub(crate) const STATUSES: [u16; 12] = [500, 429, 400, 401, 403, 404, 413, 422, 302, 200, 0, 503];

/// First part of the path at which it gives tokens.
pub(crate) const TOKENS: &str = "token";

/// Requests by the first part of their path.
type Counts = Arc<Mutex<BTreeMap<String, usize>>>;

/// The running server; it ends when this is dropped.
pub(crate) struct Hostile {
    pub(crate) address: SocketAddr,
    counts: Counts,
    _server: Server,
}

impl Hostile {
    /// Starts on a free port, in TLS if there is an acceptor.
    pub(crate) async fn start(acceptor: Option<Acceptor>) -> Self {
        let counts = Counts::default();
        let shared = Arc::clone(&counts);
        let answer = move |request| answer(request, Arc::clone(&shared));
        let server = Server::http(FREE, acceptor, answer).await;
        Self {
            address: server.address,
            counts,
            _server: server,
        }
    }

    /// How many requests there were whose path begins so.
    pub(crate) fn count(&self, part: &str) -> usize {
        self.counts.lock().unwrap().get(part).copied().unwrap_or(0)
    }
}

async fn answer(
    request: Request<Incoming>,
    counts: Counts,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let told = format!(
        "{} {} {:?}",
        request.method(),
        request.uri(),
        request.headers()
    );
    let part = request
        .uri()
        .path()
        .split('/')
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    let body = request
        .into_body()
        .collect()
        .await
        .map_err(std::io::Error::other)?;
    let told = format!("{told} {}", String::from_utf8_lossy(&body.to_bytes()));
    let number = {
        let mut counts = counts.lock().unwrap();
        let count = counts.entry(part.clone()).or_default();
        *count += 1;
        *count - 1
    };
    let status = STATUSES[number % STATUSES.len()];
    if status == 0 {
        return Err(std::io::Error::other("closed"));
    }
    // It gives a token now and then, so that there is one to be shown.
    if part == TOKENS && number % STATUSES.len() == 0 {
        let token = r#"{"access_token":"MARKTOKEN","token_type":"Bearer","expires_in":5}"#;
        return Ok(Response::new(Full::from(token)));
    }
    // Where each kind of peer puts what people are to read.
    let body = serde_json::json!({
        "error": told, "error_description": told, "errors": [told, {"detail": told}],
        "message": told, "text": told, "code": 7, "partialSuccess": {"errorMessage": told},
    });
    let answer = Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .header(
            "location",
            "http://MARKUSER:MARKPASSWORD@127.0.0.1:9/MARKPATH?a=MARKQUERY",
        )
        .header("retry-after", "MARKHEADER")
        .header("www-authenticate", "Bearer realm=\"MARKHEADER\"")
        .header("x-ms-error-code", "SomethingIsWrong")
        .header("x-ms-request-id", "MARKREQUEST");
    Ok(answer.body(Full::from(body.to_string())).unwrap())
}
