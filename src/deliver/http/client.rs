//! The HTTP client, built in this one place.

use std::time::Duration;

use reqwest::{Certificate, Client, Identity, Proxy, Url};

use super::BuildError;
use super::errors::text_of;
use crate::config::{HttpVersion, SinkConnection, SinkProxy};
use crate::proxy;

/// How long an idle connection is kept: below the minute after which usual load balancers drop it.
const POOL_IDLE: Duration = Duration::from_secs(50);
/// How often a connection of HTTP/2 with requests on it is asked whether it lives.
const PING_EVERY: Duration = Duration::from_secs(30);
/// How long it may take to answer that.
const PING_MAX: Duration = Duration::from_secs(15);

/// The times that a client allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// For a connection.
    pub(crate) connect: Duration,
    /// For a whole answer.
    pub(crate) answer: Duration,
}

/// Builds the client for a URL.
///
/// It follows no redirect (a followed 302 turns a POST into a GET, whose 200 would count as
/// delivery, and credentials would go to another host), keeps no cookies, and neither retries nor
/// decompresses anything by itself.
///
/// # Errors
/// When certificates or the proxy cannot be used; shows nothing of them.
pub(crate) fn build(
    connection: &SinkConnection,
    url: &Url,
    times: Times,
) -> Result<Client, BuildError> {
    let builder = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_gzip()
        .no_deflate()
        .connect_timeout(times.connect)
        .timeout(times.answer)
        .pool_idle_timeout(POOL_IDLE)
        .http2_keep_alive_interval(PING_EVERY)
        .http2_keep_alive_timeout(PING_MAX)
        .tcp_nodelay(true)
        .user_agent(concat!("entra-forwarder/", env!("CARGO_PKG_VERSION")));
    let builder = match &connection.proxy {
        None => proxy::configure(builder, url),
        Some(SinkProxy::None) => builder.no_proxy(),
        // A file may say that too, and something else later.
        Some(SinkProxy::At(at)) if at.expose() == "none" => builder.no_proxy(),
        Some(SinkProxy::At(at)) => {
            let proxy = Proxy::all(at.expose());
            let proxy = proxy.map_err(|error| failed("proxy", &error))?;
            builder.no_proxy().proxy(proxy)
        }
    };
    let mut builder = match connection.http_version {
        HttpVersion::Auto => builder,
        HttpVersion::Http1 => builder.http1_only(),
        HttpVersion::Http2 => builder.http2_prior_knowledge(),
    };
    if let Some(ca) = &connection.tls.ca {
        let ca = Certificate::from_pem_bundle(ca.expose().as_bytes());
        builder = builder.tls_certs_merge(ca.map_err(|error| failed("tls.ca", &error))?);
    }
    if let Some((certificate, key)) = &connection.tls.identity {
        // Both may be the same file, with everything in it.
        let certificates = sections(certificate.expose(), |kind| kind == "CERTIFICATE");
        let keys = sections(key.expose(), |kind| kind.ends_with("PRIVATE KEY"));
        let both = format!("{certificates}{keys}");
        let identity = Identity::from_pem(both.as_bytes());
        let identity = identity.map_err(|error| failed("tls.certificate", &error))?;
        builder = builder.identity(identity);
    }
    builder.build().map_err(|error| failed("tls", &error))
}

/// The sections of a PEM text (RFC 7468) whose kinds are wanted.
fn sections(pem: &str, is_wanted: impl Fn(&str) -> bool) -> String {
    let mut wanted = String::new();
    let mut is_inside = false;
    for line in pem.lines() {
        let label = |start: &str| line.trim().strip_prefix(start)?.strip_suffix("-----");
        is_inside |= label("-----BEGIN ").is_some_and(&is_wanted);
        if is_inside {
            wanted.push_str(line);
            wanted.push('\n');
        }
        is_inside &= label("-----END ").is_none();
    }
    wanted
}

fn failed(key: &str, error: &reqwest::Error) -> BuildError {
    BuildError(format!("{key}: {}", text_of(error)))
}
