//! Hosts and ports that the configuration names.

use std::fmt;

use url::Url;

use crate::config::{SourceConfig, SourceTransport};

/// What is spoken with a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// AMQP 1.0 without TLS.
    Amqp,
    /// AMQP 1.0 over TLS.
    Amqps,
    /// AMQP 1.0 in a WebSocket over TLS.
    Wss,
    /// HTTP without TLS.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Protocol {
    /// Its word, which is the scheme of its URLs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Amqp => "amqp",
            Self::Amqps => "amqps",
            Self::Wss => "wss",
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        [Self::Amqp, Self::Amqps, Self::Wss, Self::Http, Self::Https]
            .into_iter()
            .find(|it| it.word() == word)
    }

    /// The port where a URL names none.
    fn port(self) -> u16 {
        match self {
            Self::Amqp => 5672,
            Self::Amqps => 5671,
            Self::Wss | Self::Https => 443,
            Self::Http => 80,
        }
    }

    pub(crate) fn is_tls(self) -> bool {
        matches!(self, Self::Amqps | Self::Wss | Self::Https)
    }

    /// Whether a request of HTTP is understood there.
    pub(crate) fn is_http(self) -> bool {
        matches!(self, Self::Wss | Self::Http | Self::Https)
    }

    /// Whether a proxy of the environment may stand in between.
    pub(crate) fn takes_proxy(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }
}

/// A host with its port, and what is spoken there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The name or the number, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// What is spoken.
    pub protocol: Protocol,
}

impl Address {
    /// That of a URL; `None` for a URL that is no address.
    pub fn of_url(url: &Url) -> Option<Self> {
        let protocol = Protocol::of_word(url.scheme())?;
        let host = match url.host()? {
            url::Host::Domain(name) => name.to_owned(),
            url::Host::Ipv4(address) => address.to_string(),
            url::Host::Ipv6(address) => address.to_string(),
        };
        Some(Self {
            host,
            port: url.port().unwrap_or(protocol.port()),
            protocol,
        })
    }

    /// The same for text, which may hold secrets in its path, query or user.
    pub fn of_text(text: &str) -> Option<Self> {
        Self::of_url(&Url::parse(text).ok()?)
    }

    /// Where a source connects to.
    pub fn of_source(source: &SourceConfig) -> Self {
        let own = source.custom_endpoint.as_deref().and_then(Self::of_text);
        own.unwrap_or_else(|| {
            let protocol = match source.transport {
                SourceTransport::Amqp => Protocol::Amqps,
                SourceTransport::WebSocket => Protocol::Wss,
            };
            Self {
                host: source.namespace.clone(),
                port: protocol.port(),
                protocol,
            }
        })
    }

    /// The URL of nothing but the host, to ask for a proxy.
    pub(crate) fn origin(&self) -> Option<Url> {
        Url::parse(&format!("{}://{self}/", self.protocol.word())).ok()
    }

    /// Whether it is this machine.
    pub(crate) fn is_near(&self) -> bool {
        // As a URL of HTTP: in others the `url` crate takes a number for a name.
        let url = Url::parse(&format!("http://{self}/"));
        url.is_ok_and(|url| crate::proxy::is_direct(&url))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_hosts_and_ports() {
        for (text, expected) in [
            (
                "https://siem.example.com/x?token=MARK",
                "siem.example.com:443",
            ),
            ("http://u:MARK@siem.example.com", "siem.example.com:80"),
            (
                "amqps://a.servicebus.windows.net",
                "a.servicebus.windows.net:5671",
            ),
            ("wss://gateway:8443", "gateway:8443"),
            ("amqp://127.0.0.1", "127.0.0.1:5672"),
            ("https://[::1]:8088/", "[::1]:8088"),
        ] {
            assert_eq!(Address::of_text(text).unwrap().to_string(), expected);
        }
        for text in ["ftp://host/", "no url", "https://"] {
            assert_eq!(Address::of_text(text), None, "{text}");
        }
        for near in [
            "amqp://[::1]:1",
            "amqps://127.0.0.1:5671",
            "wss://localhost",
        ] {
            assert!(Address::of_text(near).unwrap().is_near(), "{near}");
        }
        assert!(!Address::of_text("amqps://10.0.0.1").unwrap().is_near());
    }
}
