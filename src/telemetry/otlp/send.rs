//! One request to the receiver, over HTTP or gRPC.
//!
//! **Sources**: <https://opentelemetry.io/docs/specs/otlp/>,
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>. A client of gRPC for this one
//! call would bring more code than the call has: five bytes before the message, and a status in the
//! trailers.

use std::io::Write;
use std::time::Duration;

use axum::http::Response;
use bytes::Bytes;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Limited};
use prost::Message;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, TE};
use reqwest::{Body, Client};

use super::message::Response as Answer;
use super::settings::{CERTIFICATE, Protocol, Settings};
use crate::deliver::http::{Times, build_client, words_of};

/// Bytes of an answer that are read at most.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Sends bodies to one receiver.
pub(super) struct Sender {
    settings: Settings,
    client: Client,
}

impl Sender {
    /// # Errors
    /// When certificates cannot be used; shows nothing of them.
    pub(super) fn new(settings: Settings) -> Result<Self, String> {
        let times = Times {
            connect: settings.timeout,
            answer: settings.timeout,
        };
        let client = build_client(&settings.connection, &settings.url, times);
        let client = client.map_err(|error| error.to_string())?;
        Ok(Self { settings, client })
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sends a message once, within the timeout.
    ///
    /// # Errors
    /// Why the receiver does not have it, in words that are not the receiver's.
    ///
    /// # Cancel safety
    /// What became of a request that is dropped is unknown.
    pub(super) async fn send(&self, message: Vec<u8>) -> Result<(), String> {
        let timeout = self.settings.timeout;
        let sent = tokio::time::timeout(timeout, self.attempt(message)).await;
        sent.unwrap_or_else(|_| Err(no_answer(timeout)))
    }

    async fn attempt(&self, message: Vec<u8>) -> Result<(), String> {
        let settings = &self.settings;
        let message = match settings.is_compressed {
            true => gzip(&message).map_err(|error| error.to_string())?,
            false => message,
        };
        let mut headers = settings.headers.clone();
        let body = match settings.protocol {
            Protocol::Http => {
                let kind = HeaderValue::from_static("application/x-protobuf");
                headers.insert(CONTENT_TYPE, kind);
                if settings.is_compressed {
                    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                }
                message
            }
            Protocol::Grpc => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
                headers.insert(TE, HeaderValue::from_static("trailers"));
                if settings.is_compressed {
                    headers.insert("grpc-encoding", HeaderValue::from_static("gzip"));
                }
                frame(&message, settings.is_compressed)?
            }
        };
        let request = self.client.post(settings.url.clone());
        let response = request.headers(headers).body(body).send().await;
        let response = response.map_err(|error| match error.is_timeout() {
            true => no_answer(settings.timeout),
            false => words_of(&error, CERTIFICATE),
        })?;
        let (head, body) = Response::<Body>::from(response).into_parts();
        let status = head.status.as_u16();
        if !head.status.is_success() {
            return Err(format!("the receiver answers with status {status}"));
        }
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|_| "the receiver's answer broke off, or is too long")?;
        let trailers = body.trailers().cloned();
        let message = match settings.protocol {
            Protocol::Http => body.to_bytes(),
            Protocol::Grpc => {
                grpc_status(trailers.as_ref().unwrap_or(&head.headers))?;
                // What is compressed is not read.
                match body.to_bytes() {
                    bytes if bytes.first() == Some(&0) => bytes.slice(5.min(bytes.len())..),
                    _ => Bytes::new(),
                }
            }
        };
        partial_success(&message)
    }
}

/// What is said when nothing came in time.
pub(super) fn no_answer(within: Duration) -> String {
    format!("no answer within {within:?}")
}

fn gzip(message: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(message)?;
    encoder.finish()
}

/// A message of gRPC: whether it is compressed, how long it is, itself.
fn frame(message: &[u8], is_compressed: bool) -> Result<Vec<u8>, String> {
    let length = u32::try_from(message.len()).map_err(|_| "the message is too long")?;
    let mut framed = Vec::with_capacity(message.len() + 5);
    framed.push(u8::from(is_compressed));
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    Ok(framed)
}

/// 0 is success; the number alone is shown, since the text is the receiver's.
fn grpc_status(headers: &HeaderMap) -> Result<(), String> {
    let status = headers.get("grpc-status").and_then(|it| it.to_str().ok());
    match status.and_then(|it| it.parse::<u8>().ok()) {
        Some(0) => Ok(()),
        Some(status) => Err(format!("the receiver answers with gRPC status {status}")),
        None => Err("the answer is none of gRPC: check the endpoint and its port".to_owned()),
    }
}

/// Whether all points were taken. A body that cannot be read says nothing: some receivers answer
/// every request with `{}`.
fn partial_success(message: &[u8]) -> Result<(), String> {
    let partial = Answer::decode(message)
        .ok()
        .and_then(|it| it.partial_success);
    match partial.map_or(0, |it| it.rejected_data_points) {
        0 => Ok(()),
        rejected => Err(format!("the receiver rejected {rejected} points")),
    }
}
