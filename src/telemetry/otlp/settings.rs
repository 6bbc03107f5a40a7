//! The variables that ask for a push.
//!
//! **Sources**: <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>,
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>,
//! <https://learn.microsoft.com/azure/container-apps/opentelemetry-agents>.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::config::{HttpVersion, Secret, SinkConnection};
use crate::otlp::pairs;

/// Variable by which Container Apps says where its collector takes metrics.
pub(super) const CONTAINER_APPS: &str = "CONTAINERAPP_OTEL_METRIC_GRPC_ENDPOINT";
/// Where authorities of the receiver are set.
pub(super) const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";
/// Path of a gRPC call (`collector/metrics/v1/metrics_service.proto`).
const GRPC_PATH: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// Pushing more often than that would be work for nobody.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// How requests are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Protobuf over HTTP.
    Http,
    /// gRPC.
    Grpc,
}

impl Protocol {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Http => "http/protobuf",
            Self::Grpc => "grpc",
        }
    }
}

/// What is pushed, and where to.
pub(super) struct Settings {
    /// The variable that names the receiver, or that asks for a push to the usual one.
    pub(super) asked_by: String,
    pub(super) protocol: Protocol,
    /// Where requests go. Not to be shown: it may hold a secret.
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) is_compressed: bool,
    /// For one request.
    pub(super) timeout: Duration,
    /// Between two of them.
    pub(super) interval: Duration,
    /// Attributes of the resource.
    pub(super) attributes: Vec<(String, String)>,
    /// Whom TLS trusts, and who this end is.
    pub(super) connection: SinkConnection,
}

/// A variable's value; an empty one is none.
type Variables<'a> = dyn Fn(&str) -> Option<String> + 'a;

impl Settings {
    /// What the variables ask for; `None` where they ask for nothing.
    ///
    /// # Errors
    /// One sentence about the first variable that is not right, without its value where that may
    /// be a secret.
    pub(super) fn read(variable: &Variables<'_>) -> Result<Option<Self>, String> {
        let is_true = |name| variable(name).is_some_and(|it| it.eq_ignore_ascii_case("true"));
        let exporters = variable("OTEL_METRICS_EXPORTER");
        let names_otlp = |text: &String| text.split(',').any(|it| it.trim() == "otlp");
        let asks = exporters.as_ref().map(names_otlp);
        if is_true("OTEL_SDK_DISABLED") || asks == Some(false) {
            return Ok(None);
        }
        let usual = of_metrics(variable, "ENDPOINT");
        let container_apps = variable(CONTAINER_APPS);
        if usual.is_none() && container_apps.is_none() && asks.is_none() {
            return Ok(None);
        }
        let asked_by = match (&usual, &container_apps) {
            (Some((name, _)), _) => name.clone(),
            (None, Some(_)) => CONTAINER_APPS.to_owned(),
            (None, None) => "OTEL_METRICS_EXPORTER".to_owned(),
        };
        let is_platforms = usual.is_none() && container_apps.is_some();
        let protocol = match is_platforms {
            true => Protocol::Grpc,
            false => protocol(variable)?,
        };
        let url = match (usual, container_apps) {
            (None, Some(text)) => grpc_url(CONTAINER_APPS, &text, "http")?,
            (usual, _) => url(variable, protocol, usual)?,
        };
        Ok(Some(Self {
            asked_by,
            protocol,
            url,
            headers: headers(variable)?,
            is_compressed: is_compressed(variable)?,
            timeout: match of_metrics(variable, "TIMEOUT") {
                None => Duration::from_secs(10),
                Some((name, text)) => milliseconds(&name, &text)?,
            },
            interval: match variable("OTEL_METRIC_EXPORT_INTERVAL") {
                None => Duration::from_secs(60),
                Some(text) => milliseconds("OTEL_METRIC_EXPORT_INTERVAL", &text)?.max(INTERVAL_MIN),
            },
            attributes: attributes(variable),
            connection: connection(variable, protocol)?,
        }))
    }
}

/// The variable for metrics alone, else the one for everything: its name and its value.
fn of_metrics(variable: &Variables<'_>, key: &str) -> Option<(String, String)> {
    let names = [
        format!("OTEL_EXPORTER_OTLP_METRICS_{key}"),
        format!("OTEL_EXPORTER_OTLP_{key}"),
    ];
    names.into_iter().find_map(|name| {
        let value = variable(&name)?;
        Some((name, value))
    })
}

