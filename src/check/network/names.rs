//! Names: their addresses, and what those tell.

use std::net::{IpAddr, SocketAddr};

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::super::finding::{Cause, Log, Point};
use super::{STEP_MAX, Way};
use crate::config::Cloud;

/// Addresses of a name that are shown and tried.
const ADDRESSES_MAX: usize = 8;

/// Looks the first host of the way up, and says what it is.
pub(super) async fn resolve(log: &Log, way: &Way) -> Result<Vec<SocketAddr>, Point> {
    let (host, port) = way.first();
    let is_number = host.parse::<IpAddr>().is_ok();
    let found = timeout(STEP_MAX, lookup_host((host.as_str(), port))).await;
    let problem = match found {
        Ok(Ok(found)) => {
            let mut found: Vec<_> = found.collect();
            found.dedup();
            found.truncate(ADDRESSES_MAX);
            if !found.is_empty() {
                let ips: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
                match &way.between {
                    Some(_) => log.ok(
                        Point::Name,
                        format!(
                            "the proxy {host} is {}; it looks {} up",
                            listed(&ips),
                            way.address.host
                        ),
                    ),
                    None if is_number => log.ok(Point::Name, format!("{host} is no name")),
                    None => report(log, &host, &ips, linked(&host).await),
                }
                return Ok(found);
            }
            "it has no address".to_owned()
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", STEP_MAX.as_secs()),
    };
    let seen = format!("{host} cannot be resolved: {problem}");
    let whose = match &way.between {
        Some(_) => "the proxy's address (HTTPS_PROXY, or `proxy` of the sink)",
        None => "the name",
    };
    let remedy = format!(
        "check {whose}, and that this machine's DNS answers for it (with a private endpoint: that \
         the private zone is linked to this network)"
    );
    log.failed(Point::Name, Cause::Unavailable, seen, remedy);
    Err(Point::Name)
}

/// Addresses of the name that a service with a private endpoint has besides; none when it has no
/// private endpoint.
async fn linked(host: &str) -> Vec<IpAddr> {
    let Some(name) = private_link(host) else {
        return Vec::new();
    };
    match timeout(STEP_MAX, lookup_host((name.as_str(), 443))).await {
        Ok(Ok(found)) => found.map(|it| it.ip()).collect(),
        _ => Vec::new(),
    }
}

/// The name that Azure gives to a private endpoint of a service; nobody has it without one
/// (<https://learn.microsoft.com/azure/private-link/private-endpoint-dns>).
fn private_link(host: &str) -> Option<String> {
    Cloud::of_host(host)?;
    let (own, suffix) = host.split_once('.')?;
    Some(format!("{own}.privatelink.{suffix}"))
}

/// Says what a name is. `linked` are the addresses of its [`private_link`].
fn report(log: &Log, host: &str, found: &[IpAddr], linked: Vec<IpAddr>) {
    let seen = format!("{host} is {}", listed(found));
    let is_public = found.iter().any(|it| !is_private(*it));
    if is_public && !linked.is_empty() {
        let seen = format!("{seen}: a public address, and the service has a private endpoint");
        let zone = private_link(host).and_then(|it| it.split_once('.').map(|it| it.1.to_owned()));
        let remedy = format!(
            "to use it, link the private DNS zone {} to this network",
            zone.unwrap_or_default()
        );
        log.note(Point::Name, seen, remedy);
    } else {
        log.ok(Point::Name, seen);
    }
}

/// Whether an address is reached within a network of one's own.
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let is_shared = matches!(address.octets(), [100, 64..=127, ..]);
            address.is_private() || address.is_loopback() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unicast_link_local() || address.is_unique_local()
        }
    }
}

fn listed(addresses: &[IpAddr]) -> String {
    let texts: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::super::finding::Outcome;
    use super::*;

    #[test]
    fn a_public_address_beside_a_private_endpoint_is_noted() {
        let host = "contoso.servicebus.windows.net";
        let linked = "contoso.privatelink.servicebus.windows.net";
        assert_eq!(private_link(host).as_deref(), Some(linked));
        assert_eq!(private_link("siem.example.com"), None);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let outcome = |found: &str, linked: &[&str]| {
            let log = Log::of("sources.entra");
            let linked = linked.iter().map(|it| ip(it)).collect();
            report(&log, host, &[ip(found)], linked);
            log.findings().remove(0)
        };
        let noted = outcome("20.1.2.3", &["20.1.2.3"]);
        assert_eq!(noted.outcome, Outcome::Note);
        let remedy = noted.remedy.unwrap();
        assert!(
            remedy.contains("privatelink.servicebus.windows.net to"),
            "{remedy}"
        );
        assert_eq!(outcome("20.1.2.3", &[]).outcome, Outcome::Ok);
        assert_eq!(outcome("10.1.0.4", &["10.1.0.4"]).outcome, Outcome::Ok);
        assert_eq!(outcome("fd00::1", &["10.1.0.4"]).outcome, Outcome::Ok);
    }
}
