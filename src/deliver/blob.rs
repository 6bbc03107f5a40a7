//! One attempt to write a blob.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::http::{Request, Transport};
use super::response::{Answer, TransportError};
use crate::checkpoint::blob::Container;
use crate::checkpoint::blob::container::{NotStored, Upload};

/// What a probe asks about; there never is such a blob.
const PROBE: &str = "entra-forwarder-probe";

/// Writes each request as a blob of one container, under the name that is its target.
///
/// The names say what is in the blobs: a repetition writes the same records over themselves.
#[derive(Debug)]
pub struct BlobTransport {
    container: Container,
}

impl BlobTransport {
    /// Writes into `container`, which must exist.
    pub fn new(container: Container) -> Self {
        Self { container }
    }

    /// Whether it is there already, where a policy forbids to write it again.
    async fn is_there(&self, name: &str) -> Result<bool, TransportError> {
        let head = self.container.head(name).await;
        let head = head.map_err(|error| TransportError::Declined(error.to_string()))?;
        Ok(head.is_some())
    }
}

#[async_trait]
impl Transport for BlobTransport {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        let Some(name) = request.target else {
            return answer(self.container.may_upload(PROBE).await);
        };
        let upload = Upload {
            body: request.body,
            content_type: request.content_type,
            content_encoding: request.content_encoding,
        };
        match self.container.upload(&name, upload).await {
            Err(NotStored::Immutable { .. }) if self.is_there(&name).await? => answer(Ok(())),
            other => answer(other),
        }
    }
}

/// The answer as an endpoint's: what the status alone does not tell is told in words.
fn answer(stored: Result<(), NotStored>) -> Result<Answer, TransportError> {
    let (status, retry_after) = match stored {
        Ok(()) => (201, None),
        Err(NotStored::Answered {
            status,
            retry_after,
            problem,
        }) => match status {
            400 | 408 | 413 | 429 | 500..=599 => (status, retry_after),
            _ => return Err(TransportError::Declined(problem)),
        },
        Err(NotStored::Immutable { problem }) => return Err(TransportError::Declined(problem)),
        Err(NotStored::NoToken(problem)) => return Err(TransportError::Refused(problem)),
        Err(NotStored::TimedOut) => return Err(TransportError::Timeout),
        Err(NotStored::NoAnswer(problem)) => return Err(TransportError::Broken(problem)),
    };
    Ok(Answer {
        status,
        retry_after: retry_after.filter(|it| *it > Duration::ZERO),
        body: Bytes::new(),
    })
}
