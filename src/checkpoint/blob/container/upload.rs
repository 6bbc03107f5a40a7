//! Blobs that are written over whatever is there: for the archive.

use std::time::{Duration, SystemTime};

use azure_core_blob::error::ErrorKind;
use azure_core_blob::http::{Etag, RequestContent};
use azure_storage_blob::models::BlobClientUploadOptions;
use bytes::Bytes;

use super::super::error::{Failure, classify};
use super::{Container, ONE_REQUEST, StoreError};
use crate::deliver::response::retry_after;

/// A version that no blob has: to write over it is a question, and changes nothing.
const NO_VERSION: &str = "\"0x0\"";

/// What is to be stored.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) body: Bytes,
    pub(crate) content_type: &'static str,
    pub(crate) content_encoding: Option<&'static str>,
}

/// Why something was not stored, or is not known to be.
#[derive(Debug)]
pub(crate) enum NotStored {
    /// The service answered that it is not.
    Answered {
        status: u16,
        retry_after: Option<Duration>,
        /// What to do about it; shows nothing of the URL but host and path.
        problem: String,
    },
    /// A policy keeps what is stored under this name as it is.
    Immutable { problem: String },
    /// Whoever gives tokens refuses to give one.
    NoToken(String),
    /// Nothing came back in time.
    TimedOut,
    /// Nothing came back that could be read.
    NoAnswer(String),
}

impl Container {
    /// Writes a blob, over one of this name if there is one, in one request.
    pub(crate) async fn upload(&self, path: &str, upload: Upload) -> Result<(), NotStored> {
        let options = BlobClientUploadOptions {
            blob_content_type: Some(upload.content_type.to_owned()),
            blob_content_encoding: upload.content_encoding.map(str::to_owned),
            ..Default::default()
        };
        self.put(path, upload.body, options).await
    }

    /// Asks whether blobs may be written, with a condition that none fulfils: the service looks at
    /// it only when the container is there and the caller may write. Reading the container's
    /// properties would not do: no shared-access signature of a container allows that
    /// (<https://learn.microsoft.com/en-us/rest/api/storageservices/create-service-sas>).
    pub(crate) async fn may_upload(&self, path: &str) -> Result<(), NotStored> {
        self.refuses_other_version(path).await.map(drop)
    }

    /// The same, and whether the condition was looked at: where it was not, there is an empty blob
    /// of this name now.
    pub(crate) async fn refuses_other_version(&self, path: &str) -> Result<bool, NotStored> {
        let options = BlobClientUploadOptions {
            if_match: Some(Etag::from(NO_VERSION)),
            ..Default::default()
        };
        match self.put(path, Bytes::new(), options).await {
            Err(NotStored::Answered { status: 412, .. }) => Ok(true),
            other => other.map(|()| false),
        }
    }

    async fn put(
        &self,
        path: &str,
        body: Bytes,
        options: BlobClientUploadOptions<'_>,
    ) -> Result<(), NotStored> {
        let options = BlobClientUploadOptions {
            partition_size: Some(ONE_REQUEST),
            ..options
        };
        let blob = self.client.blob_client(path);
        let call = blob.upload(RequestContent::from(Vec::from(body)), Some(options));
        match tokio::time::timeout(self.timeout, call).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(not_stored(&error, &self.shown)),
            Err(_) => Err(NotStored::TimedOut),
        }
    }
}

fn not_stored(error: &azure_core_blob::Error, shown: &str) -> NotStored {
    let problem = match classify(error, shown) {
        Failure::Final(StoreError::Unavailable(text) | StoreError::Unauthorized(text)) => text,
        // A condition was not fulfilled, or there is no such blob: of uploads, only the question is
        // answered so.
        _ => format!("{shown} answered as to another request"),
    };
    match error.kind() {
        // https://learn.microsoft.com/en-us/azure/storage/blobs/immutable-storage-overview
        ErrorKind::HttpResponse {
            error_code: Some(code),
            ..
        } if code == "BlobImmutableDueToPolicy" => NotStored::Immutable { problem },
        ErrorKind::HttpResponse {
            status,
            raw_response,
            ..
        } => {
            let headers = raw_response.as_ref().map(|it| it.headers());
            let asked = headers.and_then(|it| it.get_optional_string(&"retry-after".into()));
            NotStored::Answered {
                status: (*status).into(),
                retry_after: asked.and_then(|it| retry_after(&it, SystemTime::now())),
                problem,
            }
        }
        ErrorKind::Credential => NotStored::NoToken(problem),
        _ => NotStored::NoAnswer(problem),
    }
}
