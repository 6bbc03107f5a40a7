//! Secrets, and what each must look like. No mistake shows any part of one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use url::Url;

use super::Mistake;
use crate::config::connection_string::ConnectionString;

/// What a secret must look like.
#[derive(Clone, Copy)]
pub(in crate::config) enum SecretRule {
    /// Anything but nothing.
    Any,
    /// A connection string of Event Hubs.
    ConnectionString,
    /// An `http` or `https` URL.
    HttpUrl,
    /// The URL of a blob container.
    ContainerUrl,
    /// The value of a request header.
    HeaderValue,
    /// A certificate with its private key: PEM text, or PKCS#12 in base64.
    Certificate,
}

impl SecretRule {
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Any => "text that is not empty",
            Self::ConnectionString => "a connection string of the Event Hubs namespace or hub",
            Self::HttpUrl => "a URL that starts with https:// or http://",
            Self::ContainerUrl => {
                "the URL of a blob container, such as https://<account>.blob.core.windows.net/<container>"
            }
            Self::Certificate => {
                "a certificate with its private key, as PEM text (-----BEGIN ...) or PKCS#12 in base64"
            }
            Self::HeaderValue => "the value of an HTTP header: visible characters on one line",
        }
    }

    /// Looks at the text; a mistake says no more than its kind.
    pub(super) fn check(self, text: &str) -> Result<(), Mistake> {
        if text.is_empty() {
            return Err(Mistake::new("empty"));
        }
        // A line break at the end of a variable would otherwise show as a refused credential.
        // PEM text ends with one by itself.
        if text.trim() != text && !matches!(self, Self::Certificate) {
            return Err(
                Mistake::new("a text with white space around it (not shown)")
                    .hint("remove the space or line break at its beginning or end"),
            );
        }
        match self {
            Self::Any => Ok(()),
            Self::ConnectionString => match ConnectionString::parse(text) {
                Ok(_) => Ok(()),
                Err(error) => Err(not_shown().hint(error.to_string())),
            },
            Self::HttpUrl => web_url(text).map(|_| ()),
            Self::ContainerUrl => {
                let url = web_url(text)?;
                let named = url
                    .path_segments()
                    .is_some_and(|mut all| all.any(|one| !one.is_empty()));
                if named {
                    Ok(())
                } else {
                    Err(not_shown().hint("the name of the container is missing at the end"))
                }
            }
            Self::Certificate if text.contains("-----BEGIN") => Ok(()),
            Self::Certificate => {
                let base64: String = text.split_whitespace().collect();
                match STANDARD.decode(base64) {
                    Ok(bytes) if !bytes.is_empty() => Ok(()),
                    _ => Err(not_shown().hint("a file is named by certificate_file")),
                }
            }
            Self::HeaderValue => HeaderValue::from_str(text)
                .map(|_| ())
                .map_err(|_| not_shown()),
        }
    }
}

fn not_shown() -> Mistake {
    Mistake::new("something else (not shown)")
}

fn web_url(text: &str) -> Result<Url, Mistake> {
    let url = Url::parse(text).map_err(|_| not_shown())?;
    if matches!(url.scheme(), "http" | "https") && url.fragment().is_none() {
        Ok(url)
    } else {
        Err(not_shown())
    }
}
