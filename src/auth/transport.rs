//! How identity services are reached.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::cloud::CloudConfiguration;
use azure_core::http::{
    AsyncRawResponse, ClientOptions, ExponentialRetryOptions, HttpClient, Request, RetryOptions,
    Transport,
};
use url::{Host, Url};

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
        match is_near(request.url()) {
            true => self.direct.execute_request(request).await,
            false => self.usual.execute_request(request).await,
        }
    }
}

/// Loopback and link-local addresses: no proxy leads there.
fn is_near(url: &Url) -> bool {
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
        Some(Host::Ipv6(ip)) => ip.to_canonical(),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            return name == "localhost" || name.ends_with(".localhost");
        }
        None => return false,
    };
    ip.is_loopback()
        || match ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_is_what_no_proxy_leads_to() {
        for (url, near) in [
            ("http://169.254.169.254/metadata", true),
            ("http://169.254.129.2:8081/msi/token", true),
            ("http://127.0.0.1:42356/msi/token", true),
            ("http://localhost:42356/msi/token", true),
            ("http://LOCALHOST./", true),
            ("http://[::1]:1/", true),
            ("http://[fe80::1]/", true),
            ("http://[::ffff:169.254.169.254]/", true),
            ("https://login.microsoftonline.com/", false),
            ("http://10.0.0.1/", false),
            ("http://169.253.0.1/", false),
            ("http://localhost.example.com/", false),
            ("http://[2001:db8::1]/", false),
        ] {
            assert_eq!(is_near(&Url::parse(url).unwrap()), near, "{url}");
        }
    }
}
