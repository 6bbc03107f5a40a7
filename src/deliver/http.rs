//! The HTTP client, built in this one place.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};

use super::response::{Answer, BODY_BYTES_MAX, TransportError, retry_after};
use crate::config::SinkConfig;
use crate::{proxy, trust};

/// A body for one attempt. The same bytes are sent again on retry.
#[derive(Clone, Debug)]
pub struct Request {
    /// The body, compressed or not.
    pub body: Bytes,
    /// `Content-Type`, unless the configured headers set another one.
    pub content_type: &'static str,
    /// `Content-Encoding`: how the body is compressed; `None` when it is not.
    pub content_encoding: Option<&'static str>,
}

/// Makes one attempt: request in, answer out.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request once, within a bounded time.
    ///
    /// # Errors
    /// When there was no whole answer. What the endpoint did with the request is then unknown.
    async fn send(&self, request: Request) -> Result<Answer, TransportError>;
}

/// Longest time to read an answer's body once its status is there.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);
/// How long an idle connection is kept: below the minute after which usual load balancers drop it.
const POOL_IDLE: Duration = Duration::from_secs(50);

/// Posts to one endpoint over HTTP/1.1 or HTTP/2.
///
/// The client follows no redirect (a followed 302 turns a POST into a GET, whose 200 would count
/// as delivery), keeps no cookies, and neither retries nor decompresses anything by itself.
#[derive(Debug)]
pub struct HttpTransport {
    client: reqwest::Client,
    endpoint: reqwest::Url,
    headers: HeaderMap,
    timeout: Duration,
}

/// A client could not be built from a sink's configuration.
#[derive(Debug, thiserror::Error)]
#[error("cannot build the HTTP client: {0}")]
pub struct BuildError(String);

impl HttpTransport {
    /// Builds the client of one sink.
    ///
    /// # Errors
    /// When the configuration holds something that no request can carry; names it without its
    /// value.
    pub fn new(sink: &SinkConfig) -> Result<Self, BuildError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &sink.headers {
            let name = HeaderName::try_from(name)
                .map_err(|_| BuildError(format!("`{name}` is no header name")))?;
            let mut value = HeaderValue::try_from(value.expose()).map_err(|_| {
                BuildError(format!("header `{name}` has a value no header can have"))
            })?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let endpoint: reqwest::Url = sink
            .endpoint
            .expose()
            .parse()
            .map_err(|error| BuildError(format!("`endpoint` is no URL: {error}")))?;
        let client = proxy::configure(reqwest::Client::builder(), &endpoint)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_gzip()
            .no_deflate()
            .connect_timeout(sink.connect_timeout)
            .timeout(sink.timeout)
            .pool_idle_timeout(POOL_IDLE)
            .tcp_nodelay(true)
            .user_agent(concat!("entra-forwarder/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| BuildError(text_of(&error)))?;
        Ok(Self {
            client,
            endpoint,
            headers,
            timeout: sink.timeout,
        })
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        let attempt = async {
            let mut headers = self.headers.clone();
            if let Some(encoding) = request.content_encoding {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
            headers
                .entry(CONTENT_TYPE)
                .or_insert_with(|| HeaderValue::from_static(request.content_type));
            let response = self
                .client
                .post(self.endpoint.clone())
                .headers(headers)
                .body(request.body)
                .send()
                .await
                .map_err(|error| transport_error(&error))?;
            let status = response.status().as_u16();
            let retry_after = response
                .headers()
                .get(RETRY_AFTER)
                .and_then(|value| value.to_str().ok())
                .and_then(|value| retry_after(value, std::time::SystemTime::now()));
            let body = read_body(response).await?;
            Ok(Answer {
                status,
                retry_after,
                body,
            })
        };
        // The client has a timeout of its own; this one holds whatever the client does.
        let bound = self.timeout + BODY_TIME_MAX;
        tokio::time::timeout(bound, attempt)
            .await
            .unwrap_or(Err(TransportError::Timeout))
    }
}

/// Reads at most [`BODY_BYTES_MAX`]; what is behind that is not waited for.
async fn read_body(mut response: reqwest::Response) -> Result<Bytes, TransportError> {
    let read = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| transport_error(&error))?
        {
            let room = BODY_BYTES_MAX - body.len();
            body.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
            if body.len() == BODY_BYTES_MAX {
                break;
            }
        }
        Ok(body.freeze())
    };
    tokio::time::timeout(BODY_TIME_MAX, read)
        .await
        .unwrap_or(Err(TransportError::Timeout))
}

fn transport_error(error: &reqwest::Error) -> TransportError {
    if error.is_timeout() {
        TransportError::Timeout
    } else if error.is_connect() {
        TransportError::Connect(text_of(error))
    } else {
        TransportError::Broken(text_of(error))
    }
}

/// The innermost cause: the outer ones repeat the URL, which may hold a secret.
fn text_of(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    if std::ptr::addr_eq(std::ptr::from_ref(cause), std::ptr::from_ref(error)) {
        // No cause behind it: say its kind, never its URL.
        return if error.is_builder() {
            "invalid request"
        } else {
            "request failed"
        }
        .to_owned();
    }
    let words = cause.to_string();
    trust::explain(&words).unwrap_or(words)
}

#[cfg(test)]
mod tests;
