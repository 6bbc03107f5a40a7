//! The calls on a blob container that the stores need: bounded, conditional, never retried.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use azure_core::credentials::TokenCredential;
use azure_core_blob::http::headers::Headers;
use azure_core_blob::http::{ClientOptions, Etag, RequestContent, RetryOptions, Transport, Url};
use azure_storage_blob::models::{
    BlobClientDownloadOptions, BlobClientGetPropertiesResultHeaders, BlobClientSetMetadataOptions,
    BlobClientUploadOptions, BlobContainerClientListBlobsOptions, BlobItem, LeaseState,
    ListBlobsIncludeItem,
};
use azure_storage_blob::{BlobContainerClient, BlobContainerClientOptions};
use bytes::Bytes;
use futures::TryStreamExt;

use super::error::{Failure, classify};
use super::{ETag, Fields, StoreError, metadata};
use crate::auth::BlobCredential;
use crate::config::Secret;
use crate::event_hub::Timestamp;
use crate::proxy;

mod objects;
mod problem;
mod protection;
mod upload;

pub(crate) use objects::Whole;
pub use problem::ContainerError;
use protection::Account;
pub(crate) use upload::{NotStored, Upload};

/// Bodies up to this size go in one request; an event is never larger.
const ONE_REQUEST: NonZero<u64> = NonZero::new(256 << 20).unwrap();

/// A blob container. Clones share one connection pool.
#[derive(Clone)]
pub struct Container {
    client: Arc<BlobContainerClient>,
    account: Arc<Account>,
    /// The URL without its query: fit to be shown.
    shown: Arc<str>,
    timeout: Duration,
    page: Option<i32>,
}

/// One blob of a listing.
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) fields: Fields,
    pub(crate) etag: ETag,
    pub(crate) age: Duration,
    pub(crate) modified_at: Timestamp,
    pub(crate) size: u64,
    /// Whether somebody holds a lease on it, which is how older libraries own a partition.
    pub(crate) is_leased: bool,
}

/// What is known of one blob without reading it.
pub(crate) struct Head {
    pub(crate) fields: Fields,
    /// Whether the account keeps versions.
    pub(crate) is_versioned: bool,
    pub(crate) etag: ETag,
    pub(in crate::checkpoint) modified_at: Timestamp,
}

impl Container {
    /// Prepares calls on the container at this URL, each bounded by `timeout`; sends nothing yet.
    ///
    /// Either the URL carries a shared-access signature (then plain http is allowed, as a storage
    /// emulator needs it), or `credential` gives tokens.
    ///
    /// # Errors
    /// When the URL cannot be one of a container, or does not fit the credential.
    pub fn new(
        url: &Secret,
        credential: Option<Arc<dyn TokenCredential>>,
        timeout: Duration,
    ) -> Result<Self, ContainerError> {
        let mut url = Url::parse(url.expose()).map_err(|_| ContainerError::NotAUrl)?;
        let shown = {
            let mut shown = url.clone();
            shown.set_query(None);
            shown.set_fragment(None);
            // Both fail only for URLs without a host, which are refused below.
            if shown.set_username("").is_err() || shown.set_password(None).is_err() {
                return Err(ContainerError::NotAUrl);
            }
            shown.to_string()
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(ContainerError::NotAUrl);
        }
        url.path_segments_mut()
            .map_err(|()| ContainerError::NotAUrl)?
            .pop_if_empty();
        if url.path().len() < 2 {
            return Err(ContainerError::NoContainer(shown));
        }
        let signed = has_signature(&url);
        match (&credential, signed) {
            (None, false) => return Err(ContainerError::NoCredential(shown)),
            (Some(_), true) => return Err(ContainerError::TwoCredentials(shown)),
            (Some(_), false) if url.scheme() != "https" => {
                return Err(ContainerError::NotHttps(shown));
            }
            _ => {}
        }
        let options = BlobContainerClientOptions {
            client_options: client_options(&url, timeout)
                .ok_or_else(|| ContainerError::Client(shown.clone()))?,
            ..Default::default()
        };
        let account = Account {
            url: url.clone(),
            credential: credential.clone(),
        };
        let credential = credential.map(|inner| Arc::new(BlobCredential::new(inner)) as _);
        // The error's own text repeats the URL.
        let client = BlobContainerClient::from_url(url, credential, Some(options))
            .map_err(|_| ContainerError::Client(shown.clone()))?;
        Ok(Self {
            client: Arc::new(client),
            account: Arc::new(account),
            shown: shown.into(),
            timeout,
            page: None,
        })
    }

