//! The first of several credentials that gives a token.

use std::sync::{Arc, OnceLock};

use super::{AccessToken, Duration, TokenCredential, TokenRequestOptions, async_trait};

/// Tries credentials in order until one gives a token, and stays with that one.
#[derive(Debug)]
pub(super) struct FirstOf {
    credentials: Vec<(&'static str, Arc<dyn TokenCredential>)>,
    attempt_max: Duration,
    found: OnceLock<Arc<dyn TokenCredential>>,
}

impl FirstOf {
    pub(super) fn new(
        credentials: Vec<(&'static str, Arc<dyn TokenCredential>)>,
        attempt_max: Duration,
    ) -> Self {
        Self {
            credentials,
            attempt_max,
            found: OnceLock::new(),
        }
    }
}

#[async_trait]
impl TokenCredential for FirstOf {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        if let Some(credential) = self.found.get() {
            return credential.get_token(scopes, options).await;
        }
        let mut tried = Vec::new();
        for (name, credential) in &self.credentials {
            let token = credential.get_token(scopes, options.clone());
            match tokio::time::timeout(self.attempt_max, token).await {
                Ok(Ok(token)) => {
                    // Of two calls at the same time either answer will do.
                    self.found.get_or_init(|| Arc::clone(credential));
                    return Ok(token);
                }
                Ok(Err(error)) => tried.push(format!("{name}: {error}")),
                Err(_) => tried.push(format!("{name}: no answer within {:?}", self.attempt_max)),
            }
        }
        let problem = format!(
            "no credential gives a token; tried {} (workload identity is not configured here)",
            tried.join("; ")
        );
        Err(azure_core::Error::with_message(
            azure_core::error::ErrorKind::Credential,
            problem,
        ))
    }
}
