//! Text that may be shown, and what it must look like at each place.

use super::Mistake;
use crate::config::node::shown_text;
use crate::template::Template;

/// What a text must look like.
#[derive(Clone, Copy)]
pub(crate) enum TextRule {
    /// Anything, nothing included.
    Any,
    /// An Event Hubs namespace.
    Namespace,
    /// An Event Hub.
    EventHub,
    /// A consumer group.
    ConsumerGroup,
    /// The name of a sink, or `drop`.
    Unrouted,
    /// The name of a credential.
    Credential,
    /// A client id.
    ClientId,
    /// A tenant id or domain.
    Tenant,
    /// A path of the file system.
    Path,
    /// An AMQP address.
    AmqpUrl,
    /// The name of a request header that is free to set, or `off`.
    HeaderName,
    /// HTTP statuses of success, with commas.
    Statuses,
    /// `key=value` pairs with commas.
    Pairs,
    /// A template over a record.
    Template,
}

impl TextRule {
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Any => "text",
            Self::Namespace => {
                "the namespace's own name, such as \"contoso\" or \
                 \"contoso.servicebus.windows.net\""
            }
            Self::EventHub => {
                "the name of an Event Hub (letters, digits, \".\", \"-\" and \"_\", at most 256)"
            }
            Self::ConsumerGroup => {
                "the name of a consumer group (letters, digits, \".\", \"-\" and \"_\", at most 50)"
            }
            Self::Unrouted => "\"drop\", or the name of one of [sinks.<name>]",
            Self::Credential => "the name of one of [credentials.<name>]",
            Self::ClientId => "a client id such as \"11111111-2222-3333-4444-555555555555\"",
            Self::Tenant => "a tenant id, or a domain name of the tenant",
            Self::Path => "a path",
            Self::HeaderName => "the name of a header, such as \"X-Request-Id\"",
            Self::Statuses => "statuses from 200 to 299 with commas between them",
            Self::Pairs => "key=value pairs with commas between them",
            Self::Template => "a template such as \"entra-{{ category | lower }}\"",
            Self::AmqpUrl => {
                "a URL of the form amqps://host:port, amqp://host:port or wss://host:port"
            }
        }
    }

    /// Gives the text in its normal form.
    pub(super) fn check(self, text: &str) -> Result<String, Mistake> {
        let right = match self {
            Self::Any => true,
            Self::Namespace => return namespace(text),
            Self::EventHub => is_entity(text, 256),
            Self::ConsumerGroup => text.eq_ignore_ascii_case("$default") || is_entity(text, 50),
            Self::Credential | Self::Unrouted => is_name(text),
            Self::ClientId => is_uuid(text),
            Self::Tenant => is_uuid(text) || (text.contains('.') && is_host(text)),
            Self::Statuses => text.split(',').all(is_success),
            Self::Pairs => text.split(',').all(is_pair),
            Self::Path => !text.is_empty() && !text.contains('\0'),
            Self::AmqpUrl => return amqp_url(text),
            Self::HeaderName => return header_name(text),
            Self::Template => return template(text),
        };
        if right {
            Ok(text.to_owned())
        } else {
            Err(Mistake::new(shown_text(text)))
        }
    }
}

/// A template as it is written; it names something, so there is something.
fn template(text: &str) -> Result<String, Mistake> {
    match Template::compile(text) {
        Ok(_) if text.is_empty() => Err(Mistake::new(shown_text(text))),
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(Mistake::new(shown_text(text)).hint(error.to_string())),
    }
}

fn is_pair(pair: &str) -> bool {
    pair.split_once('=')
        .is_some_and(|(key, _)| !key.trim().is_empty())
}

fn is_success(status: &str) -> bool {
    let status = status.trim().parse::<u16>();
    status.is_ok_and(|status| matches!(status, 200..=299))
}

/// Whether a text may name a source, a sink or a credential. An underscore at the end would make
/// the names of environment variables ambiguous, as a double one would.
pub(in crate::config) fn is_name(text: &str) -> bool {
    text.len() <= 31
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !text.contains("__")
        && !text.ends_with('_')
}

/// Whether a text may name a hub or a consumer group.
fn is_entity(text: &str, longest: usize) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    text.len() <= longest
        && text.starts_with(edge)
        && text.ends_with(|c: char| edge(c) || c == '_')
        && text.chars().all(|c| edge(c) || ".-_".contains(c))
}

fn is_host(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        })
}

fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(|part| {
        part.chars()
            .all(|c| c.is_ascii_hexdigit())
            .then_some(part.len())
    });
    lengths.eq([8, 4, 4, 4, 12].map(Some))
}

/// The name of a namespace, in lower case: a full host name, or the part before the first dot,
/// which the cloud completes.
///
/// # Errors
/// Names that are not host names, and names of private links: their certificate and their tokens
/// are the namespace's, so that the connection would be refused.
pub(in crate::config) fn namespace(text: &str) -> Result<String, Mistake> {
    let host = text.to_ascii_lowercase();
    if text.contains("://") {
        return Err(Mistake::new("a URL").hint("leave out the scheme, path and port"));
    }
    if !is_host(&host) {
        return Err(Mistake::new(shown_text(text)));
    }
    refuse_private_link(&host)?;
    Ok(host)
}

fn refuse_private_link(host: &str) -> Result<(), Mistake> {
    if host.split('.').any(|label| label == "privatelink") {
        return Err(Mistake::new("the name of a private link").hint(
            "leave \"privatelink.\" out: the namespace's own name leads to the private endpoint \
             where DNS resolves it privately, and only it fits the certificate",
        ));
    }
    Ok(())
}

fn amqp_url(text: &str) -> Result<String, Mistake> {
    let refused = || Mistake::new(shown_text(text));
    let url = url::Url::parse(text).map_err(|_| refused())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Mistake::new("a URL with a user or password")
            .hint("the credential belongs to connection_string or credential"));
    }
    refuse_private_link(url.host_str().unwrap_or_default())?;
    let plain = matches!(url.scheme(), "amqp" | "amqps" | "wss")
        && url.host_str().is_some_and(|host| !host.is_empty())
        // WebSockets have a usual port, which the URL leaves out.
        && (url.port().is_some() || url.scheme() == "wss")
        && matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none();
    if plain {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(refused())
    }
}

/// Headers that describe how the body travels, which the forwarder alone knows.
pub(in crate::config) const OWN_HEADERS: [&str; 4] = [
    "content-encoding",
    "content-length",
    "host",
    "transfer-encoding",
];

/// The name of a header in lower case.
fn header_name(text: &str) -> Result<String, Mistake> {
    let name = text.to_ascii_lowercase();
    if OWN_HEADERS.contains(&name.as_str()) {
        return Err(Mistake::new("a header that the forwarder sets itself"));
    }
    match reqwest::header::HeaderName::from_bytes(name.as_bytes()) {
        Ok(_) => Ok(name),
        Err(_) => Err(Mistake::new(shown_text(text))),
    }
}
