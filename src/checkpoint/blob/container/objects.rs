//! Calls on blobs whose bytes matter: for the dead letters.

use std::collections::HashMap;
use std::time::Duration;

use azure_core_blob::http::{Etag, RequestContent};
use azure_storage_blob::models::{
    BlobClientDeleteOptions, BlobClientDownloadOptions, BlobClientUploadOptions,
    BlobContainerClientListBlobsOptions, ListBlobsIncludeItem,
};
use bytes::Bytes;
use futures::TryStreamExt;

use super::super::error::Failure;
use super::{Container, ETag, Fields, Listed, ONE_REQUEST, StoreError, header, metadata};
use crate::event_hub::Timestamp;

/// A blob with everything that it holds.
pub(crate) struct Whole {
    pub(crate) body: Bytes,
    pub(crate) fields: Fields,
    pub(crate) etag: ETag,
    pub(crate) modified_at: Timestamp,
}

impl Container {
    /// One page of the blobs whose names begin with `prefix`, at most `most` of them, in the order
    /// of their names, and where the next one begins.
    pub(crate) async fn page(
        &self,
        prefix: &str,
        marker: Option<&str>,
        most: usize,
    ) -> Result<(Vec<Listed>, Option<String>), StoreError> {
        let options = BlobContainerClientListBlobsOptions {
            include: Some(vec![ListBlobsIncludeItem::Metadata]),
            prefix: Some(prefix.to_owned()),
            marker: marker.map(str::to_owned),
            // The service gives 5,000 at most.
            maxresults: Some(i32::try_from(most.clamp(1, 5_000)).unwrap_or(5_000)),
            ..Default::default()
        };
        let pager = self
            .client
            .list_blobs(Some(options))
            .map_err(|_| self.garbled("request"))?;
        let mut pages = pager.into_pages();
        let page = self
            .within(self.timeout, pages.try_next())
            .await
            .map_err(Failure::into_error)?;
        let Some(page) = page else {
            return Ok((Vec::new(), None));
        };
        let now = header(page.headers(), "date")
            .and_then(|text| httpdate::parse_http_date(&text).ok())
            .ok_or_else(|| self.garbled("date"))?;
        let page = page.into_model().map_err(|_| self.garbled("listing"))?;
        let blobs = page.segment.blob_items.into_iter();
        let listed = blobs.map(|blob| self.listed(blob, now));
        let next = page.next_marker.filter(|marker| !marker.is_empty());
        Ok((listed.collect::<Result<_, _>>()?, next))
    }

    /// Reads a whole blob; `None` when there is none.
    pub(crate) async fn whole(&self, path: &str) -> Result<Option<Whole>, StoreError> {
        let options = BlobClientDownloadOptions {
            partition_size: usize::try_from(ONE_REQUEST.get())
                .ok()
                .and_then(std::num::NonZero::new),
            ..Default::default()
        };
        let blob = self.client.blob_client(path);
        let call = async {
            let answer = blob.download(Some(options)).await?;
            Ok((answer.body.collect().await?, answer.properties))
        };
        // A large body may take a while more.
        let limit = self.timeout + Duration::from_secs(60);
        let (body, properties) = match self.within(limit, call).await {
            Ok(answer) => answer,
            Err(Failure::NoBlob) => return Ok(None),
            Err(failure) => return Err(failure.into_error()),
        };
        let modified_at = properties
            .last_modified
            .ok_or_else(|| self.garbled("last-modified time"))?;
        Ok(Some(Whole {
            body,
            fields: metadata::fields(properties.metadata),
            etag: self.etag(properties.etag)?,
            modified_at: std::time::SystemTime::from(modified_at).into(),
        }))
    }

    /// Replaces a blob if this version of it is stored.
    pub(crate) async fn replace(
        &self,
        path: &str,
        metadata: HashMap<String, String>,
        body: Vec<u8>,
        etag: &ETag,
    ) -> Result<(), StoreError> {
        let limit = self.timeout + Duration::from_secs(60);
        let options = BlobClientUploadOptions {
            metadata: Some(metadata),
            partition_size: Some(ONE_REQUEST),
            if_match: Some(Etag::from(format!("\"{}\"", etag.as_str()))),
            ..Default::default()
        };
        let blob = self.client.blob_client(path);
        let upload = blob.upload(RequestContent::from(body), Some(options));
        let replaced = self.within(limit, upload).await;
        replaced.map(drop).map_err(Failure::into_error)
    }

    /// Deletes a blob if this version of it is stored; one that is not there is no error.
    pub(crate) async fn delete(&self, path: &str, etag: &ETag) -> Result<(), StoreError> {
        let options = BlobClientDeleteOptions {
            if_match: Some(Etag::from(format!("\"{}\"", etag.as_str()))),
            ..Default::default()
        };
        let blob = self.client.blob_client(path);
        match self.within(self.timeout, blob.delete(Some(options))).await {
            Ok(_) | Err(Failure::NoBlob) => Ok(()),
            Err(failure) => Err(failure.into_error()),
        }
    }
}
