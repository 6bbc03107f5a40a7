//! One attempt over HTTP: what it carries, whom it reaches, what came back.
//!
//! `client` builds the client, `connection` joins it with what its requests carry, `auth` says by
//! whose right they come (`oauth2` and `tokens` get tokens), and `secrets` notices files that
//! changed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};

use super::request_id::RequestId;
use super::response::{Answer, TransportError, retry_after};
use crate::config::SinkConfig;
use crate::format;
use crate::trust;

mod auth;
mod client;
mod connection;
mod oauth2;
mod secrets;
mod tokens;

use client::Times;
use connection::{Connection, Fixed};
use secrets::{Looked, Material, Watch};
use tokens::Token;

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
}

/// Longest time to read an answer's body once its status is there.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// Posts to one endpoint over HTTP/1.1 or HTTP/2.
///
/// Secrets that came from files are read again when those change. A 401 is answered by fresh
/// credentials, where there are any, and one more attempt.
#[derive(Debug)]
pub struct HttpTransport {
    /// Path of the sink in the configuration.
    place: String,
    fixed: Fixed,
    current: Mutex<Arc<Connection>>,
    watch: tokio::sync::Mutex<Watching>,
}

#[derive(Debug)]
struct Watching {
    watch: Watch,
    /// What was last said to be wrong with the files.
    complaint: String,
}

/// A client could not be built from a sink's configuration.
#[derive(Debug, thiserror::Error)]
#[error("cannot build the HTTP client: {0}")]
pub struct BuildError(String);

impl HttpTransport {
    /// Builds the client of the sink of this name. `credential` gives the tokens of
    /// `auth.type = "entra"`.
    ///
    /// # Errors
    /// When the configuration holds something that no request can carry; names it without its
    /// value.
    pub fn new(
        name: &str,
        sink: &SinkConfig,
        credential: Option<Arc<dyn TokenCredential>>,
    ) -> Result<Self, BuildError> {
        let fixed = Fixed {
            times: Times {
                connect: sink.connect_timeout,
                answer: sink.timeout,
            },
            credential,
            path: sink.path.clone(),
            answer_bytes_max: format::of(sink).answer_bytes_max(),
        };
        let material = Material::of(sink);
        let watch = Watch::new(&material);
        Ok(Self {
            place: format!("sinks.{name}"),
            current: Mutex::new(Arc::new(Connection::build(material, &fixed)?)),
            fixed,
            watch: tokio::sync::Mutex::new(Watching {
                watch,
                complaint: String::new(),
            }),
        })
    }

    /// What to make a request with, after a look at the files if it is time for one, or `now` is
    /// told. Requests beside the one that looks go on with what they know.
    async fn connection(&self, now: bool) -> Arc<Connection> {
        let watching = match now {
            true => Some(self.watch.lock().await),
            false => self.watch.try_lock().ok(),
        };
        let current = self.current();
        let Some(mut watching) = watching.filter(|it| it.watch.is_due(now)) else {
            return current;
        };
        let Some(looked) = watching.watch.look(&current.material).await else {
            return current;
        };
        self.take_over(looked, &mut watching.complaint);
        self.current()
    }

    /// Uses what is new, if it is of use; says what is new and what is wrong, once.
    fn take_over(&self, looked: Looked, complaint: &mut String) {
        let Looked {
            material,
            changed,
            mut wrong,
        } = looked;
        if !changed.is_empty() {
            match Connection::build(material, &self.fixed) {
                Ok(built) => {
                    *self.lock() = Arc::new(built);
                    let (sink, keys) = (&self.place, changed.join(", "));
                    tracing::info!(
                        event = "secrets_changed",
                        sink,
                        keys,
                        "{sink}: uses the new content of the files of {keys}"
                    );
                }
                Err(error) => wrong.push(format!("{}: {}", changed.join(", "), error.0)),
            }
        }
        let wrong = wrong.join("; ");
        if wrong != *complaint && !wrong.is_empty() {
            let sink = &self.place;
            tracing::warn!(
                event = "secrets_unreadable",
                sink,
                "{sink}: goes on with the values that it had: {wrong}"
            );
        }
        *complaint = wrong;
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
        let used = self.connection(false).await;
        let (answer, token) = self.attempt(&used, request.clone()).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        let newer = self.connection(true).await;
        let is_newer = !Arc::ptr_eq(&used, &newer);
        // Another connection asks for a token of its own.
        let is_new = is_newer || newer.auth.renew(token.as_ref()).await?;
        match is_new {
            true => Ok(self.attempt(&newer, request).await?.0),
            false => Ok(answer),
        }
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
