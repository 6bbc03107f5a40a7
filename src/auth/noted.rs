//! A credential whose tokens' ends are noted.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};

use crate::event_hub::Timestamp;
use crate::telemetry::expiries::{Expiries, ExpiryKind};

/// Hands questions on to another credential, and notes when the tokens that it gives end.
#[derive(Debug)]
pub struct NotedCredential {
    inner: Arc<dyn TokenCredential>,
    place: String,
    expiries: Arc<Expiries>,
}

impl NotedCredential {
    /// `place` is the credential's path in the configuration.
    pub fn new(inner: Arc<dyn TokenCredential>, place: &str, expiries: &Arc<Expiries>) -> Self {
        Self {
            inner,
            place: place.to_owned(),
            expiries: Arc::clone(expiries),
        }
    }
}

#[async_trait]
impl TokenCredential for NotedCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let token = self.inner.get_token(scopes, options).await?;
        let milliseconds = token.expires_on.unix_timestamp().saturating_mul(1_000);
        // One credential has a token for each service, and each ends by itself.
        let services: Vec<_> = scopes.iter().map(|it| service(it)).collect();
        let place = format!("{} for {}", self.place, services.join(" "));
        let ends = Timestamp(milliseconds);
        self.expiries.note(ExpiryKind::Token, &place, ends);
        Ok(token)
    }
}

/// What a scope is about: `https://storage.azure.com/.default` is about `storage.azure.com`.
fn service(scope: &str) -> &str {
    let scope = scope.strip_suffix("/.default").unwrap_or(scope);
    let scope = scope.trim_end_matches('/');
    scope.strip_prefix("https://").unwrap_or(scope)
}

#[cfg(test)]
mod tests {
    use azure_core::time::OffsetDateTime;

    use super::*;

    #[derive(Debug)]
    struct Fixed;

    #[async_trait]
    impl TokenCredential for Fixed {
        async fn get_token(
            &self,
            _: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            let ends = OffsetDateTime::from_unix_timestamp(1_900_000_000).unwrap();
            Ok(AccessToken::new("secret", ends))
        }
    }

    #[tokio::test]
    async fn each_service_has_its_own_end() {
        let expiries = Arc::default();
        let noted = NotedCredential::new(Arc::new(Fixed), "credentials.main", &expiries);
        for scope in [
            "https://storage.azure.com/.default",
            "https://eventhubs.azure.net//.default",
            "https://storage.azure.com/.default",
        ] {
            noted.get_token(&[scope], None).await.unwrap();
        }
        let ends = Timestamp(1_900_000_000_000);
        let place = |name: &str| format!("credentials.main for {name}");
        let expected = ["eventhubs.azure.net", "storage.azure.com"];
        let expected = expected.map(|name| (ExpiryKind::Token, place(name), ends));
        assert_eq!(expiries.read(), expected);
    }
}
