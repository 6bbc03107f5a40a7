//! One attempt over HTTP: what it carries, whom it reaches, what came back.
//!
//! `client` builds the client, `connection` joins it with what its requests carry, `auth` says by
//! whose right they come (`tokens` keeps those of `oauth2` and `entra`), `secrets` notices files
//! that changed, `rotation` takes their content over, and `errors` puts failures into words.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};

use super::request_id::RequestId;
use super::response::{Answer, BODY_BYTES_MAX, TransportError, retry_after};
use crate::config::SinkConfig;
use crate::telemetry::expiries::{Expiries, ExpiryKind};
use crate::trust::certificate::Certificate;

mod auth;
mod client;
mod connection;
mod entra;
mod errors;
mod oauth2;
mod rotation;
mod secrets;
mod tokens;

pub(crate) use client::{Times, build as build_client};
use connection::{Connection, Fixed};
pub use entra::EntraCredentials;
pub(crate) use errors::words_of;
use errors::{text_of, transport_error};
use rotation::Watching;
use secrets::Material;
use tokens::Token;
use tokio::time::Instant;

/// A body for one attempt. The same bytes are sent again on retry.
#[derive(Clone, Debug)]
pub struct Request {
    /// The body, compressed or not.
    pub body: Bytes,
    /// `Content-Type`, unless the configured headers set another one.
    pub content_type: &'static str,
    /// Where it goes, relative to the endpoint; `None` is the endpoint itself.
    pub target: Option<String>,
    /// What the endpoint can recognise a repetition by.
    pub id: RequestId,
    /// `Content-Encoding`: how the body is compressed; `None` when it is not.
    pub content_encoding: Option<&'static str>,
}

/// Makes one attempt: request in, answer out.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends a request once, within a bounded time. A refusal for its credentials may be answered
    /// by one more attempt with newer ones.
    ///
    /// # Errors
    /// When there was no whole answer. What the endpoint did with the request is then unknown.
    async fn send(&self, request: Request) -> Result<Answer, TransportError>;

    /// Whether there are files whose content may change what requests are made with.
    fn has_secret_files(&self) -> bool {
        false
    }

    /// Looks at those files, if it is time to. Gives how often they have changed what requests are
    /// made with so far.
    async fn look(&self) -> u64 {
        0
    }
}

/// Longest time to read an answer's body once its status is there.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// Posts to one endpoint over HTTP/1.1 or HTTP/2.
///
/// Secrets that came from files are read again when those change. A 401 is answered by fresh
/// credentials, where there are any, and one more attempt.
#[derive(Debug)]
pub struct HttpTransport {
    fixed: Fixed,
    current: Mutex<Arc<Connection>>,
    watch: tokio::sync::Mutex<Watching>,
    has_files: bool,
    /// How often `current` was replaced.
    changes: AtomicU64,
    /// Where it is noted when certificates end.
    expiries: Arc<Expiries>,
}

/// A client could not be built from a sink's configuration.
#[derive(Debug, thiserror::Error)]
#[error("cannot build the HTTP client: {0}")]
pub struct BuildError(String);

impl HttpTransport {
    /// Builds the client of the sink of this name. `credentials` give the tokens of
    /// `auth.type = "entra"`.
    ///
    /// # Errors
    /// When the configuration holds something that no request can carry; names it without its
    /// value.
    pub fn new(
        name: &str,
        sink: &SinkConfig,
        credentials: Option<EntraCredentials>,
    ) -> Result<Self, BuildError> {
        let fixed = Fixed {
            place: format!("sinks.{name}"),
            times: Times {
                connect: sink.connect_timeout,
                answer: sink.timeout,
            },
            credentials,
            path: sink.path.clone(),
            answer_bytes_max: (sink.format.as_ref())
                .map_or(BODY_BYTES_MAX, |format| format.answer_bytes_max()),
        };
        let material = Material::of(sink);
        let watching = Watching::new(&material);
        Ok(Self {
            current: Mutex::new(Arc::new(Connection::build(material, &fixed, None)?)),
            fixed,
            has_files: watching.has_files(),
            watch: tokio::sync::Mutex::new(watching),
            changes: AtomicU64::new(0),
            expiries: Arc::default(),
        })
    }

    /// Notes there when the certificate ends by which this end is known, and when that changes.
    pub fn noting(self, expiries: Arc<Expiries>) -> Self {
        let noting = Self { expiries, ..self };
        noting.note_ends();
        noting
    }

    fn note_ends(&self) {
        let current = self.current();
        if let Some((certificate, _)) = &current.material.connection.tls.identity
            && let Some(certificate) = Certificate::of_pem(certificate.expose())
        {
            let place = format!("{}.tls.certificate", self.fixed.place);
            self.expiries
                .note(ExpiryKind::Certificate, &place, certificate.ends);
        }
    }

    fn current(&self) -> Arc<Connection> {
        Arc::clone(&self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Arc<Connection>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn attempt(
        &self,
        connection: &Connection,
        request: Request,
    ) -> Result<(Answer, Option<Token>), TransportError> {
        let mut headers = connection.headers.clone();
        if let Some(encoding) = request.content_encoding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        headers
            .entry(CONTENT_TYPE)
            .or_insert_with(|| HeaderValue::from_static(request.content_type));
        if let Some(name) = &connection.id_header
            && let Ok(id) = HeaderValue::try_from(request.id.to_string())
        {
            headers.insert(name, id);
        }
        let url = connection.target(request.target.as_deref())?;
        let token = connection.auth.add(&mut headers, &request.body).await?;
        let attempt = async {
            let response = connection
                .client
                .post(url)
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
            let body = read_body(response, self.fixed.answer_bytes_max).await?;
            Ok(Answer {
                status,
                retry_after,
                body,
            })
        };
        // The client has a timeout of its own; this one holds whatever the client does.
        let bound = self.fixed.times.answer + BODY_TIME_MAX;
        let answer = tokio::time::timeout(bound, attempt)
            .await
            .unwrap_or(Err(TransportError::Timeout))?;
        Ok((answer, token))
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        let began = Instant::now();
        let used = self.connection(None).await;
        let (answer, token) = self.attempt(&used, request.clone()).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        let newer = self.connection(Some(began)).await;
        let is_newer = !Arc::ptr_eq(&used, &newer);
        let has_new_token = newer.auth.renew(token.as_ref()).await?;
        match is_newer || has_new_token {
            true => Ok(self.attempt(&newer, request).await?.0),
            false => Ok(answer),
        }
    }

    fn has_secret_files(&self) -> bool {
        self.has_files
    }

    async fn look(&self) -> u64 {
        self.connection(None).await;
        self.changes.load(Ordering::Relaxed)
    }
}

/// Reads at most `bytes_max`; what is behind that is not waited for.
async fn read_body(
    mut response: reqwest::Response,
    bytes_max: usize,
) -> Result<Bytes, TransportError> {
    let read = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| transport_error(&error))?
        {
            let room = bytes_max - body.len();
            body.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
            if body.len() == bytes_max {
                break;
            }
        }
        Ok(body.freeze())
    };
    tokio::time::timeout(BODY_TIME_MAX, read)
        .await
        .unwrap_or(Err(TransportError::Timeout))
}

#[cfg(test)]
mod tests;