fn protocol(variable: &Variables<'_>) -> Result<Protocol, String> {
    match of_metrics(variable, "PROTOCOL") {
        None => Ok(Protocol::Http),
        Some((_, text)) if text == "http/protobuf" => Ok(Protocol::Http),
        Some((_, text)) if text == "grpc" => Ok(Protocol::Grpc),
        Some((name, text)) => Err(format!(
            "{name} is {text:?}: set it to http/protobuf or grpc"
        )),
    }
}

fn url(
    variable: &Variables<'_>,
    protocol: Protocol,
    given: Option<(String, String)>,
) -> Result<Url, String> {
    if protocol == Protocol::Grpc {
        let (name, text) = given.unwrap_or_else(|| {
            let local = "http://localhost:4317".to_owned();
            ("the default endpoint".to_owned(), local)
        });
        let insecure = of_metrics(variable, "INSECURE");
        let is_insecure = insecure.is_some_and(|(_, it)| it.eq_ignore_ascii_case("true"));
        let scheme = if is_insecure { "http" } else { "https" };
        return grpc_url(&name, &text, scheme);
    }
    let (name, text) = given.unwrap_or_else(|| {
        let local = "http://localhost:4318".to_owned();
        ("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), local)
    });
    let mut url = http_url(&name, &text)?;
    // The one for everything is the root of all signals; the one for metrics is taken as it is.
    if !name.contains("_METRICS_") {
        let root = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{root}/v1/metrics"));
    }
    Ok(url)
}

/// An address of gRPC may have no scheme.
fn grpc_url(name: &str, text: &str, scheme: &str) -> Result<Url, String> {
    let mut url = match text.contains("://") {
        true => http_url(name, text)?,
        false => http_url(name, &format!("{scheme}://{text}"))?,
    };
    url.set_path(GRPC_PATH);
    url.set_query(None);
    Ok(url)
}

fn http_url(name: &str, text: &str) -> Result<Url, String> {
    let url = text.parse::<Url>().ok();
    url.filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host())
        .ok_or_else(|| format!("{name} is no URL: write it as https://collector.example.com:4318"))
}

fn headers(variable: &Variables<'_>) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let Some((name, text)) = of_metrics(variable, "HEADERS") else {
        return Ok(headers);
    };
    for (place, (key, value)) in pairs(&text).enumerate() {
        // Not its name: what is before the first `=` may be a secret that is written otherwise.
        let place = place + 1;
        let wrong = || format!("{name}: header {place} cannot be sent: write it as name=value");
        let known = HeaderName::try_from(key).map_err(|_| wrong())?;
        let mut value = HeaderValue::try_from(value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(known, value);
    }
    Ok(headers)
}

fn is_compressed(variable: &Variables<'_>) -> Result<bool, String> {
    match of_metrics(variable, "COMPRESSION") {
        None => Ok(false),
        Some((_, text)) if text == "none" => Ok(false),
        Some((_, text)) if text == "gzip" => Ok(true),
        Some((name, text)) => Err(format!("{name} is {text:?}: set it to gzip or none")),
    }
}

fn milliseconds(name: &str, text: &str) -> Result<Duration, String> {
    let number = text.trim().parse::<u64>().ok().filter(|it| *it > 0);
    number
        .map(Duration::from_millis)
        .ok_or_else(|| format!("{name} is {text:?}: set it to a number of milliseconds above 0"))
}

fn attributes(variable: &Variables<'_>) -> Vec<(String, String)> {
    let given = variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let mut attributes: Vec<_> = pairs(&given)
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    if let Some(service) = variable("OTEL_SERVICE_NAME") {
        attributes.retain(|(name, _)| name != "service.name");
        attributes.push(("service.name".to_owned(), service));
    }
    attributes
}

fn connection(variable: &Variables<'_>, protocol: Protocol) -> Result<SinkConnection, String> {
    let file = |key: &str| match of_metrics(variable, key) {
        None => Ok(None),
        Some((name, path)) => std::fs::read_to_string(path)
            .map(|text| Some(Secret::new(text)))
            .map_err(|error| format!("{name} names a file that cannot be read: {error}")),
    };
    let mut connection = SinkConnection {
        http_version: match protocol {
            Protocol::Http => HttpVersion::Auto,
            Protocol::Grpc => HttpVersion::Http2,
        },
        ..SinkConnection::default()
    };
    connection.tls.ca = file("CERTIFICATE")?;
    connection.tls.identity = file("CLIENT_CERTIFICATE")?.zip(file("CLIENT_KEY")?);
    Ok(connection)
}

#[cfg(test)]
mod tests;
