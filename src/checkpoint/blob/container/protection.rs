//! What an account does against the loss of blobs: it keeps what was deleted.

use azure_storage_blob::models::{BlobContainerClientListBlobsOptions, ListBlobsIncludeItem};
use azure_storage_blob::{BlobServiceClient, BlobServiceClientOptions};
use futures::TryStreamExt;

use super::super::error::Failure;
use super::{Arc, BlobCredential, Container, StoreError, TokenCredential, Url, client_options};

/// What a client for the whole account would be made of.
pub(super) struct Account {
    /// With the signature of the container, if that is what there is.
    pub(super) url: Url,
    pub(super) credential: Option<Arc<dyn TokenCredential>>,
}

impl Container {
    /// For how many days the account keeps deleted blobs; `None` when it does not. To ask takes
    /// more rights than those of a container
    /// (<https://learn.microsoft.com/rest/api/storageservices/get-blob-service-properties>).
    ///
    /// # Errors
    /// As the service answered.
    pub(crate) async fn soft_delete_days(&self) -> Result<Option<i32>, StoreError> {
        let mut url = self.account.url.clone();
        let segments = url.path_segments_mut();
        segments.map_err(|()| self.garbled("request"))?.pop();
        let options = BlobServiceClientOptions {
            client_options: client_options(&url, self.timeout)
                .ok_or_else(|| self.garbled("client"))?,
            ..Default::default()
        };
        let credential = self.account.credential.clone();
        let credential = credential.map(|inner| Arc::new(BlobCredential::new(inner)) as _);
        let service = BlobServiceClient::new(url.as_str(), credential, Some(options));
        let service = service.map_err(|_| self.garbled("client"))?;
        let call = async { service.get_properties(None).await?.into_model() };
        let properties = self.within(self.timeout, call).await;
        let policy = properties
            .map_err(Failure::into_error)?
            .delete_retention_policy;
        let policy = policy.filter(|policy| policy.enabled == Some(true));
        Ok(policy.map(|policy| policy.days.unwrap_or(0)))
    }

    /// Whether deleted blobs whose names begin with `prefix` are kept.
    ///
    /// # Errors
    /// As the service answered.
    pub(crate) async fn keeps_deleted(&self, prefix: &str) -> Result<bool, StoreError> {
        let options = BlobContainerClientListBlobsOptions {
            include: Some(vec![ListBlobsIncludeItem::Deleted]),
            prefix: Some(prefix.to_owned()),
            ..Default::default()
        };
        let pager = self.client.list_blobs(Some(options));
        let mut pages = pager.map_err(|_| self.garbled("request"))?.into_pages();
        let page = self.within(self.timeout, async {
            let Some(page) = pages.try_next().await? else {
                return Ok(false);
            };
            let items = page.into_model()?.segment.blob_items;
            Ok(items.iter().any(|blob| blob.deleted == Some(true)))
        });
        page.await.map_err(Failure::into_error)
    }
}
