//! A bridge: the storage client is built on an earlier `azure_core` than the rest.

use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_core_blob::credentials::{AccessToken, TokenCredential as BlobTokenCredential};
use azure_core_blob::credentials::{Secret, TokenRequestOptions};
use azure_core_blob::error::ErrorKind as BlobErrorKind;

use super::{async_trait, failure};

/// A credential as the storage client takes it.
#[derive(Debug)]
pub struct BlobCredential(Arc<dyn TokenCredential>);

impl BlobCredential {
    /// Gives the storage client the tokens of `inner`.
    pub fn new(inner: Arc<dyn TokenCredential>) -> Self {
        Self(inner)
    }
}

#[async_trait]
impl BlobTokenCredential for BlobCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core_blob::Result<AccessToken> {
        match self.0.get_token(scopes, None).await {
            Ok(token) => {
                let secret = Secret::new(token.token.secret().to_owned());
                Ok(AccessToken::new(secret, token.expires_on))
            }
            Err(error) => Err(azure_core_blob::Error::with_message(
                kind(&error),
                error.to_string(),
            )),
        }
    }
}

/// Whether the identity service refused, or was not reached: only the first is about permissions.
fn kind(error: &azure_core::Error) -> BlobErrorKind {
    match failure::is_unreachable(error) {
        true => BlobErrorKind::Io,
        false => BlobErrorKind::Credential,
    }
}
