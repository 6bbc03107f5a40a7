//! Who is never reached through a proxy.
//!
//! HTTP clients take their proxies from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`
//! (in upper or lower case). What is on this machine or on this link is reached without one,
//! whatever they say: a proxy would reach another machine's, and the metadata service
//! (169.254.169.254) would give its own identity.

use std::net::IpAddr;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::ClientBuilder;
use reqwest::header::HeaderValue;

/// Leaves the proxies of the environment out if this URL is never reached through one.
pub fn configure(client: ClientBuilder, url: &url::Url) -> ClientBuilder {
    if is_direct(url) {
        client.no_proxy()
    } else {
        client
    }
}

/// A proxy that stands between this machine and some URL.
#[derive(Clone, Debug)]
pub struct Between {
    /// What the proxy itself speaks: `http` nearly everywhere.
    pub scheme: String,
    /// Its host, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The value of `Proxy-Authorization`, marked as sensitive.
    pub authorization: Option<HeaderValue>,
}

/// The proxy of the environment that a request to this URL goes through, as the HTTP clients of
/// this program choose it.
pub fn of_environment(url: &url::Url) -> Option<Between> {
    match is_direct(url) {
        true => None,
        false => chosen(&Matcher::from_system(), url),
    }
}

/// The proxy at an address of one's own, as an HTTP client that is given it uses it.
pub fn at(address: &str, url: &url::Url) -> Option<Between> {
    chosen(&Matcher::builder().all(address).build(), url)
}

fn chosen(matcher: &Matcher, url: &url::Url) -> Option<Between> {
    let chosen = matcher.intercept(&url.as_str().parse().ok()?)?;
    let (uri, scheme) = (chosen.uri(), chosen.uri().scheme_str()?);
    let usual = match scheme {
        "https" => 443,
        "http" => 80,
        _ => 1080,
    };
    let authorization = chosen.basic_auth().cloned().map(|mut value| {
        value.set_sensitive(true);
        value
    });
    Some(Between {
        scheme: scheme.to_owned(),
        host: uri.host()?.trim_matches(['[', ']']).to_owned(),
        port: uri.port_u16().unwrap_or(usual),
        authorization,
    })
}

/// Whether a URL leads to this machine or this link.
pub fn is_direct(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => is_near(address.into()),
        Some(url::Host::Ipv6(address)) => is_near(address.into()),
        Some(url::Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_of_ones_own_is_read_as_clients_do() {
        let url = "https://siem.example.com/".parse().unwrap();
        let found = at("http://user:MARK@proxy.corp:3128", &url).unwrap();
        assert_eq!((found.host.as_str(), found.port), ("proxy.corp", 3128));
        assert!(!format!("{found:?}").contains("MARK"), "{found:?}");
        let value = found.authorization.unwrap();
        assert_eq!(value.to_str().unwrap(), "Basic dXNlcjpNQVJL");
        let found = at("http://[::1]", &url).unwrap();
        assert_eq!((found.host.as_str(), found.port), ("::1", 80));
    }

    #[test]
    fn near_and_far() {
        let direct = |url: &str| is_direct(&url.parse().unwrap());
        for near in [
            "http://127.0.0.1:8088/",
            "https://127.3.2.1/",
            "http://[::1]:1/",
            "http://[::ffff:127.0.0.1]/",
            "http://localhost/",
            "http://LOCALHOST./",
            "http://account.blob.localhost:10000/",
            "http://169.254.169.254/metadata/identity/oauth2/token",
            "http://[fe80::1]/",
        ] {
            assert!(direct(near), "{near}");
        }
        for far in [
            "https://siem.example.com/",
            "https://localhost.example.com/",
            "http://169.253.0.1/",
            "http://10.0.0.1/",
            "http://[2001:db8::1]/",
        ] {
            assert!(!direct(far), "{far}");
        }
    }
}