    /// Whether the URL carries a shared-access signature, so that it takes no credential.
    pub fn is_signed(url: &Secret) -> bool {
        Url::parse(url.expose()).is_ok_and(|url| has_signature(&url))
    }

    /// Lists in pages of this size instead of the service's own (5,000), to test that every page
    /// is read.
    #[must_use]
    pub fn with_page_size(self, blobs: u16) -> Self {
        Self {
            page: Some(blobs.into()),
            ..self
        }
    }

    /// The URL without its signature.
    pub fn url(&self) -> &str {
        &self.shown
    }

    /// Creates a blob where there is none.
    pub(crate) async fn create(
        &self,
        path: &str,
        metadata: HashMap<String, String>,
        body: Bytes,
    ) -> Result<ETag, StoreError> {
        // A large body may take a second per MiB more.
        let extra = Duration::from_secs(u64::try_from(body.len() >> 20).unwrap_or(0));
        let options = BlobClientUploadOptions {
            metadata: Some(metadata),
            partition_size: Some(ONE_REQUEST),
            ..Default::default()
        };
        let blob = self.client.blob_client(path);
        let upload = blob.upload(
            RequestContent::from(Vec::from(body)),
            Some(options.with_if_not_exists()),
        );
        let created = self
            .within(self.timeout + extra, upload)
            .await
            .map_err(Failure::into_error)?;
        self.etag(created.etag)
    }

    /// Replaces the metadata of the blob if this version of it is stored.
    pub(super) async fn set_metadata(
        &self,
        path: &str,
        metadata: &HashMap<String, String>,
        etag: &ETag,
    ) -> Result<ETag, StoreError> {
        let options = BlobClientSetMetadataOptions {
            if_match: Some(Etag::from(format!("\"{}\"", etag.as_str()))),
            ..Default::default()
        };
        let blob = self.client.blob_client(path);
        let call = blob.set_metadata(metadata, Some(options));
        let answer = self
            .within(self.timeout, call)
            .await
            .map_err(Failure::into_error)?;
        self.etag(header(answer.headers(), "etag").map(Etag::from))
    }

    /// Reads metadata, version and age of a blob; `None` when there is none.
    pub(crate) async fn head(&self, path: &str) -> Result<Option<Head>, StoreError> {
        let blob = self.client.blob_client(path);
        let answer = match self.within(self.timeout, blob.get_properties(None)).await {
            Ok(answer) => answer,
            Err(Failure::NoBlob) => return Ok(None),
            Err(failure) => return Err(failure.into_error()),
        };
        let etag = self.etag(header(answer.headers(), "etag").map(Etag::from))?;
        let pairs = answer.metadata().map_err(|_| self.garbled("metadata"))?;
        let modified_at = header(answer.headers(), "last-modified")
            .and_then(|text| httpdate::parse_http_date(&text).ok())
            .ok_or_else(|| self.garbled("last-modified time"))?;
        Ok(Some(Head {
            fields: metadata::fields(pairs),
            is_versioned: header(answer.headers(), "x-ms-version-id").is_some(),
            etag,
            modified_at: modified_at.into(),
        }))
    }

