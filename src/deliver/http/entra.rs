//! Tokens of Microsoft Entra ID.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::time::OffsetDateTime;

use super::TransportError;
use super::tokens::{Token, TokenSource};
use crate::auth;

/// Makes a credential that has no token yet; `None` when it cannot be made.
type Anew = dyn Fn() -> Option<Arc<dyn TokenCredential>> + Send + Sync;

/// A credential for `auth.type = "entra"`, and how to make it anew.
///
/// A credential keeps its token until shortly before its end, and cannot be told to forget it. So
/// for a token that was refused there has to be another one.
#[derive(Clone)]
pub struct EntraCredentials {
    shared: Arc<dyn TokenCredential>,
    anew: Arc<Anew>,
}

impl EntraCredentials {
    /// `shared` may be used by others too; `anew` makes one like it that has kept nothing.
    pub fn new(
        shared: Arc<dyn TokenCredential>,
        anew: impl Fn() -> Option<Arc<dyn TokenCredential>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared,
            anew: Arc::new(anew),
        }
    }
}

impl fmt::Debug for EntraCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntraCredentials({:?})", self.shared)
    }
}

/// Tokens of Microsoft Entra ID, by a credential that keeps them too.
#[derive(Debug)]
pub(super) struct Entra {
    credentials: EntraCredentials,
    /// The one that is asked now.
    current: Mutex<Arc<dyn TokenCredential>>,
    scope: String,
}

impl Entra {
    pub(super) fn new(credentials: EntraCredentials, scope: &str) -> Self {
        Self {
            current: Mutex::new(Arc::clone(&credentials.shared)),
            credentials,
            scope: scope.to_owned(),
        }
    }

    fn credential(&self, anew: bool) -> Arc<dyn TokenCredential> {
        let made = anew.then(|| (self.credentials.anew)()).flatten();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = made {
            *current = made;
        }
        Arc::clone(&current)
    }
}

#[async_trait]
impl TokenSource for Entra {
    async fn token(&self, anew: bool) -> Result<Token, TransportError> {
        let scopes: Vec<&str> = self.scope.split_whitespace().collect();
        let given = self.credential(anew).get_token(&scopes, None).await;
        let given = given.map_err(|error| match auth::is_unreachable(&error) {
            true => TransportError::NoToken(auth::brief(&error)),
            false => TransportError::Refused(format!("no token: {}", auth::brief(&error))),
        })?;
        let life = Duration::try_from(given.expires_on - OffsetDateTime::now_utc());
        Token::bearer(given.token.secret(), Some(life.unwrap_or_default()))
            .ok_or_else(|| TransportError::NoToken("the token is no text".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use azure_core::credentials::{AccessToken, TokenRequestOptions};

    use super::super::tokens::Tokens;
    use super::*;

    /// Keeps its token for an hour, as those of `azure_identity` do.
    #[derive(Debug)]
    struct Caching(usize);

    #[async_trait]
    impl TokenCredential for Caching {
        async fn get_token(
            &self,
            _: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            let ends = OffsetDateTime::now_utc() + Duration::from_secs(3_600);
            Ok(AccessToken::new(format!("token-{}", self.0), ends))
        }
    }

    #[tokio::test]
    async fn a_refused_token_is_renewed_whatever_the_credential_keeps() {
        let made = AtomicUsize::new(0);
        let credentials = EntraCredentials::new(Arc::new(Caching(0)), move || {
            Some(Arc::new(Caching(1 + made.fetch_add(1, Ordering::SeqCst))))
        });
        let source = Box::new(Entra::new(credentials, "scope"));
        let tokens = Tokens::new("sinks.main", source, None);
        let refused = tokens.get().await.unwrap();
        assert_eq!(refused.header(), "Bearer token-0");
        assert_eq!(tokens.renew(&refused).await, Ok(true));
        assert_eq!(tokens.get().await.unwrap().header(), "Bearer token-1");
    }
}
