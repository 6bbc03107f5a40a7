//! What the addresses of a name tell.

use std::net::IpAddr;

use super::super::finding::{Log, Point};
use crate::config::Cloud;

/// The name that Azure gives to a private endpoint of a service; nobody has it without one
/// (<https://learn.microsoft.com/azure/private-link/private-endpoint-dns>).
pub(super) fn private_link(host: &str) -> Option<String> {
    Cloud::of_host(host)?;
    let (own, suffix) = host.split_once('.')?;
    Some(format!("{own}.privatelink.{suffix}"))
}

/// Says what a name is. `linked` are the addresses of its [`private_link`].
pub(super) fn report(log: &Log, host: &str, found: &[IpAddr], linked: Vec<IpAddr>) {
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

pub(super) fn listed(addresses: &[IpAddr]) -> String {
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