    /// Lists the blobs whose names begin with `prefix`, all pages of them.
    pub(super) async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        self.list_at_most(prefix, usize::MAX).await
    }

    /// The same for a container that is not ours: one that holds more than `most` such blobs is
    /// refused.
    pub(in crate::checkpoint) async fn list_at_most(
        &self,
        prefix: &str,
        most: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let options = BlobContainerClientListBlobsOptions {
            include: Some(vec![ListBlobsIncludeItem::Metadata]),
            prefix: Some(prefix.to_owned()),
            maxresults: self.page,
            ..Default::default()
        };
        let pager = self
            .client
            .list_blobs(Some(options))
            .map_err(|_| self.garbled("request"))?;
        let mut pages = pager.into_pages();
        let mut listed = Vec::new();
        while let Some(page) = self
            .within(self.timeout, pages.try_next())
            .await
            .map_err(Failure::into_error)?
        {
            let now = header(page.headers(), "date")
                .and_then(|text| httpdate::parse_http_date(&text).ok())
                .ok_or_else(|| self.garbled("date"))?;
            let blobs = page
                .into_model()
                .map_err(|_| self.garbled("listing"))?
                .segment
                .blob_items;
            for blob in blobs {
                listed.push(self.listed(blob, now)?);
            }
            if listed.len() > most {
                return Err(StoreError::Unavailable(format!(
                    "{} holds more than {most} blobs: is this the container of the positions?",
                    self.shown
                )));
            }
        }
        Ok(listed)
    }

    fn listed(&self, blob: BlobItem, now: SystemTime) -> Result<Listed, StoreError> {
        let properties = blob.properties.unwrap_or_default();
        let name = blob.name.ok_or_else(|| self.garbled("blob name"))?;
        let last_modified = properties
            .last_modified
            .ok_or_else(|| self.garbled("last-modified time"))?;
        let pairs = blob
            .metadata
            .unwrap_or_default()
            .additional_properties
            .unwrap_or_default();
        let modified: SystemTime = last_modified.into();
        Ok(Listed {
            name,
            fields: metadata::fields(pairs),
            etag: self.etag(properties.etag)?,
            age: now.duration_since(modified).unwrap_or_default(),
            modified_at: modified.into(),
            size: properties.content_length.unwrap_or(0),
            is_leased: properties.lease_state == Some(LeaseState::Leased),
        })
    }

    /// Reads the first `most` bytes of a blob; `None` when there is none.
    pub(in crate::checkpoint) async fn body(
        &self,
        path: &str,
        most: usize,
    ) -> Result<Option<Bytes>, StoreError> {
        let options = BlobClientDownloadOptions {
            range: Some(0..most),
            ..Default::default()
        };
        let blob = self.client.blob_client(path);
        let call = async { blob.download(Some(options)).await?.body.collect().await };
        match self.within(self.timeout, call).await {
            Ok(body) => Ok(Some(body)),
            Err(Failure::NoBlob) => Ok(None),
            Err(failure) => Err(failure.into_error()),
        }
    }

    /// Awaits one call, at most for `limit`.
    async fn within<T>(
        &self,
        limit: Duration,
        call: impl Future<Output = azure_core_blob::Result<T>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(classify(&error, &self.shown)),
            Err(_) => Err(Failure::Final(StoreError::Unavailable(format!(
                "no answer from {} within {limit:?}",
                self.shown
            )))),
        }
    }

    fn etag(&self, etag: Option<Etag>) -> Result<ETag, StoreError> {
        etag.map(|etag| ETag::new(etag.as_ref()))
            .ok_or_else(|| self.garbled("ETag"))
    }

    /// The answer lacks something that blob storage always sends.
    fn garbled(&self, what: &str) -> StoreError {
        StoreError::Unavailable(format!(
            "an answer from {} has no readable {what}: is this blob storage?",
            self.shown
        ))
    }
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Container").field(&self.shown).finish()
    }
}

/// No retries (a retried claim whose first answer was lost would be taken for a lost one), and no
/// redirects.
fn client_options(url: &Url, timeout: Duration) -> Option<ClientOptions> {
    let builder = proxy::configure(reqwest::Client::builder(), url)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(timeout)
        .pool_idle_timeout(Duration::from_secs(60));
    Some(ClientOptions {
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::new(builder.build().ok()?))),
        ..Default::default()
    })
}

fn has_signature(url: &Url) -> bool {
    url.query_pairs().any(|(name, _)| name == "sig")
}

fn header(headers: &Headers, name: &'static str) -> Option<String> {
    headers.get_optional_string(&name.into())
}
