//! How identity services are reached.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::cloud::CloudConfiguration;
use azure_core::http::{
    AsyncRawResponse, ClientOptions, ExponentialRetryOptions, HttpClient, Request, RetryOptions,
    Transport,
};

use crate::proxy;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for one answer. Whoever needs a token waits for 20 s.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// Where proxies of the environment stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The platform's own endpoint (`IDENTITY_ENDPOINT`, the metadata service): never by a proxy.
    Platform,
    /// Microsoft Entra: by the proxy of the environment, if there is one.
    Entra,
}

/// Options for a credential of `azure_identity`: an HTTP client of ours, and few retries, since
/// whoever asked for the token tries again. `None` when the system has no client to give.
pub(super) fn client_options(
    reach: Reach,
    cloud: Option<Arc<CloudConfiguration>>,
) -> Option<ClientOptions> {
    let direct = client(|builder| builder.no_proxy())?;
    let usual = match reach {
        Reach::Platform => direct.clone(),
        Reach::Entra => client(|builder| builder)?,
    };
    Some(ClientOptions {
        transport: Some(Transport::new(Arc::new(IdentityClient { direct, usual }))),
        retry: RetryOptions::exponential(ExponentialRetryOptions {
            initial_delay: azure_core::time::Duration::milliseconds(500),
            max_retries: 3,
            max_total_elapsed: azure_core::time::Duration::seconds(10),
            ..Default::default()
        }),
        cloud,
        ..Default::default()
    })
}

/// No redirects: a token request goes where it was sent or nowhere.
fn client(
    more: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
) -> Option<reqwest::Client> {
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(ANSWER_TIMEOUT)
        .pool_idle_timeout(Duration::from_secs(60));
    more(builder).build().ok()
}

/// Goes past the proxy for what is on this machine or on its link, whatever `NO_PROXY` says.
#[derive(Debug)]
struct IdentityClient {
    direct: reqwest::Client,
    usual: reqwest::Client,
}

#[async_trait]
impl HttpClient for IdentityClient {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        match proxy::is_direct(request.url()) {
            true => self.direct.execute_request(request).await,
            false => self.usual.execute_request(request).await,
        }
    }
}
