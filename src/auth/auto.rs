//! `auto`: the first of several credentials that gives a token.

use std::sync::{Arc, OnceLock};

use super::{AccessToken, Duration, TokenCredential, TokenRequestOptions, async_trait, failure};

/// One of the credentials that `auto` may take.
#[derive(Debug)]
pub(super) struct Candidate {
    /// What it is, and why it is tried.
    pub(super) name: &'static str,
    pub(super) credential: Arc<dyn TokenCredential>,
}

/// Tries credentials in order until one gives a token, and stays with that one.
#[derive(Debug)]
pub(super) struct Auto {
    candidates: Vec<Candidate>,
    /// What was not tried, and why.
    skipped: &'static str,
    attempt_max: Duration,
    found: OnceLock<Arc<dyn TokenCredential>>,
}

impl Auto {
    pub(super) fn new(
        candidates: Vec<Candidate>,
        skipped: &'static str,
        attempt_max: Duration,
    ) -> Self {
        Self {
            candidates,
            skipped,
            attempt_max,
            found: OnceLock::new(),
        }
    }
}

#[async_trait]
impl TokenCredential for Auto {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        if let Some(credential) = self.found.get() {
            return credential.get_token(scopes, options).await;
        }
        let mut tried = Vec::new();
        // Where the platform says what it has there is one candidate, which may only be late.
        let mut is_unreachable = self.candidates.len() == 1;
        for Candidate { name, credential } in &self.candidates {
            let token = credential.get_token(scopes, options.clone());
            match tokio::time::timeout(self.attempt_max, token).await {
                Ok(Ok(token)) => {
                    // Of two calls at the same time either answer will do.
                    if self.found.set(Arc::clone(credential)).is_ok() {
                        tracing::info!(
                            event = "identity_found",
                            credential = name,
                            "auto takes {name}"
                        );
                    }
                    return Ok(token);
                }
                Ok(Err(error)) => {
                    is_unreachable &= failure::is_unreachable(&error);
                    tried.push(format!("{name}: {}", failure::brief(&error)));
                }
                Err(_) => tried.push(format!("{name}: no answer within {:?}", self.attempt_max)),
            }
        }
        let kind = match is_unreachable {
            true => azure_core::error::ErrorKind::Io,
            false => azure_core::error::ErrorKind::Credential,
        };
        let problem = format!("auto tried {}{}", tried.join("; "), self.skipped);
        Err(azure_core::Error::with_message(kind, problem))
    }
}
