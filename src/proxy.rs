//! Who is never reached through a proxy.
//!
//! HTTP clients take their proxies from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`
//! (in upper or lower case). What is on this machine or on this link is reached without one,
//! whatever they say: a proxy would reach another machine's, and the metadata service
//! (169.254.169.254) would give its own identity.

use std::net::IpAddr;

use reqwest::ClientBuilder;

/// Leaves the proxies of the environment out if this URL is never reached through one.
pub fn configure(client: ClientBuilder, url: &url::Url) -> ClientBuilder {
    if is_direct(url) {
        client.no_proxy()
    } else {
        client
    }
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
